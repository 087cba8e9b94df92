"""Directions without angles, and what a pinhole has in its picture."""

import math

import numpy as np

from safetynet.sight.kernels.compiled import lean

LOW, HIGH, TALL_PX, PX_PER_M = 0, 1, 2, 3
"""What ``picture`` puts where."""

type Pose = tuple[float, float, float, float, float, float, float, float, float]


@lean
def diamond(dx: float, dy: float) -> float:
    """A direction as a number in [0, 4) that grows with its angle: no arc tangent needed."""
    # Without branches: signs come at random, and a wrong guess costs more than the division.
    s = dx / (abs(dx) + abs(dy))
    turn = 1 - s if dy >= 0 else 3 + s
    return turn if turn < 4 else 0.0


@lean
def arc(y: float, x: float) -> float:
    """Arc tangent of y / x over the whole circle, to 1e-5 rad; 0 for (0, 0)."""
    ax, ay = abs(x), abs(y)
    if ax == 0 and ay == 0:
        return 0.0
    swap = ay > ax
    t = ax / ay if swap else ay / ax
    u = t * t
    a = t * (0.9998660 + u * (-0.3302995 + u * (0.1801410 + u * (-0.0851330 + u * 0.0208351))))
    if swap:
        a = math.pi / 2 - a
    if x < 0:
        a = math.pi - a
    return -a if y < 0 else a


@lean
def apart(a: float, b: float) -> float:
    """Signed angle from b to a, in [-pi, pi)."""
    return (a - b + math.pi) % (2 * math.pi) - math.pi


@lean
def pose_of(azimuth: float, tilt: float, roll: float) -> Pose:
    """Unit vectors of a lens: forward, right, up; x east, y north, z up."""
    sa, ca = math.sin(azimuth), math.cos(azimuth)
    st, ct = math.sin(tilt), math.cos(tilt)
    rx, ry, rz = ca, -sa, 0.0
    ux, uy, uz = sa * st, ca * st, ct
    if roll != 0:
        sr, cr = math.sin(roll), math.cos(roll)
        rx, ry, rz, ux, uy, uz = (
            rx * cr - ux * sr,
            ry * cr - uy * sr,
            rz * cr - uz * sr,
            ux * cr + rx * sr,
            uy * cr + ry * sr,
            uz * cr + rz * sr,
        )
    return sa * ct, ca * ct, -st, rx, ry, rz, ux, uy, uz


@lean
def _narrow(base: float, rise: float, low: float, high: float) -> tuple[float, float]:
    """The part of [low, high] in which base + rise · u >= 0."""
    if rise > 1e-9:
        low = max(low, -base / rise)
    elif rise < -1e-9:
        high = min(high, -base / rise)
    elif base < 0:
        high = -np.inf
    return low, high


@lean
def picture(
    pose: Pose,
    half_w: float,
    half_h: float,
    focal_px: float,
    dx: float,
    dy: float,
    drop: float,
    lowest: float,
    height: float,
) -> tuple[float, float, float, float]:
    """What the picture holds of an upright target at (dx, dy) from the lens.

    ``drop`` is the lens above the target's foot, ``lowest`` the height from which on walls leave
    the target in sight, ``half_w, half_h`` the tangents of the used half picture. Returns the lowest and highest part in
    the picture (m above the foot; low >= high: nothing), its height in px, and px per metre.
    """
    fwd = pose[0] * dx + pose[1] * dy
    side = pose[3] * dx + pose[4] * dy
    rise = pose[6] * dx + pose[7] * dy
    low, high = max(lowest, 0.0) - drop, height - drop
    low, high = _narrow(fwd - 1e-3, pose[2], low, high)
    low, high = _narrow(half_w * fwd - side, half_w * pose[2] - pose[5], low, high)
    low, high = _narrow(half_w * fwd + side, half_w * pose[2] + pose[5], low, high)
    if not high > low:
        return 0.0, 0.0, 0.0, 0.0
    low, high = _narrow(half_h * fwd - rise, half_h * pose[2] - pose[8], low, high)
    low, high = _narrow(half_h * fwd + rise, half_h * pose[2] + pose[8], low, high)
    if not high > low:
        return 0.0, 0.0, 0.0, 0.0
    foot = (rise + pose[8] * low) / max(fwd + pose[2] * low, 0.1)
    head = (rise + pose[8] * high) / max(fwd + pose[2] * high, 0.1)
    middle = max(fwd + pose[2] * (low + high) / 2, 0.1)
    return low + drop, high + drop, focal_px * abs(head - foot), focal_px / middle
