"""Cameras as columns, and how well one of them in one pose shows each point of a place."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from safetynet.base.geo import Floats
from safetynet.sight.kernels.compiled import compiled, inner
from safetynet.sight.kernels.geometry import apart, arc, picture, set_pose
from safetynet.sight.kernels.walls import SHORT_M, Edges, Profiles, Rows, bucket_of, lowest_seen

Flags = NDArray[np.bool_]
Tables = NDArray[np.float32]

SHOWN_PX = 14.0
"""A target counts as shown from this height in the picture on; 12 and a margin."""
EASY_PX = 28.0
"""From this height on nobody overlooks it."""
USED = 0.96
"""Part of the picture that counts; what stands at its very edge is not promised."""
WAIT_COST_PER_S = 0.03
"""Part of a view's worth that each second until its picture takes."""
LEAST_WAITED = 0.5
DARK_M, DARK_WORTH, UNSURE_WORTH = 60.0, 0.3, 0.9
"""At night: beyond this range a camera of which nobody says how far it sees is worth a little less;
one that is said not to see so far, much less."""
HIDDEN = 1e9


class Lenses(NamedTuple):
    """Cameras, one row each; lengths in metres, angles in radians."""

    x: Floats
    y: Floats
    z: Floats
    """Above the plane, or the sea where the city has ground heights."""
    place: Rows
    """Row of ``Profiles``."""
    turns: Flags
    usable: Flags
    """False where a value is missing or impossible: such a camera shows nothing."""
    trust: Floats
    """Probability that the camera stands and looks as the data say."""
    azimuth: Floats
    tilt: Floats
    roll: Floats
    half_w: Floats
    """Tangent of half the horizontal field of view, at its widest."""
    aspect: Floats
    """Height by width of the picture."""
    half_px: Floats
    """Half the picture's width."""
    zoom: Floats
    """Largest magnification; 1 for a fixed camera."""
    speed: Floats
    """(n, 3) radians per second of pan and tilt, magnifications per second."""
    tilts: Floats
    """(n, 2) least and largest tilt of a PTZ."""
    night_m: Floats
    belief: Rows
    """Row of the chance tables, or -1 where the direction is known."""
    zone: Rows
    """(n + 1,) rows of ``zones``."""
    zones: Floats
    """(k, 4) sectors that must not be shown: from, to (clockwise), near, far."""
    owner: Rows
    rank: Rows
    """Place in the order of ids: equal views go to the lower one."""


class Target(NamedTuple):
    """What is looked for."""

    height_m: float
    width_m: float
    px_per_m: float
    """Picture quality asked for."""
    night: bool


class Believed(NamedTuple):
    """What is believed of cameras whose direction nobody knows."""

    chance: Tables
    """(rows, azimuths, ranges) probability that a target there is in the picture."""
    step_m: float
    """Width of a range, as for a person; the last one is open."""
    most: Floats
    """(rows,) the largest probability of a row."""


@compiled
def look_past_walls(
    lens: Lenses,
    i: int,
    profiles: Profiles,
    edge: Edges,
    px: Floats,
    py: Floats,
    ground: Floats,
    height: float,
    lowest: Tables,
) -> bool:
    """Lowest height in sight of camera ``i`` over each point, into ``lowest`` (s,); any in sight?"""
    x, y, z, p = lens.x[i], lens.y[i], lens.z[i], lens.place[i]
    ends = profiles.short_m[p] if height <= SHORT_M else profiles.tall_m[p]
    span, wall = profiles.span[p], profiles.wall
    some = False
    for j in range(px.size):
        dx, dy = px[j] - x, py[j] - y
        b = bucket_of(dx, dy)
        lowest[j] = HIDDEN
        if dx * dx + dy * dy > ends[b] * ends[b]:
            continue
        top = ground[j] + height
        seen = lowest_seen(edge, wall, span[b], span[b + 1], x, y, z, dx, dy, top)
        if seen < top:
            lowest[j] = max(seen - ground[j], 0.0)
            some = True
    return some


@inner
def in_zone(lens: Lenses, i: int, dx: float, dy: float) -> bool:
    """True where a camera must not show the place."""
    for k in range(lens.zone[i], lens.zone[i + 1]):
        away = math.hypot(dx, dy)
        if not lens.zones[k, 2] <= away <= lens.zones[k, 3]:
            continue
        turn = (arc(dx, dy) - lens.zones[k, 0]) % (2 * math.pi)
        if turn <= (lens.zones[k, 1] - lens.zones[k, 0]) % (2 * math.pi):
            return True
    return False


