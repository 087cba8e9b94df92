"""Sight lines past walls, against shapely's exact geometry."""

from typing import Any

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from safetynet.city.model import Buildings, Shapes
from safetynet.sight.walls import Rays, Walls


def random_buildings(rng: np.random.Generator, count: int) -> Buildings:
    """Turned rectangles and triangles, some touching, none hollow."""
    rings = []
    for _ in range(count):
        corners = int(rng.integers(3, 7))
        angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
        radius = rng.uniform(4, 30)
        middle = rng.uniform(-150, 150, 2)
        rings.append(middle + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    return Buildings(
        ring=Shapes(
            xy=np.concatenate(rings) if rings else np.empty((0, 2)),
            offset=np.cumsum([0] + [len(r) for r in rings]).astype(np.int32),
        ),
        height_m=rng.uniform(1, 30, count),
        height_origin=np.zeros(count, np.uint8),
        origin=np.zeros(count, np.uint8),
    )


def exact_lowest(
    shapes: list[Any],
    height_m: np.ndarray[Any, Any],
    eye: tuple[float, float, float],
    to: tuple[float, float],
) -> float:
    """Lowest height seen at ``to``: each solid is cut by the line, the worst end of each cut counts."""
    line = shapely.LineString([eye[:2], to])
    lowest = 0.0
    for shape, height in zip(shapes, height_m, strict=True):
        cut = line.intersection(shape)
        if cut.is_empty or cut.length < 1e-9:
            continue
        for x, y in shapely.get_coordinates(cut):
            t = np.hypot(x - eye[0], y - eye[1]) / line.length
            lowest = max(lowest, eye[2] + (height - eye[2]) / max(t, 1e-12))
    return float(lowest)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 40))
def test_the_lowest_height_in_sight_is_the_exact_one(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    buildings = random_buildings(rng, count)
    shapes = [shapely.Polygon(buildings.ring[i]) for i in range(count)]
    free = [p for p in rng.uniform(-170, 170, (80, 2)) if not _touches_any(shapes, p)]
    eyes, ends = free[: len(free) // 2], free[len(free) // 2 :][: len(free) // 2]
    z = rng.uniform(2, 20, len(eyes))
    rays = Rays(
        x=np.array([e[0] for e in eyes]),
        y=np.array([e[1] for e in eyes]),
        z=z,
        to_x=np.array([e[0] for e in ends]),
        to_y=np.array([e[1] for e in ends]),
        skip=np.full(len(eyes), -1),
    )
    ours = Walls(buildings).lowest_seen(rays, np.full(len(eyes), np.inf))
    exact = [
        exact_lowest(shapes, buildings.height_m, (e[0], e[1], h), (t[0], t[1]))
        for e, h, t in zip(eyes, z, ends, strict=True)
    ]
    np.testing.assert_allclose(ours, exact, rtol=1e-6, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 40))
def test_inside_says_what_shapely_says(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    buildings = random_buildings(rng, count)
    shapes = [shapely.Polygon(buildings.ring[i]) for i in range(count)]
    points = rng.uniform(-170, 170, (200, 2))
    inside = Walls(buildings).inside(points[:, 0], points[:, 1])
    assert [i >= 0 for i in inside] == [_in_any(shapes, p) for p in points]
    assert all(
        shapes[i].contains(shapely.Point(p)) for i, p in zip(inside, points, strict=True) if i >= 0
    )


def test_broken_buildings_hide_nothing() -> None:
    buildings = Buildings(
        ring=Shapes(
            xy=np.array(
                [[0, 5], [1, 5], [-5, 5], [5, 5], [np.nan, 8], [-5, 9], [5, 9], [0, 10]], float
            ),
            offset=np.array([0, 2, 2, 5, 8], np.int32),
        ),
        height_m=np.array([10.0, 10.0, 10.0, np.nan]),
        height_origin=np.zeros(4, np.uint8),
        origin=np.zeros(4, np.uint8),
    )
    one = np.ones(1)
    rays = Rays(x=0 * one, y=0 * one, z=5 * one, to_x=0.1 * one, to_y=20 * one, skip=np.array([-1]))
    assert Walls(buildings).lowest_seen(rays, np.full(1, np.inf)).tolist() == [0]


def _touches_any(shapes: list[Any], point: np.ndarray[Any, Any]) -> bool:
    """What a lens hangs on (nearer than 5 cm) does not hide anything from it."""
    return any(s.distance(shapely.Point(point)) < 0.06 for s in shapes)


def _in_any(shapes: list[Any], point: np.ndarray[Any, Any]) -> bool:
    return any(s.contains(shapely.Point(point)) for s in shapes)
