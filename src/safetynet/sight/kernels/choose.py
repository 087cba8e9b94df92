"""The choice: views that together most probably show the place, best first.

The worth of a set is the probability, over the points of the place, that at least one of its views
shows the target, plus ``SIDES`` times how well the place is seen from all sides. Both parts are
monotone and submodular, so taking the best next view each time reaches at least 1 - 1/e of the best
set where each camera has one view (Nemhauser, Wolsey, Fisher 1978), and half of it where a PTZ offers
several aims of which one may be taken. Gains only fall, so cameras
are looked at lazily, the most promising first (Minoux 1978): distance and direction bound what one
could show, then what walls leave of the place, then how much of that goes into one picture.
"""

import math

import numpy as np

from safetynet.base.geo import Floats
from safetynet.sight.kernels.compiled import compiled, inner, lean
from safetynet.sight.kernels.gather import gather
from safetynet.sight.kernels.look import (
    Search,
    look,
    look_around,
    look_past,
    make_search,
)
from safetynet.sight.kernels.strip import heaviest_strip
from safetynet.sight.kernels.sweep import GLIMPSE, MUCH_MORE, STOPS
from safetynet.sight.kernels.tables import Eye, Moment, Place, Record, Records, Tables, Target
from safetynet.sight.kernels.walls import Rows

SIDES = 0.05
"""Worth of seeing the place from all sides, beside the worth of seeing it at all."""
DIRECTIONS, BEARINGS = 16, 64
SAME_SIDE_RAD = math.radians(75)
"""Views farther apart than this have nothing in common."""
LEAST_GAIN = 0.004
AIM_ANEW = 0.05
"""Weight left unseen from which on PTZ cameras are aimed at what is left."""
AT_ONCE = 32
"""Walls are looked past for so many cameras, the nearest to their bounds, before the next look."""
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


@lean
def _bearing_row(direction: float) -> int:
    return int((direction + 2 * math.pi) * (BEARINGS / (2 * math.pi))) % BEARINGS


@lean
def _side_gain(row: int, value: float, sides: Floats) -> float:
    """What a view of this value adds to the sides from which the place is seen."""
    gain = 0.0
    for g in range(DIRECTIONS):
        gain += max(value * LIKENESS[row, g] - sides[g], 0.0)
    return gain


@lean
def _most_sides(sides: Floats) -> float:
    """The most that any view could still add to the sides."""
    most = 0.0
    for row in range(BEARINGS):
        most = max(most, _side_gain(row, 1.0, sides))
    return most


@lean
def _gain(seen: Rows, shown: Tables, view: Record, left: Floats, sides: Floats) -> float:
    """What a view adds to the chosen ones; ``left`` (s,) is the weight that they miss."""
    more = 0.0
    for j in seen:
        more += shown[j] * left[j]
    return more + SIDES * _side_gain(_bearing_row(view.direction), view.chance, sides)


@lean
def _bound_again(
    search: Search,
    k: int,
    left: Floats,
    weight: Floats,
    sides: Floats,
    sweeps: bool,
) -> None:
    """Work out the most that a look through a camera could add: all that is left that walls do not hide from
    it and that goes into one picture, or into those of a sweep."""
    missed, seen, swept = 0.0, 0.0, 0.0
    points = search.seen[k, : search.seen_count[k]]
    for j in points:
        missed += left[j]
        seen += weight[j]
    if search.turns[k]:
        strip = missed
        if search.wide[k] < math.pi:
            strip = heaviest_strip(left, points, search.bucket[k], search.wide[k], search.room.held)
        if sweeps:
            swept = GLIMPSE * min(missed, STOPS * strip)
        missed = min(missed, strip)
    bound = search.bounds[k]
    aside = SIDES * _side_gain(_bearing_row(search.direction[k]), bound * seen, sides)
    search.swept[k] = bound * swept + aside
    search.most[k] = max(bound * missed + aside, search.swept[k])


