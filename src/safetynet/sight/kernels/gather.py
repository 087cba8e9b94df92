"""Which cameras are worth a look for a place, and the most that each can be worth."""

import math

import numpy as np

from safetynet.base.geo import Floats
from safetynet.sight.kernels.compiled import compiled, lean
from safetynet.sight.kernels.geometry import apart, arc
from safetynet.sight.kernels.lens import SHOWN_PX, half_aside, waited
from safetynet.sight.kernels.tables import Eye, Moment, Place, Target
from safetynet.sight.kernels.walls import BUCKETS, SHORT_M, Ends, Rows, bucket_of


@lean
def _in_reach(ends: Ends, p: int, dx: float, dy: float, away: float, spread: float) -> bool:
    """False where the walls around a lens end its sight before the place, in all directions."""
    near, sin_w = away - spread, spread / away
    cos_w = math.sqrt(1 - sin_w * sin_w)
    b = bucket_of(dx * cos_w + dy * sin_w, dy * cos_w - dx * sin_w)
    last = bucket_of(dx * cos_w - dy * sin_w, dy * cos_w + dx * sin_w)
    while 0.01 * ends[p, b] < near:
        if b == last:
            return False
        b = b + 1 if b + 1 < BUCKETS else 0
    return True


@lean
def _bound(eye: Eye, place: Place, moment: Moment, target: Target, i: int) -> float:
    """The most that camera ``i`` can be worth, by distance and direction alone; 0: nothing."""
    c, m = eye.lens.camera[i], moment.camera[i]
    dx, dy = place.mid_x - c.x, place.mid_y - c.y
    away = math.sqrt(dx * dx + dy * dy)
    near = max(away - place.spread_m, 0.0)
    turns = c.turns and m.state == 0
    known = c.belief < 0 or turns
    tangent = c.half_w / c.zoom if turns else m.tangent
    # In a corner of the picture things are nearer to its plane than to the lens.
    corner2 = 1 + tangent * tangent * (1 + c.aspect * c.aspect)
    px_per_m = c.half_px / tangent / max(near, 1.0) * math.sqrt(corner2)
    if known and px_per_m * math.sqrt(corner2) * target.height_m < SHOWN_PX:
        return 0.0
    value = c.trust * m.sure
    off = abs(apart(arc(dx, dy), m.azimuth))
    wide = math.asin(place.spread_m / away) if away > place.spread_m else math.pi
    if turns:
        return float(value) * waited(max(off - wide, 0.0) / c.pan_speed + m.start_s)
    if known and off - wide > half_aside(tangent, c.aspect, m.tilt):
        return 0.0
    if not known:
        value *= eye.tables.most[c.belief]
    if known and px_per_m < target.px_per_m:
        value *= 0.6 + 0.4 * px_per_m / target.px_per_m
    return float(value) * waited(m.start_s)


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
    lens, now, gone, first, items = (
        eye.lens.camera, moment.camera, moment.away, grid.first, grid.items,
    )  # fmt: skip
    ends = eye.profiles.short_cm if target.height_m <= SHORT_M else eye.profiles.tall_cm
    mid_x, mid_y, spread = place.mid_x, place.mid_y, place.spread_m
    for r in range(r0, r1 + 1 if c0 <= c1 else r0):
        for k in range(first[r * grid.columns + c0], first[r * grid.columns + c1 + 1]):
            i = items[k]
            dx, dy = mid_x - lens[i].x, mid_y - lens[i].y
            away2 = dx * dx + dy * dy
            if away2 > reach * reach or not lens[i].usable:
                continue
            if now[i].state == 2 or gone[lens[i].owner]:
                continue
            away = math.sqrt(away2)
            if away > spread and not _in_reach(ends, lens[i].place, dx, dy, away, spread):
                continue
            bound = _bound(eye, place, moment, target, i)
            if bound > 0:
                cameras[n], bounds[n] = i, bound
                n += 1
    # One order for one question, whatever the order of the table: which cameras are looked through,
    # and what a PTZ is aimed at, follows from it.
    rank = np.empty(n, np.int32)
    for k in range(n):
        rank[k] = lens[cameras[k]].rank
    by_rank = np.argsort(rank)
    order = by_rank[np.argsort(-bounds[:n][by_rank], kind="mergesort")]
    return cameras[:n][order], bounds[:n][order]
