"""Where a target on the move can be in the next seconds: along the streets, with what probability.

The target goes on along the street, turns off at corners, or stands at a dead end. Its way is a tree
of legs; a leg is entered with a probability, at a distance from the start. As the distance after a time
is known but for the speed's error, each leg holds a known part of the probability at each time, and the
parts of all legs sum to 1.
"""

import math
from dataclasses import dataclass

import numpy as np

from safetynet.base.errors import InvalidError
from safetynet.base.geo import Floats, Plane
from safetynet.sight.boxes import Index, spread
from safetynet.sight.graph import Net, StreetGraph
from safetynet.sight.ground import free_ground
from safetynet.sight.model import Moving, TargetKind
from safetynet.sight.place import Points
from safetynet.sight.walk import Front, Legs, liking, open_ways, walk
from safetynet.sight.walls import Walls

MAX_SPEED_MPS = 70.0
MAX_AHEAD_S = 120.0
MAX_ERROR_M = 500.0
SPEED_SHARE = 0.3
"""A speed is true to ± this share of it …"""
SPEED_MPS = 0.3
"""… and ± this: who stands may start to walk."""
FASTEST_ON_FOOT_MPS = 8.0
"""Whatever is faster has wheels."""

_SLICES = 4
_MOST_POINTS = 240
_MOST_STARTS = 20
_STEP_M = (3.0, 40.0)
_FINER = 3
_ON_STREET_M = 15.0
"""Farther from the nearest street, the target is taken to cross open ground."""
_SIGMAS = 2.448


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """Where a moving target can be, at some times from now; s places, k times."""

    x: Floats
    """(s,) metres on the plane."""
    y: Floats
    time_s: Floats
    """(k,), rising."""
    chance: Floats
    """(k, s) probability of each place at each time; rows sum to 1."""

    def points(self) -> Points:
        """The places, each weighted by its probability over all times alike."""
        return Points(x=self.x, y=self.y, weight=self.chance.mean(axis=0))


def check_moving(where: Moving) -> None:
    """Raise ``InvalidError`` for a motion that makes no sense."""
    for name, value, least, most in (
        ("speed_mps", where.speed_mps, 0.0, MAX_SPEED_MPS),
        ("ahead_s", where.ahead_s, 1.0, MAX_AHEAD_S),
        ("error_m", where.error_m, 0.0, MAX_ERROR_M),
        ("heading_deg", where.heading_deg or 0.0, -360.0, 360.0),
    ):
        if not (math.isfinite(value) and least <= value <= most):
            raise InvalidError(
                f"sight.{name}", f"{name} must be from {least} to {most}.", least=least, most=most
            )
    if not where.at.is_valid():
        raise InvalidError("sight.place", "The place is no position.")


def look_ahead(
    where: Moving,
    plane: Plane,
    streets: StreetGraph,
    walls: Walls,
    target: TargetKind,
    times_s: Floats | None = None,
) -> Ahead:
    """Where the target can be at some times from now; by default in the middle of four equal slices.

    Streets within 60° of the heading are preferred, turns back unlikely, footpaths nearly closed to
    vehicles; where no street is near, the target crosses open ground. Deterministic. Raises
    ``InvalidError`` for a motion that makes no sense. Some 5 ms.
    """
    check_moving(where)
    times = (np.arange(_SLICES) + 0.5) * where.ahead_s / _SLICES if times_s is None else times_s
    x, y = plane.to_xy(where.at.lon, where.at.lat)
    fastest = where.speed_mps * (1 + SPEED_SHARE) + SPEED_MPS
    reach = fastest * max(where.ahead_s, float(times.max()))
    legs = _legs(where, x, y, streets.net, target, reach)
    return _spread_over(legs, where.speed_mps, times, walls)


def _legs(where: Moving, x: float, y: float, net: Net, target: TargetKind, reach_m: float) -> Legs:
    heading = None if where.heading_deg is None else math.radians(where.heading_deg)
    front = _starts(net, x, y, where.error_m, heading)
    if not front.chance.size:
        return open_ways(x, y, heading, reach_m)
    on_wheels = target is TargetKind.VEHICLE or where.speed_mps > FASTEST_ON_FOOT_MPS
    return walk(net, front, reach_m, speed_mps=where.speed_mps, on_wheels=on_wheels)