@lean
def _try(
    search: Search, k: int, again: int, left: Floats, sides: Floats, best: Best, rank: int
) -> Best:
    """The best so far, or a better one of a camera's views."""
    first = search.first[k, again]
    for v in range(first, first + search.found[k, again]):
        view = search.views[v]
        if view.gain < best[2] - EVEN:
            continue
        view.gain = _gain(
            search.seen[k, : search.seen_count[k]], search.shown[v], view, left, sides
        )
        if view.gain > best[2] + EVEN or (view.gain >= best[2] - EVEN and rank < best[3]):
            best = (k, v, view.gain, rank)
    return best


@inner
def _list_open(search: Search, first: int, known: int, anew: bool, least: float) -> Rows:
    """Cameras through which there is more to see, the most promising first: not looked through yet,
    or a PTZ that may be aimed at what is left."""
    open_, n = np.empty(known - first, np.int32), 0
    for k in range(first, known):
        may = search.pending[k]
        if not may and anew and search.found[k, 0] > 0 and not search.taken[k]:
            may = search.turns[k]
        if may and search.most[k] >= least:
            open_[n] = k
            n += 1
    return open_[:n][np.argsort(-search.most[open_[:n]], kind="mergesort")]


@inner
def _look_on(
    eye: Eye,
    place: Place,
    moment: Moment,
    target: Target,
    search: Search,
    first: int,
    known: int,
    left: Floats,
    sides: Floats,
    anew: bool,
    sweeps: bool,
    best: Best,
) -> Best:
    """Look through the cameras first…known that could win; the best so far."""
    for k in _list_open(search, first, known, anew, best[2] - EVEN):
        if search.most[k] < best[2] - EVEN:
            break
        _bound_again(search, k, left, place.weight, sides, sweeps)
        if search.most[k] < best[2] - EVEN:
            continue
        again = 0 if search.pending[k] else 1
        if again and best[0] == k and best[1] >= search.first[k, 1] >= 0:
            continue  # what it was aimed at anew before is the best there is
        look(eye, place, moment, target, search, k, left, again)
        rank = eye.lens.camera[search.cameras[k]].rank
        best = _try(search, k, again, left, sides, best, rank)
        most = best[2] - EVEN if not again else MUCH_MORE * best[2]
        if sweeps and search.turns[k] and search.swept[k] >= most:
            look_around(eye, place, moment, target, search, k, left, again)
            best = _try(search, k, again, left, sides, best, rank)
    return best


@lean
def _best_known(eye: Eye, search: Search, known: int, left: Floats, sides: Floats) -> Best:
    """The best of the views looked at in earlier rounds."""
    best = (-1, -1, -1.0, LAST)
    for k in range(known):
        if search.taken[k]:
            continue
        rank = eye.lens.camera[search.cameras[k]].rank
        for again in range(2):
            best = _try(search, k, again, left, sides, best, rank)
    return best


@compiled
def choose(
    eye: Eye,
    place: Place,
    moment: Moment,
    target: Target,
    radius: float,
    count: int,
    sweeps: bool,
    picked: Records,
) -> tuple[int, float]:
    """Fill ``picked`` (count,) of ``VIEW`` with the chosen views, best first.

    ``sweeps``: whether PTZ cameras may look at parts of the place in turn. Returns how many, and the weight of what none of them shows.
    """
    cameras, bounds = gather(eye, place, moment, target, radius)
    n, s = cameras.size, place.x.size
    search = make_search(cameras, bounds, s)
    # Another side of a target that is seen is worth something. Where a place is so uncertain that it may
    # be swept, a view is better spent on what no other shows: all sides count as seen.
    left, sides, known = place.weight.copy(), np.full(DIRECTIONS, 1.0 if sweeps else 0.0), 0
    for round_ in range(count):
        missed = left.sum()
        anew = bool(round_ > 0 and s > 8 and missed > AIM_ANEW)
        best = _best_known(eye, search, known, left, sides)
        aside = SIDES * _most_sides(sides)
        best = _look_on(
            eye, place, moment, target, search, 0, known, left, sides, anew, sweeps, best
        )
        while known < n and bounds[known] * missed + aside >= best[2] - EVEN:
            first = known
            while known < min(n, first + AT_ONCE):
                if look_past(eye, place, moment, target, search, known):
                    _bound_again(search, known, left, place.weight, sides, sweeps)
                known += 1
            best = _look_on(
                eye, place, moment, target, search, first, known, left, sides, False, sweeps, best
            )
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
