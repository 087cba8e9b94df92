"""Where the target may be: a fixed pattern of weighted points for an uncertain place."""

import math
from dataclasses import dataclass

import numpy as np

from safetynet.base.geo import Floats
from safetynet.city.model import Shapes, Streets
from safetynet.sight.boxes import BoxGrid, spread
from safetynet.sight.walls import Walls

_SPREAD_POINTS = 40
_BODY_POINTS = 6
_STREET_SHARE = 0.8
"""Part of the weight that lies on streets where there are any: people and cars are there."""
_SIGMAS = 2.448
"""Radius in standard deviations that holds 95 % of a round normal distribution."""
_GOLDEN = math.pi * (3 - math.sqrt(5))


@dataclass(frozen=True, kw_only=True)
class Points:
    """Places with weights that sum to 1; arrays of shape (s,), metres on the plane."""

    x: Floats
    y: Floats
    weight: Floats

    def __len__(self) -> int:
        return self.x.size


class StreetMap:
    """A city's streets, to be found by place."""

    def __init__(self, streets: Streets) -> None:
        self._line: Shapes = streets.line
        self._width_m = streets.width_m
        xy, offset = streets.line.xy, streets.line.offset.astype(np.int64)
        own, k = spread(np.maximum(np.diff(offset) - 1, 0))
        self._a = offset[own] + k
        self._half_m = streets.width_m[own] / 4
        ax, ay = xy[self._a].T if len(xy) else (np.empty(0), np.empty(0))
        bx, by = xy[self._a + 1].T if len(self._a) else (np.empty(0), np.empty(0))
        self._ax, self._ay, self._bx, self._by = ax, ay, bx, by
        self._grid = BoxGrid(
            np.minimum(ax, bx),
            np.minimum(ay, by),
            np.maximum(ax, bx),
            np.maximum(ay, by),
            cell_m=100.0,
        )

    def points(self, x: float, y: float, radius_m: float, count: int) -> Points:
        """Up to about ``count`` points at equal steps along the streets inside a circle.

        They lie alternately left and right of the centre line; weights fall off as a round normal
        distribution does.
        """
        near = self._grid.around(x, y, radius_m)
        ax, ay = self._ax[near], self._ay[near]
        dx, dy = self._bx[near] - ax, self._by[near] - ay
        length = np.hypot(dx, dy)
        step = max(_length_inside(ax - x, ay - y, dx, dy, radius_m).sum() / count, 1.0)
        which, k = spread(np.ceil(length / step).astype(np.int64))
        t = np.minimum((k + 0.5) * step / length[which], 1.0)
        side = np.where(k % 2 == 0, 1, -1) * self._half_m[near][which] / length[which]
        px = ax[which] + t * dx[which] - side * dy[which]
        py = ay[which] + t * dy[which] + side * dx[which]
        away2 = (px - x) ** 2 + (py - y) ** 2
        inside = away2 <= radius_m**2
        weight = np.exp(-away2[inside] / 2 * (_SIGMAS / radius_m) ** 2)
        return Points(x=px[inside], y=py[inside], weight=weight)


def sample_place(
    x: float, y: float, error_m: float, width_m: float, walls: Walls, streets: StreetMap
) -> Points:
    """The points that stand for a place: never empty, the same each time, none inside a building.

    A place known better than the target is wide is stood for by points over the target's width.
    A place inside a building is stood for by the ground around it.
    """
    if error_m <= max(width_m, 1.0):
        radius = max(error_m, width_m * 0.35)
        return _outside(x, y, radius, walls)
    spiral = _spiral(x, y, error_m)
    street = streets.points(x, y, error_m, _SPREAD_POINTS - 8)
    street = _clear(street, walls)
    if not len(street):
        spiral = _clear(spiral, walls)
        return spiral if len(spiral) else _outside(x, y, error_m, walls)
    sparse = Points(x=spiral.x[::4], y=spiral.y[::4], weight=spiral.weight[::4])
    sparse = _clear(sparse, walls)
    if not len(sparse):
        return street
    return Points(
        x=np.concatenate([street.x, sparse.x]),
        y=np.concatenate([street.y, sparse.y]),
        weight=np.concatenate([street.weight * _STREET_SHARE, sparse.weight * (1 - _STREET_SHARE)]),
    )


def _spiral(x: float, y: float, error_m: float) -> Points:
    """A Vogel spiral whose radii follow a round normal distribution up to its 95 % radius."""
    i = np.arange(_SPREAD_POINTS)
    chance = (i + 0.5) / _SPREAD_POINTS * 0.95
    radius = error_m / _SIGMAS * np.sqrt(-2 * np.log1p(-chance))
    angle = i * _GOLDEN
    equal = np.full(_SPREAD_POINTS, 1 / _SPREAD_POINTS)
    return Points(x=x + radius * np.sin(angle), y=y + radius * np.cos(angle), weight=equal)


def _outside(x: float, y: float, radius_m: float, walls: Walls) -> Points:
    """The middle and a ring around it; the ring widens until some point is outside."""
    angle = np.arange(_BODY_POINTS) * (2 * math.pi / _BODY_POINTS)
    points = Points(x=np.array([x]), y=np.array([y]), weight=np.ones(1))
    for widening in range(12):
        r = radius_m * 1.7**widening
        weight = np.array([2.0] + [1.0] * _BODY_POINTS)
        ring = Points(
            x=np.concatenate([[x], x + r * np.sin(angle)]),
            y=np.concatenate([[y], y + r * np.cos(angle)]),
            weight=weight,
        )
        clear = _clear(ring, walls)
        if len(clear):
            return clear
    return points


def _clear(points: Points, walls: Walls) -> Points:
    """Without the points inside buildings; weights sum to 1 again."""
    free = walls.inside(points.x, points.y) < 0
    total = points.weight[free].sum()
    return Points(
        x=points.x[free], y=points.y[free], weight=points.weight[free] / (total if total else 1)
    )


def _length_inside(ax: Floats, ay: Floats, dx: Floats, dy: Floats, radius_m: float) -> Floats:
    """Length of each segment (start relative to the centre, vector) inside a circle."""
    length2 = np.maximum(dx * dx + dy * dy, 1e-12)
    middle = -(ax * dx + ay * dy) / length2
    miss2 = (ax + middle * dx) ** 2 + (ay + middle * dy) ** 2
    reach = np.sqrt(np.maximum(radius_m**2 - miss2, 0) / length2)
    inside = np.clip(middle + reach, 0, 1) - np.clip(middle - reach, 0, 1)
    return np.asarray(inside * np.sqrt(length2))
