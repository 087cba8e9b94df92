"""The choice: views that together most probably show the place, best first.

The worth of a set is the probability, over the points of the place, that at least one of its views
shows the target, plus ``SIDES`` times how well the place is seen from all sides. Both parts are
monotone and submodular, so taking the best next view each time reaches at least 1 - 1/e of the best
set where each camera has one view (Nemhauser, Wolsey, Fisher 1978), and half of it where a PTZ offers
several aims of which one may be taken. Gains only fall, and a camera's distance bounds its first one:
cameras are looked at lazily, in the order of that bound (Minoux 1978).
"""

import math
from typing import NamedTuple

import numpy as np

from safetynet.base.geo import Floats
from safetynet.sight.kernels.aims import AIMS, plan_aims
from safetynet.sight.kernels.compiled import compiled, inner
from safetynet.sight.kernels.gather import Eye, Moment, Place, gather
from safetynet.sight.kernels.geometry import apart, arc
from safetynet.sight.kernels.lens import (
    Flags,
    Lenses,
    Tables,
    Target,
    look_past_walls,
    show_believed,
    show_posed,
    slew_s,
    waited,
)
from safetynet.sight.kernels.walls import Rows

SIDES = 0.05
"""Worth of seeing the place from all sides, beside the worth of seeing it at all."""
DIRECTIONS, BEARINGS = 16, 64
SAME_SIDE_RAD = math.radians(75)
"""Views farther apart than this have nothing in common."""
LEAST_GAIN = 0.004
AIM_ANEW = 0.05
"""Weight left unseen from which on PTZ cameras are aimed at what is left."""
LAST = 1 << 30
"""A rank after all others."""
EVEN = 1e-9
"""Gains closer than this are equal."""


class Found(NamedTuple):
    """Room for views looked at: at most three for each camera."""

    camera: Rows
    turned: Flags
    aim: Floats
    shown: Tables
    share: Floats
    px_per_m: Floats
    slew_s: Floats
    chance: Floats
    gain: Floats
    """Of the last look: an upper bound of the next one."""
    direction: Floats
    """From the camera to the middle of the place, radians."""
    turn: Floats
    """From where the camera looks now to the aim."""
    away_m: Floats
    start_s: Floats
    believed: Flags


def _likeness() -> Floats:
    """(BEARINGS, DIRECTIONS) how much a bearing has in common with each direction; rows sum to 1."""
    bearing = (np.arange(BEARINGS) + 0.5) * 2 * math.pi / BEARINGS
    direction = np.arange(DIRECTIONS) * 2 * math.pi / DIRECTIONS
    angle = np.abs((bearing[:, None] - direction + math.pi) % (2 * math.pi) - math.pi)
    like = np.maximum(1 - (angle / SAME_SIDE_RAD) ** 2, 0) ** 2
    made: Floats = like / like.sum(axis=1)[:, None]
    return made


LIKENESS = _likeness()


@inner
def _bearing_row(direction: float) -> int:
    return int((direction + 2 * math.pi) * (BEARINGS / (2 * math.pi))) % BEARINGS


@inner
def _side_gain(row: int, value: float, sides: Floats) -> float:
    """What a view of this value adds to the sides from which the place is seen."""
    gain = 0.0
    for g in range(DIRECTIONS):
        gain += max(value * LIKENESS[row, g] - sides[g], 0.0)
    return gain


@inner
def _most_sides(sides: Floats) -> float:
    """The most that any view could still add to the sides."""
    most = 0.0
    for row in range(BEARINGS):
        most = max(most, _side_gain(row, 1.0, sides))
    return most


@inner
def _gain(
    shown: Tables, v: int, chance: float, direction: float, left: Floats, sides: Floats
) -> float:
    """What a view adds to the chosen ones; ``left`` (s,) is the weight that they miss."""
    seen = 0.0
    for j in range(left.size):
        seen += shown[v, j] * left[j]
    return seen + SIDES * _side_gain(_bearing_row(direction), chance, sides)


@inner
def _note(
    lens: Lenses,
    place: Place,
    moment: Moment,
    i: int,
    aim: Floats,
    turned: bool,
    found: Found,
    n: int,
) -> None:
    """What a view found is, beside what it shows."""
    chance = 0.0
    for j in range(place.weight.size):
        chance += found.shown[n, j] * place.weight[j]
    found.camera[n], found.turned[n] = i, turned
    found.aim[n] = aim
    found.chance[n], found.gain[n] = chance, np.inf
    dx, dy = place.mid_x - lens.x[i], place.mid_y - lens.y[i]
    found.direction[n] = arc(dx, dy)
    found.turn[n] = abs(apart(aim[0], moment.aim[i, 0])) if turned else 0.0
    found.away_m[n], found.start_s[n] = math.sqrt(dx * dx + dy * dy), moment.start_s[i]
    found.believed[n] = lens.belief[i] >= 0 and not turned


