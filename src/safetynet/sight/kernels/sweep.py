"""Sweeps: a PTZ that looks at one part of an uncertain place, and then at another.

A sweep is one more way to aim a camera. What it shows of a point is what its best stop shows, less what
waiting for that stop costs, and less for being shown only part of the time.
"""

from safetynet.base.geo import Floats
from safetynet.sight.kernels.aims import plan_aims
from safetynet.sight.kernels.compiled import lean
from safetynet.sight.kernels.geometry import apart
from safetynet.sight.kernels.lens import show_posed, slew_s, waited
from safetynet.sight.kernels.tables import Eye, Lenses, Moment, Place, Record, Room, Tables, Target
from safetynet.sight.kernels.walls import Rows

STOPS = 3
DWELL_S = 1.0
"""How long a sweep stands at each stop: long enough to see what is there, and to say so."""
SOON_S = 5.0
"""A stop that the camera reaches later than this, with its stream playing, is not made: the eyes are
wanted now."""
GLIMPSE = 0.95
"""What a picture is worth that is shown only part of the time."""
MUCH_MORE = 1.15
"""A sweep is planned where it could be worth so many times what the best single aim is."""
LEAST_MORE = 0.01
"""Weight, of what no view shows yet, that a further stop must add."""


@lean
def _between_s(c: Record, a: Floats, b: Floats) -> float:
    """Time to turn from one aim to another; the three motors run together."""
    pan = abs(apart(b[0], a[0])) / c.pan_speed
    tilt = abs(b[1] - a[1]) / c.tilt_speed
    zoom = abs(c.half_w / b[2] - c.half_w / a[2]) / c.zoom_speed
    return float(max(pan, tilt, zoom))


@lean
def _take_stop(
    lens: Lenses,
    i: int,
    aim: Floats,
    target: Target,
    place: Place,
    lowest: Tables,
    seen: Rows,
    sure: float,
    left: Floats,
    held: Tables,
    tried: Tables,
) -> float:
    """What a stop would add to what a sweep shows, by the weight that is left; its picture in ``tried``."""
    show_posed(lens, i, aim[0], aim[1], aim[2], target, place, lowest, seen, sure, tried)
    more = 0.0
    for j in seen:
        if tried[j] > held[j]:
            more += left[j] * (tried[j] - held[j])
    return more


@lean
def _find_stop(
    eye: Eye,
    i: int,
    place: Place,
    moment: Moment,
    target: Target,
    lowest: Tables,
    seen: Rows,
    left: Floats,
    room: Room,
    stops: Floats,
    k: int,
    leaves_s: float,
    shown: Tables,
) -> tuple[float, float]:
    """Stop ``k`` of a sweep that leaves the one before it at ``leaves_s``, into ``stops``; what it shows into
    ``room.best``. Returns the weight that it adds, 0 for none, and the time to turn there."""
    c, m, aims = eye.lens.camera[i], moment.camera[i], room.aims[1]
    most, turn_s = 0.0, 0.0
    for a in range(plan_aims(eye.lens, i, target, place, room.rest, lowest, seen, room, aims)):
        way_s = _between_s(c, stops[k - 1], aims[a])
        plays_s = leaves_s + way_s + m.start_s
        if plays_s > SOON_S:
            continue
        sure = c.trust * m.sure * GLIMPSE * waited(plays_s)
        more = _take_stop(
            eye.lens, i, aims[a], target, place, lowest, seen, sure, left, shown, room.tried
        )
        if more > most + 1e-12:
            most, turn_s = more, way_s
            stops[k, 0], stops[k, 1], stops[k, 2] = aims[a, 0], aims[a, 1], aims[a, 2]
            for j in seen:
                room.best[j] = room.tried[j]
    return most, turn_s


@lean
def plan_sweep(
    eye: Eye,
    i: int,
    place: Place,
    moment: Moment,
    target: Target,
    lowest: Tables,
    seen: Rows,
    left: Floats,
    room: Room,
    stops: Floats,
    shown: Tables,
) -> tuple[int, float, float]:
    """The stops of a sweep of camera ``i``, from its first aim in ``stops`` (STOPS, 3) on.

    Leaves in ``shown`` (s,) the probability that it shows a target at each point. Returns how many
    stops, the time of a whole round and the time to the first stop; fewer than two stops are no sweep.
    """
    c, m = eye.lens.camera[i], moment.camera[i]
    first_s = slew_s(eye.lens, i, m, stops[0])
    there_s, spent_s, count = first_s, DWELL_S, 1
    rest, best = room.rest, room.best
    for j in range(rest.size):
        rest[j], shown[j] = left[j], 0.0
    sure = c.trust * m.sure * GLIMPSE * waited(first_s + m.start_s)
    if _take_stop(eye.lens, i, stops[0], target, place, lowest, seen, sure, left, shown, best) <= 0:
        return 0, 0.0, first_s
    for j in range(rest.size):
        shown[j] = best[j]
    for k in range(1, STOPS):
        for j in seen:
            if shown[j] > 0:
                rest[j] = 0.0
        most, turn_s = _find_stop(
            eye,
            i,
            place,
            moment,
            target,
            lowest,
            seen,
            left,
            room,
            stops,
            k,
            there_s + DWELL_S,
            shown,
        )
        if most < LEAST_MORE:
            break
        for j in seen:
            shown[j] = max(shown[j], best[j])
        there_s += DWELL_S + turn_s
        spent_s += DWELL_S + turn_s
        count += 1
    return count, spent_s + _between_s(c, stops[count - 1], stops[0]), first_s
