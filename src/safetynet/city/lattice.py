"""A synthetic street plan: a warped, jittered lattice of ranked lines with blocks between them."""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from safetynet.base.geo import Floats
from safetynet.city.model import Bytes, Ints, StreetClass

Bools = NDArray[np.bool_]

WIDTH_M = np.array([30.0, 16.0, 8.0, 4.0, 3.0])
"""Street width by ``StreetClass`` where no source gives one."""

PERIOD = 12
"""Lines from one arterial to the next; half of it is a collector, every second line a local street."""


LEAST_STEP_M, MOST_STEP_M = 50.0, 74.0
"""From one line to the next."""


class Block(IntEnum):
    """What stands between two arterials."""

    HOUSES = 0
    MIXED = 1
    TOWERS = 2
    PARK = 3


@dataclass(frozen=True, kw_only=True)
class Lattice:
    """Nodes ``xy`` (ni, nj, 2) and which edges between neighbours are streets."""

    xy: Floats
    rank_i: Bytes
    """(ni,) rank of the line of constant i."""
    rank_j: Bytes
    open_i: Bools
    """(ni, nj - 1): the edge from (i, j) to (i, j + 1), on the line of constant i."""
    open_j: Bools
    """(ni - 1, nj): the edge from (i, j) to (i + 1, j), on the line of constant j."""
    block: Bytes
    """(ni - 1, nj - 1) ``Block`` of each cell."""


@dataclass(frozen=True, kw_only=True)
class Edges:
    """Street edges as polylines of one length, ``xy`` (n, p, 2)."""

    xy: Floats
    rank: Bytes


def plan_lattice(
    bounds: tuple[float, float, float, float], rng: np.random.Generator, *, warp_m: float = 300.0
) -> Lattice:
    """Cover the bounds (west, south, east, north, metres) with a lattice."""
    west, south, east, north = bounds
    u, v = _lines(west - warp_m, east + warp_m, rng), _lines(south - warp_m, north + warp_m, rng)
    rank_i, rank_j = _ranks(len(u)), _ranks(len(v))
    xy = np.stack(np.meshgrid(u, v, indexing="ij"), axis=-1)
    jitter = rng.uniform(-6, 6, xy.shape)
    jitter[rank_i <= StreetClass.COLLECTOR, :, 0] = 0
    jitter[:, rank_j <= StreetClass.COLLECTOR, 1] = 0
    xy = _warp(xy + jitter, rng, warp_m)
    block = _blocks(len(u) - 1, len(v) - 1, rng)
    return Lattice(
        xy=xy,
        rank_i=rank_i,
        rank_j=rank_j,
        open_i=_open(rank_i, len(v) - 1, _beside(block, axis=0), rng),
        open_j=_open(rank_j, len(u) - 1, _beside(block.T, axis=0), rng).T,
        block=block,
    )


def lower_arterials(lattice: Lattice) -> Lattice:
    """The same plan without main roads of its own: where real ones are known, these are local streets."""
    rank_i, rank_j = (
        np.where(rank == StreetClass.ARTERIAL, StreetClass.LOCAL, rank).astype(np.uint8)
        for rank in (lattice.rank_i, lattice.rank_j)
    )
    return replace(lattice, rank_i=rank_i, rank_j=rank_j)


def list_edges(lattice: Lattice) -> Edges:
    """Every street edge, node to node."""
    a = lattice.xy
    rank_i = np.repeat(lattice.rank_i[:, None], a.shape[1] - 1, axis=1)[lattice.open_i]
    rank_j = np.repeat(lattice.rank_j[None, :], a.shape[0] - 1, axis=0)[lattice.open_j]
    along_i = np.stack([a[:, :-1], a[:, 1:]], axis=2)[lattice.open_i]
    along_j = np.stack([a[:-1], a[1:]], axis=2)[lattice.open_j]
    return Edges(
        xy=np.concatenate([along_i, along_j]),
        rank=np.concatenate([rank_i, rank_j]).astype(np.uint8),
    )


def list_coarse_edges(lattice: Lattice) -> Edges:
    """The streets without alleys, from one street to the next: polylines of three points."""
    a, even = lattice.xy, slice(None, None, 2)
    m, n = (a.shape[0] - 1) // 2 * 2, (a.shape[1] - 1) // 2 * 2
    along_i = np.stack([a[even, 0:n:2], a[even, 1:n:2], a[even, 2 : n + 1 : 2]], axis=2)
    along_j = np.stack([a[0:m:2, even], a[1:m:2, even], a[2 : m + 1 : 2, even]], axis=2)
    open_i = lattice.open_i[even, 0:n:2] & lattice.open_i[even, 1:n:2]
    open_j = lattice.open_j[0:m:2, even] & lattice.open_j[1:m:2, even]
    rank_i = np.broadcast_to(lattice.rank_i[even, None], open_i.shape)[open_i]
    rank_j = np.broadcast_to(lattice.rank_j[None, even], open_j.shape)[open_j]
    return Edges(
        xy=np.concatenate([along_i[open_i], along_j[open_j]]),
        rank=np.concatenate([rank_i, rank_j]).astype(np.uint8),
    )


