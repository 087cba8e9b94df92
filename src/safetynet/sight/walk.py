"""Following the streets from where a target may be: every way ahead, each with its probability."""

import math
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from safetynet.base.geo import Floats
from safetynet.city.model import StreetClass
from safetynet.sight.boxes import Index, spread
from safetynet.sight.graph import Net

Flags = NDArray[np.bool_]

_STRAIGHT = math.radians(60)
_BEND = math.radians(25)
_LEAST_TURN = 0.02
_TURNS_EVERY_S = 20.0
_FRONTS = 12
_LEAST_CHANCE = 5e-5
_MOST_LEGS = 6_000
_OPEN_WAYS = 24


@dataclass(frozen=True, kw_only=True)
class Legs:
    """Parts of the ways ahead; arrays of shape (n,), metres."""

    chance: Floats
    """Probability that the target takes this leg, if it goes on for long enough."""
    x0: Floats
    y0: Floats
    x1: Floats
    y1: Floats
    from_m: Floats
    """Way gone where the leg begins …"""
    to_m: Floats
    """… and where it ends; infinite for a place that the target does not leave."""
    piece: Index
    """Piece of the net, or below 0 off the streets; legs on one piece share their ground."""


@dataclass(frozen=True, kw_only=True)
class Front:
    """Ways that enter pieces of street; arrays of shape (n,)."""

    chance: Floats
    piece: Index
    forward: Flags
    """From the piece's first corner to its second."""
    gone_m: Floats
    x: Floats
    """Where the piece is entered: a corner, or at the start any place on it."""
    y: Floats

    def take(self, which: Index | Flags) -> "Front":
        """Some of the ways."""
        return Front(**{f.name: getattr(self, f.name)[which] for f in fields(self)})


def liking(turn: Floats) -> Floats:
    """How gladly a target turns by angles in radians: 1 up to 60°, 0.24 at 90°, hardly ever back."""
    off = np.abs((turn + math.pi) % (2 * math.pi) - math.pi)
    return np.maximum(np.exp(-((np.maximum(off - _STRAIGHT, 0.0) / _BEND) ** 2)), _LEAST_TURN)


def walk(net: Net, front: Front, reach_m: float, *, speed_mps: float, on_wheels: bool) -> Legs:
    """All ways up to the reach, the nearest first; what is too improbable to follow stands.

    Ways into one piece whose lengths differ by less than a twelfth of the reach go on as one. At a dead end
    the target stands. Who goes on can be expected to turn off every 20 s, so the faster a target is the
    more corners it passes by. Vehicles keep to the wide streets and off footpaths.
    """
    bin_m = max(reach_m / _FRONTS, 3.0)
    done: list[Legs] = []
    left = _MOST_LEGS
    while front.chance.size:
        stands = (front.chance < _LEAST_CHANCE) | (left <= 0)
        if stands.any():
            done.append(_standing(front.take(stands)))
            front = front.take(~stands)
            continue
        step = np.floor(front.gone_m / bin_m)
        now = step == step.min()
        legs, corner = _go(net, front.take(now))
        onward, ends = _turn(net, legs, corner, reach_m, speed_mps, on_wheels)
        done += [legs, ends]
        front = _join(front.take(~now), onward, bin_m)
        left -= legs.chance.size
    return _stack(done)


def open_ways(x: float, y: float, heading: float | None, reach_m: float) -> Legs:
    """Ways in all directions over open ground; ``heading`` in radians."""
    way: Floats = np.linspace(0, 2 * math.pi, _OPEN_WAYS, endpoint=False)
    chance = np.ones(_OPEN_WAYS) if heading is None else liking(way - heading)
    nothing = np.zeros(_OPEN_WAYS)
    return Legs(
        chance=chance / chance.sum(),
        x0=nothing + x,
        y0=nothing + y,
        x1=x + reach_m * np.sin(way),
        y1=y + reach_m * np.cos(way),
        from_m=nothing,
        to_m=nothing + reach_m,
        piece=-1 - np.arange(_OPEN_WAYS),
    )


