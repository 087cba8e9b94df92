"""Where to aim a PTZ camera so that it holds the points that matter."""

import math

import numpy as np

from safetynet.base.geo import Floats
from safetynet.sight.kernels.compiled import lean
from safetynet.sight.kernels.geometry import arc
from safetynet.sight.kernels.lens import EASY_PX
from safetynet.sight.kernels.tables import STEPS, Lenses, Place, Record, Room, Tables, Target
from safetynet.sight.kernels.walls import Rows

FILL_PX = 180.0
"""Picture height that a PTZ gives to a target whose place is known: a quarter of the picture."""


@lean
def _mean_direction(
    c: Record,
    place: Place,
    weight: Floats,
    lowest: Tables,
    seen: Rows,
    height: float,
    kept: Floats,
) -> tuple[float, float, float]:
    """East and north of the mean direction of what can be seen, and its mean distance; 0: nothing.

    Leaves the weight of each point of ``seen``, where enough of a target can be seen, in ``kept``.
    """
    east, north, total, far = 0.0, 0.0, 0.0, 0.0
    x, y = c.x, c.y
    for k in range(seen.size):
        j = seen[k]
        kept[k] = weight[j] if lowest[j] < 0.8 * height else 0.0
        if kept[k] == 0:
            continue
        dx, dy = place.x[j] - x, place.y[j] - y
        away = max(math.sqrt(dx * dx + dy * dy), 0.1)
        east, north = east + kept[k] * dx / away, north + kept[k] * dy / away
        total, far = total + kept[k], far + kept[k] * away
    if total == 0:
        return 0.0, 0.0, 0.0
    length = math.hypot(east, north)
    if length < 1e-9:  # all around, evenly
        return 0.0, 1.0, far / total
    return east / length, north / length, far / total


@lean
def _extent(
    c: Record,
    place: Place,
    seen: Rows,
    height: float,
    east: float,
    north: float,
    kept: Floats,
    off: Floats,
    fall: Floats,
) -> tuple[float, float, float, float]:
    """Left and right (radians from the mean direction), top and bottom (falls per metre away).

    Leaves each point's turn in ``off`` and the tilt to its middle in ``fall``.
    """
    left, right, top, bottom = np.inf, -np.inf, np.inf, -np.inf
    x, y, z = c.x, c.y, c.z
    for k in range(seen.size):
        if kept[k] == 0:
            continue
        j = seen[k]
        dx, dy = place.x[j] - x, place.y[j] - y
        away = max(math.sqrt(dx * dx + dy * dy), 0.1)
        drop = z - place.ground[j]
        off[k] = arc(dx * north - dy * east, dx * east + dy * north)
        fall[k] = arc(drop - height / 2, away)
        left, right = min(left, off[k]), max(right, off[k])
        top, bottom = min(top, (drop - height) / away), max(bottom, drop / away)
    return left, right, top, bottom


@lean
def _heaviest(
    room: Room, n: int, left: float, right: float, half: float, half_v: float
) -> tuple[float, float]:
    """Turn and tilt of the picture of these half angles that holds the most weight: of the heaviest strip
    from left to right, the heaviest part from top to bottom. The middle of what it holds."""
    off, fall, kept, strip = room.turn[:n], room.fall[:n], room.kept[:n], room.strip[:n]
    low, high = _window(off, kept, left, right, half, room.held)
    top, bottom = np.inf, -np.inf
    for j in range(n):
        strip[j] = 0.0
        if kept[j] > 0 and low <= off[j] <= high:
            strip[j] = kept[j]
            top, bottom = min(top, fall[j]), max(bottom, fall[j])
    if bottom - top > 2 * half_v:
        top, bottom = _window(fall, strip, top, bottom, half_v, room.held)
    west, east, upper, lower = np.inf, -np.inf, np.inf, -np.inf
    for j in range(n):
        if strip[j] > 0 and top <= fall[j] <= bottom:
            west, east = min(west, off[j]), max(east, off[j])
            upper, lower = min(upper, fall[j]), max(lower, fall[j])
    return (west + east) / 2, (upper + lower) / 2


@lean
def _window(
    at: Floats, weight: Floats, first: float, last: float, half: float, held: Floats
) -> tuple[float, float]:
    """From where to where the window of the given half width reaches that holds the most weight."""
    step = max((last - first) / STEPS, 1e-6)
    held[:] = 0.0
    for j in range(at.size):
        if weight[j] > 0:
            held[min(int((at[j] - first) / step), STEPS - 1) + 1] += weight[j]
    for b in range(STEPS):
        held[b + 1] += held[b]
    wide = max(min(int(2 * half / step), STEPS), 1)
    best, best_at = -1.0, 0
    for b in range(STEPS - wide + 1):
        total = held[b + wide] - held[b]
        if total > best + 1e-12:
            best, best_at = total, b
    return first + best_at * step - 1e-9, first + (best_at + wide) * step + 1e-9


@lean
def plan_aims(
    lens: Lenses,
    i: int,
    target: Target,
    place: Place,
    weight: Floats,
    lowest: Tables,
    seen: Rows,
    room: Room,
    aims: Floats,
) -> int:
    """Up to three poses of a PTZ, into ``aims`` (3, 3): azimuth, tilt, tangent of half the field.

    The first holds all that the camera can see of the points; the second keeps the asked quality
    and the third a target that cannot be overlooked, both looking where most of the weight is.
    Returns how many differ; 0 where the camera sees nothing of them.
    """
    c, n = lens.camera[i], seen.size
    off, fall, kept = room.turn[:n], room.fall[:n], room.kept[:n]
    height = target.height_m
    east, north, away = _mean_direction(c, place, weight, lowest, seen, height, kept)
    if away == 0:
        return 0
    left, right, top, bottom = _extent(c, place, seen, height, east, north, kept, off, fall)
    mean, upper, lower = arc(east, north), arc(top, 1.0), arc(bottom, 1.0)
    away = max(math.hypot(away, c.z - place.ground[0]), 1.0)
    narrowest = c.half_w / c.zoom
    asked = c.half_px / (max(target.px_per_m, 1e-3) * away * 1.05)
    filled = c.half_px * height / (FILL_PX * away)
    easy = c.half_px * height / (1.3 * EASY_PX * away)
    tilt = min(max((upper + lower) / 2, c.least_tilt), c.most_tilt)
    up = math.tan(min((lower - upper) / 2, 1.4)) / c.aspect
    side = math.tan(min((right - left) / 2 * max(math.cos(tilt), 0.3), 1.4))
    wanted = max(max(up, side) * 1.15, min(asked, filled))
    whole = min(max(wanted, narrowest), c.half_w)
    middle = (left + right) / 2
    if wanted > whole:  # not all of it goes into the picture: what weighs most does
        half, half_v = 0.9 * arc(whole, 1.0), 0.85 * arc(whole * c.aspect, 1.0)
        middle, tilt = _heaviest(room, n, left, right, half, half_v)
        tilt = min(max(tilt, c.least_tilt), c.most_tilt)
    aims[0, 0], aims[0, 1], aims[0, 2] = mean + middle, tilt, whole
    count = 1
    for wish in (asked, easy):
        narrow = max(wish, narrowest)
        if narrow >= 0.98 * whole:
            continue
        half, half_v = 0.9 * arc(narrow, 1.0), 0.85 * arc(narrow * c.aspect, 1.0)
        turn, tilt = _heaviest(room, n, left, right, half, half_v)
        aims[count, 0] = mean + turn
        aims[count, 1] = min(max(tilt, c.least_tilt), c.most_tilt)
        aims[count, 2] = narrow
        count += 1
    return count
