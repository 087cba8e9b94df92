"""Buildings on the blocks of a synthetic street plan."""

from dataclasses import dataclass

import numpy as np

from safetynet.base.geo import Floats
from safetynet.city.lattice import WIDTH_M, Block, Bools, Lattice
from safetynet.city.model import Ints, StreetClass

SETBACK_M = 2.0
"""From the carriageway's edge to the front of a plot; poles stand in between."""
GAP_M = 1.2
_LOTS = {Block.HOUSES: (3, 2), Block.MIXED: (2, 2), Block.TOWERS: (1, 1)}
_EMPTY_SHARE = {Block.HOUSES: 0.06, Block.MIXED: 0.08, Block.TOWERS: 0.15}


@dataclass(frozen=True, kw_only=True)
class Plots:
    """Quadrilateral footprints ``xy`` (n, 4, 2), counter-clockwise, with heights."""

    xy: Floats
    height_m: Floats


def plan_plots(lattice: Lattice, cells: Bools, rng: np.random.Generator) -> Plots:
    """Buildings in the wanted cells ((ni - 1, nj - 1) mask), clear of streets and corners."""
    rings, heights = [], []
    for kind, (across, deep) in _LOTS.items():
        i, j = np.nonzero(cells & (lattice.block == kind))
        quad, edge = _inset(lattice, i.astype(np.int32), j.astype(np.int32))
        edge_rank = edge.min(axis=1)
        for a in range(across):
            for b in range(deep):
                ring, height = _building(quad, edge_rank, kind, (a, across, b, deep), rng)
                keep = (rng.uniform(size=len(ring)) >= _EMPTY_SHARE[kind]) & _is_roomy(ring)
                rings.append(ring[keep])
                heights.append(height[keep])
    return Plots(xy=np.concatenate(rings), height_m=np.concatenate(heights))


def _inset(lattice: Lattice, i: Ints, j: Ints) -> tuple[Floats, Ints]:
    """Corners (n, 2, 2, 2) of the cells' plots, and the ranks (n, 4) of the streets around."""
    xy = lattice.xy
    quad = np.stack(
        [
            np.stack([xy[i, j], xy[i, j + 1]], axis=1),
            np.stack([xy[i + 1, j], xy[i + 1, j + 1]], axis=1),
        ],
        axis=1,
    )
    rank = np.stack(
        [
            np.where(lattice.open_i[i, j], lattice.rank_i[i], 5),
            np.where(lattice.open_i[i + 1, j], lattice.rank_i[i + 1], 5),
            np.where(lattice.open_j[i, j], lattice.rank_j[j], 5),
            np.where(lattice.open_j[i, j + 1], lattice.rank_j[j + 1], 5),
        ],
        axis=1,
    ).astype(np.int32)
    margin = np.append(WIDTH_M / 2 + SETBACK_M, GAP_M)[rank] + 0.4
    ring = np.stack([quad[:, 0, 0], quad[:, 1, 0], quad[:, 1, 1], quad[:, 0, 1]], axis=1)
    inner = _shrink(ring, margin[:, [2, 1, 3, 0]])
    return inner[:, [[0, 3], [1, 2]]], rank


def _shrink(ring: Floats, margin: Floats) -> Floats:
    """Convex rings (n, 4, 2) with each side (n, 4: the one that begins at the corner) moved inwards.

    NaN where nothing is left.
    """
    side = np.roll(ring, -1, axis=1) - ring
    side = side / np.linalg.norm(side, axis=-1, keepdims=True)
    before = np.roll(side, 1, axis=1)
    sine = before[..., 0] * side[..., 1] - before[..., 1] * side[..., 0]
    shift = np.roll(margin, 1, axis=1)[..., None] * side - margin[..., None] * before
    inner = ring + shift / np.maximum(sine, 0.2)[..., None]
    left = ((np.roll(inner, -1, axis=1) - inner) * side).sum(axis=-1).min(axis=1)
    return np.where((left > 3.0)[:, None, None], inner, np.nan)


def _bilinear(quad: Floats, s: Floats, t: Floats) -> Floats:
    """(n, 2, 2, 2) points at the parameters s (n, 2) and t (n, 2)."""
    ss, tt = s[:, :, None, None], t[:, None, :, None]
    low = quad[:, None, None, 0, 0] * (1 - ss) + quad[:, None, None, 1, 0] * ss
    high = quad[:, None, None, 0, 1] * (1 - ss) + quad[:, None, None, 1, 1] * ss
    return low * (1 - tt) + high * tt


def _building(
    quad: Floats,
    edge_rank: Ints,
    kind: Block,
    lot: tuple[int, int, int, int],
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    a, across, b, deep = lot
    n = len(quad)
    if kind is Block.TOWERS:  # a slab along one side
        s = np.tile([0.06, 0.94], (n, 1))
        t0 = rng.uniform(0.1, 0.5, n)
        t = np.stack([t0, t0 + 0.32], axis=1)
    else:
        gap = rng.uniform(0.04, 0.14, (4, n))
        first_s, last_s = (a == 0), (a == across - 1)
        s = np.stack(
            [(a + gap[0] * (not first_s)) / across, (a + 1 - gap[1] * (not last_s)) / across], 1
        )
        t = np.stack([(b + gap[2] * (b != 0)) / deep, (b + 1 - gap[3] * (b != deep - 1)) / deep], 1)
    p = _bilinear(quad, s, t)
    ring = np.stack([p[:, 0, 0], p[:, 1, 0], p[:, 1, 1], p[:, 0, 1]], axis=1)
    floors = {
        Block.HOUSES: rng.integers(2, 6, n),
        Block.MIXED: rng.integers(3, 9, n),
        Block.TOWERS: rng.integers(14, 26, n),
    }[kind]
    tall = (edge_rank == StreetClass.ARTERIAL) & (kind is not Block.TOWERS)
    floors = np.where(tall, floors + rng.integers(3, 12, n), floors)
    return ring, np.asarray(floors * 3.0 + 0.5, np.float64)


def _is_roomy(ring: Floats) -> Bools:
    """True where the footprint is big enough to be a building and turns the right way."""
    x, y = ring[..., 0], ring[..., 1]
    area = 0.5 * (x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y).sum(axis=1)
    return np.asarray(area > 40)
