"""What nodes say to each other, as types; on the wire msgpack."""

from enum import StrEnum
from typing import Any, get_args

import msgspec

from safetynet.base.errors import InvalidError
from safetynet.base.ids import CameraId, GrantId, IncidentId, NodeId, ViewerId


class Message(msgspec.Struct, tag_field="schema", frozen=True, kw_only=True):
    """What stands alone on a subject: it carries the id of its schema, ``<name>/<version>``.

    Fields are only added, at the end and with a default, and the id stays: nodes are not all renewed
    on one day. A change that an older node could not read is a new type with a new id.
    """


class Beat(Message, tag="beat/1", frozen=True, kw_only=True):
    """A node is alive, and how far its journal is."""

    node: NodeId
    boot: str
    """Fresh at each start of the process."""
    epoch: int
    head: int
    cameras: int
    catalogue: str
    """Checksum of the catalogue, hex."""
    gateway: str
    """WebSocket address that viewers use; empty while no worker serves."""
    health: int | None = None
    """Number of the last ``HealthNotes`` of this boot; None where they are not numbered."""
    generation: str = ""
    """Under which the node's commands go out, where it gives any."""
    sent_s: float | None = None
    """Monotonic seconds of the sender as it said this: by it others see how late its commands come."""
    desk: str = ""
    """Address of the node's own console; empty where it has none."""


class RangeRequest(Message, tag="range_request/1", frozen=True, kw_only=True):
    """Entries after a position, in the order of (epoch, sequence); at most ``limit``."""

    after_epoch: int
    after_seq: int
    limit: int = 500


class EntryBatch(Message, tag="entry_batch/1", frozen=True, kw_only=True):
    """Entries of one node in order, verbatim."""

    node: NodeId
    entries: tuple[bytes, ...]


class HeadRequest(Message, tag="head_request/1", frozen=True, kw_only=True):
    """A node that starts says how far its own journal is in its store, and asks how far it was."""

    epoch: int
    seq: int
    leaf: str


class HeadAnswer(Message, tag="head_answer/1", frozen=True, kw_only=True):
    """How far a follower has the asker's journal."""

    epoch: int
    seq: int
    leaf: str
    fits: bool
    """True where the asker's own last entry is in the follower's copy, or the asker has none."""
    highest_epoch: int
    """The highest epoch of the asker that the follower ever kept an entry of."""
    broken: bool
    """The follower refused this node's chain and takes nothing more of it."""


class HealthNote(msgspec.Struct, frozen=True, kw_only=True):
    """One camera's state, in the words of ``sight.HealthState``."""

    camera: CameraId
    state: str


class HealthNotes(Message, tag="health_notes/1", frozen=True, kw_only=True):
    """News on cameras. Telemetry: not in the journal, newest wins, repeated with ``whole``."""

    node: NodeId
    whole: bool
    """True where the notes are all cameras of the node that are not well."""
    notes: tuple[HealthNote, ...]
    boot: str = ""
    """Of the process that says it."""
    number: int | None = None
    """Of news, counted up from 1 within a boot; of a whole, that of the last news in it."""


class CatalogueRequest(Message, tag="catalogue_request/1", frozen=True, kw_only=True):
    """The digests of all blocks; or, where ``blocks`` names some, their cameras."""

    blocks: tuple[int, ...] = ()


class ZoneRecord(msgspec.Struct, frozen=True, array_like=True):
    """A privacy zone: a sector over the ground, clockwise, between two distances from the lens."""

    from_deg: float
    to_deg: float
    near_m: float
    far_m: float


class CameraRecord(msgspec.Struct, frozen=True, array_like=True):
    """One camera as its owner knows it; angles in degrees, lengths in metres.

    From ``azimuth_origin`` on a field may be missing at the end: then, as where it is None, what
    holds is the rule for cameras of whose optics nobody says more.
    """

    id: CameraId
    name: str
    lon: float
    lat: float
    height_m: float
    azimuth_deg: float
    tilt_deg: float
    hfov_deg: float
    kind: int
    pole: int
    position_origin: int
    pose_origin: int
    azimuth_origin: int | None = None
    height_origin: int | None = None
    roll_deg: float = 0.0
    width_px: int | None = None
    height_px: int | None = None
    declared_mpx: float | None = None
    """Millions of picture elements by a list; what is streamed may be less."""
    all_round: bool = False
    """A list says that it looks all round."""
    azimuth_sd_deg: float | None = None
    """Standard deviations of what the fields before say."""
    tilt_sd_deg: float | None = None
    position_sd_m: float | None = None
    night_range_m: float | None = None
    """How far it shows a person at night; None where nobody says."""
    ptz_model: int = 0
    """Row of ``city.model.PTZ_MODELS``."""
    zones: tuple[ZoneRecord, ...] = ()
    """What it must not show."""


