"""What the API says, as types; the OpenAPI document and the console's client come from these."""

from datetime import datetime
from typing import Annotated

import msgspec

from safetynet.access.destruction import Because, Office
from safetynet.access.model import ViewerKey
from safetynet.base.ids import HUB, CameraId, GrantId, IncidentId, NodeId, ViewerId
from safetynet.incident.model import IncidentKind, IncidentState, PlaceOrigin
from safetynet.incident.showing import Picture
from safetynet.sight.handover import HandOver
from safetynet.sight.model import Aim, ChosenView, PassedOver, Reason


class CityView(msgspec.Struct, frozen=True, kw_only=True):
    """The city as the console needs it to draw the first screen."""

    name: str
    title_ko: str
    title_en: str
    bounds: tuple[float, float, float, float]
    """West, south, east, north in degrees."""
    cameras: int
    scaled: bool
    synthetic: bool
    """True where any street, building or camera on the map is invented."""
    districts: tuple["DistrictView", ...]


class DistrictView(msgspec.Struct, frozen=True, kw_only=True):
    """A district on the map."""

    node: NodeId
    name_ko: str
    name_en: str
    centre: tuple[float, float]
    border: tuple[tuple[tuple[float, float], ...], ...]
    quarter: tuple[tuple[float, float], ...] | None
    cameras: int


class NodeView(msgspec.Struct, frozen=True, kw_only=True):
    """How a node stands towards the hub."""

    node: NodeId
    state: str
    """``absent`` (not joined yet), ``here``, ``suspect``, ``away``."""
    can_show: bool
    """True where its views can be had now; a node that is here may still lack its gateway."""
    since: datetime
    cameras: int
    head: int
    """Highest sequence of its journal, by its own last word."""
    desk: str = ""
    """Address of its own console; empty where it has none."""


class PlaceView(msgspec.Struct, frozen=True, kw_only=True):
    """Where an incident is."""

    lon: float
    lat: float
    error_m: float
    origin: PlaceOrigin
    address: str
    dong: str
    """Name of the legal dong."""


class ViewView(msgspec.Struct, frozen=True, kw_only=True):
    """One chosen view of an incident, with its state."""

    rank: int
    """1 is the best."""
    camera: CameraId
    camera_name: str
    owner: NodeId
    at: tuple[float, float]
    chosen: ChosenView
    area: tuple[tuple[float, float], ...]
    """Ring of what the camera sees at this aim, lon and lat."""
    state: str
    """``asked``, ``ready``, ``refused``, ``away``, ``ended``."""
    note: str
    """Error code behind ``refused`` or ``away``; else empty."""
    shown_by: tuple[ViewerId, ...] = ()
    """Viewers who say that it shows the scene …"""
    not_shown_by: tuple[ViewerId, ...] = ()
    """… and who say that it does not."""


class IncidentView(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as the list and the detail show it."""

    id: IncidentId
    sender: str
    key: str
    service: str
    state: IncidentState
    kind: IncidentKind
    grade: str
    detail: str
    drill: bool
    place: PlaceView
    basis_ko: str
    basis_en: str
    refused: str
    """Error code where no service may act on it (``service.not_a_trigger``); else empty."""
    occurred_at: datetime
    received_at: datetime
    ended_at: datetime | None
    hard_end: datetime | None
    """When the last grant of the plan ends whatever happens."""
    lease_s: float
    views: tuple[ViewView, ...]
    passed_over: tuple[PassedOver, ...]
    decided_ms: float | None
    """From the report accepted to the views chosen."""
    still_ms: int | None
    """From the report accepted to the first still at a viewer."""
    time_to_eyes_ms: int | None
    """From the report accepted to the first decoded frame at a viewer."""
    revision: int
    decided_by: NodeId = HUB
    """Whose incident it is: the node that took the report, chose and granted."""
    apart: bool = False
    """That node took it while it was without the hub."""


class GrantView(msgspec.Struct, frozen=True, kw_only=True):
    """A grant as handed to the one viewer it is bound to."""

    id: GrantId
    incident: IncidentId
    camera: CameraId
    owner: NodeId
    rank: int
    token: str
    """The signed grant; useless without the viewer's private key."""
    gateway: str
    """WebSocket address of the owner's gateway."""
    relay: str
    """Path of the relay at the hub, for networks that route only to the centre."""
    hard_end: datetime


class HealthView(msgspec.Struct, frozen=True, kw_only=True):
    """How one process of a hub stands: it takes reports, or this is not what it answers."""

    answers: bool
    """True where it is the one that answers for the hub: consoles, views, everything but reports."""
    answering: str
    """Address of the one that answers, or was the last to; empty before the first."""


# /api/live, console → hub


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello"):
    """First message: who watches, and the public half of the viewer's key."""

    agency: str
    name: str
    key: ViewerKey


class EyesOn(msgspec.Struct, frozen=True, kw_only=True, tag="eyes_on"):
    """The first decoded frame of a view is on the viewer's screen."""

    incident: IncidentId
    camera: CameraId
    grant: GrantId


class StillShown(msgspec.Struct, frozen=True, kw_only=True, tag="still_shown"):
    """The still of a view is on the viewer's screen."""

    incident: IncidentId
    camera: CameraId
    grant: GrantId


class ViewJudged(msgspec.Struct, frozen=True, kw_only=True, tag="view_judged"):
    """The viewer says whether a view shows the scene. The last word counts."""

    incident: IncidentId
    camera: CameraId
    shown: bool
    picture: Picture = Picture.LIVE
    """What the word rests on: the live picture, or only the still that came before it."""


class ViewHeld(msgspec.Struct, frozen=True, kw_only=True, tag="view_held"):
    """The viewer ends a view's sweep: the camera goes back to what it just showed, and stays."""

    incident: IncidentId
    camera: CameraId


FromConsole = Hello | EyesOn | StillShown | ViewJudged | ViewHeld


# /api/live, hub → console


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, tag="snapshot"):
    """Everything as it is now; the first message, and again after the hub lost its place."""

    now: datetime
    viewer: ViewerId
    incidents: tuple[IncidentView, ...]
    nodes: tuple[NodeView, ...]


