"""How much of a city's streets its cameras can show."""

from collections.abc import Callable, Iterator

import msgspec
import numpy as np

from safetynet.base.geo import Floats
from safetynet.city.model import City
from safetynet.sight.boxes import BoxGrid, Index, spread
from safetynet.sight.kernels.lens import SHOWN_PX
from safetynet.sight.lens import HALF_WIDTH_PX, Flags, Lenses, narrowest, read_lenses
from safetynet.sight.model import TARGET_SIZES, TargetKind, TargetSize
from safetynet.sight.pictured import least_px_per_m, shows
from safetynet.sight.walls import Rays, Walls

_STEP_M = 10.0
_TILE_M = 400.0
_RADIUS_M = 500.0
_ENOUGH = 4
_AT_A_TIME = 6
"""Cameras tried per place before looking whether it has enough."""


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """Parts of the street length, 0…1, that can be shown, and the length looked at."""

    share_by_1: float
    """Seen by at least one camera (a PTZ counts where it can turn there)."""
    share_by_4: float
    street_km: float


def measure_coverage(
    city: City, target: TargetKind, progress: Callable[[float], None] | None = None
) -> Coverage:
    """Look at every 10 m of every street in the bundle's coverage.

    ``progress`` is told the part done, 0…1, after each tile. Health does not count here. Shares
    are 0 for a city without streets.
    """
    lens, walls = read_lenses(city.cameras), Walls(city.buildings)
    size = TARGET_SIZES[target]
    lens = lens.take(np.flatnonzero(lens.usable))
    x, y, length_m = _street_points(city)
    clear = np.flatnonzero(walls.inside(x, y) < 0)
    x, y, length_m = x[clear], y[clear], length_m[clear]
    grid = BoxGrid(lens.x, lens.y, lens.x, lens.y, cell_m=100.0)
    seen = np.zeros(x.size, np.int64)
    done = 0
    for tile in _tiles(x, y):
        seen[tile] = _count(x[tile], y[tile], lens, grid, walls, size)
        done += tile.size
        if progress is not None:
            progress(done / x.size)
    total = float(length_m.sum())
    by_1, by_4 = (float(length_m[seen >= n].sum()) for n in (1, _ENOUGH))
    whole = total or 1.0
    return Coverage(share_by_1=by_1 / whole, share_by_4=by_4 / whole, street_km=total / 1000)


def _street_points(city: City) -> tuple[Floats, Floats, Floats]:
    """Middles of equal pieces of at most 10 m of each covered street segment, and their lengths."""
    line = city.streets.line
    offset = line.offset.astype(np.int64)
    kept = np.flatnonzero(city.streets.in_coverage)
    which, k = spread(np.maximum(offset[kept + 1] - offset[kept] - 1, 0))
    a = offset[kept][which] + k
    start, way = line.xy[a], line.xy[a + 1] - line.xy[a]
    length = np.hypot(way[:, 0], way[:, 1])
    pieces = np.maximum(np.ceil(length / _STEP_M), 1).astype(np.int64)
    own, k = spread(pieces)
    at = start[own] + way[own] * ((k + 0.5) / pieces[own])[:, None]
    return at[:, 0], at[:, 1], length[own] / pieces[own]


def _tiles(x: Floats, y: Floats) -> Iterator[Index]:
    """The points, tile by tile."""
    if not x.size:
        return
    column, row = np.floor(x / _TILE_M), np.floor(y / _TILE_M)
    order = np.lexsort((column, row))
    moved = (np.diff(column[order]) != 0) | (np.diff(row[order]) != 0)
    yield from np.split(order, np.flatnonzero(moved) + 1)


def _count(
    x: Floats, y: Floats, lens: Lenses, grid: BoxGrid, walls: Walls, size: TargetSize
) -> Index:
    """How many cameras can show each point, counted up to about four."""
    middle_x, middle_y = (x.min() + x.max()) / 2, (y.min() + y.max()) / 2
    near = lens.take(grid.around(middle_x, middle_y, _RADIUS_M + _TILE_M / 2))
    home = walls.inside(near.x, near.y)
    home[home >= 0] = np.where(
        walls.height_m[home[home >= 0]] > near.z[home >= 0], home[home >= 0], -1
    )
    dx, dy = x - near.x[:, None], y - near.y[:, None]
    away = np.hypot(dx, dy)
    possible = _in_reach(near, dx, dy, away, size)
    order = np.argsort(np.where(possible, away, np.inf), axis=0, kind="stable")
    seen = np.zeros(x.size, np.int64)
    open_ = np.arange(x.size)
    for first in range(0, len(near), _AT_A_TIME):
        camera = order[first : first + _AT_A_TIME, open_]
        at = np.broadcast_to(open_, camera.shape)
        wanted = possible[camera, at]
        if not wanted.any():
            break
        camera, at = camera[wanted], at[wanted]
        shown = _shown(near.take(camera), home[camera], x[at], y[at], walls, size)
        seen += np.bincount(at[shown], minlength=x.size)
        open_ = np.flatnonzero(seen < _ENOUGH)
    return seen


def _in_reach(lens: Lenses, dx: Floats, dy: Floats, away: Floats, size: TargetSize) -> Flags:
    """Pairs near enough and, for fixed cameras, in the picture and large enough with nothing between."""
    reach = HALF_WIDTH_PX / (narrowest(lens.tan_half)[:, None] * np.maximum(away, 1.0))
    turns = lens.ptz[:, None] & (reach >= least_px_per_m(size))
    still = shows(lens, dx, dy, np.zeros(dx.shape), size) & ~lens.ptz[:, None]
    return (away <= _RADIUS_M) & (turns | still)


def _shown(
    lens: Lenses, home: Index, x: Floats, y: Floats, walls: Walls, size: TargetSize
) -> Flags:
    """Which of the pairs (camera, point) have a view past the walls; arrays of one length."""
    rays = Rays(x=lens.x, y=lens.y, z=lens.z, to_x=x, to_y=y, skip=home)
    lowest = walls.lowest_seen(rays, np.full(x.size, size.height_m))
    dx, dy = (x - lens.x)[:, None], (y - lens.y)[:, None]
    fixed = shows(lens, dx, dy, lowest[:, None], size)[:, 0]
    away = np.maximum(np.hypot(dx, dy)[:, 0], 1.0)
    px = HALF_WIDTH_PX / (narrowest(lens.tan_half) * away) * (size.height_m - lowest)
    return np.where(lens.ptz, px >= SHOWN_PX, fixed)
