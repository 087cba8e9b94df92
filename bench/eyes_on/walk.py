"""How a target moves: along the streets, at its speed, choosing its way at each crossing."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from safetynet.base.geo import azimuth_deg
from safetynet.city.model import Streets

_SNAP_M = 1.0
"""Ends of streets that round to one multiple of this meet."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Where something truly is, some time after its report."""

    after_s: float
    x: float
    y: float
    heading_deg: float


class StreetNet:
    """Which straight pieces of street meet where."""

    def __init__(self, streets: Streets) -> None:
        line = streets.line
        same = np.ones(max(len(line.xy) - 1, 0), np.bool_)
        same[line.offset[1:-1] - 1] = False
        self.a = line.xy[:-1][same].astype(np.float64)
        self.b = line.xy[1:][same].astype(np.float64)
        self._at: dict[tuple[int, int], list[tuple[int, bool]]] = {}
        for piece, (a, b) in enumerate(zip(self.a.tolist(), self.b.tolist(), strict=True)):
            self._at.setdefault(_node(a), []).append((piece, True))
            self._at.setdefault(_node(b), []).append((piece, False))

    def nearest(self, x: float, y: float) -> int:
        """The piece that lies nearest."""
        along, to = self.b - self.a, np.array([x, y]) - self.a
        t = np.clip((along * to).sum(axis=1) / np.maximum((along**2).sum(axis=1), 1e-9), 0, 1)
        return int(np.argmin(np.hypot(*(to - along * t[:, None]).T)))

    def onward(self, piece: int, forward: bool) -> list[tuple[int, bool]]:
        """Pieces that go on from the end of one, each with the direction; none at a dead end."""
        end = (self.b if forward else self.a)[piece]
        return [way for way in self._at[_node(end.tolist())] if way[0] != piece]


def walk(
    net: StreetNet,
    x: float,
    y: float,
    speed_mps: float,
    at_s: Sequence[float],
    rng: np.random.Generator,
) -> list[Moment]:
    """Where it is at the start and at each of the rising times; it turns back at dead ends."""
    piece, forward = net.nearest(x, y), bool(rng.integers(2))
    begin = (net.a if forward else net.b)[piece]
    gone_m = math.hypot(x - begin[0], y - begin[1])
    moments = [_moment(net, piece, forward, gone_m, 0.0)]
    now_s = 0.0
    for t in at_s:
        gone_m += (t - now_s) * speed_mps
        now_s = t
        while gone_m > (length := _length_m(net, piece)):
            ways = net.onward(piece, forward) or [(piece, not forward)]
            gone_m -= length
            piece, forward = ways[int(rng.integers(len(ways)))]
        moments.append(_moment(net, piece, forward, gone_m, t))
    return moments


def _moment(net: StreetNet, piece: int, forward: bool, gone_m: float, after_s: float) -> Moment:
    a, b = (net.a[piece], net.b[piece]) if forward else (net.b[piece], net.a[piece])
    along = b - a
    t = min(gone_m / max(float(np.hypot(*along)), 1e-9), 1.0)
    x, y = (a + along * t).tolist()
    heading = azimuth_deg(float(along[0]), float(along[1]))
    return Moment(after_s=after_s, x=x, y=y, heading_deg=heading)


def _length_m(net: StreetNet, piece: int) -> float:
    return max(float(np.hypot(*(net.b[piece] - net.a[piece]))), 0.01)


def _node(at: list[float]) -> tuple[int, int]:
    return round(at[0] / _SNAP_M), round(at[1] / _SNAP_M)
