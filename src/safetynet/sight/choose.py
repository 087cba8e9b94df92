"""Choosing: the views that together most probably show the place, one after the other."""

from dataclasses import dataclass

import numpy as np

from safetynet.base.geo import Floats
from safetynet.sight.boxes import Index
from safetynet.sight.lens import Flags, Lenses
from safetynet.sight.views import Scene, Views, join, stand, turn

_SECOND_LOOK = 0.3
"""Worth of one more view from a new side, beside the worth of seeing the place at all."""
_SAME_SIDE_RAD = np.radians(50.0)
"""Two views whose directions are this far apart still share 1/e of what they tell."""
_LEAST_GAIN = 0.004
_WORTH_NEW_AIM = 0.05
"""Weight left unseen by the chosen views from which on PTZ cameras are aimed anew at the rest."""


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Cameras that may be chosen, in order of their ids; arrays of shape (n,)."""

    lens: Lenses
    still: Flags
    """Shown as it stands: a fixed camera, or a PTZ that another has locked."""
    allowed: Flags
    """False for cameras whose health or owner rules them out."""
    scene: Scene


@dataclass(frozen=True, kw_only=True)
class Picked:
    """One chosen view: row 0 of ``view``, and the direction in which it looks at the place."""

    view: Views
    direction: float
    """Radians, from the camera to the place."""
    shown: Floats
    """(s,)"""


def pick_views(candidates: Candidates, count: int) -> list[Picked]:
    """Greedy choice of up to ``count`` views on different cameras, best first.

    The worth of a set is the probability that one of its views shows the place, and a smaller
    part for every further view from another side. Equal worth goes to the lower id.
    """
    scene = candidates.scene
    some = candidates.allowed & (scene.lowest_m < scene.target.height_m).any(axis=1)
    stay = np.flatnonzero(candidates.still & some)
    move = np.flatnonzero(~candidates.still & some)
    standing = stand(stay, candidates.lens.take(stay), scene.take(stay))
    bearing = _bearings(candidates)
    missed = np.ones(scene.weight.size)
    views = _all_views(standing, move, candidates, missed)
    picked: list[Picked] = []
    while len(picked) < count:
        best = _best(views, picked, bearing, scene.weight, missed)
        if best is None:
            break
        picked.append(best)
        missed = missed * (1 - best.shown)
        move = move[move != best.view.row[0]]
        if scene.weight @ missed > _WORTH_NEW_AIM and scene.dx.shape[1] > 8:
            views = _all_views(standing, move, candidates, missed)
    return picked


def _all_views(standing: Views, move: Index, candidates: Candidates, missed: Floats) -> Views:
    scene = candidates.scene
    aims = turn(move, candidates.lens.take(move), scene.take(move), scene.weight * missed)
    return join([standing, aims])


def _best(
    views: Views, picked: list[Picked], bearing: Floats, weight: Floats, missed: Floats
) -> Picked | None:
    if not views.row.size:
        return None
    new_side = 1 - _likeness(bearing[views.row], picked)
    gain = views.shown @ (weight * missed) + _SECOND_LOOK * new_side * (views.shown @ weight)
    taken = np.isin(views.row, [int(p.view.row[0]) for p in picked])
    gain = np.where(taken, -1.0, np.round(gain, 9))
    at = int(np.lexsort((np.arange(gain.size), views.row, -gain))[0])
    if gain[at] < _LEAST_GAIN:
        return None
    one = pick_row(views, at)
    return Picked(view=one, direction=float(bearing[one.row[0]]), shown=one.shown[0])


def pick_row(views: Views, at: int) -> Views:
    """One view out of many, still as columns."""
    row = np.array([at])
    lens = views.lens.take(row)
    names = ("row", "turned", "slew_s", "shown", "share", "px_per_m")
    return Views(lens=lens, **{name: getattr(views, name)[row] for name in names})


def _likeness(bearing: Floats, picked: list[Picked]) -> Floats:
    """How much each direction is like the nearest one already chosen, 0…1."""
    alike = np.zeros(bearing.size)
    for one in picked:
        apart = np.abs((bearing - one.direction + np.pi) % (2 * np.pi) - np.pi)
        np.maximum(alike, np.exp(-((apart / _SAME_SIDE_RAD) ** 2)), out=alike)
    return alike


def _bearings(candidates: Candidates) -> Floats:
    scene = candidates.scene
    return np.arctan2(scene.dx @ scene.weight, scene.dy @ scene.weight)


def score(picked: list[Picked], weight: Floats) -> float:
    """Probability that at least one of the views shows the place."""
    missed = np.ones(weight.size)
    for one in picked:
        missed = missed * (1 - one.shown)
    return float(1 - weight @ missed)
