"""Finding the boxes near a place: a uniform grid of cells, sorted once."""

import numpy as np
from numpy.typing import NDArray

from safetynet.base.geo import Floats

Index = NDArray[np.int64]

_MAX_EXTENT_M = 100_000.0
"""Boxes farther than this from the plane's origin are no part of a city and are left out."""


class BoxGrid:
    """Axis-aligned boxes in square cells; a box stands in each cell that it touches.

    ``cell_m`` is the side of a cell. Boxes that are not finite are left out.
    """

    def __init__(self, x0: Floats, y0: Floats, x1: Floats, y1: Floats, *, cell_m: float) -> None:
        self.cell_m = cell_m
        self.x0, self.y0, self.x1, self.y1 = x0, y0, x1, y1
        with np.errstate(invalid="ignore"):
            bound = np.maximum.reduce([np.abs(x0), np.abs(y0), np.abs(x1), np.abs(y1)])
            kept = np.flatnonzero(bound <= _MAX_EXTENT_M)
        self.left_m = float(x0[kept].min()) if kept.size else 0.0
        self.bottom_m = float(y0[kept].min()) if kept.size else 0.0
        first_column, first_row = self.column(x0[kept]), self.row(y0[kept])
        columns = self.column(x1[kept]) - first_column + 1
        rows = self.row(y1[kept]) - first_row + 1
        self.columns = int((first_column + columns).max()) if kept.size else 1
        self.rows = int((first_row + rows).max()) if kept.size else 1
        which, k = spread(columns * rows)
        cell = (first_row[which] + k // columns[which]) * self.columns
        cell += first_column[which] + k % columns[which]
        order = np.argsort(cell, kind="stable")
        self.items: Index = kept[which[order]]
        self.first: Index = np.zeros(self.columns * self.rows + 1, np.int64)
        np.cumsum(np.bincount(cell, minlength=self.first.size - 1), out=self.first[1:])

    def column(self, x: Floats) -> Index:
        """Cell column of each x; may lie outside the grid."""
        return np.floor((x - self.left_m) / self.cell_m).astype(np.int64)

    def row(self, y: Floats) -> Index:
        """Cell row of each y; may lie outside the grid."""
        return np.floor((y - self.bottom_m) / self.cell_m).astype(np.int64)

    def in_cells(self, column: Index, row: Index) -> tuple[Index, Index]:
        """Pairs (position in the arguments, box) of all boxes that stand in the given cells."""
        inside = (column >= 0) & (column < self.columns) & (row >= 0) & (row < self.rows)
        cell = np.where(inside, row * self.columns + column, 0)
        count = np.where(inside, self.first[cell + 1] - self.first[cell], 0)
        which, k = spread(count)
        return which, self.items[self.first[cell[which]] + k]

    def around(self, x: float, y: float, radius_m: float) -> Index:
        """Boxes that meet the square of half side ``radius_m`` around a point, in rising order."""
        low = np.array([x, y]) - radius_m - (self.left_m, self.bottom_m)
        cells = np.floor(np.array([low, low + 2 * radius_m]) / self.cell_m)
        cells = np.clip(cells, -1, (self.columns, self.rows)).astype(np.int64)
        column, row = np.meshgrid(
            np.arange(cells[0, 0], cells[1, 0] + 1), np.arange(cells[0, 1], cells[1, 1] + 1)
        )
        found = np.unique(self.in_cells(column.ravel(), row.ravel())[1])
        meets = (self.x0[found] <= x + radius_m) & (self.x1[found] >= x - radius_m)
        meets &= (self.y0[found] <= y + radius_m) & (self.y1[found] >= y - radius_m)
        return found[meets]


def spread(count: Index) -> tuple[Index, Index]:
    """For counts (2, 0, 3): owner (0, 0, 2, 2, 2) and number within the owner (0, 1, 0, 1, 2)."""
    owner = np.repeat(np.arange(count.size), count)
    before = np.cumsum(count) - count
    return owner, np.arange(owner.size) - before[owner]
