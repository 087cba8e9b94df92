"""Why a camera does not show a place, and which wall stands before it."""

import math

import numpy as np

from safetynet.base.geo import Floats
from safetynet.sight.kernels.compiled import compiled, inner
from safetynet.sight.kernels.geometry import apart, arc, picture, pose_of
from safetynet.sight.kernels.lens import ALL_ROUND, SHOWN_PX, USED, in_zone, look_past_walls
from safetynet.sight.kernels.tables import Eye, Moment, Place, Target
from safetynet.sight.kernels.walls import bucket_of, lowest_seen

AWAY, FAR, HIDDEN, MASKED, DARK, BLURRED, BELIEVED, NOTHING_NEW = range(8)
"""Verdicts of ``look_why``."""
LEAST_SHARE = 0.02
"""Of the place; what shows less of it counts as hidden."""


@inner
def _held(eye: Eye, place: Place, moment: Moment, target: Target, i: int, held: Floats) -> float:
    """Weight per point that a camera's picture holds with nothing between; most px per metre."""
    c, m, best = eye.lens.camera[i], moment.camera[i], 0.0
    turns = c.turns and m.state == 0
    pose = pose_of(m.azimuth, m.tilt, c.roll)
    narrow = c.half_w / c.zoom
    for j in range(place.x.size):
        dx, dy = place.x[j] - c.x, place.y[j] - c.y
        drop = c.z - place.ground[j]
        held[j] = place.weight[j]
        if turns or c.belief >= 0:
            line = math.sqrt(dx * dx + dy * dy + drop * drop)
            tangent = narrow if turns else c.half_w
            best = max(best, c.half_px / tangent / max(line, 0.1))
            continue
        half_w = m.tangent * USED
        low, high, _, px_per_m = picture(
            pose,
            half_w,
            half_w * c.aspect,
            c.half_px / m.tangent,
            dx,
            dy,
            drop,
            0.0,
            target.height_m,
        )
        if high > low:
            best = max(best, px_per_m)
        else:
            held[j] = 0.0
    return best


@compiled
def look_why(
    eye: Eye, place: Place, moment: Moment, target: Target, i: int
) -> tuple[int, float, float]:
    """Why camera ``i``, which is well, is no view of the place: a verdict with value and limit."""
    c, m, s = eye.lens.camera[i], moment.camera[i], place.x.size
    held = np.empty(s)
    best = _held(eye, place, moment, target, i, held)
    dx, dy = place.mid_x - c.x, place.mid_y - c.y
    if held.sum() == 0:
        off = abs(apart(arc(dx, dy), m.azimuth))
        return AWAY, math.degrees(off), math.degrees(math.atan(m.tangent))
    if best < SHOWN_PX / target.height_m and c.belief < 0:
        return FAR, best, SHOWN_PX / target.height_m
    lowest = np.empty(s, np.float32)
    look_past_walls(eye, i, place, target.height_m, 0.0, ALL_ROUND, lowest)
    seen, free = 0.0, 0.0
    for j in range(s):
        if lowest[j] < target.height_m:
            seen += held[j]
            if not in_zone(eye.lens, i, place.x[j] - c.x, place.y[j] - c.y):
                free += held[j]
    if seen < LEAST_SHARE:
        return HIDDEN, seen, LEAST_SHARE
    if free < LEAST_SHARE:
        return MASKED, free, LEAST_SHARE
    away = math.hypot(dx, dy)
    if target.night and c.night_m < away:
        return DARK, away, c.night_m
    if c.belief >= 0 and not (c.turns and m.state == 0):
        turn = (arc(dx, dy) % (2 * math.pi)) / (2 * math.pi)
        table = eye.tables.chance[c.belief]
        range_ = int(away * 1.7 / target.height_m / eye.tables.step_m)
        a = min(int(turn * table.shape[0]), table.shape[0] - 1)
        return BELIEVED, table[a, min(range_, table.shape[1] - 1)], 0.0
    if best < target.px_per_m:
        return BLURRED, best, target.px_per_m
    return NOTHING_NEW, free, 0.0


@compiled
def wall_before(eye: Eye, place: Place, i: int) -> int:
    """Row of the wall that hides most of the most probable part of a place that is hidden from
    camera ``i``; -1: none."""
    c, span, wall = eye.lens.camera[i], eye.profiles.span, eye.profiles.wall
    x, y, z, p = c.x, c.y, c.z, c.place
    for j in np.argsort(-place.weight):
        dx, dy = place.x[j] - x, place.y[j] - y
        b = bucket_of(dx, dy)
        best, at = place.ground[j], -1
        for k in range(span[p, b], span[p, b + 1]):
            height = lowest_seen(eye.edge, wall, k, k + 1, x, y, z, dx, dy, np.inf)
            if height > best:
                best, at = height, int(wall[k])
        if at >= 0:
            return at
    return -1
