"""The ground that a camera sees, as a ring to draw."""

from collections.abc import Callable

import numpy as np

from safetynet.base.geo import Floats
from safetynet.sight.lens import ASPECT, Lenses

_COLUMNS = 39


def area_seen(
    lens: Lenses, free_to: Callable[[Floats], Floats], range_m: float
) -> tuple[Floats, Floats]:
    """Ring (x, y) of the ground that the one camera in ``lens`` sees up to ``range_m``.

    ``free_to`` gives the distance to the first wall in each direction (compass, radians). Far edge from left to right, then near edge back; the far edge stops at the first wall. Two
    empty arrays where no ground is in the picture.
    """
    none = np.empty(0)
    if not lens.usable[0]:
        return none, none
    across = np.linspace(-1, 1, _COLUMNS) * lens.tan_half[0]
    bottom = _ground(lens, across, -lens.tan_half[0] * ASPECT, range_m)
    top = _ground(lens, across, lens.tan_half[0] * ASPECT, range_m)
    near, far = np.minimum(bottom, top), np.maximum(bottom, top)
    bearing = _bearing(lens, across)
    far = np.minimum(far, free_to(bearing))
    near = np.minimum(near, far)
    if float((far - near).max()) < 0.1:
        return none, none
    reach = np.concatenate([far, near[::-1]])
    bearing = np.concatenate([bearing, bearing[::-1]])
    return lens.x[0] + reach * np.sin(bearing), lens.y[0] + reach * np.cos(bearing)


def _ground(lens: Lenses, across: Floats, up: float, range_m: float) -> Floats:
    """Distance at which the picture line ``up`` (tangent above the axis) meets the ground."""
    sin_t, cos_t = np.sin(lens.tilt[0]), np.cos(lens.tilt[0])
    falls = sin_t - up * cos_t
    ahead = cos_t + up * sin_t
    level = np.hypot(ahead, across)
    if falls <= 1e-6:
        return np.full(across.shape, range_m)
    return np.asarray(np.minimum(lens.z[0] * level / falls, range_m))


def _bearing(lens: Lenses, across: Floats) -> Floats:
    """Compass direction, radians, of the picture's columns where they meet the ground's middle."""
    ahead = max(float(np.cos(lens.tilt[0])), 0.05)
    return np.asarray(lens.azimuth[0] + np.arctan(across / ahead))
