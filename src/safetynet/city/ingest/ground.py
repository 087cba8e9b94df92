"""The ground of a city from rasters of heights: one regular grid without gaps. Worker only."""

from dataclasses import dataclass

import numpy as np

from safetynet.base.geo import Floats, Plane
from safetynet.city.ingest.geotiff import Raster
from safetynet.city.model import Ground, Heights

STEP_M = 10.0
MARGIN_M = 500.0
_LATTICE_STEPS = 50
"""Projections are asked every 500 m; between, they are straight to some millimetres."""
_ROWS = 256


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Where the nodes of a ground are to be."""

    x0: float
    y0: float
    rows: int
    cols: int
    plane: Plane


def plan_grid(bounds: tuple[float, float, float, float], plane: Plane) -> Grid:
    """Nodes every 10 m over a box (west, south, east, north in metres) and 500 m around it."""
    west, south = (np.floor((v - MARGIN_M) / STEP_M) * STEP_M for v in bounds[:2])
    east, north = (np.ceil((v + MARGIN_M) / STEP_M) * STEP_M for v in bounds[2:])
    cols, rows = (round((b - a) / STEP_M) + 1 for a, b in ((west, east), (south, north)))
    return Grid(x0=float(west), y0=float(south), rows=rows, cols=cols, plane=plane)


def sample_raster(raster: Raster, grid: Grid) -> Heights:
    """(rows, cols) height at each node, NaN where the raster has no data.

    Cells smaller than half a step are averaged first, so that a node stands for its surroundings.
    """
    col, row = _lattice(raster, grid)
    out = np.full((grid.rows, grid.cols), np.nan, np.float32)
    if not (np.isfinite(col).all() and np.isfinite(row).all()):
        return out  # a system of another continent
    per_step = np.median(np.hypot(np.diff(col, axis=1), np.diff(row, axis=1))) / _LATTICE_STEPS
    reached = _reach(raster.heights, row, col, _LATTICE_STEPS * float(per_step))
    heights, top, left = _crop(raster.heights, row, col)
    fine = int(np.clip(per_step, 1, max(1, *heights.shape)))
    heights = mean_of_blocks(heights, fine)
    col, row = ((v - edge - (fine - 1) / 2) / fine for v, edge in ((col, left), (row, top)))
    up, across = _hats(grid.rows, col.shape[0]), _hats(grid.cols, col.shape[1])[reached[1]]
    for a in range(reached[0].start, min(reached[0].stop, grid.rows), _ROWS):
        part = slice(a, min(a + _ROWS, reached[0].stop))
        here = [up[part] @ v @ across.T for v in (row, col)]
        out[part, reached[1]] = _bilinear(heights, *here)
    return out


def fill_gaps(heights: Heights) -> Heights:
    """Nodes without data get the mean of the known ones in the smallest block that has some.

    Blocks double from 2 by 2. At least one node must be known.
    """
    gaps = np.isnan(heights)
    if not gaps.any():
        return heights
    wide = fill_gaps(mean_of_blocks(heights, 2))
    rows, cols = heights.shape
    around = wide.repeat(2, axis=0)[:rows].repeat(2, axis=1)[:, :cols]
    return np.asarray(np.where(gaps, around, heights))


def make_ground(grid: Grid, heights: Heights) -> Ground:
    """The ground with its gaps filled."""
    return Ground(x0=grid.x0, y0=grid.y0, step_m=STEP_M, heights=fill_gaps(heights))


def mean_of_blocks(heights: Heights, size: int) -> Heights:
    """Means of the known values of blocks ``size`` by ``size``; NaN where a block knows none."""
    if size <= 1:
        return heights
    rows, cols = (-(-n // size) for n in heights.shape)
    padded = np.full((rows * size, cols * size), np.nan, np.float32)
    padded[: heights.shape[0], : heights.shape[1]] = heights
    blocks = padded.reshape(rows, size, cols, size)
    known = ~np.isnan(blocks)
    count = known.sum(axis=(1, 3))
    total = np.where(known, blocks, 0).sum(axis=(1, 3), dtype=np.float64)
    mean = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return np.asarray(mean, np.float32)


def _lattice(raster: Raster, grid: Grid) -> tuple[Floats, Floats]:
    """Column and row in the raster of every 50th node."""
    far = [-(-(n - 1) // _LATTICE_STEPS) + 1 for n in (grid.rows, grid.cols)]
    y, x = (
        first + np.arange(max(n, 2)) * _LATTICE_STEPS * STEP_M
        for first, n in zip((grid.y0, grid.x0), far, strict=True)
    )
    lon, lat = grid.plane.to_lonlat(*(np.asarray(v, np.float64) for v in np.meshgrid(x, y)))
    return raster.locate(lon, lat)


def _reach(heights: Heights, row: Floats, col: Floats, cells: float) -> tuple[slice, slice]:
    """Rows and columns of nodes that the raster may reach; ``cells`` of it lie in one lattice step."""
    rows, cols = heights.shape
    near = (row > -cells - 1) & (row < rows + cells) & (col > -cells - 1) & (col < cols + cells)
    found = []
    for axis in (1, 0):
        hit = np.flatnonzero(near.any(axis=axis))
        first, last = (int(hit[0]), int(hit[-1])) if len(hit) else (0, -1)
        found.append(slice(first * _LATTICE_STEPS, (last + 1) * _LATTICE_STEPS))
    return found[0], found[1]


def _crop(heights: Heights, row: Floats, col: Floats) -> tuple[Heights, int, int]:
    """The part of the raster that the nodes need, and its first row and column."""
    (top, bottom), (left, right) = (
        np.clip([np.nanmin(v) - 2, np.nanmax(v) + 3], 0, n).astype(int)
        for v, n in zip((row, col), heights.shape, strict=True)
    )
    return heights[top:bottom, left:right], int(top), int(left)


def _hats(nodes: int, lattice: int) -> Floats:
    """(nodes, lattice) weights that draw straight lines between the points of the lattice."""
    at = np.arange(nodes)[:, None] / _LATTICE_STEPS
    return np.asarray(np.clip(1 - np.abs(at - np.arange(lattice)[None, :]), 0, None))


def _bilinear(heights: Heights, row: Floats, col: Floats) -> Floats:
    """Between the cells around, those without data left out; NaN half a cell outside and beyond."""
    rows, cols = heights.shape
    if not rows or not cols:
        return np.full(row.shape, np.nan)
    inside = (row >= -0.5) & (row <= rows - 0.5) & (col >= -0.5) & (col <= cols - 0.5)
    row, col = (np.clip(np.where(inside, v, 0), 0, n - 1) for v, n in ((row, rows), (col, cols)))
    i, j = np.floor(row).astype(np.intp), np.floor(col).astype(np.intp)
    v, u = row - i, col - j
    total, weight = np.zeros(row.shape), np.zeros(row.shape)
    for down, south in ((0, 1 - v), (1, v)):
        for right, east in ((0, 1 - u), (1, u)):
            near = heights[np.minimum(i + down, rows - 1), np.minimum(j + right, cols - 1)]
            part = np.where(np.isnan(near), 0.0, south * east)
            total += part * np.nan_to_num(near)
            weight += part
    known = inside & (weight > 1e-6)
    return np.where(known, total / np.where(known, weight, 1.0), np.nan)
