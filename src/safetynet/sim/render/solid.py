"""What stands in a lens's way: ground and buildings as nearest surfaces."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safetynet.base.geo import Floats
from safetynet.sim.render.block import Walls, distance_m
from safetynet.sim.render.pinhole import NEAR_M, Pinhole
from safetynet.sim.render.raster import GROUND, SKY, Canvas, Faces, clip_near, fill, fill_convex

_BINS = 1024
_RINGS = 28
_MARGIN_DEG = 0.1

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Solid:
    """The nearest surface in every pixel, and the walls that faces refer to."""

    canvas: Canvas
    walls: Walls
    """Surface i is wall i; from ``len(walls.a)`` on, the roof of ``roofs[i - len(walls.a)]``."""
    roofs: tuple[int, ...]


def draw_solid(lens: Pinhole, walls: Walls, ring: Callable[[int], Floats]) -> Solid:
    """Ground and buildings before a lens.

    A building whose footprint holds the lens below its roof is left out: such a camera hangs on
    the building, and its position is off by less than it is wrong.
    """
    walls = _take(walls, ~_around(lens, walls))
    walls = _take(walls, in_wedge(lens, walls))
    canvas = _ground(lens)
    shown = _take(walls, _visible(lens, walls))
    _draw_walls(canvas, lens, shown)
    low = np.unique(walls.building[walls.height_m < lens.height_m])
    roofs = tuple(int(i) for i in low)
    height = dict(zip(walls.building.tolist(), walls.height_m.tolist(), strict=True))
    _draw_roofs(canvas, lens, [(ring(i), height[i]) for i in roofs], len(shown.a))
    return Solid(canvas=canvas, walls=shown, roofs=roofs)


def _take(walls: Walls, which: Flags) -> Walls:
    return Walls(
        a=walls.a[which],
        b=walls.b[which],
        height_m=walls.height_m[which],
        building=walls.building[which],
    )


def _around(lens: Pinhole, walls: Walls) -> Flags:
    """Walls of buildings that hold the lens inside and below the roof (crossing-number test)."""
    (ax, ay), (bx, by) = walls.a.T, walls.b.T
    over = (ay > lens.y) != (by > lens.y)
    rise = np.where(over, by - ay, 1.0)
    crossed = over & (lens.x < ax + (lens.y - ay) * (bx - ax) / rise)
    own = walls.building[crossed & (walls.height_m > lens.height_m)]
    ids, times = np.unique(own, return_counts=True)
    return np.isin(walls.building, ids[times % 2 == 1])


def _ground(lens: Pinhole) -> Canvas:
    a, b, c = lens.plane(np.array([0.0, 0.0, 1.0]), np.array(-lens.height_m))
    near = (a * np.arange(lens.columns) + (b * np.arange(lens.rows) + c)[:, None]).astype(
        np.float32
    )
    below = near > 0
    return Canvas(
        nearness=np.where(below, near, np.float32(0)),
        surface=np.where(below, np.int32(GROUND), np.int32(SKY)),
    )


def _angles(lens: Pinhole, walls: Walls) -> tuple[Floats, Floats]:
    """Directions of both ends from the axis, degrees in [-180, 180), lower first."""
    here = np.array([lens.x, lens.y])
    ends = []
    for end in (walls.a - here, walls.b - here):
        turn = np.degrees(np.arctan2(end[:, 0], end[:, 1])) - lens.pose.azimuth_deg
        ends.append((turn + 180) % 360 - 180)
    return np.minimum(*ends), np.maximum(*ends)


def in_wedge(lens: Pinhole, walls: Walls) -> Flags:
    """Walls that reach into the compass sector of the picture."""
    left, right = lens.wedge_deg()
    low, high = _angles(lens, walls)
    behind = high - low > 180  # the short way round passes behind the axis
    through = (low <= right + _MARGIN_DEG) & (high >= left - _MARGIN_DEG)
    beside = (high <= right + _MARGIN_DEG) | (low >= left - _MARGIN_DEG)
    return np.where(behind, beside, through)


def _visible(lens: Pinhole, walls: Walls) -> Flags:
    """Walls of the sector that face the lens and are not surely behind nearer ones."""
    along = walls.b - walls.a
    to = np.array([lens.x, lens.y]) - walls.a
    shown = along[:, 0] * to[:, 1] - along[:, 1] * to[:, 0] < 0
    index = np.flatnonzero(shown)
    left, right = lens.wedge_deg()
    if right - left < 180:
        index = index[~_buried(lens, _take(walls, shown), left, right)]
    kept = np.zeros(len(walls.a), np.bool_)
    kept[index] = True
    return kept


def _buried(lens: Pinhole, walls: Walls, left: float, right: float) -> Flags:
    """Walls below the skyline of nearer walls.

    The sector is cut into bins; a wall lifts the skyline in the bins that it covers whole, and
    counts only for walls beyond its farthest point, so nothing visible is ever dropped.
    """
    low, high = _angles(lens, walls)
    reach_m = np.maximum(
        np.hypot(*(walls.a - [lens.x, lens.y]).T), np.hypot(*(walls.b - [lens.x, lens.y]).T)
    )
    near_m = np.maximum(distance_m(walls.a, walls.b, lens.x, lens.y), 0.01)
    above = walls.height_m - lens.height_m
    highest = above / np.where(above > 0, near_m, reach_m)
    surely = above / np.where(above > 0, reach_m, near_m)
    scale = _BINS / (right - left)
    b0 = np.clip((low - left) * scale, 0, _BINS)
    b1 = np.clip((high - left) * scale, 0, _BINS)
    whole0, whole1 = np.ceil(b0).astype(np.int64), np.floor(b1).astype(np.int64)
    any0 = np.clip(np.floor(b0).astype(np.int64) - 1, 0, _BINS - 1)
    any1 = np.clip(np.ceil(b1).astype(np.int64) + 1, 1, _BINS)
    behind = high - low > 180
    edges = np.geomspace(4.0, max(float(reach_m.max(initial=5.0)), 5.0), _RINGS)
    tested, raised = np.searchsorted(edges, near_m), np.searchsorted(edges, reach_m) + 1
    buried = np.zeros(len(walls.a), np.bool_)
    skyline = np.full(_BINS, -np.inf)
    for ring in range(_RINGS + 1):
        _raise(skyline, (raised == ring) & ~buried & ~behind, whole0, whole1, surely)
        test = np.flatnonzero((tested == ring) & ~behind)
        lowest = _lowest(skyline, any0[test], any1[test])
        buried[test] = lowest > highest[test] + 1e-9
    return buried


def _raise(
    skyline: Floats,
    who: Flags,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    tangent: Floats,
) -> None:
    for i in np.flatnonzero(who & (last > first)):
        part = skyline[first[i] : last[i]]
        np.maximum(part, tangent[i], out=part)


def _lowest(skyline: Floats, first: NDArray[np.int64], last: NDArray[np.int64]) -> Floats:
    """Lowest point of the skyline over each range of bins, by a table of powers of two."""
    if not len(first):
        return np.zeros(0)
    table = [skyline]
    while 2 << (len(table) - 1) <= _BINS:
        half = 1 << (len(table) - 1)
        before = table[-1]
        table.append(np.minimum(before[:-half], before[half:]))
    level = np.floor(np.log2(last - first)).astype(np.int64)
    padded = np.full((len(table), _BINS), -np.inf)
    for i, row in enumerate(table):
        padded[i, : len(row)] = row
    lowest: Floats = np.minimum(padded[level, first], padded[level, last - (1 << level)])
    return lowest


def _draw_walls(canvas: Canvas, lens: Pinhole, walls: Walls) -> None:
    n = len(walls.a)
    quad = np.zeros((n, 4, 3))
    quad[:, 0, :2] = quad[:, 3, :2] = walls.a
    quad[:, 1, :2] = quad[:, 2, :2] = walls.b
    quad[:, 2, 2] = quad[:, 3, 2] = walls.height_m
    along = walls.b - walls.a
    normal = np.stack([along[:, 1], -along[:, 0], np.zeros(n)], axis=1)
    offset = (normal[:, :2] * (walls.a - [lens.x, lens.y])).sum(axis=1)
    draw_quads(canvas, lens, quad, lens.plane(normal, offset), np.arange(n, dtype=np.int32))


def draw_quads(
    canvas: Canvas, lens: Pinhole, quad: Floats, plane: Floats, surface: NDArray[np.int32]
) -> None:
    """Draw convex quadrilaterals (n, 4, 3) of the world, each on its plane."""
    seen = lens.to_camera(quad)
    ahead = seen[..., 2] >= NEAR_M
    whole, cut = ahead.all(axis=1), ahead.any(axis=1) & ~ahead.all(axis=1)
    fill_convex(canvas, lens.to_picture(seen[whole]), plane[whole], surface[whole])
    parts = [lens.to_picture(clip_near(q)) for q in seen[cut]]
    fill(canvas, Faces(corners=parts, plane=plane[cut], surface=surface[cut]))


def _draw_roofs(
    canvas: Canvas, lens: Pinhole, roofs: list[tuple[Floats, float]], first: int
) -> None:
    if not roofs:
        return
    parts = []
    for ring, height in roofs:
        top = np.column_stack([ring, np.full(len(ring), height)])
        parts.append(lens.to_picture(clip_near(lens.to_camera(top))))
    below = np.array([height - lens.height_m for _, height in roofs])
    plane = lens.plane(np.tile([0.0, 0.0, 1.0], (len(roofs), 1)), below)
    surface = np.arange(first, first + len(roofs), dtype=np.int32)
    fill(canvas, Faces(corners=parts, plane=plane, surface=surface))
