"""Every camera of the districts that joined, and whose it is."""

import math
from dataclasses import dataclass

import msgspec
import structlog

from safetynet.app.cameras import cameras_of, join_cameras
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.model import Cameras, City
from safetynet.federation.catalogue import Catalogue, Change, difference
from safetynet.federation.messages import CameraRecord

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Step:
    """How one district's catalogue became another."""

    node: NodeId
    change: Change
    checksum: str
    """Of the catalogue that it became."""
    moved: tuple[CameraRecord, ...]
    """Cameras of which more than the name is new."""
    turned: frozenset[CameraId]
    """Those of them that were known before."""
    fits: bool
    """True where the same cameras have the same zones, and lists say as much of what they are as before
    (one camera of a pole speaks for its neighbours): their rows can be put anew one by one."""


class Roll:
    """The catalogues as known here. One writer: ``put`` comes first, ``remove`` when nobody asks for
    what went any more."""

    def __init__(self) -> None:
        self._catalogues: dict[NodeId, Catalogue] = {}
        self._records: dict[CameraId, CameraRecord] = {}
        self._owner: dict[CameraId, NodeId] = {}
        self._columns: dict[NodeId, Cameras] = {}
        """Of districts that did not change since they were made."""

    def put(self, catalogue: Catalogue) -> Step:
        """Take a district's catalogue in the place of the one known of it, but for others' cameras."""
        node = catalogue.node
        known = self._catalogues.get(node, Catalogue(node))
        catalogue = self._own(known, catalogue)
        change = difference(known, catalogue)
        moved = tuple(r for r in change.put if self._looks_otherwise(r))
        turned = frozenset(r.id for r in moved if r.id in self._records)
        step = Step(
            node=node,
            change=change,
            checksum=catalogue.checksum,
            moved=moved,
            turned=turned,
            fits=not change.removed
            and all(r.id in turned and _alike(self._records[r.id], r) for r in moved),
        )
        self._catalogues[node] = catalogue
        if change:
            self._columns.pop(node, None)
        for record in change.put:
            self._records[record.id] = record
            self._owner[record.id] = node
        return step

    def remove(self, step: Step) -> None:
        """Forget the cameras that a step took away."""
        for camera in step.change.removed:
            del self._records[camera], self._owner[camera]

    def columns(self, city: City) -> Cameras:
        """All cameras as columns; of districts that did not change they are there already."""
        parts = [cameras_of([], [], city)]
        for node in self._catalogues:
            if node not in self._columns:
                records = self._catalogues[node].cameras
                self._columns[node] = cameras_of(records, [node] * len(records), city)
            parts.append(self._columns[node])
        return join_cameras(parts)

    def find_catalogue(self, node: NodeId) -> Catalogue | None:
        """A district's catalogue; None before it joined."""
        return self._catalogues.get(node)

    def count(self, node: NodeId) -> int:
        """Cameras of a district."""
        return len(self._catalogues.get(node, ()))

    def get_record(self, camera: CameraId) -> CameraRecord:
        """A camera as its owner knows it; raises ``KeyError``."""
        return self._records[camera]

    def find_owner(self, camera: CameraId) -> NodeId | None:
        """Whose camera it is; None where nobody that joined has it."""
        return self._owner.get(camera)

    def list_records(self, owner: NodeId | None) -> list[tuple[NodeId, CameraRecord]]:
        """Cameras with their owners."""
        return [
            (node, record)
            for node in self._catalogues
            if owner is None or node == owner
            for record in self._catalogues[node].cameras
        ]

    def _own(self, known: Catalogue, catalogue: Catalogue) -> Catalogue:
        """The part of a catalogue that is its district's: no camera has two owners."""
        node = catalogue.node
        new = difference(known, catalogue).put
        foreign = [c.id for c in new if self._owner.get(c.id, node) != node]
        for camera in foreign:
            log.error("hub.camera_of_another", of=node, camera=camera, owner=self._owner[camera])
        return catalogue.changed(Change(removed=tuple(foreign)))

    def _looks_otherwise(self, record: CameraRecord) -> bool:
        """True where a camera is new, or more than its name changed."""
        known = self._records.get(record.id)
        if known is None:
            return True
        named = msgspec.structs.replace(known, name=record.name)
        return msgspec.msgpack.encode(named) != msgspec.msgpack.encode(record)


def _alike(a: CameraRecord, b: CameraRecord) -> bool:
    """True where everything that the table of cameras works out of all of them together is the same."""
    return _shared(a) == _shared(b)


def _shared(r: CameraRecord) -> tuple[object, ...]:
    told = math.isnan(r.azimuth_deg), r.azimuth_sd_deg, r.azimuth_origin, r.pose_origin
    return r.zones, r.kind, r.pole, r.all_round, *told