@dataclass(frozen=True, kw_only=True)
class Corners:
    """Street corners: where two open edges meet at a block; arrays have shape (n,) or (n, 2)."""

    xy: Floats
    """The corner of the carriageway's edge, just clear of both streets, outside any plot."""
    along: Floats
    """(n, 4, 2) points on the centre lines some way down each street of the crossing; NaN if none."""
    rank: Bytes
    """The better of the two streets."""
    node: Ints
    """Number of the crossing."""


def list_corners(lattice: Lattice, *, clear_m: float = 0.7) -> Corners:
    """All corners of all crossings, four at most for each."""
    ni, nj = lattice.xy.shape[:2]
    inner = lattice.xy[1:-1, 1:-1]
    around = np.stack(  # east, north, west, south in lattice terms
        [lattice.xy[2:, 1:-1], lattice.xy[1:-1, 2:], lattice.xy[:-2, 1:-1], lattice.xy[1:-1, :-2]],
        axis=2,
    )
    is_open = np.stack(
        [
            lattice.open_j[1:, 1:-1],
            lattice.open_i[1:-1, 1:],
            lattice.open_j[:-1, 1:-1],
            lattice.open_i[1:-1, :-1],
        ],
        axis=2,
    )
    toward = around - inner[:, :, None]
    toward /= np.linalg.norm(toward, axis=-1, keepdims=True)
    half_j = (WIDTH_M[lattice.rank_j] / 2)[None, 1:-1, None]
    half_i = (WIDTH_M[lattice.rank_i] / 2)[1:-1, None, None]
    along = np.where(is_open[..., None], inner[:, :, None] + toward * 35, np.nan)
    node = np.arange((ni - 2) * (nj - 2), dtype=np.int32).reshape(ni - 2, nj - 2)
    rank = np.minimum(lattice.rank_i[1:-1, None], lattice.rank_j[None, 1:-1])
    found = []
    for k in range(4):  # between side k and the next one
        a, b = toward[:, :, k], toward[:, :, (k + 1) % 4]
        out_a, out_b = (half_i, half_j) if k % 2 == 0 else (half_j, half_i)
        xy = inner + a * (out_a + clear_m) + b * (out_b + clear_m)
        both = is_open[:, :, k] & is_open[:, :, (k + 1) % 4]
        found.append((xy[both], along[both], rank[both], node[both]))
    xy, ways, ranks, nodes = (np.concatenate(part) for part in zip(*found, strict=True))
    return Corners(xy=xy, along=ways, rank=ranks.astype(np.uint8), node=nodes.astype(np.int32))


def _lines(start: float, end: float, rng: np.random.Generator) -> Floats:
    steps = rng.uniform(LEAST_STEP_M, MOST_STEP_M, int((end - start) / LEAST_STEP_M) + 2)
    lines = start + np.cumsum(steps)
    n = int((lines < end).sum())
    return lines[: max(n - n % 2 + 1, 5)]


def _ranks(n: int) -> Bytes:
    k = np.arange(n)
    rank = np.where(k % 2 == 0, StreetClass.LOCAL, StreetClass.ALLEY)
    rank = np.where(k % (PERIOD // 2) == 0, StreetClass.COLLECTOR, rank)
    return np.where(k % PERIOD == 0, StreetClass.ARTERIAL, rank).astype(np.uint8)


def _warp(xy: Floats, rng: np.random.Generator, size_m: float) -> Floats:
    """Bend the lattice smoothly: three long waves, gradients far below folding."""
    out = xy.copy()
    for length_m, share in ((11_000.0, 0.6), (6_100.0, 0.3), (3_300.0, 0.1)):
        phase = rng.uniform(0, 2 * np.pi, 2)
        k = 2 * np.pi / length_m
        out[..., 0] += size_m * share * np.sin(k * xy[..., 1] + phase[0])
        out[..., 1] += size_m * share * np.sin(k * xy[..., 0] + phase[1])
    return out


def _blocks(ni: int, nj: int, rng: np.random.Generator) -> Bytes:
    half = PERIOD // 2
    coarse = rng.choice(4, (ni // half + 1, nj // half + 1), p=[0.5, 0.24, 0.19, 0.07])
    return coarse.repeat(half, axis=0)[:ni].repeat(half, axis=1)[:, :nj].astype(np.uint8)


def _beside(block: Bytes, *, axis: int) -> Bytes:
    """(n + 1, m) the block on one side of each line."""
    return np.concatenate([block, block[-1:]], axis=axis)


def _open(rank: Bytes, edges: int, block: Bytes, rng: np.random.Generator) -> Bools:
    """(lines, edges) whether each edge is a street; odd and even edges of better streets go together."""
    chance = np.array(
        [
            [1.0, 1.0, 0.95, 0.65, 0.0],
            [1.0, 1.0, 0.9, 0.5, 0.0],
            [1.0, 1.0, 0.45, 0.0, 0.0],
            [1.0, 1.0, 0.2, 0.0, 0.0],
        ]
    )
    drawn = rng.uniform(size=(len(rank), edges))
    pairs = np.repeat(drawn[:, ::2], 2, axis=1)[:, :edges]
    drawn = np.where((rank <= StreetClass.LOCAL)[:, None], pairs, drawn)
    return drawn < chance[block[:, :edges], rank[:, None]]
