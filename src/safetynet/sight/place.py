"""Where the target may be: a fixed pattern of weighted points for an uncertain place."""

from dataclasses import dataclass

import numpy as np

from safetynet.base.geo import Floats
from safetynet.city.model import Streets
from safetynet.sight.boxes import spread
from safetynet.sight.grid import grid_of
from safetynet.sight.kernels.points import Segments
from safetynet.sight.kernels.tables import Tables

_SEGMENT_CELL_M = 50.0


@dataclass(frozen=True, kw_only=True)
class Points:
    """Places with weights that sum to 1; arrays of shape (s,), metres on the plane."""

    x: Floats
    y: Floats
    weight: Floats

    def __len__(self) -> int:
        return self.x.size


@dataclass(frozen=True, kw_only=True)
class Look:
    """One camera's view of the points that stand for a place; arrays of shape (s,)."""

    x: Floats
    y: Floats
    weight: Floats
    lowest_m: Tables
    """Lowest height over each point that walls leave in sight; ``HIDDEN`` where none."""
    shown: Tables
    """Probability that a target there is shown."""


def segments_of(streets: Streets) -> Segments:
    """The pieces of all centre lines, as the loops read them."""
    xy, offset = streets.line.xy, streets.line.offset.astype(np.int64)
    own, k = spread(np.maximum(np.diff(offset) - 1, 0))
    a = offset[own] + k
    line = np.empty((len(a), 5))
    if len(a):
        line[:, :2], line[:, 2:4] = xy[a], xy[a + 1] - xy[a]
        line[:, 4] = streets.width_m[own] / 4
    low = np.minimum(line[:, :2], line[:, :2] + line[:, 2:4])
    high = np.maximum(line[:, :2], line[:, :2] + line[:, 2:4])
    grid = grid_of(low[:, 0], low[:, 1], high[:, 0], high[:, 1], _SEGMENT_CELL_M)
    return Segments(line=line, grid=grid)
