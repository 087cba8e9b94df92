"""A district's cameras in its journal: ``cameras.changed/1``, and the table that it is folded into.

The owner's list is what comes in; what the journal says is what the district has. Entries hold up to
``CAMERAS_AN_ENTRY`` cameras as arrays of integers, so that the first import of thousands is some dozens of
entries in one transaction.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Final

import msgspec
from sqlalchemy import Connection, delete, insert, select

from safetynet.base.ids import CameraId, NodeId
from safetynet.federation.catalogue import Change
from safetynet.federation.messages import CameraRecord, ZoneRecord
from safetynet.journal.entry import Draft, Entry
from safetynet.journal.rows import Folds
from safetynet.store.tables import cameras as table

CAMERAS_CHANGED = "cameras.changed/1"
CAMERAS_AN_ENTRY = 100

_E7, _MILLI = 1e7, 1e3
_FAR = 1e6
"""Metres; a zone without an end ends there."""


class ZoneBody(msgspec.Struct, frozen=True, array_like=True):
    """A privacy zone, as ``ZoneRecord``."""

    from_mdeg: int
    to_mdeg: int
    near_mm: int
    far_mm: int


class CameraBody(msgspec.Struct, frozen=True, array_like=True):
    """One camera as its owner knows it, as ``CameraRecord``; None where nobody knows a value."""

    id: CameraId
    name: str
    lon_e7: int | None
    lat_e7: int | None
    height_mm: int | None
    azimuth_mdeg: int | None
    tilt_mdeg: int | None
    hfov_mdeg: int | None
    kind: int
    pole: int
    position_origin: int
    pose_origin: int
    azimuth_origin: int | None
    height_origin: int | None
    roll_mdeg: int | None
    width_px: int | None
    height_px: int | None
    declared_kpx: int | None
    """Thousands of picture elements by a list."""
    all_round: bool
    azimuth_sd_mdeg: int | None
    tilt_sd_mdeg: int | None
    position_sd_mm: int | None
    night_range_mm: int | None
    ptz_model: int
    zones: tuple[ZoneBody, ...]


class CameraRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One camera in the table ``cameras``."""

    camera: CameraBody
    moved_at: str = ""
    """Time of the entry that last changed more than its name; empty where none did since it came."""


class CamerasChangedBody(msgspec.Struct, frozen=True, kw_only=True):
    """Cameras that came or changed, as they are from now on, and ids of those that went."""

    put: tuple[CameraBody, ...]
    removed: tuple[CameraId, ...]


def drafts_of(change: Change) -> list[Draft]:
    """A change of the catalogue as entries, in the order in which they are folded."""
    return [
        Draft(
            kind=CAMERAS_CHANGED,
            body=CamerasChangedBody(
                put=tuple(body_of(r) for r in change.put[first : first + CAMERAS_AN_ENTRY]),
                removed=change.removed[first : first + CAMERAS_AN_ENTRY],
            ),
        )
        for first in range(0, max(len(change.put), len(change.removed)), CAMERAS_AN_ENTRY)
    ]


def fold_changed(conn: Connection, entry: Entry) -> None:
    """Cameras as rows; a camera that went has none."""
    body = entry.read(CamerasChangedBody)
    changed = [camera.id for camera in body.put]
    known = _rows(conn, entry.node, changed)
    gone = [*body.removed, *changed]
    conn.execute(delete(table).where(table.c.node == entry.node, table.c.id.in_(gone)))
    rows = [
        {"node": entry.node, "id": camera.id, "document": _document(entry, camera, known)}
        for camera in body.put
    ]
    if rows:
        conn.execute(insert(table), rows)


def _document(entry: Entry, camera: CameraBody, known: Mapping[CameraId, CameraRow]) -> str:
    before = known.get(camera.id)
    moved_at = ""
    if before is not None:
        renamed = msgspec.structs.replace(before.camera, name=camera.name)
        moved_at = before.moved_at if renamed == camera else entry.time
    return msgspec.json.encode(CameraRow(camera=camera, moved_at=moved_at)).decode()


