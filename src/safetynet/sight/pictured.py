"""Which of many pairs of lens and place have the target in the picture; in NumPy, for whole cities."""

import numpy as np

from safetynet.base.geo import Floats
from safetynet.sight.kernels.lens import SHOWN_PX
from safetynet.sight.lens import Flags, Lenses, rows_px, span_in_picture
from safetynet.sight.model import TargetSize


def least_px_per_m(target: TargetSize) -> float:
    """Pixels per metre below which even the whole target is too small to count as shown."""
    return SHOWN_PX / target.height_m


def shows(lens: Lenses, dx: Floats, dy: Floats, lowest_m: Floats, target: TargetSize) -> Flags:
    """Pairs (lens, point), (n, s), in which the target is in the picture and large enough."""
    _, _, height_px, px_per_m = _pictured(lens, dx, dy, lowest_m, target)
    return _large(height_px, px_per_m, target) & lens.usable[:, None]


def _large(height_px: Floats, px_per_m: Floats, target: TargetSize) -> Flags:
    area_px = height_px * target.width_m * px_per_m
    return np.asarray((height_px >= SHOWN_PX) & (area_px >= 5 * SHOWN_PX))


def _pictured(
    lens: Lenses, dx: Floats, dy: Floats, lowest_m: Floats, target: TargetSize
) -> tuple[Floats, Floats, Floats, Floats]:
    """Of the target at each point: lowest and highest part in sight (m), its height in px, px/m."""
    low, high = span_in_picture(lens, dx, dy)
    low = np.maximum(np.maximum(low, lowest_m), 0)
    high = np.minimum(high, target.height_m)
    some = high > low
    low, high = np.where(some, low, 0), np.where(some, high, 0)
    head, _ = rows_px(lens, dx, dy, high)
    foot, _ = rows_px(lens, dx, dy, low)
    _, px_per_m = rows_px(lens, dx, dy, (low + high) / 2)
    return low, high, np.where(some, np.abs(head - foot), 0), px_per_m
