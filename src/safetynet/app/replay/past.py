"""What the journals in a hub's store say of the past: decisions, words of viewers, catalogues."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from safetynet.app.hub.words import named_in
from safetynet.base.ids import HUB, CameraId, IncidentId, NodeId
from safetynet.federation.catalogue import Catalogue, Change
from safetynet.federation.inventory import CAMERAS_CHANGED, CamerasChangedBody, record_of
from safetynet.federation.messages import CameraRecord
from safetynet.incident.showing import CHOICE_MADE, VIEW_JUDGED, ChoiceBody, JudgedBody
from safetynet.journal.entry import Entry
from safetynet.journal.read import read_kinds
from safetynet.store.store import Store

Position = tuple[int, int]
"""Epoch and sequence of an entry in its journal."""


@dataclass(frozen=True, kw_only=True)
class Decided:
    """One recorded decision."""

    node: NodeId
    position: Position
    body: ChoiceBody


@dataclass(frozen=True, kw_only=True)
class Word:
    """One word of a viewer, and where it stands."""

    node: NodeId
    position: Position
    body: JudgedBody


@dataclass(frozen=True, kw_only=True)
class Known:
    """A catalogue as it was from a time on, and which of its cameras were moved, and when."""

    catalogue: Catalogue
    since: str
    moved: Mapping[CameraId, str]


@dataclass(frozen=True, kw_only=True)
class Past:
    """Everything that is needed to ask again; decisions and words in the order of their journal."""

    decided: tuple[Decided, ...]
    words: tuple[Word, ...]
    known: Mapping[str, tuple[Known, ...]] = field(default_factory=dict)
    """By checksum, oldest first: a catalogue may come back to what it was."""
    beside: Mapping[NodeId, tuple[Known, ...]] = field(default_factory=dict)
    """By owner, oldest first: every catalogue of those whose border a district may have counted on."""

    def find_known(self, checksum: str, at: str) -> Known | None:
        """The catalogue of a checksum as it last was at a time; None where no journal says it."""
        told = self.known.get(checksum, ())
        return next((k for k in reversed(told) if k.since <= at), told[0] if told else None)

    def words_before(self, one: Decided) -> list[JudgedBody]:
        """What viewers had said when a decision was written down, oldest first."""
        mine = (w for w in self.words if w.node == one.node and w.position < one.position)
        return [word.body for word in mine]


async def read_past(store: Store, incident: IncidentId | None = None) -> Past:
    """What a store holds of the decisions on one incident, or on all, and of what they rest on."""
    entries = await read_kinds(store, [CHOICE_MADE, VIEW_JUDGED])
    decided = tuple(
        Decided(node=e.node, position=(e.epoch, e.seq), body=body)
        for e in _in_order(entries, CHOICE_MADE)
        if (body := e.read(ChoiceBody)).incident == incident or incident is None
    )
    words = tuple(
        Word(node=e.node, position=(e.epoch, e.seq), body=e.read(JudgedBody))
        for e in _in_order(entries, VIEW_JUDGED)
    )
    wanted = {
        known.catalogue
        for one in decided
        if one.body.moment is not None
        for known in one.body.moment.catalogues
    }
    named = set[CameraId]().union(*(named_in(word.body) for word in words))
    beside = {
        known.owner
        for one in decided
        if one.node != HUB and one.body.moment is not None
        for known in one.body.moment.catalogues
        if known.owner != one.node
    }
    changes = await read_kinds(store, [CAMERAS_CHANGED]) if wanted else []
    every = _known(changes, named)
    return Past(
        decided=decided,
        words=words,
        known=_by_checksum(every, wanted),
        beside={owner: every.get(owner, ()) for owner in beside},
    )


def _in_order(entries: Iterable[Entry], kind: str) -> list[Entry]:
    found = (e for e in entries if e.kind == kind)
    return sorted(found, key=lambda e: (e.node, e.epoch, e.seq))


def _known(changes: Sequence[Entry], named: set[CameraId]) -> dict[NodeId, tuple[Known, ...]]:
    """Every catalogue that there was, folded from the entries on cameras, by its owner."""
    found: dict[NodeId, list[Known]] = {}
    for entry in _in_order(changes, CAMERAS_CHANGED):
        mine = found.setdefault(entry.node, [])
        before = mine[-1] if mine else Known(catalogue=Catalogue(entry.node), since="", moved={})
        body = entry.read(CamerasChangedBody)
        put = tuple(record_of(camera) for camera in body.put)
        moved = _moved(before.catalogue, put, body.removed, before.moved, named, entry.time)
        catalogue = before.catalogue.changed(Change(put=put, removed=body.removed))
        mine.append(Known(catalogue=catalogue, since=entry.time, moved=moved))
    return {node: tuple(known) for node, known in found.items()}


def _by_checksum(
    every: Mapping[NodeId, Sequence[Known]], wanted: set[str]
) -> dict[str, tuple[Known, ...]]:
    found: dict[str, tuple[Known, ...]] = {}
    for one in (known for mine in every.values() for known in mine):
        if (checksum := one.catalogue.checksum) in wanted:
            found[checksum] = (*found.get(checksum, ()), one)
    return found


def _moved(
    before: Catalogue,
    put: Sequence[CameraRecord],
    removed: Sequence[CameraId],
    moved: Mapping[CameraId, str],
    named: set[CameraId],
    time: str,
) -> dict[CameraId, str]:
    """Of cameras that words name: when more than the name was last changed, as the folded table has it."""
    after = {camera: at for camera, at in moved.items() if camera not in set(removed)}
    for record in put:
        if record.id not in named:
            continue
        known = before.find(record.id)
        if known is None:
            after.pop(record.id, None)
        elif _but_name(known) != _but_name(record):
            after[record.id] = time
    return after


def _but_name(record: CameraRecord) -> bytes:
    """By its bytes: a direction that nobody knows is NaN, and differs from itself."""
    return msgspec.msgpack.encode(msgspec.structs.replace(record, name=""))