@inner
def _add(
    eye: Eye,
    place: Place,
    moment: Moment,
    target: Target,
    i: int,
    aims: Floats,
    count: int,
    lowest: Tables,
    found: Found,
    n: int,
) -> int:
    """Look through camera ``i`` in each of its aims; returns the number of views found so far."""
    lens, turned = eye.lens, count > 0
    for k in range(max(count, 1)):
        aim = aims[k] if turned else moment.aim[i]
        slew = slew_s(lens, i, moment.aim[i], aim) if turned else 0.0
        sure = lens.trust[i] * moment.sure[i] * waited(slew + moment.start_s[i])
        if lens.belief[i] >= 0 and not turned:
            share, px = show_believed(
                lens,
                i,
                eye.tables,
                target,
                place.x,
                place.y,
                place.weight,
                lowest,
                sure,
                found.shown[n],
            )
        else:
            share, px = show_posed(
                lens,
                i,
                aim,
                target,
                place.x,
                place.y,
                place.ground,
                place.weight,
                lowest,
                sure,
                found.shown[n],
            )
        if share <= 0:
            continue
        _note(lens, place, moment, i, aim, turned, found, n)
        found.share[n], found.px_per_m[n], found.slew_s[n] = share, px, slew
        n += 1
    return n


@compiled
def make_found(views: int, points: int) -> Found:
    """Room for so many views of a place."""
    r = np.empty((9, views))
    f = np.empty((2, views), np.bool_)
    camera, aim = np.empty(views, np.int32), np.empty((views, 3))
    shown = np.empty((views, points), np.float32)
    return Found(
        camera, f[0], aim, shown, r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], f[1]
    )  # fmt: skip


class Search(NamedTuple):
    """What a greedy search knows of the cameras looked at so far, in the order of ``cameras``."""

    cameras: Rows
    bounds: Floats
    views: Rows
    """(n, 2) views of each camera as first looked at, and, of a PTZ, as aimed anew."""
    lowest: Tables
    taken: Flags
    aimed_at: Rows
    """Round in which a PTZ was last aimed."""
    pending: Flags
    """Its walls were looked past, but not yet what its picture shows: it could not win so far."""
    direction: Floats
    """From the camera to the middle of the place, radians."""


@inner
def _look_past(eye: Eye, place: Place, target: Target, search: Search, k: int) -> bool:
    """What walls leave of the place to one camera, once; False: nothing."""
    i = search.cameras[k]
    dx, dy = place.mid_x - eye.lens.x[i], place.mid_y - eye.lens.y[i]
    search.direction[k] = arc(dx, dy)
    search.pending[k] = look_past_walls(
        eye.lens,
        i,
        eye.profiles,
        eye.edge,
        place.x,
        place.y,
        place.ground,
        target.height_m,
        search.lowest[k],
    )
    return bool(search.pending[k])


@inner
def _look(
    eye: Eye,
    place: Place,
    moment: Moment,
    target: Target,
    search: Search,
    k: int,
    found: Found,
    left: Floats,
    again: int,
) -> None:
    """What one camera's picture shows, for the first time or, of a PTZ, aimed at what is left."""
    i = search.cameras[k]
    search.views[k, again] = 0
    search.pending[k] = False
    aims, count = np.empty((AIMS, 3)), 0
    if eye.lens.turns[i] and moment.state[i] == 0:
        count = plan_aims(
            eye.lens, i, target, place.x, place.y, place.ground, left, search.lowest[k], aims
        )
        if count == 0:
            return
    first = (2 * k + again) * AIMS
    end = _add(eye, place, moment, target, i, aims, count, search.lowest[k], found, first)
    search.views[k, again] = end - first


@inner
def _most_left(
    search: Search, k: int, left: Floats, weight: Floats, sides: Floats, height: float
) -> float:
    """The most that a camera could add: all of what is left that walls do not hide from it."""
    missed, seen = 0.0, 0.0
    for j in range(left.size):
        if search.lowest[k, j] < height:
            missed += left[j]
            seen += weight[j]
    bound = search.bounds[k]
    row = _bearing_row(search.direction[k])
    return float(bound * missed + SIDES * _side_gain(row, bound * seen, sides))


@inner
def _try(
    k: int,
    first: int,
    end: int,
    shown: Tables,
    chance: Floats,
    direction: Floats,
    gain: Floats,
    left: Floats,
    sides: Floats,
    best: tuple[int, int, float, int],
    rank: int,
) -> tuple[int, int, float, int]:
    """The best so far (position, view, gain, rank), or a better one of the views first…end."""
    for v in range(first, end):
        if gain[v] < best[2] - EVEN:
            continue
        gain[v] = _gain(shown, v, chance[v], direction[v], left, sides)
        if gain[v] > best[2] + EVEN or (gain[v] >= best[2] - EVEN and rank < best[3]):
            best = (k, v, gain[v], rank)
    return best


