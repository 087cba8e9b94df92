"""What buildings hide: extruded footprints and the sight lines they cut."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from safetynet.base.geo import Floats
from safetynet.city.model import Buildings
from safetynet.sight.boxes import BoxGrid, Index, spread

_CELL_M = 50.0
_AT_LENS_M = 0.05
"""A wall nearer to the lens than this is what the camera hangs on."""


@dataclass(frozen=True, kw_only=True)
class Rays:
    """Sight lines from lenses to places on the ground; arrays of shape (n,), metres."""

    x: Floats
    y: Floats
    z: Floats
    """Lens above ground."""
    to_x: Floats
    to_y: Floats
    skip: Index
    """Building that does not count (the one a badly placed camera stands in), or -1."""

    def __len__(self) -> int:
        return self.x.size


class Walls:
    """All buildings of a city as obstacles. Those without three corners or a height hide nothing."""

    def __init__(self, buildings: Buildings) -> None:
        xy, offset = buildings.ring.xy, buildings.ring.offset.astype(np.int64)
        count = np.diff(offset)
        real = np.flatnonzero((count >= 3) & np.isfinite(buildings.height_m))
        real = real[buildings.height_m[real] > 0]
        self.height_m: Floats = buildings.height_m[real]
        self._start, self._count = offset[real], count[real]
        self._x = np.ascontiguousarray(xy[:, 0])
        self._y = np.ascontiguousarray(xy[:, 1])
        self._next = np.arange(1, len(xy) + 1)
        self._next[offset[1:][count > 0] - 1] = offset[:-1][count > 0]
        self.grid = BoxGrid(*self._boxes(), cell_m=_CELL_M)

    def _boxes(self) -> tuple[Floats, Floats, Floats, Floats]:
        if not self._start.size:
            none = np.empty(0)
            return none, none, none, none
        low_x = np.minimum.reduceat(self._x, self._start)
        low_y = np.minimum.reduceat(self._y, self._start)
        return (
            low_x,
            low_y,
            np.maximum.reduceat(self._x, self._start),
            np.maximum.reduceat(self._y, self._start),
        )

    def inside(self, x: Floats, y: Floats) -> Index:
        """The building whose footprint holds each point, or -1; by crossing number."""
        point, building = self.grid.in_cells(self.grid.column(x), self.grid.row(y))
        boxed = (self.grid.x0[building] <= x[point]) & (x[point] <= self.grid.x1[building])
        boxed &= (self.grid.y0[building] <= y[point]) & (y[point] <= self.grid.y1[building])
        point, building = point[boxed], building[boxed]
        pair, k = spread(self._count[building])
        a = self._start[building[pair]] + k
        b = self._next[a]
        px, py = x[point[pair]], y[point[pair]]
        ax, ay, bx, by = self._x[a], self._y[a], self._x[b], self._y[b]
        straddles = (ay > py) != (by > py)
        rise = np.where(straddles, by - ay, 1.0)
        crosses = straddles & (px < ax + (py - ay) / rise * (bx - ax))
        odd = np.bincount(pair[crosses], minlength=point.size) % 2 == 1
        found: Index = np.full(x.size, -1, np.int64)
        found[point[odd]] = building[odd]
        return found

    def lowest_seen(self, rays: Rays, ceiling_m: Floats) -> Floats:
        """Lowest height above ground at each ray's end that the lens sees over all walls.

        0 where the ground itself is seen. A ray is followed only until its answer is above
        ``ceiling_m``: the part of interest is then hidden, and the number is a lower bound.
        """
        lowest = np.zeros(len(rays))
        for ray, building in self._along(rays, lowest, ceiling_m):
            hit, t, wall = self._crossings(rays, ray, building)
            z = rays.z[hit]
            np.maximum.at(lowest, hit, z + (self.height_m[wall] - z) / t)
        return lowest

    def _along(
        self, rays: Rays, lowest: Floats, ceiling_m: Floats
    ) -> Iterator[tuple[Index, Index]]:
        """Pairs (ray, building) whose boxes meet, cell by cell from the lens on.

        Grid traversal after Amanatides and Woo (1987), all rays in step. The caller raises
        ``lowest`` between steps; rays above their ceiling are dropped, and so are buildings that
        could not raise it.
        """
        grid = self.grid
        dx, dy = rays.to_x - rays.x, rays.to_y - rays.y
        column, row = grid.column(rays.x), grid.row(rays.y)
        step_x, next_x, delta_x = _walk(rays.x - grid.left_m, dx, grid.cell_m)
        step_y, next_y, delta_y = _walk(rays.y - grid.bottom_m, dy, grid.cell_m)
        active: Index = np.arange(len(rays))
        while active.size:
            which, building = grid.in_cells(column[active], row[active])
            ray = active[which]
            meets = self._may_raise(rays, dx, dy, lowest, ray, building)
            if meets.any():
                yield ray[meets], building[meets]
            soonest = np.minimum(next_x[active], next_y[active])
            active = active[(soonest <= 1) & (lowest[active] <= ceiling_m[active])]
            sideways = next_x[active] <= next_y[active]
            on_x, on_y = active[sideways], active[~sideways]
            column[on_x] += step_x[on_x]
            next_x[on_x] += delta_x[on_x]
            row[on_y] += step_y[on_y]
            next_y[on_y] += delta_y[on_y]

    def _may_raise(
        self, rays: Rays, dx: Floats, dy: Floats, lowest: Floats, ray: Index, building: Index
    ) -> Index:
        grid = self.grid
        x, y, z = rays.x[ray], rays.y[ray], rays.z[ray]
        enter_x, leave_x = _slab(grid.x0[building] - x, grid.x1[building] - x, dx[ray])
        enter_y, leave_y = _slab(grid.y0[building] - y, grid.y1[building] - y, dy[ray])
        enter = np.maximum(np.maximum(enter_x, enter_y), 1e-6)
        leave = np.minimum(np.minimum(leave_x, leave_y), 1.0)
        above = self.height_m[building] - z
        highest = z + above / np.where(above > 0, enter, np.maximum(leave, 1e-6))
        meets = (enter <= leave + 1e-9) & (highest > lowest[ray]) & (building != rays.skip[ray])
        return np.asarray(meets)

    def _crossings(self, rays: Rays, ray: Index, building: Index) -> tuple[Index, Floats, Index]:
        """Where rays cross walls: ray, fraction of the way from the lens, building."""
        pair, k = spread(self._count[building])
        a = self._start[building[pair]] + k
        b = self._next[a]
        r = ray[pair]
        px, py = rays.x[r], rays.y[r]
        dx, dy = rays.to_x[r] - px, rays.to_y[r] - py
        ax, ay = self._x[a] - px, self._y[a] - py
        bx, by = self._x[b] - px, self._y[b] - py
        side_a, side_b = dx * ay - dy * ax, dx * by - dy * bx
        across = np.flatnonzero((side_a > 0) != (side_b > 0))
        ax, ay, bx, by = ax[across], ay[across], bx[across], by[across]
        dx, dy = dx[across], dy[across]
        u = side_a[across] / (side_a[across] - side_b[across])
        length2 = dx * dx + dy * dy
        t = ((ax + u * (bx - ax)) * dx + (ay + u * (by - ay)) * dy) / length2
        hit = (t > _AT_LENS_M / np.sqrt(length2)) & (t < 1)
        return r[across][hit], t[hit], building[pair[across][hit]]


def _walk(start: Floats, way: Floats, cell_m: float) -> tuple[Index, Floats, Floats]:
    """Per ray on one axis: step of the cell number, fraction to the next cell, fraction per cell."""
    step: Index = np.where(way >= 0, 1, -1)
    still = way == 0
    divisor = np.where(still, 1.0, way)
    edge = (np.floor(start / cell_m) + (way > 0)) * cell_m
    following = np.where(still, np.inf, (edge - start) / divisor)
    return step, following, np.where(still, np.inf, cell_m / np.abs(divisor))


def _slab(low: Floats, high: Floats, way: Floats) -> tuple[Floats, Floats]:
    """Fractions at which a ray enters and leaves the strip between two parallel lines."""
    divisor = np.where(np.abs(way) < 1e-9, 1e-9, way)
    one, other = low / divisor, high / divisor
    return np.minimum(one, other), np.maximum(one, other)
