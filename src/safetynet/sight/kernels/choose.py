"""The choice: views that together most probably show the place, best first.

The worth of a set is the probability, over the points of the place, that at least one of its views
shows the target, plus ``SIDES`` times how well the place is seen from all sides. Both parts are
monotone and submodular, so taking the best next view each time reaches at least 1 - 1/e of the best
set where each camera has one view (Nemhauser, Wolsey, Fisher 1978), and half of it where a PTZ offers
several aims of which one may be taken. Gains only fall, and a camera's distance bounds its first one:
cameras are looked at lazily, in the order of that bound (Minoux 1978).
"""

import math

import numpy as np

from safetynet.base.geo import Floats
from safetynet.sight.kernels.compiled import compiled, inner
from safetynet.sight.kernels.gather import gather
from safetynet.sight.kernels.look import Search, look, look_past, make_search, may_turn
from safetynet.sight.kernels.strip import heaviest_strip
from safetynet.sight.kernels.tables import Eye, Moment, Place, Record, Records, Tables, Target

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

type Best = tuple[int, int, float, int]
"""The best so far: position of its camera, its view, gain, rank."""


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
def _gain(shown: Tables, view: Record, left: Floats, sides: Floats) -> float:
    """What a view adds to the chosen ones; ``left`` (s,) is the weight that they miss."""
    seen = 0.0
    for j in range(left.size):
        seen += shown[j] * left[j]
    return seen + SIDES * _side_gain(_bearing_row(view.direction), view.chance, sides)


@inner
def _may_win(
    search: Search,
    k: int,
    left: Floats,
    weight: Floats,
    sides: Floats,
    height: float,
    enough: float,
) -> bool:
    """Could a camera add ``enough``? At most all that is left that walls do not hide from it and
    that goes into one picture."""
    if search.most[k] < enough:
        return False
    missed, seen = 0.0, 0.0
    lowest = search.lowest[k]
    for j in range(left.size):
        if lowest[j] < height:
            missed += left[j]
            seen += weight[j]
    bound = search.bounds[k]
    aside = SIDES * _side_gain(_bearing_row(search.direction[k]), bound * seen, sides)
    if bound * missed + aside >= enough and search.wide[k] < math.pi:
        strip = heaviest_strip(left, height, lowest, search.bucket[k], search.wide[k])
        missed = min(missed, strip)
    search.most[k] = bound * missed + aside
    return bool(search.most[k] >= enough)


@inner
def _try(
    search: Search, k: int, again: int, left: Floats, sides: Floats, best: Best, rank: int
) -> Best:
    """The best so far, or a better one of a camera's views."""
    first = search.first[k, again]
    for v in range(first, first + search.found[k, again]):
        view = search.views[v]
        if view.gain < best[2] - EVEN:
            continue
        view.gain = _gain(search.shown[v], view, left, sides)
        if view.gain > best[2] + EVEN or (view.gain >= best[2] - EVEN and rank < best[3]):
            best = (k, v, view.gain, rank)
    return best


@inner
def _settle(
    eye: Eye,
    place: Place,
    moment: Moment,
    target: Target,
    search: Search,
    k: int,
    left: Floats,
    sides: Floats,
    round_: int,
    best: Best,
) -> Best:
    """Look through a pending camera where it could win; the best so far, or its best view."""
    enough = best[2] - EVEN
    if not _may_win(search, k, left, place.weight, sides, target.height_m, enough):
        return best
    look(eye, place, moment, target, search, k, left, 0)
    search.aimed_at[k] = round_
    return _try(search, k, 0, left, sides, best, eye.lens.camera[search.cameras[k]].rank)


@inner
def _aim_anew(
    eye: Eye,
    place: Place,
    moment: Moment,
    target: Target,
    search: Search,
    k: int,
    left: Floats,
    sides: Floats,
    round_: int,
    best: Best,
) -> Best:
    """Aim a PTZ at what is left where that could win; the best so far, or its best view."""
    i, enough = search.cameras[k], best[2] - EVEN
    if search.taken[k] or search.found[k, 0] == 0 or search.aimed_at[k] == round_:
        return best
    if not may_turn(eye.lens.camera[i], moment.camera[i]):
        return best
    if best[0] == k and search.first[k, 1] >= 0 and best[1] >= search.first[k, 1]:
        return best  # what it was aimed at anew before is the best there is
    if not _may_win(search, k, left, place.weight, sides, target.height_m, enough):
        return best
    look(eye, place, moment, target, search, k, left, 1)
    search.aimed_at[k] = round_
    return _try(search, k, 1, left, sides, best, eye.lens.camera[i].rank)


@inner
def _best_known(
    eye: Eye,
    place: Place,
    moment: Moment,
    target: Target,
    search: Search,
    known: int,
    left: Floats,
    sides: Floats,
    anew: bool,
    round_: int,
) -> Best:
    """The best view of the cameras looked at so far."""
    best = (-1, -1, -1.0, LAST)
    for k in range(known):
        if search.taken[k]:
            continue
        rank = eye.lens.camera[search.cameras[k]].rank
        for again in range(2):
            best = _try(search, k, again, left, sides, best, rank)
    for k in range(known):
        if search.pending[k]:
            best = _settle(eye, place, moment, target, search, k, left, sides, round_, best)
    for k in range(known if anew else 0):
        best = _aim_anew(eye, place, moment, target, search, k, left, sides, round_, best)
    return best


@compiled
def choose(
    eye: Eye,
    place: Place,
    moment: Moment,
    target: Target,
    radius: float,
    count: int,
    picked: Records,
) -> tuple[int, float]:
    """Fill ``picked`` (count,) of ``VIEW`` with the chosen views, best first.

    Returns how many, and the weight of what none of them shows.
    """
    cameras, bounds = gather(eye, place, moment, target, radius)
    n, s = cameras.size, place.x.size
    search = make_search(cameras, bounds, s)
    left, sides, known = place.weight.copy(), np.zeros(DIRECTIONS), 0
    for round_ in range(count):
        missed = left.sum()
        anew = bool(round_ > 0 and s > 8 and missed > AIM_ANEW)
        best = _best_known(eye, place, moment, target, search, known, left, sides, anew, round_)
        aside = SIDES * _most_sides(sides)
        while known < n and bounds[known] * missed + aside >= best[2] - EVEN:
            if look_past(eye, place, moment, target, search, known):
                best = _settle(eye, place, moment, target, search, known, left, sides, round_, best)
            known += 1
        k, v, gain, _ = best
        if v < 0 or gain < LEAST_GAIN:
            return round_, missed
        picked[round_] = search.views[v]
        search.taken[k] = True
        for j in range(s):
            left[j] *= 1 - search.shown[v, j]
        row = _bearing_row(search.views[v].direction)
        for g in range(DIRECTIONS):
            sides[g] = max(sides[g], search.views[v].chance * LIKENESS[row, g])
    return count, left.sum()
