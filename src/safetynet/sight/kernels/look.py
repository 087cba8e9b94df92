"""Looking through cameras: what walls leave of a place, then what each pose has in its picture."""

import math
from typing import NamedTuple

import numpy as np

from safetynet.base.geo import Floats
from safetynet.sight.kernels.aims import plan_aims
from safetynet.sight.kernels.compiled import inner, lean
from safetynet.sight.kernels.geometry import apart, arc
from safetynet.sight.kernels.lens import (
    ALL_ROUND,
    half_aside,
    list_seen,
    look_past_walls,
    show_believed,
    show_posed,
    slew_s,
    waited,
)
from safetynet.sight.kernels.strip import note_directions
from safetynet.sight.kernels.sweep import MUCH_MORE, plan_sweep
from safetynet.sight.kernels.tables import (
    AIMS,
    VIEW,
    Eye,
    Flags,
    Lenses,
    Moment,
    Place,
    Record,
    Records,
    Room,
    Tables,
    Target,
    make_room,
)
from safetynet.sight.kernels.walls import Bytes, Rows

WAYS = AIMS + 1
"""Views of one camera at most: its aims, and a sweep."""


class Search(NamedTuple):
    """What is known of the cameras of one question, in the order of ``cameras``, and of their views."""

    cameras: Rows
    bounds: Floats
    """(n,) the most each can be worth, by distance and direction."""
    lowest: Tables
    """(n, s) lowest height in sight past the walls."""
    seen: Rows
    """(n, s) the points that walls leave in sight, …"""
    seen_count: Rows
    """(n,) … so many of each row."""
    bucket: Bytes
    """(n, s) direction of each of them, of a PTZ."""
    wide: Floats
    """(n,) half the angle that a PTZ's widest picture holds; π for others."""
    direction: Floats
    """(n,) from the camera to the middle of the place, radians."""
    first: Rows
    """(n, 2) its views in ``views``: as first looked at, and, of a PTZ, as aimed anew; -1: none yet."""
    found: Rows
    """(n, 2) how many."""
    turns: Flags
    """PTZ cameras that are free."""
    taken: Flags
    most: Floats
    """(n,) the most that another look could add, when that was last worked out; it only falls."""
    swept: Floats
    """(n,) the same of a sweep."""
    pending: Flags
    """Walls were looked past, but not yet what the picture shows: it could not win so far."""
    views: Records
    """(v,) of ``VIEW``."""
    shown: Tables
    """(v, s) probability that the view shows a target at each point."""
    used: Rows
    """(1,) views so far."""
    room: Room


@inner
def make_search(cameras: Rows, bounds: Floats, points: int) -> Search:
    """Room for looking through these cameras; memory is touched only where one is looked through."""
    n = cameras.size
    return Search(
        cameras,
        bounds,
        np.empty((n, points), np.float32),
        np.empty((n, points), np.int32),
        np.zeros(n, np.int32),
        np.empty((n, points), np.uint8),
        np.empty(n),
        np.empty(n),
        np.full((n, 2), -1, np.int32),
        np.zeros((n, 2), np.int32),
        np.zeros(n, np.bool_),
        np.zeros(n, np.bool_),
        np.full(n, np.inf),
        np.zeros(n),
        np.zeros(n, np.bool_),
        np.empty(2 * n * WAYS, VIEW),
        np.empty((2 * n * WAYS, points), np.float32),
        np.zeros(1, np.int32),
        make_room(points),
    )


@lean
def may_turn(c: Record, m: Record) -> bool:
    """True for a PTZ that is free."""
    return bool(c.turns and m.state == 0)


@lean
def look_past(
    eye: Eye, place: Place, moment: Moment, target: Target, search: Search, k: int
) -> bool:
    """What walls leave of the place to one camera, once; False: nothing."""
    i = search.cameras[k]
    c, m = eye.lens.camera[i], moment.camera[i]
    search.direction[k] = arc(place.mid_x - c.x, place.mid_y - c.y)
    search.wide[k] = math.pi
    turns, least_cos = may_turn(c, m), ALL_ROUND
    search.turns[k] = turns
    if not turns and c.belief < 0 and c.roll == 0:
        aside = half_aside(m.tangent, c.aspect, m.tilt)
        least_cos = math.cos(aside) if aside < math.pi / 2 else ALL_ROUND
    lowest = search.lowest[k]
    some = look_past_walls(eye, i, place, target.height_m, m.azimuth, least_cos, lowest)
    search.pending[k] = some
    if some:
        search.seen_count[k] = list_seen(lowest, target.height_m, search.seen[k])
    if some and turns:
        search.wide[k] = note_directions(
            c, place, search.seen[k, : search.seen_count[k]], search.bucket[k]
        )
    return bool(some)


