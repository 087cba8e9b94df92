"""A city of one crossing with two cameras, small enough to make in a test."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from safetynet.base.geo import Floats, LonLat, Plane
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.bundle import Manifest, write_city
from safetynet.city.model import (
    Buildings,
    CameraKind,
    Cameras,
    City,
    District,
    Dong,
    Origin,
    Shapes,
    StreetClass,
    Streets,
)

ORIGIN = LonLat(126.92, 37.55)
RING = ((126.91, 37.54), (126.93, 37.54), (126.93, 37.56), (126.91, 37.56))


def _shapes(*shapes: list[tuple[float, float]]) -> Shapes:
    xy: Floats = np.array([p for shape in shapes for p in shape], np.float64).reshape(-1, 2)
    offset = np.cumsum([0, *map(len, shapes)]).astype(np.int32)
    return Shapes(xy=xy, offset=offset)


def _cameras() -> Cameras:
    return Cameras(
        id=(CameraId("mapo-00001"), CameraId("mapo-00002")),
        name=("합정 1", "합정 2"),
        district=np.zeros(2, np.int32),
        x=np.array([0.0, 0.0]),
        y=np.array([0.0, 0.5]),
        height_m=np.array([5.0, 5.0]),
        azimuth_deg=np.array([0.0, 180.0]),
        tilt_deg=np.array([15.0, 15.0]),
        hfov_deg=np.array([60.0, 60.0]),
        kind=np.array([CameraKind.FIXED, CameraKind.PTZ], np.uint8),
        pole=np.zeros(2, np.int32),
        position_origin=np.full(2, Origin.SYNTHETIC, np.uint8),
        pose_origin=np.full(2, Origin.SYNTHETIC, np.uint8),
    )


def _city() -> City:
    return City(
        name="crossing",
        title_ko="네거리",
        title_en="Crossing",
        version="",
        plane=Plane(ORIGIN),
        districts=(
            District(
                node=NodeId("mapo"),
                code="11440",
                name_ko="마포구",
                name_en="Mapo-gu",
                official_cameras=2,
                border=(RING,),
                quarter=None,
            ),
        ),
        dongs=(
            Dong(
                code="1144012200",
                name_ko="합정동",
                district=NodeId("mapo"),
                centre=ORIGIN,
                radius_m=800.0,
            ),
        ),
        cameras=_cameras(),
        buildings=Buildings(
            ring=_shapes([(40, 40), (60, 40), (60, 60), (40, 60)]),
            height_m=np.array([12.0]),
            height_origin=np.array([Origin.SYNTHETIC], np.uint8),
            origin=np.array([Origin.SYNTHETIC], np.uint8),
        ),
        streets=Streets(
            line=_shapes([(0, -200), (0, 200)]),
            rank=np.array([StreetClass.LOCAL], np.uint8),
            width_m=np.array([8.0]),
            name=("",),
            origin=np.array([Origin.SYNTHETIC], np.uint8),
            in_coverage=np.array([True]),
        ),
        facilities=(),
        scaled=False,
    )


@pytest.fixture
def city() -> City:
    """A city in memory: a fixed camera ``mapo-00001`` looks north, a PTZ ``mapo-00002`` south."""
    return replace(_city(), version="test")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The same city as a bundle on disk."""
    folder = tmp_path / "crossing"
    built_at = datetime(2024, 6, 1, tzinfo=UTC)
    write_city(
        _city(),
        folder,
        Manifest(
            name="crossing",
            title_ko="네거리",
            title_en="Crossing",
            built_at=built_at,
            seed=1,
            scale=1.0,
            sources=(),
        ),
    )
    return folder
