"""What walls leave of a place to one camera, and how well one of its poses shows each point of it."""

import math

from safetynet.base.geo import Floats
from safetynet.sight.kernels.compiled import lean, lean_door
from safetynet.sight.kernels.geometry import apart, arc, picture, pose_of
from safetynet.sight.kernels.tables import Eye, Lenses, Place, Record, Tables, Target
from safetynet.sight.kernels.walls import (
    AT_LENS_M,
    SHORT_M,
    Rows,
    bucket_of,
    last_before,
    lowest_seen,
)

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
ALL_ROUND = -1.0
"""Least cosine of the angle from a camera's direction where every direction counts."""


@lean
def half_aside(tangent: float, aspect: float, tilt: float) -> float:
    """How far aside of its direction a tilted lens sees at most, in a corner; radians."""
    ahead = math.cos(tilt) - tangent * aspect * abs(math.sin(tilt))
    return arc(tangent, ahead) + 0.01 if ahead > 0 else math.pi


@lean_door
def look_past_walls(
    eye: Eye,
    i: int,
    place: Place,
    height: float,
    azimuth: float,
    least_cos: float,
    lowest: Tables,
) -> bool:
    """Lowest height in sight of camera ``i`` over each point, into ``lowest`` (s,); any in sight?

    Points whose direction is so far from ``azimuth`` that the cosine of the angle is below
    ``least_cos`` are not looked at and count as hidden; ``ALL_ROUND`` looks at all.
    """
    c, wall = eye.lens.camera[i], eye.profiles.wall
    x, y, z, p = c.x, c.y, c.z, c.place
    ends = eye.profiles.short_cm[p] if height <= SHORT_M else eye.profiles.tall_cm[p]
    span, within = eye.profiles.span[p], eye.profiles.within[p]
    east, north = math.sin(azimuth), math.cos(azimuth)
    some = False
    for j in range(place.x.size):
        dx, dy = place.x[j] - x, place.y[j] - y
        away2 = dx * dx + dy * dy
        lowest[j] = HIDDEN
        if least_cos > 0:
            ahead = dx * east + dy * north
            if ahead < 0 or ahead * ahead < least_cos * least_cos * away2:
                continue
        b = bucket_of(dx, dy)
        end = 0.01 * ends[b]
        if away2 > end * end:
            continue
        top = place.ground[j] + height
        last = last_before(within[b], span[b], span[b + 1], math.sqrt(away2))
        seen = lowest_seen(eye.edge, wall, span[b], last, x, y, z, dx, dy, top)
        if seen < top:
            lowest[j] = max(seen - place.ground[j], 0.0)
            some = True
    return some


@lean_door
def free_sight(
    eye: Eye, i: int, base: float, range_m: float, bearing: Floats, free: Floats
) -> None:
    """Distance to the first wall that stands before the ground at ``range_m``, into ``free`` (n,), in each
    direction of ``bearing`` (n,), compass, radians; ``base`` is the ground at the lens."""
    c, edge, wall = eye.lens.camera[i], eye.edge, eye.profiles.wall
    span, length2 = eye.profiles.span[c.place], range_m * range_m
    for k in range(bearing.size):
        dx, dy, first = range_m * math.sin(bearing[k]), range_m * math.cos(bearing[k]), 1.0
        b = bucket_of(dx, dy)
        for w in range(span[b], span[b + 1]):
            e = wall[w]
            ax, ay = edge[e, 0] - c.x, edge[e, 1] - c.y
            bx, by = ax + edge[e, 2], ay + edge[e, 3]
            side_a, side_b = dx * ay - dy * ax, dx * by - dy * bx
            if (side_a > 0) == (side_b > 0):
                continue
            u = side_a / (side_a - side_b)
            t = ((ax + u * edge[e, 2]) * dx + (ay + u * edge[e, 3]) * dy) / length2
            before = AT_LENS_M / range_m < t < first
            if before and (c.z - base) * (1 - t) < edge[e, 4] - base:
                first = t
        free[k] = first * range_m


@lean_door
def list_seen(lowest: Tables, height: float, seen: Rows) -> int:
    """Points at which walls leave something of a target of this height in sight, in order, into ``seen`` (s,);
    returns how many."""
    n = 0
    for j in range(lowest.size):
        if lowest[j] < height:
            seen[n] = j
            n += 1
    return n


@lean
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