class IncidentEvent(msgspec.Struct, frozen=True, kw_only=True, tag="incident"):
    """An incident is new or changed; whole, replaces the one before by id."""

    incident: IncidentView


class NodeEvent(msgspec.Struct, frozen=True, kw_only=True, tag="node"):
    """A node joined, went or came back."""

    node: NodeView


class GrantsEvent(msgspec.Struct, frozen=True, kw_only=True, tag="grants"):
    """Grants for this viewer; each replaces one for the same incident and camera."""

    incident: IncidentId
    grants: tuple[GrantView, ...]


class Beat(msgspec.Struct, frozen=True, kw_only=True, tag="beat"):
    """The hub is alive; sent each second so that a console can show how old its data is."""

    now: datetime


ToConsole = Snapshot | IncidentEvent | NodeEvent | GrantsEvent | Beat


# HTTP


class ReportIn(msgspec.Struct, frozen=True, kw_only=True):
    """A report by HTTP."""

    sender: str
    key: str
    kind: IncidentKind
    progress: int = 10
    grade: str = ""
    detail: str = ""
    lon: float | None = None
    lat: float | None = None
    error_m: float | None = None
    address: str = ""
    dong_code: str = ""
    occurred_at: datetime | None = None
    drill: bool = False


class ReportAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The report is on disk."""

    incident: IncidentId
    report: str
    new: bool
    """False where this report was known already or changed a known incident."""
    state: IncidentState


class SettingsView(msgspec.Struct, frozen=True, kw_only=True):
    """What the console must know about this installation."""

    version: str
    demo: bool
    staging: str | None
    """Address of a service that stages incidents in a simulated city; None in a real one."""
    node: NodeId = HUB
    """Whose desk this is: the hub's, or a district's own."""


class CameraPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A camera on the map."""

    id: CameraId
    name: str
    owner: NodeId
    lon: float
    lat: float
    kind: str
    origin: str
    aim: Aim


class JournalLine(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a node's journal, verbatim, with its leaf hash."""

    seq: int
    leaf: str
    """64 hex digits, computed from ``entry``."""
    entry: str
    """The entry's bytes as text (canonical JSON)."""


class ViewsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Which views would show a place, and why; nothing is opened by asking."""

    views: tuple[ViewView, ...]
    passed_over: tuple[PassedOver, ...]
    chance: float
    """Probability that at least one of the views shows the target at the asked quality."""
    took_ms: float
    hand_over: HandOver | None = None
    """Of what moves: when each view loses it, and when to ask anew; null for other places."""


class WhyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Why one camera was chosen for a place, or why not."""

    camera: CameraId
    camera_name: str
    owner: NodeId
    at: tuple[float, float]
    place: tuple[float, float]
    """Middle of the place that it is about."""
    distance_m: float
    rank: int | None
    """Of the chosen view; None where it was passed over."""
    reasons: tuple[Reason, ...]
    area: tuple[tuple[float, float], ...]
    """Ring of what it sees: at the chosen aim, else as it stands at home; empty where unknown."""
    wall: tuple[tuple[float, float], ...]
    """Ring of the building that stands before it; empty where none does."""


class DestroyIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose sealed words are to be destroyed, and why."""

    subject: Annotated[str, msgspec.Meta(pattern=r"^[a-z]{3}_[0-9a-z]{1,40}\Z")]
    """An incident that is over, or a message that made no report (``rep_…``)."""
    because: Because
    by: Office = "control"
    """The office that decides, never a person's name."""


class DestroyedView(msgspec.Struct, frozen=True, kw_only=True):
    """What was destroyed, for the file of who asked."""

    subject: str
    because: Because
    basis: str
    by: str
    destroyed_at: datetime
    number: str
    """Node, epoch and sequence of the journal's line; also its number in the ledger."""
    key_destroyed: bool
    """False where the key was lost before."""
    reports: int
    """Reports whose words and raw bytes nobody can read from now on."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error, after RFC 9457."""

    type: str
    """Stable code, e.g. ``report.position``."""
    title: str
    status: int
    fields: dict[str, str | int | float | None]