def _starts(net: Net, x: float, y: float, error_m: float, heading: float | None) -> Front:
    """Where on the streets the target may be now, each place with both ways on."""
    near = max(error_m, _ON_STREET_M)
    piece = net.around(x, y, near + _ON_STREET_M)
    ax, ay = net.x[net.a[piece]] - x, net.y[net.a[piece]] - y
    dx, dy = net.x[net.b[piece]] - x - ax, net.y[net.b[piece]] - y - ay
    length = np.maximum(np.hypot(dx, dy), 1e-6)
    if error_m <= _ON_STREET_M:
        which, weigh = np.arange(piece.size), np.ones(piece.size)
        t = np.clip(-(ax * dx + ay * dy) / length**2, 0, 1)
    else:
        parts = np.maximum(np.ceil(length / (near / 4)), 1).astype(np.int64)
        which, k = spread(parts)
        t, weigh = (k + 0.5) / parts[which], (length / parts)[which]
    px, py = ax[which] + t * dx[which], ay[which] + t * dy[which]
    away = np.hypot(px, py)
    weight = weigh * np.exp(-((away * _SIGMAS / max(error_m, 2 * _SIGMAS)) ** 2) / 2)
    beside = away - net.width_m[piece[which]] / 2
    weight = np.where(beside <= near, weight + 1e-9, 0.0)
    best = np.argsort(-weight, kind="stable")[:_MOST_STARTS]
    best = best[weight[best] > weight.max(initial=0.0) * 1e-3]
    way = np.arctan2(dx, dy)[which[best]]
    ways = np.concatenate([way, way + math.pi])
    chance = np.tile(weight[best], 2)
    if heading is not None:
        chance *= liking(ways - heading) ** 2  # it goes there now: surer than a turn to come
    return Front(
        chance=chance / max(chance.sum(), 1e-300),
        piece=np.tile(piece[which[best]], 2),
        forward=np.arange(2 * best.size) < best.size,
        gone_m=np.zeros(2 * best.size),
        x=np.tile(px[best] + x, 2),
        y=np.tile(py[best] + y, 2),
    )


def _spread_over(legs: Legs, speed_mps: float, times_s: Floats, walls: Walls) -> Ahead:
    """The legs as places with a probability for each time."""
    length = np.hypot(legs.x1 - legs.x0, legs.y1 - legs.y0)
    step = float(np.clip(_ground_m(legs, length) / _MOST_POINTS * 1.5, *_STEP_M))
    parts = np.maximum(np.ceil(length / step * _FINER), 1).astype(np.int64)
    leg, k = spread(parts)
    stays = np.isinf(legs.to_m[leg])
    from_m = legs.from_m[leg] + np.where(stays, 0.0, (k * length[leg]) / parts[leg])
    to_m = np.where(stays, np.inf, legs.from_m[leg] + ((k + 1) * length[leg]) / parts[leg])
    gone = _gone(to_m, speed_mps, times_s) - _gone(from_m, speed_mps, times_s)
    chance = gone * legs.chance[leg]
    middle = (k + 0.5) / parts[leg]
    x = legs.x0[leg] + middle * (legs.x1 - legs.x0)[leg]
    y = legs.y0[leg] + middle * (legs.y1 - legs.y0)[leg]
    x, y, chance = _merge(x, y, legs.piece[leg], chance, step)
    return _on_free_ground(x, y, chance, times_s, walls)


def _ground_m(legs: Legs, length: Floats) -> float:
    """Length of the streets that the legs run along, each counted once."""
    _, which = np.unique(legs.piece, return_inverse=True)
    longest = np.zeros(which.max(initial=-1) + 1)
    np.maximum.at(longest, which, length)
    return float(longest.sum())


def _gone(way_m: Floats, speed_mps: float, times_s: Floats) -> Floats:
    """(k, n) probability that less than ``way_m`` (n,) was gone at each time: evenly between the
    slowest and the fastest."""
    low = max(speed_mps * (1 - SPEED_SHARE) - SPEED_MPS, 0.0) * times_s[:, None]
    high = (speed_mps * (1 + SPEED_SHARE) + SPEED_MPS) * times_s[:, None]
    return np.asarray(np.clip((way_m[None, :] - low) / (high - low), 0, 1))


def _merge(
    x: Floats, y: Floats, piece: Index, chance: Floats, step: float
) -> tuple[Floats, Floats, Floats]:
    """One place, in their midst, for all that lie on one piece of street within a step; the likeliest
    are kept. Pieces are straight, so the midst is on the street too."""
    column, row = np.floor(x / step).astype(np.int64), np.floor(y / step).astype(np.int64)
    cell = (piece * (1 << 18) + column) * (1 << 18) + row
    cells, which = np.unique(cell, return_inverse=True)

    def total(values: Floats) -> Floats:
        return np.bincount(which, weights=values, minlength=cells.size)

    whole = chance.sum(axis=0)
    weight = total(whole)
    merged = np.stack([total(row) for row in chance])
    kept = np.sort(np.argsort(-weight, kind="stable")[:_MOST_POINTS])
    kept = kept[weight[kept] > 0]
    return (
        total(whole * x)[kept] / weight[kept],
        total(whole * y)[kept] / weight[kept],
        merged[:, kept],
    )


def _on_free_ground(x: Floats, y: Floats, chance: Floats, times_s: Floats, walls: Walls) -> Ahead:
    """Without the places inside buildings; a time that has none left stands still, and who is in a
    building is looked for around it."""
    free = walls.inside(x, y) < 0
    if not free.any():
        out = free_ground(float(x.mean()), float(y.mean()), 1.0, walls)
        return Ahead(
            x=out.x, y=out.y, time_s=times_s, chance=np.tile(out.weight, (times_s.size, 1))
        )
    x, y, chance = x[free], y[free], chance[:, free]
    total = chance.sum(axis=1)
    for k in np.flatnonzero(total <= 1e-9):
        full = np.flatnonzero(total > 1e-9)
        near = full[np.argmin(np.abs(full - k))] if full.size else k
        chance[k] = chance[near] if full.size else 1.0
    return Ahead(x=x, y=y, time_s=times_s, chance=chance / chance.sum(axis=1, keepdims=True))
