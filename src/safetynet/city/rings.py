"""Points in rings, in plain NumPy, for processes that must stay lean."""

import numpy as np

from safetynet.base.geo import Floats


def is_inside(x: float, y: float, ring: Floats) -> bool:
    """True where the point is inside the ring ((n, 2), first point not repeated); even-odd rule."""
    x0, y0 = ring[:, 0], ring[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    crosses = (y0 > y) != (y1 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = x0 + (y - y0) * (x1 - x0) / (y1 - y0)
    return bool((crosses & (x < at)).sum() % 2)


def signed_area(ring: Floats) -> float:
    """Area of the ring, positive counter-clockwise."""
    x, y = ring[:, 0], ring[:, 1]
    return float(0.5 * (x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def away_from(point: Floats, ring: Floats) -> float:
    """Distance of the point (2,) from the ring's line."""
    side = np.roll(ring, -1, axis=0) - ring
    off = point - ring
    share = (off * side).sum(axis=1) / np.maximum((side**2).sum(axis=1), 1e-12)
    gap = off - np.clip(share, 0, 1)[:, None] * side
    return float(np.hypot(gap[:, 0], gap[:, 1]).min())
