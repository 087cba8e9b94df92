"""Boxes in square cells, as the loops read them."""

import numpy as np

from safetynet.base.geo import Floats
from safetynet.sight.boxes import BoxGrid
from safetynet.sight.kernels.walls import Counts, Grid


def grid_of(x0: Floats, y0: Floats, x1: Floats, y1: Floats, cell_m: float) -> Grid:
    """Sort axis-aligned boxes into cells; a box stands in each cell that it touches."""
    made = BoxGrid(x0, y0, x1, y1, cell_m=cell_m)
    return Grid(
        left=made.left_m,
        bottom=made.bottom_m,
        cell_m=cell_m,
        columns=made.columns,
        rows=made.rows,
        first=made.first,
        items=made.items,
    )


def items_around(grid: Grid, x: float, y: float, reach_m: float) -> Counts:
    """Items of all cells that the square of half side ``reach_m`` around a point meets."""
    left, right = x - reach_m - grid.left, x + reach_m - grid.left
    low, high = y - reach_m - grid.bottom, y + reach_m - grid.bottom
    c0, r0 = max(int(left // grid.cell_m), 0), max(int(low // grid.cell_m), 0)
    c1 = min(int(right // grid.cell_m), grid.columns - 1)
    r1 = min(int(high // grid.cell_m), grid.rows - 1)
    if c0 > c1 or r0 > r1:
        return np.empty(0, np.int64)
    first, columns = grid.first, grid.columns
    rows = range(r0, r1 + 1)
    parts = [grid.items[first[r * columns + c0] : first[r * columns + c1 + 1]] for r in rows]
    return np.concatenate(parts)


def move_item(
    grid: Grid, old_x: float, old_y: float, item: int, new_x: float, new_y: float
) -> Grid:
    """The grid after a point moved. One that leaves the grid stays in its nearest cell: a search that
    reaches beyond the edge looks there too."""
    old, new = _cell(grid, old_x, old_y), _cell(grid, new_x, new_y)
    if old == new:
        return grid
    at = int(np.flatnonzero(grid.items[grid.first[old] : grid.first[old + 1]] == item)[0])
    items = np.delete(grid.items, grid.first[old] + at)
    first = grid.first.copy()
    first[old + 1 :] -= 1
    items = np.insert(items, first[new + 1], item)
    first[new + 1 :] += 1
    return grid._replace(first=first, items=items)


def _cell(grid: Grid, x: float, y: float) -> int:
    column = min(max(int((x - grid.left) // grid.cell_m), 0), grid.columns - 1)
    row = min(max(int((y - grid.bottom) // grid.cell_m), 0), grid.rows - 1)
    return row * grid.columns + column
