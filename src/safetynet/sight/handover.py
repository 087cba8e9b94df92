"""When the views of a moving target must change: before it leaves them, not after."""

from collections.abc import Sequence

import msgspec
import numpy as np

from safetynet.base.errors import InvalidError
from safetynet.base.geo import Floats, LonLat, Plane, azimuth_deg
from safetynet.sight.model import ChosenView, Moving
from safetynet.sight.moving import MAX_SPEED_MPS, Ahead

LIMIT = 0.3
"""Probability of being in no view at which the views must have changed."""
ASKING_S = 1.0
"""For the question, the owners' answers and the grants."""
_LOOK_BACK_S = 10.0
_STANDS_MPS = 0.5


class HandOver(msgspec.Struct, frozen=True, kw_only=True):
    """Until when the present views are good, and when to ask for the next ones; seconds from now."""

    leaves_s: float | None
    """When the target is out of all views with more than the limit; None: not within the look ahead."""
    ask_s: float
    """When to choose anew at the latest, so that the new views play when they are needed."""
    until_s: tuple[float | None, ...]
    """By view, in the order given: the last moment at which it shows the target with more than the limit;
    0: never does, None: to the end of the look ahead."""
    unseen: tuple[float, ...]
    """Probability of being in no view, in the middle of each of so many equal parts of the look ahead."""


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """One position of a target that is followed."""

    at: LonLat
    error_m: float
    time_s: float
    """On any clock that only goes forward."""


def plan_handover(ahead: Ahead, shown: Floats, *, lead_s: float, limit: float = LIMIT) -> HandOver:
    """When to choose views anew for a target, from where it can be and what the present views show.

    ``shown`` is (views, places): the probability that a view shows the target at a place of ``ahead``;
    no views at all is (0, places). ``lead_s`` is how long new views take to play: turning, and the
    start of their stream. Between the times of the look ahead the probability changes evenly; before
    the first one it is as at the first. Where the target stays in view, the next question comes due
    ``lead_s`` before the look ahead ends. Pure; raises ``InvalidError`` for numbers that make no sense.
    """
    if not (0 <= lead_s < float("inf") and 0 < limit < 1):
        raise InvalidError("sight.handover", "The lead or the limit makes no sense.")
    if shown.ndim != 2 or shown.shape[1] != ahead.x.size:
        raise InvalidError("sight.handover", "What views show does not fit the places.")
    shown = np.clip(shown, 0, 1)
    missed = np.prod(1 - shown, axis=0)
    unseen = np.clip(ahead.chance @ missed, 0, 1)
    leaves = _first_above(ahead.time_s, unseen, limit)
    until = float(ahead.time_s[-1]) if leaves is None else leaves
    return HandOver(
        leaves_s=leaves,
        ask_s=max(until - lead_s, 0.0),
        until_s=tuple(_last_above(ahead.time_s, ahead.chance @ view, limit) for view in shown),
        unseen=tuple(float(u) for u in unseen),
    )


def lead_of(views: Sequence[ChosenView]) -> float:
    """How long before they are needed the next views are to be asked for, s: what the slowest of these
    takes to play, and a second for asking."""
    return max((view.plays_in_s for view in views), default=0.0) + ASKING_S


def read_motion(fixes: Sequence[Fix], plane: Plane, *, ahead_s: float = 20.0) -> Moving:
    """The motion that the last ten seconds of positions speak of, from the latest on.

    Speed and heading are those of a straight line through the positions, each weighted by its error
    (least squares). The heading is None where the way gone is less than the positions' errors explain.
    Raises ``InvalidError`` for no position at all, or for positions that are not in order of time.
    """
    if not fixes:
        raise InvalidError("sight.fixes", "There is no position.")
    time = np.array([f.time_s for f in fixes], np.float64)
    if not np.isfinite(time).all() or (np.diff(time) < 0).any():
        raise InvalidError("sight.fixes", "The positions are not in order of time.")
    last = fixes[-1]
    recent = [f for f in fixes if f.time_s >= last.time_s - _LOOK_BACK_S]
    east, north = _velocity(recent, plane)
    speed = min(float(np.hypot(east, north)), MAX_SPEED_MPS)
    gone = speed * (last.time_s - recent[0].time_s)
    sure = speed >= _STANDS_MPS and gone > max(f.error_m for f in (recent[0], last))
    return Moving(
        at=last.at,
        error_m=last.error_m,
        speed_mps=speed if sure else min(speed, _STANDS_MPS),
        heading_deg=azimuth_deg(east, north) if sure else None,
        ahead_s=ahead_s,
    )


def _first_above(time_s: Floats, unseen: Floats, limit: float) -> float | None:
    """When a probability that changes evenly between the times first exceeds the limit."""
    above = np.flatnonzero(unseen > limit)
    if not above.size:
        return None
    k = int(above[0])
    if k == 0:
        return 0.0
    part = (limit - unseen[k - 1]) / (unseen[k] - unseen[k - 1])
    return float(time_s[k - 1] + part * (time_s[k] - time_s[k - 1]))


def _last_above(time_s: Floats, seen: Floats, limit: float) -> float | None:
    """Until when a probability that changes evenly between the times exceeds the limit; None: to the
    last of them, 0 where it never does."""
    above = np.flatnonzero(seen > limit)
    if not above.size:
        return 0.0
    k = int(above[-1])
    if k == seen.size - 1:
        return None
    part = (seen[k] - limit) / (seen[k] - seen[k + 1])
    return float(time_s[k] + part * (time_s[k + 1] - time_s[k]))


def _velocity(fixes: Sequence[Fix], plane: Plane) -> tuple[float, float]:
    """Metres per second to the east and north; 0 where there is no time between the positions."""
    time = np.array([f.time_s for f in fixes])
    xy = np.array([plane.to_xy(f.at.lon, f.at.lat) for f in fixes])
    weight = 1 / np.maximum(np.array([f.error_m for f in fixes]), 1.0) ** 2
    weight /= weight.sum()
    late = time - weight @ time
    spread = float(weight @ late**2)
    if spread <= 1e-9:
        return 0.0, 0.0
    east, north = (weight * late) @ (xy - weight @ xy) / spread
    return float(east), float(north)
