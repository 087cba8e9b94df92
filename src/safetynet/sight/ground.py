"""Free ground near a place that a building holds: where somebody in there can be seen."""

import math

import numpy as np

from safetynet.base.geo import Floats
from safetynet.sight.place import Points
from safetynet.sight.walls import Walls

_ROUND = 48
_WIDER = (1.0, 1.1, 1.3, 1.7, 2.5, 4.0, 8.0, 16.0, 32.0, 64.0)


def free_ground(x: float, y: float, radius_m: float, walls: Walls) -> Points:
    """Places outside buildings on the narrowest ring around (x, y) that has some; else (x, y)."""
    angle = np.arange(_ROUND) * (2 * math.pi / _ROUND)
    for wider in _WIDER:
        px = x + (radius_m + 1.0) * wider * np.cos(angle)
        py = y + (radius_m + 1.0) * wider * np.sin(angle)
        free = walls.inside(px, py) < 0
        if free.any():
            return evenly(px[free], py[free])
    return evenly(np.array([x]), np.array([y]))


def evenly(x: Floats, y: Floats) -> Points:
    """Places of equal weight."""
    return Points(x=x, y=y, weight=np.full(x.size, 1 / x.size))
