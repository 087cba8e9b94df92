"""Cameras between a bundle, a catalogue's records and columns."""

import math
from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import chain
from typing import Any

import numpy as np

from safetynet.base.errors import InvalidError
from safetynet.base.geo import Floats
from safetynet.base.ids import NodeId
from safetynet.city.model import (
    PICTURE_PX,
    UNCERTAINTY,
    Bytes,
    CameraKind,
    Cameras,
    City,
    Origin,
    Zones,
)
from safetynet.federation.messages import CameraRecord, ZoneRecord
from safetynet.sight.model import Aim


def records_of(city: City, node: NodeId) -> list[CameraRecord]:
    """A district's cameras as they stand in a bundle; raises ``InvalidError`` for another node."""
    index = next((i for i, d in enumerate(city.districts) if d.node == node), None)
    if index is None:
        raise InvalidError("district.unknown", "the bundle has no such district", node=node)
    c = city.cameras
    rows = np.flatnonzero(c.district == index).tolist()
    lon, lat = city.plane.to_lonlat(c.x, c.y)
    zones = _zones_of(c.zones)
    return [_record(c, i, float(lon[i]), float(lat[i]), zones.get(i, ())) for i in rows]


def cameras_of(records: Sequence[CameraRecord], owners: Sequence[NodeId], city: City) -> Cameras:
    """Records as columns, on the city's plane."""
    district = {d.node: i for i, d in enumerate(city.districts)}
    x, y = city.plane.to_xy(_numbers(records, "lon"), _numbers(records, "lat"))
    pose, position = _origins(records, "pose_origin"), _origins(records, "position_origin")
    azimuth = _origins(records, "azimuth_origin", pose)
    return Cameras(
        id=tuple(r.id for r in records),
        name=tuple(r.name for r in records),
        district=np.array([district[o] for o in owners], np.int32),
        x=x,
        y=y,
        height_m=_numbers(records, "height_m"),
        azimuth_deg=_numbers(records, "azimuth_deg"),
        tilt_deg=_numbers(records, "tilt_deg"),
        hfov_deg=_numbers(records, "hfov_deg"),
        kind=_codes(records, "kind"),
        pole=np.array([r.pole for r in records], np.int32),
        position_origin=position,
        pose_origin=pose,
        azimuth_origin=azimuth,
        height_origin=_origins(records, "height_origin", pose),
        roll_deg=_numbers(records, "roll_deg"),
        width_px=_numbers(records, "width_px", PICTURE_PX[0]).astype(np.int32),
        height_px=_numbers(records, "height_px", PICTURE_PX[1]).astype(np.int32),
        declared_mpx=_numbers(records, "declared_mpx", np.nan),
        all_round=np.array([r.all_round for r in records], np.bool_),
        azimuth_sd_deg=_numbers(records, "azimuth_sd_deg", UNCERTAINTY[azimuth, 0]),
        tilt_sd_deg=_numbers(records, "tilt_sd_deg", UNCERTAINTY[pose, 1]),
        position_sd_m=_numbers(records, "position_sd_m", UNCERTAINTY[position, 2]),
        night_range_m=_numbers(records, "night_range_m", np.nan),
        ptz_model=_codes(records, "ptz_model"),
        zones=_join_zones(records),
    )


def join_cameras(parts: Sequence[Cameras]) -> Cameras:
    """Columns of several owners, one under the other; at least one part."""
    first = np.cumsum([0, *(len(part) for part in parts)])
    columns: dict[str, Any] = {}
    for field in fields(Cameras):
        values = [getattr(part, field.name) for part in parts]
        if isinstance(values[0], tuple):
            columns[field.name] = tuple(chain.from_iterable(values))
        elif not isinstance(values[0], Zones):
            columns[field.name] = np.concatenate(values)
    zones = [
        replace(part.zones, camera=(part.zones.camera + row).astype(np.int32))
        for part, row in zip(parts, first, strict=False)
    ]
    columns["zones"] = Zones(
        **{f.name: np.concatenate([getattr(z, f.name) for z in zones]) for f in fields(Zones)}
    )
    return Cameras(**columns)


