"""The solid parts of a city near a place: streets and buildings, found by a grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safetynet.base.geo import Floats
from safetynet.city.model import City, Ints, Shapes

Index = NDArray[np.int64]
CELL_M = 64.0


@dataclass(frozen=True, kw_only=True)
class Walls:
    """Outer walls, one row each, every array (n,) or (n, 2); the inside is on the left of a → b."""

    a: Floats
    b: Floats
    height_m: Floats
    building: Ints


@dataclass(frozen=True, kw_only=True)
class Strips:
    """Straight pieces of street; every array (n,) or (n, 2)."""

    a: Floats
    b: Floats
    width_m: Floats
    rank: NDArray[np.uint8]


class Grid:
    """Which boxes lie around a place; each is filed under the cell of its middle."""

    def __init__(self, low: Floats, high: Floats) -> None:
        self.reach_m = float(np.abs(high - low).max(initial=0.0)) / 2
        """No box reaches farther than this from its middle, along x or y."""
        cell = np.floor((low + high) / 2 / CELL_M).astype(np.int64)
        key = (cell[:, 1] << 32) + cell[:, 0]
        self._box = np.argsort(key, kind="stable")
        self._key = key[self._box]

    def near(self, x: float, y: float, radius_m: float) -> Index:
        """Indices of all boxes that may touch the square of that half side around x, y, rising."""
        r = radius_m + self.reach_m
        x0, x1 = int((x - r) // CELL_M), int((x + r) // CELL_M)
        rows = np.arange(int((y - r) // CELL_M), int((y + r) // CELL_M) + 1, dtype=np.int64)
        first = np.searchsorted(self._key, (rows << 32) + x0)
        last = np.searchsorted(self._key, (rows << 32) + x1, side="right")
        found = [self._box[i:j] for i, j in zip(first, last, strict=True) if j > i]
        return np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)


class Block:
    """A city's buildings and streets, ready to be asked for what stands around a place."""

    def __init__(self, city: City) -> None:
        self._buildings = city.buildings
        ring = city.buildings.ring
        start = ring.offset[:-1]
        low = np.minimum.reduceat(ring.xy, start) if len(ring) else np.zeros((0, 2))
        high = np.maximum.reduceat(ring.xy, start) if len(ring) else np.zeros((0, 2))
        self._building_grid = Grid(low, high)
        every = np.arange(len(city.streets), dtype=np.int64)
        a, b, street = _pieces(city.streets.line, every, closed=False)
        self._strips = Strips(
            a=a,
            b=b,
            width_m=np.maximum(city.streets.width_m[street].astype(np.float64), 1.5),
            rank=city.streets.rank[street].astype(np.uint8),
        )
        self._strip_grid = Grid(np.minimum(a, b), np.maximum(a, b))

    def walls(self, x: float, y: float, radius_m: float) -> Walls:
        """All walls that come nearer to x, y than ``radius_m``, of whole buildings."""
        found = self._building_grid.near(x, y, radius_m)
        a, b, shape = _pieces(self._buildings.ring, found, closed=True)
        near = distance_m(a, b, x, y) < radius_m
        kept = np.isin(shape, shape[near]) & (np.hypot(*(b - a).T) > 0.01)
        return Walls(
            a=a[kept],
            b=b[kept],
            height_m=self._buildings.height_m[shape[kept]].astype(np.float64),
            building=shape[kept].astype(np.int32),
        )

    def ring(self, building: int) -> Floats:
        """A building's footprint, (n, 2)."""
        return self._buildings.ring[building].astype(np.float64)

    def strips(self, x: float, y: float, radius_m: float) -> Strips:
        """Street pieces that come nearer to x, y than ``radius_m``, the lowest class first."""
        all_ = self._strips
        found = self._strip_grid.near(x, y, radius_m)
        found = found[distance_m(all_.a[found], all_.b[found], x, y) < radius_m]
        found = found[np.argsort(-all_.rank[found].astype(np.int16), kind="stable")]
        return Strips(
            a=all_.a[found], b=all_.b[found], width_m=all_.width_m[found], rank=all_.rank[found]
        )


def distance_m(a: Floats, b: Floats, x: float, y: float) -> Floats:
    """Distance of the point x, y from each segment a → b."""
    along, to = b - a, np.array([x, y]) - a
    length2 = np.maximum((along**2).sum(axis=1), 1e-12)
    t = np.clip((along * to).sum(axis=1) / length2, 0, 1)
    gap: Floats = np.hypot(*(to - along * t[:, None]).T)
    return gap


def _pieces(shapes: Shapes, found: Index, *, closed: bool) -> tuple[Floats, Floats, Index]:
    """Start, end and shape index of every straight piece of the shapes in ``found``."""
    start, end = shapes.offset[found].astype(np.int64), shapes.offset[found + 1].astype(np.int64)
    count = end - start if closed else np.maximum(end - start - 1, 0)
    shape = np.repeat(found, count)
    within = np.arange(len(shape)) - np.repeat(np.cumsum(count) - count, count)
    first = np.repeat(start, count) + within
    second = first + 1
    if closed:
        second = np.where(second == np.repeat(end, count), np.repeat(start, count), second)
    return shapes.xy[first].astype(np.float64), shapes.xy[second].astype(np.float64), shape
