"""The streets of a city as a graph of straight pieces: what is near, and where one can go on."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from safetynet.base.geo import Floats
from safetynet.city.model import Bytes, Ints, Origin, Streets
from safetynet.sight.boxes import BoxGrid, Index, spread

_CELL_M = 50.0
_SAME_M = 0.5
"""Corners this near to each other are one."""
_GAP_M = 2.0
"""A dead end this near to the edge of another street is a side street of it."""


@dataclass(frozen=True, kw_only=True)
class Net:
    """Corners (c,) and the straight pieces (p,) between them, in metres; pieces go both ways."""

    x: Floats
    y: Floats
    a: Ints
    """First corner of each piece."""
    b: Ints
    street: Ints
    """Row of ``City.streets`` that each piece is a part of."""
    width_m: Floats
    rank: Bytes
    first: Ints
    """(c + 1,) where each corner's ways out begin in ``out``."""
    out: Ints
    """(2p,) pieces that meet at a corner."""
    grid: BoxGrid

    def around(self, x: float, y: float, half_m: float) -> Index:
        """Pieces that meet the square of half side ``half_m`` around a point, in rising order."""
        return self.grid.around(x, y, half_m)

    @cached_property
    def box(self) -> tuple[float, float, float, float] | None:
        """Least x, y and greatest x, y of all streets; None without streets."""
        if not self.a.size:
            return None
        used = np.concatenate([self.a, self.b])
        x, y = self.x[used], self.y[used]
        return float(x.min()), float(y.min()), float(x.max()), float(y.max())


class StreetGraph:
    """A city's streets, to be found by place and followed.

    The net is made when it is first needed (0.4 s for the 250,000 pieces of Seoul's streets). Streets
    of one origin meet at their common corners only, so that a bridge is no crossing; real and invented
    streets, which know nothing of each other, meet where they cross. A dead end on another street's
    ground is joined to it.
    """

    def __init__(self, streets: Streets) -> None:
        self._streets = streets

    @cached_property
    def net(self) -> Net:
        """The corners and the pieces between them."""
        return _Plan(self._streets).net()


class _Plan:
    """The streets' straight pieces as they are given, while the net is made of them."""

    def __init__(self, streets: Streets) -> None:
        xy, offset = streets.line.xy, streets.line.offset.astype(np.int64)
        own, k = spread(np.maximum(np.diff(offset) - 1, 0))
        start = offset[own] + k
        real = np.isfinite(xy).all(axis=1)
        kept = real[start] & real[start + 1]
        own, start = own[kept], start[kept]
        self._streets = streets
        self._street: Ints = own.astype(np.int32)
        self._width_m = streets.width_m[own]
        self._ax, self._ay = xy[start, 0], xy[start, 1]
        self._bx, self._by = xy[start + 1, 0], xy[start + 1, 1]
        self._grid = _grid_of(self._ax, self._ay, self._bx, self._by)

    def net(self) -> Net:
        """Pieces cut where others meet them, and what meets at each corner."""
        x, y, a, b = self._corners()
        crossing = self._crossings()
        joint = self._joints(a, b, x, y)
        n = x.size
        x = np.concatenate([x, crossing.x, joint.x])
        y = np.concatenate([y, crossing.y, joint.y])
        street, a, b = _cut(
            self._street,
            a,
            b,
            np.concatenate([crossing.piece, joint.piece]),
            np.concatenate([crossing.t, joint.t]),
            np.concatenate([crossing.corner + n, joint.corner + n + crossing.x.size]),
        )
        a = np.concatenate([a, joint.end])
        b = np.concatenate([b, joint.corner + n + crossing.x.size])
        street = np.concatenate([street, self._street[joint.piece]])
        return _tie(x, y, a, b, street, self._streets)

    def _corners(self) -> tuple[Floats, Floats, Index, Index]:
        x, y = np.concatenate([self._ax, self._bx]), np.concatenate([self._ay, self._by])
        column, row = np.round(x / _SAME_M).astype(np.int64), np.round(y / _SAME_M).astype(np.int64)
        _, first, which = np.unique(
            column * (1 << 32) + row, return_index=True, return_inverse=True
        )
        return x[first], y[first], which[: self._ax.size], which[self._ax.size :]

    def _crossings(self) -> "_Cuts":
        """Where a real street crosses an invented one: a cut in both, at one new corner."""
        invented = self._streets.origin[self._street] == Origin.SYNTHETIC
        if invented.all() or not invented.any():
            return _Cuts.none()
        ask = np.flatnonzero(~invented)
        which, other = self._pairs(
            np.minimum(self._ax, self._bx)[ask],
            np.minimum(self._ay, self._by)[ask],
            np.maximum(self._ax, self._bx)[ask],
            np.maximum(self._ay, self._by)[ask],
        )
        one = ask[which]
        one, other = one[invented[other]], other[invented[other]]
        dx, dy = self._bx[one] - self._ax[one], self._by[one] - self._ay[one]
        ex, ey = self._bx[other] - self._ax[other], self._by[other] - self._ay[other]
        wx, wy = self._ax[other] - self._ax[one], self._ay[other] - self._ay[one]
        turn = dx * ey - dy * ex
        safe = np.where(turn == 0, 1.0, turn)
        t, u = (wx * ey - wy * ex) / safe, (wx * dy - wy * dx) / safe
        hit = (turn != 0) & (t > 0) & (t < 1) & (u > 0) & (u < 1)
        one, other, t, u = one[hit], other[hit], t[hit], u[hit]
        number = np.arange(one.size)
        return _Cuts(
            piece=np.concatenate([one, other]),
            t=np.concatenate([t, u]),
            corner=np.concatenate([number, number]),
            x=self._ax[one] + t * dx[hit],
            y=self._ay[one] + t * dy[hit],
            end=number[:0],
        )

    def _joints(self, a: Index, b: Index, x: Floats, y: Floats) -> "_Cuts":
        """Where a dead end lies on another street: a cut there, joined to the dead end."""
        degree = np.bincount(np.concatenate([a, b]), minlength=x.size)
        at_a, at_b = np.flatnonzero(degree[a] == 1), np.flatnonzero(degree[b] == 1)
        end, own = np.concatenate([a[at_a], b[at_b]]), np.concatenate([at_a, at_b])
        px, py = x[end], y[end]
        reach = float(self._width_m.max(initial=0.0)) / 2 + _GAP_M
        reach = min(reach, _CELL_M / 2)
        which, piece = self._pairs(px - reach, py - reach, px + reach, py + reach)
        other = self._street[piece] != self._street[own[which]]
        which, piece = which[other], piece[other]
        dx, dy = self._bx[piece] - self._ax[piece], self._by[piece] - self._ay[piece]
        wx, wy = px[which] - self._ax[piece], py[which] - self._ay[piece]
        t = np.clip((wx * dx + wy * dy) / np.maximum(dx * dx + dy * dy, 1e-9), 0, 1)
        gap = np.hypot(wx - t * dx, wy - t * dy)
        near = np.flatnonzero(gap <= np.minimum(self._width_m[piece] / 2, reach) + _GAP_M)
        near = near[np.lexsort((piece[near], gap[near], which[near]))]
        near = near[np.concatenate([[True], np.diff(which[near]) != 0])] if near.size else near
        piece, t, which = piece[near], t[near], which[near]
        return _Cuts(
            piece=piece,
            t=t,
            corner=np.arange(piece.size),
            x=self._ax[piece] + t * dx[near],
            y=self._ay[piece] + t * dy[near],
            end=end[which],
        )

    def _pairs(self, x0: Floats, y0: Floats, x1: Floats, y1: Floats) -> tuple[Index, Index]:
        """Pairs (box, piece whose box it meets), each once."""
        grid = self._grid
        column, row = grid.column(x0), grid.row(y0)
        columns, rows = grid.column(x1) - column + 1, grid.row(y1) - row + 1
        box, k = spread(columns * rows)
        cell_column, cell_row = column[box] + k % columns[box], row[box] + k // columns[box]
        which, piece = grid.in_cells(cell_column, cell_row)
        box = box[which]
        meets = (grid.x0[piece] <= x1[box]) & (grid.x1[piece] >= x0[box])
        meets &= (grid.y0[piece] <= y1[box]) & (grid.y1[piece] >= y0[box])
        pair = np.unique(box[meets] * (self._ax.size + 1) + piece[meets])
        return pair // (self._ax.size + 1), pair % (self._ax.size + 1)