def home_of(record: CameraRecord) -> Aim:
    """The pose of a fixed camera, or a PTZ's home."""
    return Aim(azimuth_deg=record.azimuth_deg, tilt_deg=record.tilt_deg, hfov_deg=record.hfov_deg)


def is_ptz(record: CameraRecord) -> bool:
    """True for a camera that turns."""
    return record.kind == CameraKind.PTZ


def _record(
    c: Cameras, i: int, lon: float, lat: float, zones: tuple[ZoneRecord, ...]
) -> CameraRecord:
    return CameraRecord(
        id=c.id[i],
        name=c.name[i],
        lon=lon,
        lat=lat,
        height_m=float(c.height_m[i]),
        azimuth_deg=float(c.azimuth_deg[i]),
        tilt_deg=float(c.tilt_deg[i]),
        hfov_deg=float(c.hfov_deg[i]),
        kind=int(c.kind[i]),
        pole=int(c.pole[i]),
        position_origin=int(c.position_origin[i]),
        pose_origin=int(c.pose_origin[i]),
        azimuth_origin=int(c.azimuth_origin[i]),
        height_origin=int(c.height_origin[i]),
        roll_deg=float(c.roll_deg[i]),
        width_px=int(c.width_px[i]),
        height_px=int(c.height_px[i]),
        declared_mpx=_known(c.declared_mpx[i]),
        all_round=bool(c.all_round[i]),
        azimuth_sd_deg=float(c.azimuth_sd_deg[i]),
        tilt_sd_deg=float(c.tilt_sd_deg[i]),
        position_sd_m=float(c.position_sd_m[i]),
        night_range_m=_known(c.night_range_m[i]),
        ptz_model=int(c.ptz_model[i]),
        zones=zones,
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _zones_of(zones: Zones) -> dict[int, tuple[ZoneRecord, ...]]:
    """The zones of each camera that has some, by its row."""
    found: dict[int, tuple[ZoneRecord, ...]] = {}
    columns = (zones.camera, zones.from_deg, zones.to_deg, zones.near_m, zones.far_m)
    for camera, *sector in zip(*(column.tolist() for column in columns), strict=True):
        found[camera] = (*found.get(camera, ()), ZoneRecord(*sector))
    return found


def _join_zones(records: Sequence[CameraRecord]) -> Zones:
    rows = [
        (i, z.from_deg, z.to_deg, z.near_m, z.far_m)
        for i, record in enumerate(records)
        for z in record.zones
    ]
    camera, from_deg, to_deg, near_m, far_m = np.array(rows, np.float64).reshape(-1, 5).T
    return Zones(
        camera=camera.astype(np.int32),
        from_deg=from_deg,
        to_deg=to_deg,
        near_m=near_m,
        far_m=far_m,
    )


def _numbers(
    records: Sequence[CameraRecord], name: str, missing: Floats | float = np.nan
) -> Floats:
    """A field as a column, ``missing`` where it is None."""
    values = np.array([getattr(r, name) for r in records], np.float64)  # None becomes NaN
    return np.asarray(np.where(np.isnan(values), missing, values))


def _codes(records: Sequence[CameraRecord], name: str) -> Bytes:
    return np.array([getattr(r, name) for r in records], np.uint8)


def _origins(
    records: Sequence[CameraRecord], name: str, missing: Bytes | Origin = Origin.ASSUMED
) -> Bytes:
    """A field as a column; an origin that only a newer program knows counts as assumed."""
    values = _numbers(records, name, np.asarray(missing, np.float64))
    known = (values >= 0) & (values < len(Origin))
    return np.where(known, values, Origin.ASSUMED).astype(np.uint8)