def _rows(
    conn: Connection, node: NodeId | None, cameras: Collection[CameraId]
) -> dict[CameraId, CameraRow]:
    """Rows of these cameras, of any node where ``node`` is None."""
    found = select(table.c.document).where(table.c.id.in_(cameras))
    if node is not None:
        found = found.where(table.c.node == node)
    rows = (msgspec.json.decode(document, type=CameraRow) for (document,) in conn.execute(found))
    return {row.camera.id: row for row in rows}


CATALOGUE_FOLDS: Final[Folds] = {CAMERAS_CHANGED: fold_changed}


def list_cameras(conn: Connection, node: NodeId) -> Iterator[CameraRecord]:
    """The cameras of a node by its journal, in no order."""
    rows = conn.execute(select(table.c.document).where(table.c.node == node))
    for (document,) in rows:
        yield record_of(msgspec.json.decode(document, type=CameraRow).camera)


def list_moved(conn: Connection, cameras: Collection[CameraId]) -> dict[CameraId, str]:
    """Of these cameras of any node those that were moved or turned for good, and when, as text."""
    found = _rows(conn, None, cameras)
    return {camera: row.moved_at for camera, row in found.items() if row.moved_at}


def as_journalled(record: CameraRecord) -> CameraRecord:
    """A camera as it comes back from the journal, which holds no fractions.

    Positions to 1e-7 degrees, lengths to the millimetre, angles to a thousandth of a degree.
    """
    return record_of(body_of(record))


def body_of(r: CameraRecord) -> CameraBody:
    """A camera in integers."""
    return CameraBody(
        r.id,
        r.name,
        _whole(r.lon, _E7),
        _whole(r.lat, _E7),
        _whole(r.height_m, _MILLI),
        _whole(r.azimuth_deg, _MILLI),
        _whole(r.tilt_deg, _MILLI),
        _whole(r.hfov_deg, _MILLI),
        r.kind,
        r.pole,
        r.position_origin,
        r.pose_origin,
        r.azimuth_origin,
        r.height_origin,
        _whole(r.roll_deg, _MILLI),
        r.width_px,
        r.height_px,
        _whole(r.declared_mpx, _MILLI),
        r.all_round,
        _whole(r.azimuth_sd_deg, _MILLI),
        _whole(r.tilt_sd_deg, _MILLI),
        _whole(r.position_sd_m, _MILLI),
        _whole(r.night_range_m, _MILLI),
        r.ptz_model,
        tuple(_zone_body(zone) for zone in r.zones),
    )


def record_of(b: CameraBody) -> CameraRecord:
    """The inverse of ``body_of``."""
    return CameraRecord(
        b.id,
        b.name,
        _number(b.lon_e7, _E7),
        _number(b.lat_e7, _E7),
        _number(b.height_mm, _MILLI),
        _number(b.azimuth_mdeg, _MILLI),
        _number(b.tilt_mdeg, _MILLI),
        _number(b.hfov_mdeg, _MILLI),
        b.kind,
        b.pole,
        b.position_origin,
        b.pose_origin,
        b.azimuth_origin,
        b.height_origin,
        _number(b.roll_mdeg, _MILLI),
        b.width_px,
        b.height_px,
        _known(b.declared_kpx),
        b.all_round,
        _known(b.azimuth_sd_mdeg),
        _known(b.tilt_sd_mdeg),
        _known(b.position_sd_mm),
        _known(b.night_range_mm),
        b.ptz_model,
        tuple(ZoneRecord(*(_number(value, _MILLI) for value in _fields(z))) for z in b.zones),
    )


def _zone_body(zone: ZoneRecord) -> ZoneBody:
    values = (zone.from_deg, zone.to_deg, zone.near_m, zone.far_m)
    return ZoneBody(*(round(min(value, _FAR) * _MILLI) for value in values))


def _fields(zone: ZoneBody) -> tuple[int, int, int, int]:
    return zone.from_mdeg, zone.to_mdeg, zone.near_mm, zone.far_mm


def _whole(value: float | None, parts: float) -> int | None:
    return None if value is None or not math.isfinite(value) else round(value * parts)


@lru_cache(4096)  # most cameras of a list share most of their values: so do they in memory
def _number(value: int | None, parts: float) -> float:
    return math.nan if value is None else value / parts


def _known(value: int | None) -> float | None:
    return None if value is None else value / _MILLI