@inner
def worth(low: float, high: float, tall_px: float, px_per_m: float, target: Target) -> float:
    """Probability that somebody who watches sees it, by its size in the picture; 0: too small."""
    if tall_px < SHOWN_PX or tall_px * target.width_m * px_per_m < 5 * SHOWN_PX:
        return 0.0
    clear = min((tall_px - SHOWN_PX) / (EASY_PX - SHOWN_PX), 1.0)
    value = 0.6 + 0.3 * clear + 0.1 * (high - low) / target.height_m
    if px_per_m < target.px_per_m:
        value *= 0.6 + 0.4 * px_per_m / target.px_per_m
    return value


@inner
def by_night(lens: Lenses, i: int, away: float) -> float:
    """What darkness leaves of a view's worth."""
    night_m = lens.night_m[i]
    if math.isnan(night_m):
        return 1.0 if away <= DARK_M else UNSURE_WORTH
    return 1.0 if away <= night_m else DARK_WORTH


@inner
def waited(seconds: float) -> float:
    """What waiting for the picture leaves of a view's worth."""
    return max(1 - WAIT_COST_PER_S * seconds, LEAST_WAITED)


@compiled
def show_posed(
    lens: Lenses,
    i: int,
    aim: Floats,
    target: Target,
    px: Floats,
    py: Floats,
    ground: Floats,
    weight: Floats,
    lowest: Tables,
    sure: float,
    shown: Tables,
) -> tuple[float, float]:
    """Probability that camera ``i``, aimed so (azimuth, tilt, tangent), shows each point.

    Into ``shown`` (s,); returns the weight of the points shown, and px per metre over them.
    """
    pose = np.empty(9)
    set_pose(pose, aim[0], aim[1], lens.roll[i])
    half_w = aim[2] * USED
    half_h = half_w * lens.aspect[i]
    focal_px = lens.half_px[i] / aim[2]
    zoned = lens.zone[i + 1] > lens.zone[i]
    share, density = 0.0, 0.0
    for j in range(px.size):
        shown[j] = 0.0
        if lowest[j] >= target.height_m:
            continue
        dx, dy = px[j] - lens.x[i], py[j] - lens.y[i]
        low, high, tall_px, px_per_m = picture(
            pose,
            half_w,
            half_h,
            focal_px,
            dx,
            dy,
            lens.z[i] - ground[j],
            lowest[j],
            target.height_m,
        )
        value = worth(low, high, tall_px, px_per_m, target)
        if value == 0 or (zoned and in_zone(lens, i, dx, dy)):
            continue
        if target.night:
            value *= by_night(lens, i, math.hypot(dx, dy))
        shown[j] = value * sure
        share += weight[j]
        density += weight[j] * px_per_m
    return share, density / share if share > 0 else 0.0


@inner
def show_believed(
    lens: Lenses,
    i: int,
    tables: Believed,
    target: Target,
    px: Floats,
    py: Floats,
    weight: Floats,
    lowest: Tables,
    sure: float,
    shown: Tables,
) -> tuple[float, float]:
    """The same for a camera whose direction is only believed; its pixels are those of its range."""
    chance = tables.chance[lens.belief[i]]
    azimuths = chance.shape[0]
    share, density = 0.0, 0.0
    for j in range(px.size):
        shown[j] = 0.0
        if lowest[j] >= target.height_m:
            continue
        dx, dy = px[j] - lens.x[i], py[j] - lens.y[i]
        away = math.hypot(dx, dy)
        if lens.zone[i + 1] > lens.zone[i] and in_zone(lens, i, dx, dy):
            continue
        range_ = min(int(away * 1.7 / target.height_m / tables.step_m), chance.shape[1] - 1)
        turn = (arc(dx, dy) % (2 * math.pi)) / (2 * math.pi)
        p = float(chance[min(int(turn * azimuths), azimuths - 1), range_])
        if target.night:
            p *= by_night(lens, i, away)
        shown[j] = p * sure * (1 - 0.1 * lowest[j] / target.height_m)
        share += weight[j] * p
        density += weight[j] * p * lens.half_px[i] / lens.half_w[i] / max(away, 1.0)
    return share, density / share if share > 0 else 0.0


@inner
def slew_s(lens: Lenses, i: int, now: Floats, aim: Floats) -> float:
    """Time for a PTZ to turn from ``now`` into ``aim``; the three motors run together."""
    pan = abs(apart(aim[0], now[0])) / lens.speed[i, 0]
    tilt = abs(aim[1] - now[1]) / lens.speed[i, 1]
    zoom = abs(lens.half_w[i] / aim[2] - lens.half_w[i] / now[2]) / lens.speed[i, 2]
    return float(max(pan, tilt, zoom))
