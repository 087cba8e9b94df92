"""Laying a synthetic street plan past real camera sites. Worker only: shapely.

The rule: a public camera hangs at a street corner. Each site draws the nearest crossing of the plan
to itself, so that the pole stands at the crossing's corner; the plan between bends along smoothly,
and the arms of that crossing are streets. A crossing serves one site, is drawn ``REACH_M`` at most,
and stays where it is where a block around it would be spoilt.
"""

from dataclasses import dataclass, replace

import numpy as np
import shapely

from safetynet.base.geo import Floats
from safetynet.city.lattice import WIDTH_M, Bools, Lattice
from safetynet.city.model import Ints, StreetClass

REACH_M = 36.0
SAME_SITE_M = 12.0
"""Sites this near to a site already at a crossing are at that crossing."""
CLEAR_M = 0.7
"""From the carriageway's edge to the pole."""
_ROUNDS = 12
_SMOOTHING = 8
_LEAST_SINE = 0.5
_LEAST_SIDE_M = 18.0


@dataclass(frozen=True, kw_only=True)
class _Pairs:
    """Sites with crossings near them, arrays (k,); ``move`` (k, 2) brings a crossing to its site."""

    site: Ints
    i: Ints
    j: Ints
    move: Floats


def snap_lattice(lattice: Lattice, sites: Floats) -> Lattice:
    """The plan with crossings at the sites (n, 2), and their arms opened."""
    if not len(sites):
        return lattice
    pairs = _choose(_pairs(lattice, sites), sites)
    moved = _settle(lattice.xy, pairs)
    fixed = ~np.isnan(moved[1][pairs.i, pairs.j, 0])
    open_i, open_j = _open_arms(lattice, pairs.i[fixed], pairs.j[fixed])
    return replace(lattice, xy=moved[0], open_i=open_i, open_j=open_j)


def _pairs(lattice: Lattice, sites: Floats) -> _Pairs:
    """All crossings that could come to a site, the shortest way first; main streets move half as gladly."""
    xy = lattice.xy
    inner = xy[1:-1, 1:-1].reshape(-1, 2)
    tree = shapely.STRtree(np.asarray(shapely.points(sites)))
    node, site = tree.query(
        np.asarray(shapely.points(inner)), predicate="dwithin", distance=REACH_M + 12.0
    )
    i, j = node // (xy.shape[1] - 2) + 1, node % (xy.shape[1] - 2) + 1
    off = sites[site] - xy[i, j]
    move = off.copy()
    for ahead, back, rank in (
        (xy[i + 1, j], xy[i - 1, j], lattice.rank_i[i]),
        (xy[i, j + 1], xy[i, j - 1], lattice.rank_j[j]),
    ):
        across = ahead - back
        across = across / np.linalg.norm(across, axis=1, keepdims=True)
        side = np.where((off * across).sum(axis=1) >= 0, 1.0, -1.0)
        move -= across * (side * (WIDTH_M[rank] / 2 + CLEAR_M))[:, None]
    away = np.hypot(move[:, 0], move[:, 1])
    main = np.minimum(lattice.rank_i[i], lattice.rank_j[j]) <= StreetClass.COLLECTOR
    cost = np.where(main, 2 * away, away)
    order = np.argsort(cost, kind="stable")
    order = order[cost[order] <= REACH_M]
    return _Pairs(
        site=site[order].astype(np.int32),
        i=i[order].astype(np.int32),
        j=j[order].astype(np.int32),
        move=move[order],
    )


def _choose(pairs: _Pairs, sites: Floats) -> _Pairs:
    """One crossing for each site and one site for each crossing, the shortest ways first."""
    tree = shapely.STRtree(np.asarray(shapely.points(sites)))
    left, right = tree.query(tree.geometries, predicate="dwithin", distance=SAME_SITE_M)
    near: dict[int, list[int]] = {}
    for a, b in zip(left.tolist(), right.tolist(), strict=True):
        near.setdefault(a, []).append(b)
    served: set[int] = set()
    used: set[tuple[int, int]] = set()
    kept = []
    rows = zip(pairs.site.tolist(), pairs.i.tolist(), pairs.j.tolist(), strict=True)
    for k, (site, i, j) in enumerate(rows):
        if site not in served and (i, j) not in used:
            served.update(near[site])
            used.add((i, j))
            kept.append(k)
    return _Pairs(site=pairs.site[kept], i=pairs.i[kept], j=pairs.j[kept], move=pairs.move[kept])