def _go(net: Net, front: Front) -> tuple[Legs, Index]:
    """To the far corner of each piece: the legs and the corners."""
    corner = np.where(front.forward, net.b[front.piece], net.a[front.piece]).astype(np.int64)
    x1, y1 = net.x[corner], net.y[corner]
    legs = Legs(
        chance=front.chance,
        x0=front.x,
        y0=front.y,
        x1=x1,
        y1=y1,
        from_m=front.gone_m,
        to_m=front.gone_m + np.hypot(x1 - front.x, y1 - front.y),
        piece=front.piece,
    )
    return legs, corner


def _turn(
    net: Net, legs: Legs, corner: Index, reach_m: float, speed_mps: float, on_wheels: bool
) -> tuple[Front, Legs]:
    """Share each way among the ways out of its corner; those at dead ends stand."""
    ways = net.first[corner + 1] - net.first[corner]
    dead = np.flatnonzero((ways == 1) & (legs.to_m < reach_m))
    on = np.flatnonzero((ways > 1) & (legs.to_m < reach_m))
    which, k = spread(ways[on])
    leg = on[which]
    piece = net.out[net.first[corner[leg]] + k].astype(np.int64)
    forward = net.a[piece] == corner[leg]
    far = np.where(forward, net.b[piece], net.a[piece])
    x, y = legs.x1[leg], legs.y1[leg]
    came_from = np.where(
        net.a[legs.piece[leg]] == corner[leg], net.b[legs.piece[leg]], net.a[legs.piece[leg]]
    )
    came = np.arctan2(x - net.x[came_from], y - net.y[came_from])
    ease = liking(np.arctan2(net.x[far] - x, net.y[far] - y) - came)
    length = np.hypot(net.x[came_from] - x, net.y[came_from] - y)
    passes = np.clip(length / max(speed_mps * _TURNS_EVERY_S, 1.0), _LEAST_TURN, 1.0)
    ease = np.where(ease < 1, ease * passes, 1.0)
    if on_wheels:
        ease *= np.minimum(net.width_m[piece] / net.width_m[legs.piece[leg]], 1.0)
        ease = np.where(net.rank[piece] == StreetClass.PATH, ease * _LEAST_TURN, ease)
    ease = np.where(piece == legs.piece[leg], _LEAST_TURN * 0.1, ease)
    share = ease / np.bincount(which, weights=ease, minlength=on.size)[which]
    front = Front(
        chance=legs.chance[leg] * share,
        piece=piece,
        forward=forward,
        gone_m=legs.to_m[leg],
        x=x,
        y=y,
    )
    return front, _ends(legs, dead)


def _ends(legs: Legs, dead: Index) -> Legs:
    """Standing at the ends of some legs."""
    x, y = legs.x1[dead], legs.y1[dead]
    return Legs(
        chance=legs.chance[dead],
        x0=x,
        y0=y,
        x1=x,
        y1=y,
        from_m=legs.to_m[dead],
        to_m=np.full(dead.size, np.inf),
        piece=legs.piece[dead],
    )


def _standing(front: Front) -> Legs:
    return Legs(
        chance=front.chance,
        x0=front.x,
        y0=front.y,
        x1=front.x,
        y1=front.y,
        from_m=front.gone_m,
        to_m=np.full(front.chance.size, np.inf),
        piece=front.piece,
    )


def _join(waiting: Front, onward: Front, bin_m: float) -> Front:
    """Both, with ways into the same piece after about the same length as one."""
    both = Front(
        **{
            f.name: np.concatenate([getattr(waiting, f.name), getattr(onward, f.name)])
            for f in fields(Front)
        }
    )
    step = np.floor(both.gone_m / bin_m).astype(np.int64)
    key = (both.piece * 2 + both.forward) * (1 << 20) + step
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    chance = np.bincount(which, weights=both.chance, minlength=first.size)
    gone = np.bincount(which, weights=both.chance * both.gone_m, minlength=first.size)
    return replace(both.take(first), chance=chance, gone_m=gone / np.maximum(chance, 1e-300))


def _stack(parts: list[Legs]) -> Legs:
    return Legs(
        **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Legs)}
    )
