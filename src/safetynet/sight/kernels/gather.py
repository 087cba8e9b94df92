"""Which cameras are worth a look for a place, and the most that each can be worth."""

import math
from typing import NamedTuple

import numpy as np

from safetynet.base.geo import Floats
from safetynet.sight.kernels.compiled import compiled, inner
from safetynet.sight.kernels.geometry import apart, arc
from safetynet.sight.kernels.lens import SHOWN_PX, Believed, Flags, Lenses, Target, waited
from safetynet.sight.kernels.walls import BUCKETS, SHORT_M, Edges, Grid, Profiles, Rows, bucket_of


class Place(NamedTuple):
    """The points where the target may be."""

    x: Floats
    y: Floats
    ground: Floats
    weight: Floats
    mid_x: float
    mid_y: float
    spread_m: float
    """Distance of the farthest point from the middle."""


class Moment(NamedTuple):
    """How cameras and owners are right now."""

    state: Rows
    """(n,) 0 where it may be chosen and turned, 1 where it stays as it is, 2 where it may not."""
    away: Flags
    """(owners,)"""
    aim: Floats
    """(n, 3) where each looks now: azimuth, tilt, tangent."""
    start_s: Floats
    """(n,) expected start of its stream."""
    sure: Floats
    """(n,) trust in its state, by its age."""


class Eye(NamedTuple):
    """All that a question looks at."""

    lens: Lenses
    grid: Grid
    profiles: Profiles
    edge: Edges
    tables: Believed


@inner
def _in_reach(ends: Edges, p: int, dx: float, dy: float, away: float, spread: float) -> bool:
    """False where the walls around a lens end its sight before the place, in all directions."""
    near, sin_w = away - spread, spread / away
    cos_w = math.sqrt(1 - sin_w * sin_w)
    b = bucket_of(dx * cos_w + dy * sin_w, dy * cos_w - dx * sin_w)
    last = bucket_of(dx * cos_w - dy * sin_w, dy * cos_w + dx * sin_w)
    while ends[p, b] < near:
        if b == last:
            return False
        b = b + 1 if b + 1 < BUCKETS else 0
    return True


@inner
def _bound(eye: Eye, place: Place, moment: Moment, target: Target, i: int) -> float:
    """The most that camera ``i`` can be worth, by distance and direction alone; 0: nothing."""
    lens = eye.lens
    dx, dy = place.mid_x - lens.x[i], place.mid_y - lens.y[i]
    away = math.sqrt(dx * dx + dy * dy)
    near = max(away - place.spread_m, 0.0)
    turns = lens.turns[i] and moment.state[i] == 0
    known = lens.belief[i] < 0 or turns
    tangent = lens.half_w[i] / lens.zoom[i] if turns else moment.aim[i, 2]
    # In a corner of the picture things are nearer to its plane than to the lens.
    corner2 = 1 + tangent * tangent * (1 + lens.aspect[i] * lens.aspect[i])
    px_per_m = lens.half_px[i] / tangent / max(near, 1.0) * math.sqrt(corner2)
    if known and px_per_m * math.sqrt(corner2) * target.height_m < SHOWN_PX:
        return 0.0
    value = lens.trust[i] * moment.sure[i]
    off = abs(apart(arc(dx, dy), moment.aim[i, 0]))
    wide = math.asin(place.spread_m / away) if away > place.spread_m else math.pi
    if turns:
        return float(value) * waited(max(off - wide, 0.0) / lens.speed[i, 0] + moment.start_s[i])
    if known and off - wide > _half_aside(tangent, lens.aspect[i], moment.aim[i, 1]):
        return 0.0
    if not known:
        value *= eye.tables.most[lens.belief[i]]
    if known and px_per_m < target.px_per_m:
        value *= 0.6 + 0.4 * px_per_m / target.px_per_m
    return float(value) * waited(moment.start_s[i])


@inner
def _half_aside(tangent: float, aspect: float, tilt: float) -> float:
    """How far aside of its direction a tilted lens sees at most, in a corner; radians."""
    ahead = math.cos(tilt) - tangent * aspect * abs(math.sin(tilt))
    return arc(tangent, ahead) + 0.01 if ahead > 0 else math.pi


@compiled
def gather(
    eye: Eye, place: Place, moment: Moment, target: Target, radius: float
) -> tuple[Rows, Floats]:
    """Cameras that may be worth a look, and the most each can be worth, best first."""
    grid, reach = eye.grid, radius + place.spread_m
    c0 = max(int((place.mid_x - reach - grid.left) // grid.cell_m), 0)
    c1 = min(int((place.mid_x + reach - grid.left) // grid.cell_m), grid.columns - 1)
    r0 = max(int((place.mid_y - reach - grid.bottom) // grid.cell_m), 0)
    r1 = min(int((place.mid_y + reach - grid.bottom) // grid.cell_m), grid.rows - 1)
    most = 0
    for r in range(r0, r1 + 1 if c0 <= c1 else r0):
        most += grid.first[r * grid.columns + c1 + 1] - grid.first[r * grid.columns + c0]
    cameras, bounds, n = np.empty(most, np.int32), np.empty(most), 0
    # The loop reads plain columns: a row of the whole table would be handed on for each camera.
    x, y, row_of, usable, owner = (
        eye.lens.x, eye.lens.y, eye.lens.place, eye.lens.usable, eye.lens.owner,
    )  # fmt: skip
    state, gone, first, items = moment.state, moment.away, grid.first, grid.items
    ends = eye.profiles.short_m if target.height_m <= SHORT_M else eye.profiles.tall_m
    mid_x, mid_y, spread = place.mid_x, place.mid_y, place.spread_m
    for r in range(r0, r1 + 1 if c0 <= c1 else r0):
        for k in range(first[r * grid.columns + c0], first[r * grid.columns + c1 + 1]):
            i = items[k]
            dx, dy = mid_x - x[i], mid_y - y[i]
            away2 = dx * dx + dy * dy
            if away2 > reach * reach or not usable[i] or state[i] == 2 or gone[owner[i]]:
                continue
            away = math.sqrt(away2)
            if away > spread and not _in_reach(ends, row_of[i], dx, dy, away, spread):
                continue
            cameras[n] = i
            n += 1
    kept = 0
    for k in range(n):
        bound = _bound(eye, place, moment, target, cameras[k])
        if bound > 0:
            cameras[kept], bounds[kept] = cameras[k], bound
            kept += 1
    # One order for one question, whatever the order of the table: which cameras are looked through,
    # and what a PTZ is aimed at, follows from it.
    rank = np.empty(kept, np.int32)
    for k in range(kept):
        rank[k] = eye.lens.rank[cameras[k]]
    by_rank = np.argsort(rank)
    order = by_rank[np.argsort(-bounds[:kept][by_rank], kind="mergesort")]
    return cameras[:kept][order], bounds[:kept][order]
