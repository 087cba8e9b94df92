"""Small towns by hand: cameras, buildings and streets at given places."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from safetynet.base.geo import LonLat, Plane
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.model import Buildings, CameraKind, Cameras, City, District, Shapes, Streets


@dataclass(frozen=True, kw_only=True)
class Cam:
    """A camera of a hand-made town."""

    id: str
    x: float
    y: float
    height_m: float = 5.0
    azimuth_deg: float = 0.0
    tilt_deg: float = 8.0
    hfov_deg: float = 80.0
    ptz: bool = False
    district: int = 0


@dataclass(frozen=True, kw_only=True)
class Block:
    """A building of a hand-made town."""

    ring: list[tuple[float, float]]
    height_m: float


def box(x: float, y: float, half_x: float, half_y: float, height_m: float) -> Block:
    """A rectangular building around a middle."""
    return Block(
        ring=[
            (x - half_x, y - half_y),
            (x + half_x, y - half_y),
            (x + half_x, y + half_y),
            (x - half_x, y + half_y),
        ],
        height_m=height_m,
    )


def _shapes(parts: list[list[tuple[float, float]]]) -> Shapes:
    flat = [p for part in parts for p in part]
    return Shapes(
        xy=np.array(flat, np.float64).reshape(-1, 2),
        offset=np.cumsum([0] + [len(p) for p in parts]).astype(np.int32),
    )


def build(
    cams: list[Cam],
    blocks: list[Block] | None = None,
    streets: list[list[tuple[float, float]]] | None = None,
) -> City:
    """A town on a plane around (127, 37.5)."""
    blocks, streets = blocks or [], streets or []
    n, b, s = len(cams), len(blocks), len(streets)

    def column(name: str) -> Any:  # a float array of shape (n,)
        return np.array([getattr(c, name) for c in cams], np.float64)

    districts = tuple(
        District(
            node=NodeId(node),
            code=code,
            name_ko=node,
            name_en=node,
            official_cameras=n,
            border=(),
            quarter=None,
        )
        for node, code in (("mapo", "11440"), ("seocho", "11650"))
    )
    return City(
        name="town",
        title_ko="동네",
        title_en="Town",
        version="1",
        plane=Plane(LonLat(127.0, 37.5)),
        districts=districts,
        dongs=(),
        cameras=Cameras(
            id=tuple(CameraId(c.id) for c in cams),
            name=tuple(c.id for c in cams),
            district=np.array([c.district for c in cams], np.int32),
            x=column("x"),
            y=column("y"),
            height_m=column("height_m"),
            azimuth_deg=column("azimuth_deg"),
            tilt_deg=column("tilt_deg"),
            hfov_deg=column("hfov_deg"),
            kind=np.array([CameraKind.PTZ if c.ptz else CameraKind.FIXED for c in cams], np.uint8),
            pole=np.arange(n, dtype=np.int32),
            position_origin=np.zeros(n, np.uint8),
            pose_origin=np.zeros(n, np.uint8),
        ),
        buildings=Buildings(
            ring=_shapes([k.ring for k in blocks]),
            height_m=np.array([k.height_m for k in blocks], np.float64),
            height_origin=np.zeros(b, np.uint8),
            origin=np.zeros(b, np.uint8),
        ),
        streets=Streets(
            line=_shapes(streets),
            rank=np.zeros(s, np.uint8),
            width_m=np.full(s, 8.0),
            name=("",) * s,
            origin=np.zeros(s, np.uint8),
            in_coverage=np.ones(s, np.bool_),
        ),
        facilities=(),
        scaled=False,
    )


class Town:
    """What tests need to make towns; a fixture, because test folders are no packages."""

    cam = Cam
    box = staticmethod(box)
    block = Block
    build: Callable[..., City] = staticmethod(build)


@pytest.fixture(scope="session")
def town() -> Town:
    return Town()