@lean
def look(
    eye: Eye,
    place: Place,
    moment: Moment,
    target: Target,
    search: Search,
    k: int,
    left: Floats,
    again: int,
) -> None:
    """What one camera's picture shows, for the first time or, of a PTZ, aimed at what is left."""
    i = search.cameras[k]
    search.found[k, again] = 0
    search.pending[k] = False
    aims, count = search.room.aims[0], 0
    if may_turn(eye.lens.camera[i], moment.camera[i]):
        count = plan_aims(
            eye.lens,
            i,
            target,
            place,
            left,
            search.lowest[k],
            search.seen[k, : search.seen_count[k]],
            search.room,
            aims,
        )
        if count == 0:
            return
    if search.first[k, again] < 0:
        search.first[k, again] = search.used[0]
        search.used[0] += max(count, 1) + 1 if again == 0 else WAYS
    search.found[k, again] = _add(eye, place, moment, target, search, k, aims, count, again)


@lean
def look_around(
    eye: Eye,
    place: Place,
    moment: Moment,
    target: Target,
    search: Search,
    k: int,
    left: Floats,
    again: int,
) -> int:
    """What a PTZ shows that sweeps, beginning with the best of the aims it was looked through in; its
    view, or -1: it would not show more than where it stands."""
    i, first, n = search.cameras[k], search.first[k, again], search.found[k, again]
    best, most = -1, 0.0
    for v in range(first, first + n):
        if search.views[v].gain > most:
            best, most = v, search.views[v].gain
    if best < 0 or search.swept[k] < MUCH_MORE * most:
        return -1
    stops, view = search.room.aims[2], search.views[first + n]
    begin = search.views[best]
    stops[0, 0], stops[0, 1], stops[0, 2] = begin.azimuth, begin.tilt, begin.tangent
    shown, lowest, seen = (
        search.shown[first + n],
        search.lowest[k],
        search.seen[k, : search.seen_count[k]],
    )
    count, round_s, first_s = plan_sweep(
        eye, i, place, moment, target, lowest, seen, left, search.room, stops, shown
    )
    if count < 2:
        return -1
    share = 0.0
    for j in seen:
        if shown[j] > 0:
            share += place.weight[j]
    view.share, view.px_per_m, view.slew_s = share, begin.px_per_m, first_s
    _note(eye.lens, place, moment.camera[i], i, stops[0], True, seen, shown, view)
    view.stops, view.round_s = count, round_s
    view.azimuth_2, view.tilt_2, view.tangent_2 = stops[1, 0], stops[1, 1], stops[1, 2]
    last = count - 1
    view.azimuth_3, view.tilt_3, view.tangent_3 = stops[last, 0], stops[last, 1], stops[last, 2]
    search.found[k, again] = n + 1
    return int(first + n)


@lean
def _add(
    eye: Eye,
    place: Place,
    moment: Moment,
    target: Target,
    search: Search,
    k: int,
    aims: Floats,
    count: int,
    again: int,
) -> int:
    """Look through a camera in each of its aims; returns the number of views that show something."""
    i, turned, first, n = search.cameras[k], count > 0, search.first[k, again], 0
    c, m = eye.lens.camera[i], moment.camera[i]
    for a in range(max(count, 1)):
        if not turned:
            aims[a, 0], aims[a, 1], aims[a, 2] = m.azimuth, m.tilt, m.tangent
        slew = slew_s(eye.lens, i, m, aims[a]) if turned else 0.0
        sure = c.trust * m.sure * waited(slew + m.start_s)
        shown, lowest, seen = (
            search.shown[first + n],
            search.lowest[k],
            search.seen[k, : search.seen_count[k]],
        )
        if c.belief >= 0 and not turned:
            share, px = show_believed(eye, i, target, place, lowest, seen, sure, shown)
        else:
            share, px = show_posed(
                eye.lens, i, aims[a, 0], aims[a, 1], aims[a, 2], target, place, lowest, seen, sure,
                shown,
            )  # fmt: skip
        if share <= 0:
            continue
        view = search.views[first + n]
        view.share, view.px_per_m, view.slew_s = share, px, slew
        _note(eye.lens, place, m, i, aims[a], turned, seen, shown, view)
        n += 1
    return n


@lean
def _note(
    lens: Lenses,
    place: Place,
    m: Record,
    i: int,
    aim: Floats,
    turned: bool,
    seen: Rows,
    shown: Tables,
    view: Record,
) -> None:
    """What a view is, beside what it shows."""
    c, chance = lens.camera[i], 0.0
    for j in seen:
        chance += shown[j] * place.weight[j]
    view.camera, view.turned = i, turned
    view.azimuth, view.tilt, view.tangent = aim[0], aim[1], aim[2]
    view.chance, view.gain = chance, np.inf
    dx, dy = place.mid_x - c.x, place.mid_y - c.y
    view.direction = arc(dx, dy)
    view.turn = abs(apart(aim[0], m.azimuth)) if turned else 0.0
    view.away_m, view.start_s = math.sqrt(dx * dx + dy * dy), m.start_s
    view.believed = c.belief >= 0 and not turned
    view.stops, view.round_s = 0, 0.0
    view.azimuth_2, view.tilt_2, view.tangent_2 = 0.0, 0.0, 0.0
    view.azimuth_3, view.tilt_3, view.tangent_3 = 0.0, 0.0, 0.0