def _settle(xy: Floats, pairs: _Pairs) -> tuple[Floats, Floats]:
    """The bent plan, and the moves (NaN where a crossing is free) that it could follow."""
    fixed = np.full(xy.shape, np.nan)
    fixed[pairs.i, pairs.j] = pairs.move
    for _ in range(_ROUNDS):
        bent = xy + _spread(fixed)
        bad = _spoilt(bent) & ~_spoilt(xy)
        if not bad.any():
            return bent, fixed
        _release(fixed, bad)
    bent = xy + _spread(fixed)
    return (bent, fixed) if not (_spoilt(bent) & ~_spoilt(xy)).any() else (xy, fixed * np.nan)


def _spread(fixed: Floats) -> Floats:
    """Moves of all crossings: the given ones kept, the free ones following their neighbours."""
    known = ~np.isnan(fixed)
    field = np.where(known, fixed, 0.0)
    for _ in range(_SMOOTHING):
        padded = np.pad(field, ((1, 1), (1, 1), (0, 0)))
        mean = (padded[2:, 1:-1] + padded[:-2, 1:-1] + padded[1:-1, 2:] + padded[1:-1, :-2]) / 4
        field = np.where(known, field, mean)
    return field


def _spoilt(xy: Floats) -> Bools:
    """(ni - 1, nj - 1) blocks that are not roomy, nearly rectangular quadrilaterals."""
    ring = np.stack([xy[:-1, :-1], xy[1:, :-1], xy[1:, 1:], xy[:-1, 1:]])
    side = np.roll(ring, -1, axis=0) - ring
    length = np.linalg.norm(side, axis=-1)
    after = np.roll(side, -1, axis=0)
    cross = side[..., 0] * after[..., 1] - side[..., 1] * after[..., 0]
    sine = cross / np.maximum(length * np.roll(length, -1, axis=0), 1e-9)
    return np.asarray((sine.min(axis=0) < _LEAST_SINE) | (length.min(axis=0) < _LEAST_SIDE_M))


def _release(fixed: Floats, bad: Bools) -> None:
    """Set free, at each spoilt block, the crossing that was moved farthest, or all around it."""
    size = np.nan_to_num(np.hypot(fixed[..., 0], fixed[..., 1]), nan=-1.0)
    i, j = np.nonzero(bad)
    ci, cj = i[:, None] + np.array([0, 1, 1, 0]), j[:, None] + np.array([0, 0, 1, 1])
    worst = size[ci, cj].argmax(axis=1)
    row = np.arange(len(i))
    some = size[ci, cj][row, worst] >= 0
    fixed[ci[row, worst][some], cj[row, worst][some]] = np.nan
    for a, b in zip(i[~some].tolist(), j[~some].tolist(), strict=True):
        fixed[max(a - 1, 0) : a + 3, max(b - 1, 0) : b + 3] = np.nan


def _open_arms(lattice: Lattice, i: Ints, j: Ints) -> tuple[Bools, Bools]:
    """The arms of the crossings as streets; better streets are open by pairs of edges."""
    open_i, open_j = lattice.open_i.copy(), lattice.open_j.copy()
    for back in (0, 1):
        for line, edge, rank, table in (
            (i, j - back, lattice.rank_i[i], open_i),
            (j, i - back, lattice.rank_j[j], open_j.T),
        ):
            table[line, edge] = True
            twin = np.minimum(edge ^ 1, table.shape[1] - 1)
            table[line, np.where(rank <= StreetClass.LOCAL, twin, edge)] = True
    return open_i, open_j
