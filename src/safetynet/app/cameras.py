"""Cameras between a bundle, a catalogue's records and columns."""

from collections.abc import Sequence

import numpy as np

from safetynet.base.errors import InvalidError
from safetynet.base.ids import NodeId
from safetynet.city.model import CameraKind, Cameras, City
from safetynet.federation.messages import CameraRecord
from safetynet.sight.model import Aim


def records_of(city: City, node: NodeId) -> list[CameraRecord]:
    """A district's cameras as they stand in a bundle; raises ``InvalidError`` for another node."""
    index = next((i for i, d in enumerate(city.districts) if d.node == node), None)
    if index is None:
        raise InvalidError("district.unknown", "the bundle has no such district", node=node)
    c = city.cameras
    rows = np.flatnonzero(c.district == index)
    lon, lat = city.plane.to_lonlat(c.x, c.y)
    return [
        CameraRecord(
            id=c.id[i],
            name=c.name[i],
            lon=float(lon[i]),
            lat=float(lat[i]),
            height_m=float(c.height_m[i]),
            azimuth_deg=float(c.azimuth_deg[i]),
            tilt_deg=float(c.tilt_deg[i]),
            hfov_deg=float(c.hfov_deg[i]),
            kind=int(c.kind[i]),
            pole=int(c.pole[i]),
            position_origin=int(c.position_origin[i]),
            pose_origin=int(c.pose_origin[i]),
        )
        for i in rows.tolist()
    ]


def cameras_of(records: Sequence[CameraRecord], owners: Sequence[NodeId], city: City) -> Cameras:
    """Records as columns, on the city's plane."""
    district = {d.node: i for i, d in enumerate(city.districts)}
    lon = np.array([r.lon for r in records], np.float64)
    lat = np.array([r.lat for r in records], np.float64)
    x, y = city.plane.to_xy(lon, lat)
    return Cameras(
        id=tuple(r.id for r in records),
        name=tuple(r.name for r in records),
        district=np.array([district[o] for o in owners], np.int32),
        x=x,
        y=y,
        height_m=np.array([r.height_m for r in records], np.float64),
        azimuth_deg=np.array([r.azimuth_deg for r in records], np.float64),
        tilt_deg=np.array([r.tilt_deg for r in records], np.float64),
        hfov_deg=np.array([r.hfov_deg for r in records], np.float64),
        kind=np.array([r.kind for r in records], np.uint8),
        pole=np.array([r.pole for r in records], np.int32),
        position_origin=np.array([r.position_origin for r in records], np.uint8),
        pose_origin=np.array([r.pose_origin for r in records], np.uint8),
    )


def home_of(record: CameraRecord) -> Aim:
    """The pose of a fixed camera, or a PTZ's home."""
    return Aim(azimuth_deg=record.azimuth_deg, tilt_deg=record.tilt_deg, hfov_deg=record.hfov_deg)


def is_ptz(record: CameraRecord) -> bool:
    """True for a camera that turns."""
    return record.kind == CameraKind.PTZ