@lean
def worth(low: float, high: float, tall_px: float, px_per_m: float, target: Target) -> float:
    """Probability that somebody who watches sees it, by its size in the picture; 0: too small."""
    if tall_px < SHOWN_PX or tall_px * target.width_m * px_per_m < 5 * SHOWN_PX:
        return 0.0
    clear = min((tall_px - SHOWN_PX) / (EASY_PX - SHOWN_PX), 1.0)
    value = 0.6 + 0.3 * clear + 0.1 * (high - low) / target.height_m
    if px_per_m < target.px_per_m:
        value *= 0.6 + 0.4 * px_per_m / target.px_per_m
    return value


@lean
def by_night(night_m: float, away: float) -> float:
    """What darkness leaves of a view's worth."""
    if math.isnan(night_m):
        return 1.0 if away <= DARK_M else UNSURE_WORTH
    return 1.0 if away <= night_m else DARK_WORTH


@lean
def waited(seconds: float) -> float:
    """What waiting for the picture leaves of a view's worth."""
    return max(1 - WAIT_COST_PER_S * seconds, LEAST_WAITED)


@lean_door
def show_posed(
    lens: Lenses,
    i: int,
    azimuth: float,
    tilt: float,
    tangent: float,
    target: Target,
    place: Place,
    lowest: Tables,
    seen: Rows,
    sure: float,
    shown: Tables,
) -> tuple[float, float]:
    """Probability that camera ``i``, posed so, shows each point.

    ``seen`` are the points that walls leave in sight. Into ``shown`` (s,); returns the weight of the points shown, and px per metre over them.
    """
    c = lens.camera[i]
    pose = pose_of(azimuth, tilt, c.roll)
    x, y, z = c.x, c.y, c.z
    half_w = tangent * USED
    half_h = half_w * c.aspect
    focal_px = c.half_px / tangent
    zoned = lens.zone[i + 1] > lens.zone[i]
    share, density = 0.0, 0.0
    shown[:] = 0.0
    for j in seen:
        dx, dy = place.x[j] - x, place.y[j] - y
        low, high, tall_px, px_per_m = picture(
            pose, half_w, half_h, focal_px, dx, dy, z - place.ground[j], lowest[j], target.height_m
        )
        value = worth(low, high, tall_px, px_per_m, target)
        if value == 0 or (zoned and in_zone(lens, i, dx, dy)):
            continue
        if target.night:
            value *= by_night(c.night_m, math.hypot(dx, dy))
        shown[j] = value * sure
        share += place.weight[j]
        density += place.weight[j] * px_per_m
    return share, density / share if share > 0 else 0.0


@lean
def show_believed(
    eye: Eye,
    i: int,
    target: Target,
    place: Place,
    lowest: Tables,
    seen: Rows,
    sure: float,
    shown: Tables,
) -> tuple[float, float]:
    """The same for a camera whose direction is only believed; its pixels are those of its range."""
    c = eye.lens.camera[i]
    chance = eye.tables.chance[c.belief]
    azimuths = chance.shape[0]
    zoned = eye.lens.zone[i + 1] > eye.lens.zone[i]
    share, density = 0.0, 0.0
    shown[:] = 0.0
    for j in seen:
        dx, dy = place.x[j] - c.x, place.y[j] - c.y
        away = math.hypot(dx, dy)
        if zoned and in_zone(eye.lens, i, dx, dy):
            continue
        range_ = min(int(away * 1.7 / target.height_m / eye.tables.step_m), chance.shape[1] - 1)
        turn = (arc(dx, dy) % (2 * math.pi)) / (2 * math.pi)
        p = float(chance[min(int(turn * azimuths), azimuths - 1), range_])
        if target.night:
            p *= by_night(c.night_m, away)
        shown[j] = p * sure * (1 - 0.1 * lowest[j] / target.height_m)
        share += place.weight[j] * p
        density += place.weight[j] * p * c.half_px / c.half_w / max(away, 1.0)
    return share, density / share if share > 0 else 0.0


@lean
def slew_s(lens: Lenses, i: int, now: Record, aim: Floats) -> float:
    """Time for a PTZ to turn from its row of the moment into ``aim``; the three motors run together."""
    c = lens.camera[i]
    pan = abs(apart(aim[0], now.azimuth)) / c.pan_speed
    tilt = abs(aim[1] - now.tilt) / c.tilt_speed
    zoom = abs(c.half_w / aim[2] - c.half_w / now.tangent) / c.zoom_speed
    return float(max(pan, tilt, zoom))
