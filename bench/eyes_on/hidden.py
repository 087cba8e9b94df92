"""What is surely hidden, so that it need not be drawn: behind one single wall, from edge to edge.

Only saves time: whatever is not surely hidden is drawn, and a test compares both ways.
"""

import math

import numpy as np

from safetynet.base.geo import Floats
from safetynet.city.model import City
from safetynet.city.tables import owners

_MARGIN = 0.004
"""Added to slopes, so that no pixel at an edge is lost."""
_MORE_M = 0.4


class Hidden:
    """A town's walls."""

    def __init__(self, city: City) -> None:
        ring = city.buildings.ring
        self._ring = ring
        self._own = owners(ring)
        self._a = ring.xy.astype(np.float64)
        following = np.arange(1, len(ring.xy) + 1)
        following[ring.offset[1:] - 1] = ring.offset[:-1]
        self._b = self._a[following]
        self._height_m = city.buildings.height_m[self._own].astype(np.float64)

    def is_hidden(
        self,
        lens: tuple[float, float, float],
        at: tuple[float, float],
        wide_m: float,
        tall_m: float,
    ) -> bool:
        """True where one wall stands before all of a thing of that width and height; x, y, height of the
        lens. False where that is not sure."""
        x, y, z = lens
        dx, dy = at[0] - x, at[1] - y
        away = math.hypot(dx, dy)
        radius = max(wide_m / 2, 2.5) + _MORE_M
        if away <= 2 * radius:
            return False
        ux, uy = dx / away, dy / away
        tan = math.tan(math.asin(radius / away)) + _MARGIN
        ahead_a = (self._a[:, 0] - x) * ux + (self._a[:, 1] - y) * uy
        aside_a = (self._a[:, 0] - x) * uy - (self._a[:, 1] - y) * ux
        ahead_b = (self._b[:, 0] - x) * ux + (self._b[:, 1] - y) * uy
        aside_b = (self._b[:, 0] - x) * uy - (self._b[:, 1] - y) * ux
        # Seen from outside, a wall runs from left to right: a before b, the inside behind it.
        across = (aside_a <= -tan * ahead_a) & (aside_b >= tan * ahead_b)
        across &= (ahead_a > 0) & (ahead_b > 0)
        rows = np.flatnonzero(across)
        if not len(rows):
            return False
        near, far = _crossing(
            np.stack([ahead_a[rows], aside_a[rows]]), np.stack([ahead_b[rows], aside_b[rows]]), tan
        )
        over = self._height_m[rows] - z
        wall = over / np.where(over > 0, far, near)
        top = (tall_m - z) / (away - radius if tall_m > z else away + radius)
        hides = (far * math.hypot(1, tan) < away - radius) & (wall > top + _MARGIN)
        return any(not self._is_inside(x, y, int(self._own[r])) for r in rows[hides])

    def _is_inside(self, x: float, y: float, building: int) -> bool:
        a = self._ring[building].astype(np.float64)
        b = np.roll(a, -1, axis=0)
        over = (a[:, 1] > y) != (b[:, 1] > y)
        rise = np.where(over, b[:, 1] - a[:, 1], 1.0)
        crossed = over & (x < a[:, 0] + (y - a[:, 1]) * (b[:, 0] - a[:, 0]) / rise)
        return bool(crossed.sum() % 2)


def _crossing(a: Floats, b: Floats, tan: float) -> tuple[Floats, Floats]:
    """Least and greatest distance, along the middle line, of walls a → b (2, n) within ± ``tan``."""
    found = []
    for slope in (-tan, tan):
        # ahead along the wall where aside = slope · ahead
        off_a, off_b = a[1] - slope * a[0], b[1] - slope * b[0]
        t = off_a / np.where(off_a == off_b, 1.0, off_a - off_b)
        found.append(a[0] + np.clip(t, 0, 1) * (b[0] - a[0]))
    return np.maximum(np.minimum(*found), 0.01), np.maximum(*found)
