"""Why a camera does not show a place, and which wall stands before it."""

import math

import numpy as np

from safetynet.base.geo import Floats
from safetynet.sight.kernels.compiled import compiled, inner
from safetynet.sight.kernels.gather import Eye, Moment, Place
from safetynet.sight.kernels.geometry import apart, arc, picture, set_pose
from safetynet.sight.kernels.lens import SHOWN_PX, USED, Target, in_zone, look_past_walls
from safetynet.sight.kernels.walls import bucket_of, lowest_seen

AWAY, FAR, HIDDEN, MASKED, DARK, BLURRED, BELIEVED, NOTHING_NEW = range(8)
"""Verdicts of ``look_why``."""
LEAST_SHARE = 0.02
"""Of the place; what shows less of it counts as hidden."""


@inner
def _held(eye: Eye, place: Place, moment: Moment, target: Target, i: int, held: Floats) -> float:
    """Weight per point that a camera's picture holds with nothing between; most px per metre."""
    lens, best = eye.lens, 0.0
    turns = lens.turns[i] and moment.state[i] == 0
    pose = np.empty(9)
    aim = moment.aim[i]
    set_pose(pose, aim[0], aim[1], lens.roll[i])
    narrow = lens.half_w[i] / lens.zoom[i]
    for j in range(place.x.size):
        dx, dy = place.x[j] - lens.x[i], place.y[j] - lens.y[i]
        drop = lens.z[i] - place.ground[j]
        held[j] = place.weight[j]
        if turns or lens.belief[i] >= 0:
            line = math.sqrt(dx * dx + dy * dy + drop * drop)
            tangent = narrow if turns else lens.half_w[i]
            best = max(best, lens.half_px[i] / tangent / max(line, 0.1))
            continue
        half_w = aim[2] * USED
        low, high, _, px_per_m = picture(
            pose,
            half_w,
            half_w * lens.aspect[i],
            lens.half_px[i] / aim[2],
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
    lens, s = eye.lens, place.x.size
    held = np.empty(s)
    best = _held(eye, place, moment, target, i, held)
    dx, dy = place.mid_x - lens.x[i], place.mid_y - lens.y[i]
    if held.sum() == 0:
        off = abs(apart(arc(dx, dy), moment.aim[i, 0]))
        return AWAY, math.degrees(off), math.degrees(math.atan(moment.aim[i, 2]))
    if best < SHOWN_PX / target.height_m and lens.belief[i] < 0:
        return FAR, best, SHOWN_PX / target.height_m
    lowest = np.empty(s, np.float32)
    look_past_walls(
        lens, i, eye.profiles, eye.edge, place.x, place.y, place.ground, target.height_m, lowest
    )
    seen, free = 0.0, 0.0
    for j in range(s):
        if lowest[j] < target.height_m:
            seen += held[j]
            if not in_zone(lens, i, place.x[j] - lens.x[i], place.y[j] - lens.y[i]):
                free += held[j]
    if seen < LEAST_SHARE:
        return HIDDEN, seen, LEAST_SHARE
    if free < LEAST_SHARE:
        return MASKED, free, LEAST_SHARE
    away = math.hypot(dx, dy)
    if target.night and lens.night_m[i] < away:
        return DARK, away, lens.night_m[i]
    if lens.belief[i] >= 0 and not (lens.turns[i] and moment.state[i] == 0):
        turn = (arc(dx, dy) % (2 * math.pi)) / (2 * math.pi)
        table = eye.tables.chance[lens.belief[i]]
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
    lens, span, wall = eye.lens, eye.profiles.span, eye.profiles.wall
    x, y, z, p = lens.x[i], lens.y[i], lens.z[i], lens.place[i]
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