@dataclass(frozen=True, kw_only=True)
class _Cuts:
    """Places where pieces are cut (k,), at new corners (c,)."""

    piece: Index
    t: Floats
    """Fraction of the piece."""
    corner: Index
    """Which of the new corners."""
    x: Floats
    y: Floats
    end: Index
    """(c,) corners that a short new piece joins to the new ones; may be empty."""

    @classmethod
    def none(cls) -> "_Cuts":
        i, f = np.empty(0, np.int64), np.empty(0)
        return cls(piece=i, t=f, corner=i, x=f, y=f, end=i)


def _cut(
    street: Ints, a: Index, b: Index, piece: Index, t: Floats, corner: Index
) -> tuple[Ints, Index, Index]:
    """Pieces cut at fractions of their length: street, first and second corner of each part."""
    n = a.size
    own = np.concatenate([np.arange(n), np.arange(n), piece])
    at = np.concatenate([np.full(n, -1.0), np.full(n, 2.0), t])
    node = np.concatenate([a, b, corner])
    order = np.lexsort((at, own))
    own, node = own[order], node[order]
    parts = np.flatnonzero(own[:-1] == own[1:])
    return street[own[parts]], node[parts], node[parts + 1]


def _tie(x: Floats, y: Floats, a: Index, b: Index, street: Ints, streets: Streets) -> Net:
    """The net of pieces between corners; those without length are left out."""
    real = np.flatnonzero(a != b)
    a, b, street = a[real], b[real], street[real]
    ends = np.concatenate([a, b])
    order = np.argsort(ends, kind="stable")
    first = np.zeros(x.size + 1, np.int32)
    np.cumsum(np.bincount(ends, minlength=x.size), out=first[1:])
    return Net(
        x=x,
        y=y,
        a=a.astype(np.int32),
        b=b.astype(np.int32),
        street=street,
        width_m=streets.width_m[street],
        rank=streets.rank[street],
        first=first,
        out=(order % max(a.size, 1)).astype(np.int32),
        grid=_grid_of(x[a], y[a], x[b], y[b]),
    )


def _grid_of(ax: Floats, ay: Floats, bx: Floats, by: Floats) -> BoxGrid:
    low, high = (np.minimum(ax, bx), np.minimum(ay, by)), (np.maximum(ax, bx), np.maximum(ay, by))
    return BoxGrid(*low, *high, cell_m=_CELL_M)