class CatalogueBlock(msgspec.Struct, frozen=True, kw_only=True):
    """The cameras whose ids share the first byte of their SHA-256."""

    number: int
    cameras: bytes
    """Msgpack array of ``CameraRecord`` in order of id. The digest is over these bytes as they are,
    so that cameras with fields of another version still fit it."""


class CataloguePart(Message, tag="catalogue_part/1", frozen=True, kw_only=True):
    """What was asked for of a catalogue, with the checksum of the whole that it belongs to."""

    node: NodeId
    catalogue: str
    digests: bytes = b""
    """SHA-256 of each block in order of their numbers, 32 bytes each; empty where cameras were asked for."""
    blocks: tuple[CatalogueBlock, ...] = ()
    """As many of the asked ones as fit one message, in the order asked; ask again for the others."""


class BorderRequest(Message, tag="border_request/1", frozen=True, kw_only=True):
    """A district asks for its neighbours' cameras at its border, but for those that it has."""

    known: dict[NodeId, str] = {}
    """Checksum of what it has of each neighbour."""


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """A neighbour as a district may know it: where viewers come to, and what stands at the border."""

    node: NodeId
    gateway: str
    """WebSocket address that viewers use; empty where the hub knows none."""
    checksum: str
    """Of these cameras as a catalogue."""
    cameras: tuple[CameraRecord, ...] | None = None
    """None where the asker has them. One that turns stands here as it looks at home: no neighbour turns it."""


class BorderAnswer(Message, tag="border_answer/1", frozen=True, kw_only=True):
    """Every neighbour that has cameras at the asker's border."""

    neighbours: tuple[Neighbour, ...]


class ConcernRequest(Message, tag="concern_request/1", frozen=True, kw_only=True):
    """The hub's entries that concern the asker, after a position."""

    after_epoch: int
    after_seq: int


class ConcernBatch(Message, tag="concern_batch/1", frozen=True, kw_only=True):
    """All entries of the hub between two positions that concern one district, verbatim and in order."""

    after_epoch: int
    """The first position: what came up to here was sent before."""
    after_seq: int
    epoch: int
    """The second: beyond it nothing is said yet."""
    seq: int
    entries: tuple[bytes, ...]


class WantedTurn(msgspec.Struct, frozen=True, kw_only=True):
    """Where a PTZ camera is to look."""

    azimuth_deg: float
    tilt_deg: float
    hfov_deg: float


class WantedView(msgspec.Struct, frozen=True, kw_only=True):
    """One view to make ready."""

    camera: CameraId
    turn: WantedTurn | None
    sweep: tuple[WantedTurn, ...] = ()
    """What a PTZ is to look at in turn, ``turn`` first; an owner that knows no sweeps stays there."""
    dwell_s: float = 0.0
    """How long it stands at each."""
    hold: bool = False
    """It sweeps for this incident, and somebody saw what matters: back to what it just showed."""


class Deadline(msgspec.Struct, frozen=True, kw_only=True):
    """Until when a command is worth doing: ``within_s`` after it was sent.

    ``sent_s`` is the asker's monotonic time and means something beside other words of the same
    generation alone; no wall clock takes part.
    """

    sent_s: float
    within_s: float


class OpenViews(Message, tag="open_views/1", frozen=True, kw_only=True):
    """Have streams warm and cameras turned for an incident."""

    key: str
    """Idempotency: the same key gets the same answer and acts once."""
    generation: str
    """Boot of the asking process; a command of an older one is refused."""
    incident: IncidentId
    agency: str
    service: str
    purpose: str
    basis: str
    drill: bool
    views: tuple[WantedView, ...]
    lease_s: float
    deadline: Deadline | None = None


class RenewLeases(Message, tag="renew_leases/1", frozen=True, kw_only=True):
    """These grants, and the incidents' locks, may go on for ``lease_s`` from now."""

    key: str
    generation: str
    grants: tuple[GrantId, ...]
    incidents: tuple[IncidentId, ...]
    lease_s: float
    deadline: Deadline | None = None


class CloseViews(Message, tag="close_views/1", frozen=True, kw_only=True):
    """Cut what runs under these grants; let go of ``cameras``, or of all where ``incident_over``.

    It has no deadline: a close that comes late is still better than none.
    """

    key: str
    generation: str
    incident: IncidentId
    grants: tuple[GrantId, ...]
    cameras: tuple[CameraId, ...]
    incident_over: bool