@inner
def _settle(
    eye: Eye,
    place: Place,
    moment: Moment,
    target: Target,
    search: Search,
    k: int,
    found: Found,
    left: Floats,
    sides: Floats,
    round_: int,
    best: tuple[int, int, float, int],
) -> tuple[int, int, float, int]:
    """Look through a pending camera where it could win; the best so far, or its best view."""
    most = _most_left(search, k, left, place.weight, sides, target.height_m)
    if most < best[2] - EVEN:
        return best
    _look(eye, place, moment, target, search, k, found, left, 0)
    search.aimed_at[k] = round_
    first = 2 * k * AIMS
    return _try(
        k, first, first + search.views[k, 0], found.shown, found.chance, found.direction,
        found.gain, left, sides, best, eye.lens.rank[search.cameras[k]],
    )  # fmt: skip


@inner
def _best_known(
    eye: Eye,
    place: Place,
    moment: Moment,
    target: Target,
    search: Search,
    known: int,
    found: Found,
    left: Floats,
    sides: Floats,
    anew: bool,
    round_: int,
) -> tuple[int, int, float, int]:
    """The best view of the cameras looked at so far: position, view, gain, rank."""
    best = (-1, -1, -1.0, LAST)
    rank, taken, views, cameras = eye.lens.rank, search.taken, search.views, search.cameras
    shown, chance, direction, gain = found.shown, found.chance, found.direction, found.gain
    for k in range(known):
        if taken[k]:
            continue
        for again in range(2):
            first = (2 * k + again) * AIMS
            best = _try(
                k, first, first + views[k, again], shown, chance, direction, gain,
                left, sides, best, rank[cameras[k]],
            )  # fmt: skip
    for k in range(known):
        if search.pending[k]:
            best = _settle(eye, place, moment, target, search, k, found, left, sides, round_, best)
    for k in range(known if anew else 0):
        i = cameras[k]
        turns = eye.lens.turns[i] and moment.state[i] == 0
        if taken[k] or views[k, 0] == 0 or not turns or search.aimed_at[k] == round_:
            continue
        if _most_left(search, k, left, place.weight, sides, target.height_m) < best[2] - EVEN:
            continue
        first = (2 * k + 1) * AIMS
        if best[0] == k and best[1] >= first:
            continue  # what it was aimed at anew before is the best there is
        _look(eye, place, moment, target, search, k, found, left, 1)
        search.aimed_at[k] = round_
        best = _try(
            k, first, first + views[k, 1], shown, chance, direction, gain, left, sides, best,
            rank[i],
        )  # fmt: skip
    return best


@compiled
def choose(
    eye: Eye,
    place: Place,
    moment: Moment,
    target: Target,
    radius: float,
    count: int,
    picked: Found,
) -> tuple[int, float]:
    """Fill ``picked`` (count rows) with the chosen views, best first.

    Returns how many, and the weight of what none of them shows.
    """
    cameras, bounds = gather(eye, place, moment, target, radius)
    n, s = cameras.size, place.x.size
    found = make_found(2 * n * AIMS, s)
    search = Search(
        cameras,
        bounds,
        np.zeros((n, 2), np.int32),
        np.empty((n, s), np.float32),
        np.zeros(n, np.bool_),
        np.zeros(n, np.int32),
        np.zeros(n, np.bool_),
        np.empty(n),
    )
    left, sides, known = place.weight.copy(), np.zeros(DIRECTIONS), 0
    for round_ in range(count):
        missed = left.sum()
        anew = bool(round_ > 0 and s > 8 and missed > AIM_ANEW)
        best = _best_known(
            eye, place, moment, target, search, known, found, left, sides, anew, round_
        )
        aside = SIDES * _most_sides(sides)
        while known < n and bounds[known] * missed + aside >= best[2] - EVEN:
            if _look_past(eye, place, target, search, known):
                best = _settle(
                    eye, place, moment, target, search, known, found, left, sides, round_, best
                )
            known += 1
        k, v, gain, _ = best
        if v < 0 or gain < LEAST_GAIN:
            return round_, missed
        _take(found, v, picked, round_, gain)
        search.taken[k] = True
        for j in range(s):
            left[j] *= 1 - found.shown[v, j]
        row = _bearing_row(found.direction[v])
        for g in range(DIRECTIONS):
            sides[g] = max(sides[g], found.chance[v] * LIKENESS[row, g])
    return count, left.sum()


@inner
def _take(found: Found, v: int, picked: Found, to: int, gain: float) -> None:
    picked.camera[to], picked.turned[to] = found.camera[v], found.turned[v]
    picked.aim[to], picked.shown[to] = found.aim[v], found.shown[v]
    picked.share[to], picked.px_per_m[to] = found.share[v], found.px_per_m[v]
    picked.slew_s[to], picked.chance[to], picked.gain[to] = found.slew_s[v], found.chance[v], gain
    picked.direction[to], picked.turn[to] = found.direction[v], found.turn[v]
    picked.away_m[to], picked.start_s[to] = found.away_m[v], found.start_s[v]
    picked.believed[to] = found.believed[v]