class Right(msgspec.Struct, frozen=True, kw_only=True):
    """By what right a viewer asks for something of a view that is open."""

    grant: GrantId
    viewer: ViewerId
    agency: str
    service: str
    purpose: str
    basis: str
    drill: bool


class TurnView(Message, tag="turn_view/1", frozen=True, kw_only=True):
    """Turn the PTZ camera of an open view; the incident keeps it until it lets go."""

    key: str
    generation: str
    incident: IncidentId
    camera: CameraId
    right: Right
    turn: WantedTurn
    deadline: Deadline | None = None


class TakeStill(Message, tag="take_still/1", frozen=True, kw_only=True):
    """A JPEG of an open view, written down as taken."""

    key: str
    generation: str
    incident: IncidentId
    camera: CameraId
    right: Right
    deadline: Deadline | None = None


class ExportClip(Message, tag="export_clip/1", frozen=True, kw_only=True):
    """Record an open view into a file at its owner, beginning with the last key frame."""

    key: str
    generation: str
    incident: IncidentId
    camera: CameraId
    right: Right
    seconds: float
    approved_by: str
    """The office that approved it, never a person's name; recordings need one."""
    deadline: Deadline | None = None


Command = OpenViews | RenewLeases | CloseViews | TurnView | TakeStill | ExportClip
Taking = TurnView | TakeStill | ExportClip
"""What a viewer asks for of one open view."""


class ViewStatus(StrEnum):
    """What became of a wanted view at its owner."""

    READY = "ready"
    REFUSED = "refused"


class ViewAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One view's answer, with the code of the rule that refused it."""

    camera: CameraId
    status: ViewStatus
    code: str = ""
    held: WantedTurn | None = None
    """Where a sweep was held."""


class StillAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A still that was taken."""

    id: str
    captured_ms: int
    """When the camera took it: milliseconds since 1970 UTC."""
    octets: int
    sha256: str
    """Hex, of the JPEG."""
    jpeg: bytes = b""
    """Empty where it is too large to travel here: it is fetched at the owner's gateway by its id."""


class ClipAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A clip that is being recorded; how it ended stands in the owner's journal."""

    id: str
    seconds: float


class Answer(Message, tag="answer/1", frozen=True, kw_only=True):
    """An owner's answer to a command."""

    ok: bool
    code: str = ""
    message: str = ""
    views: tuple[ViewAnswer, ...] = ()
    still: StillAnswer | None = None
    clip: ClipAnswer | None = None
    again: bool = False
    """Nothing was done, and asking again may help."""


class _Named(msgspec.Struct):
    schema: str = ""


def encode(message: Any) -> bytes:
    """A message as it goes on the wire. ``Any``: one encoder for every struct of this file."""
    return msgspec.msgpack.encode(message)


def decode[T](data: bytes, kind: type[T]) -> T:
    """The inverse of ``encode``; fields that we do not know are passed over.

    Raises ``InvalidError``: ``message.other_schema`` where it says that it is something else,
    ``message.undecodable`` where the bytes do not fit the type.
    """
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        schema = _schema_of(data)
        if _id_of(kind) and schema not in ("", _id_of(kind)):
            raise InvalidError(
                "message.other_schema", "another schema than ours", schema=schema
            ) from error
        raise InvalidError("message.undecodable", str(error), type=kind.__name__) from error


def decode_command(data: bytes) -> Command:
    """A command from the wire; raises ``InvalidError``, ``command.unknown`` for one we do not know."""
    try:
        return _commands.decode(data)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        schema = _schema_of(data)
        if schema and schema not in _KNOWN_COMMANDS:
            raise InvalidError(
                "command.unknown", "this node knows no such command", schema=schema
            ) from error
        raise InvalidError("command.undecodable", str(error)) from error


def _id_of(kind: object) -> str:
    """The id of a message's type; empty for what does not stand alone on a subject."""
    if isinstance(kind, type) and issubclass(kind, Message):
        return str(kind.__struct_config__.tag)
    return ""


def _schema_of(data: bytes) -> str:
    """What a message says it is; empty where it says nothing."""
    try:
        return msgspec.msgpack.decode(data, type=_Named).schema
    except (msgspec.DecodeError, msgspec.ValidationError):
        return ""


_commands: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_KNOWN_COMMANDS = {kind.__struct_config__.tag for kind in get_args(Command)}
