"""Every kind of place as weighted points: discs, areas, stretches of street, targets on the move.

A metre of street weighs as much as 160 m² of open ground, and streets have 80 % of the weight at most:
about what a built-up square kilometre has anyway. Points lie at equal steps along the streets, and on a
hexagonal lattice that is fixed to the plane, so the same shape has the same points wherever its ring
begins and whichever way it runs.
"""

import math

import numpy as np
from numpy.typing import NDArray

from safetynet.base.errors import InvalidError
from safetynet.base.geo import Floats, LonLat, Plane
from safetynet.city.rings import signed_area
from safetynet.sight.boxes import Index
from safetynet.sight.graph import Net, StreetGraph
from safetynet.sight.ground import evenly, free_ground
from safetynet.sight.model import Area, Disc, Moving, Stretch, TargetKind
from safetynet.sight.moving import check_moving, look_ahead
from safetynet.sight.place import Points
from safetynet.sight.walls import Walls

MAX_AREA_M2 = 4e6
MAX_RADIUS_M = 2_000.0
MAX_CORNERS = 500
MAX_LINE_M = 10_000.0
MAX_HALF_WIDTH_M = 100.0
OUTSIDE_M = 1_000.0
"""A place farther than this from the box around all streets is outside the city."""

_POINTS = (40, 400)
_POINTS_KM2 = 256
_STREET_SHARE = 0.8
_STREET_M2 = 160.0
"""Open ground that weighs as much as a metre of street."""
_ROUND = 48
"""Corners that stand for a circle."""
_STEP_M = (3.0, 8.0)
_LINE_POINTS = 200
_LANES = np.array([-0.75, 0.25, -0.25, 0.75])
_SAME_M = 0.01

Flags = NDArray[np.bool_]
Known = Disc | Area | Stretch | Moving


def sample_where(
    where: Known, plane: Plane, walls: Walls, streets: StreetGraph, target: TargetKind
) -> Points:
    """The points that stand for a place, some 40 to 400: never empty, the same each time.

    None is inside a building, unless all ground within a kilometre is. Raises ``InvalidError`` as
    ``check_where`` does. Some 2 ms for a square kilometre, up to 20 ms for a fast target.
    """
    check_where(where, plane, streets)
    if isinstance(where, Moving):
        return look_ahead(where, plane, streets, walls, target).points()
    if isinstance(where, Stretch):
        return _along(_corners(where.line, plane), where.half_width_m, walls)
    return _over(_ring_of(where, plane), walls, streets.net)


def check_where(where: Known, plane: Plane, streets: StreetGraph) -> None:
    """Raise ``InvalidError`` for a place that makes no sense, is outside the city, or too large.

    A ring must have three corners at least and must not cross or touch itself; it may repeat its
    first corner at the end and run either way.
    """
    if isinstance(where, Moving):
        check_moving(where)
        _check_inside(_corners((where.at,), plane), streets)
    elif isinstance(where, Disc):
        _check("radius_m", where.radius_m, 1.0, MAX_RADIUS_M)
        _check_inside(_corners((where.at,), plane), streets)
    elif isinstance(where, Stretch):
        _check("half_width_m", where.half_width_m, 0.0, MAX_HALF_WIDTH_M)
        _check_line(_corners(where.line, plane), streets)
    else:
        _check_ring(_corners(where.ring, plane), streets)


def _corners(line: tuple[LonLat, ...], plane: Plane) -> Floats:
    """Positions as metres (n, 2); raises for one that is none."""
    for number, at in enumerate(line):
        if not at.is_valid():
            raise InvalidError("sight.place", "The place is no position.", corner=number)
    lonlat = np.array([(at.lon, at.lat) for at in line], np.float64).reshape(-1, 2)
    return np.column_stack(plane.to_xy(lonlat[:, 0], lonlat[:, 1]))


def _check(name: str, value: float, least: float, most: float) -> None:
    if not (math.isfinite(value) and least <= value <= most):
        raise InvalidError(
            f"sight.{name}", f"{name} must be from {least} to {most}.", least=least, most=most
        )


def _check_inside(xy: Floats, streets: StreetGraph) -> None:
    box = streets.net.box
    if box is None:
        return
    low, high = xy.min(axis=0), xy.max(axis=0)
    apart = (low > np.array(box[2:]) + OUTSIDE_M) | (high < np.array(box[:2]) - OUTSIDE_M)
    if apart.any():
        raise InvalidError("sight.outside", "The place is outside the city.")


def _check_line(xy: Floats, streets: StreetGraph) -> None:
    if len(xy) < 2:
        raise InvalidError("sight.line", "A stretch needs two places at least.", corners=len(xy))
    if len(xy) > MAX_CORNERS:
        raise InvalidError("sight.line", "The line has too many places.", most=MAX_CORNERS)
    _check("line", float(np.hypot(*np.diff(xy, axis=0).T).sum()), 1.0, MAX_LINE_M)
    _check_inside(xy, streets)


def _check_ring(xy: Floats, streets: StreetGraph) -> None:
    ring = _apart(xy)
    if not 3 <= len(ring) <= MAX_CORNERS:
        raise InvalidError(
            "sight.ring",
            "A polygon needs three corners at least.",
            corners=len(ring),
            most=MAX_CORNERS,
        )
    at = _find_crossing(ring)
    if at is not None:
        raise InvalidError("sight.crosses", "The polygon's sides cross or touch.", corner=at)
    area = abs(signed_area(ring))
    if not 1.0 <= area <= MAX_AREA_M2:
        raise InvalidError(
            "sight.area", "The polygon is too small or too large.", area_m2=area, most=MAX_AREA_M2
        )
    _check_inside(ring, streets)


def _apart(xy: Floats) -> Floats:
    """Without corners that repeat the one before."""
    if len(xy) < 2:
        return xy
    moved: Flags = np.hypot(*(xy - np.roll(xy, 1, axis=0)).T) > _SAME_M
    return np.asarray(xy[moved])


def _find_crossing(ring: Floats) -> int | None:
    """Number of a side that crosses or touches another than its neighbours, or folds back on one."""
    n = len(ring)
    a, b = ring, np.roll(ring, -1, axis=0)
    way = b - a
    after = np.roll(way, -1, axis=0)
    folds = (np.abs(_turn(way, after)) <= 1e-9) & ((way * after).sum(axis=1) < 0)
    i, j = np.triu_indices(n, 2)
    apart = (i > 0) | (j < n - 1)
    i, j = i[apart], j[apart]
    c, d = _turn(way[i], a[j] - a[i]), _turn(way[i], b[j] - a[i])
    e, f = _turn(way[j], a[i] - a[j]), _turn(way[j], b[i] - a[j])
    meets = (c * d <= 0) & (e * f <= 0)
    for axis in (0, 1):
        low_i, high_i = np.minimum(a, b)[i, axis], np.maximum(a, b)[i, axis]
        low_j, high_j = np.minimum(a, b)[j, axis], np.maximum(a, b)[j, axis]
        meets &= (low_i <= high_j) & (low_j <= high_i)
    bad = np.concatenate([np.flatnonzero(folds), i[meets]])
    return int(bad.min()) if bad.size else None


def _turn(a: Floats, b: Floats) -> Floats:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


def _ring_of(where: Disc | Area, plane: Plane) -> Floats:
    """Corners counter-clockwise from the westernmost one, so that all rings of a shape are one."""
    if isinstance(where, Disc):
        x, y = plane.to_xy(where.at.lon, where.at.lat)
        angle = np.arange(_ROUND) * (2 * math.pi / _ROUND)
        return np.column_stack(
            [x + where.radius_m * np.cos(angle), y + where.radius_m * np.sin(angle)]
        )
    ring = _apart(_corners(where.ring, plane))
    ring = ring if signed_area(ring) > 0 else ring[::-1]
    return np.roll(ring, -int(np.lexsort((ring[:, 1], ring[:, 0]))[0]), axis=0)


def _over(ring: Floats, walls: Walls, net: Net) -> Points:
    """Points over a ring's streets and open ground."""
    area = abs(signed_area(ring))
    count = round(float(np.clip(_POINTS_KM2 * math.sqrt(area / 1e6), *_POINTS)))
    piece, t0, t1 = _inside_pieces(net, ring)
    length = float((_length(net, piece) * (t1 - t0)).sum())
    share = min(_STREET_SHARE, length * _STREET_M2 / (length * _STREET_M2 + area))
    on_streets = round(count * share)
    x, y = _on_streets(net, piece, t0, t1, on_streets, ring, walls)
    ground_x, ground_y = _lattice(ring, area, count - on_streets, walls)
    if not x.size + ground_x.size:
        return _beside(ring, walls)
    share = share if x.size and ground_x.size else float(x.size > 0)
    weight = np.concatenate(
        [
            np.full(x.size, share / max(x.size, 1)),
            np.full(ground_x.size, (1 - share) / max(ground_x.size, 1)),
        ]
    )
    return Points(x=np.concatenate([x, ground_x]), y=np.concatenate([y, ground_y]), weight=weight)


def _length(net: Net, piece: Index) -> Floats:
    return np.asarray(
        np.hypot(
            net.x[net.b[piece]] - net.x[net.a[piece]], net.y[net.b[piece]] - net.y[net.a[piece]]
        )
    )


def _inside_pieces(net: Net, ring: Floats) -> tuple[Index, Floats, Floats]:
    """The parts of streets inside a ring: piece, fractions where the part begins and ends."""
    low, high = ring.min(axis=0), ring.max(axis=0)
    x, y = (low + high) / 2
    piece = net.around(float(x), float(y), float((high - low).max()) / 2)
    ax, ay, bx, by = (
        net.x[net.a[piece]],
        net.y[net.a[piece]],
        net.x[net.b[piece]],
        net.y[net.b[piece]],
    )
    near = (np.maximum(ax, bx) >= low[0]) & (np.minimum(ax, bx) <= high[0])
    near &= (np.maximum(ay, by) >= low[1]) & (np.minimum(ay, by) <= high[1])
    piece, ax, ay, bx, by = piece[near], ax[near], ay[near], bx[near], by[near]
    which, t = _cuts(ax, ay, bx - ax, by - ay, ring)
    all_of = np.arange(piece.size)
    own = np.concatenate([all_of, all_of, which])
    at = np.concatenate([np.zeros(piece.size), np.ones(piece.size), t])
    order = np.lexsort((at, own))
    own, at = own[order], at[order]
    parts = np.flatnonzero((own[:-1] == own[1:]) & (at[1:] > at[:-1]))
    own, t0, t1 = own[parts], at[parts], at[parts + 1]
    middle = (t0 + t1) / 2
    inside = _is_inside(ax[own] + middle * (bx - ax)[own], ay[own] + middle * (by - ay)[own], ring)
    return piece[own[inside]], t0[inside], t1[inside]


def _cuts(ax: Floats, ay: Floats, dx: Floats, dy: Floats, ring: Floats) -> tuple[Index, Floats]:
    """Where segments cross a ring: segment and fraction."""
    ex, ey = (np.roll(ring, -1, axis=0) - ring).T
    wx, wy = ring[:, 0] - ax[:, None], ring[:, 1] - ay[:, None]
    turn = dx[:, None] * ey - dy[:, None] * ex
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (wx * ey - wy * ex) / turn
        u = (wx * dy[:, None] - wy * dx[:, None]) / turn
    which, side = np.nonzero((t > 0) & (t < 1) & (u >= 0) & (u <= 1))
    return which, t[which, side]


def _is_inside(x: Floats, y: Floats, ring: Floats) -> Flags:
    """Which points are inside a ring, by crossing number."""
    ax, ay = ring.T
    bx, by = np.roll(ring, -1, axis=0).T
    above = (ay > y[:, None]) != (by > y[:, None])
    rise = np.where(by == ay, 1.0, by - ay)
    at = ax + (y[:, None] - ay) / rise * (bx - ax)
    return np.asarray((above & (x[:, None] < at)).sum(axis=1) % 2 == 1)


def _on_streets(
    net: Net, piece: Index, t0: Floats, t1: Floats, count: int, ring: Floats, walls: Walls
) -> tuple[Floats, Floats]:
    """Points at equal steps along parts of streets, left and right of the middle in turn."""
    length = _length(net, piece)
    end = np.cumsum(length * (t1 - t0))
    if not count or not end.size:
        return np.empty(0), np.empty(0)
    at = (np.arange(count) + 0.5) * (end[-1] / count)
    part = np.minimum(np.searchsorted(end, at), end.size - 1)
    t = t1[part] - (end[part] - at) / np.maximum(length[part], 1e-9)
    own = piece[part]
    dx, dy = net.x[net.b[own]] - net.x[net.a[own]], net.y[net.b[own]] - net.y[net.a[own]]
    x, y = net.x[net.a[own]] + t * dx, net.y[net.a[own]] + t * dy
    off = np.where(np.arange(count) % 2 == 0, 0.25, -0.25) * net.width_m[own]
    off = off / np.maximum(length[part], 1e-9)
    side_x, side_y = x - off * dy, y + off * dx
    good = _is_inside(side_x, side_y, ring) & (walls.inside(side_x, side_y) < 0)
    x, y = np.where(good, side_x, x), np.where(good, side_y, y)
    free = walls.inside(x, y) < 0
    return x[free], y[free]


def _lattice(ring: Floats, area: float, count: int, walls: Walls) -> tuple[Floats, Floats]:
    """Open ground inside a ring on a hexagonal lattice; a finer one where hardly any of it lies inside."""
    step = math.sqrt(area / max(count, 1) * 2 / math.sqrt(3))
    low, high = ring.min(axis=0), ring.max(axis=0)
    x = y = np.empty(0)
    for _ in range(7):
        rise = step * math.sqrt(3) / 2
        row = np.arange(math.ceil(low[1] / rise), math.floor(high[1] / rise) + 1)
        column = np.arange(math.floor(low[0] / step) - 1, math.floor(high[0] / step) + 2)
        columns, rows = (a.ravel() for a in np.meshgrid(column, row))
        x, y = (columns + rows % 2 / 2) * step, rows * rise
        inside = _is_inside(x, y, ring)
        x, y = x[inside], y[inside]
        free = walls.inside(x, y) < 0
        x, y = x[free], y[free]
        if x.size >= min(count, 4) or (max(high - low) / step) > 200:
            break
        step /= 2
    return x, y


def _beside(ring: Floats, walls: Walls) -> Points:
    """Where buildings fill the whole shape: the free ground around it."""
    x, y = (float(v) for v in ring.mean(axis=0))
    radius = float(np.hypot(*(ring - (x, y)).T).max())
    return free_ground(x, y, radius, walls)


def _along(line: Floats, half_width_m: float, walls: Walls) -> Points:
    """Points along a line, on four lanes in turn; those in a building move to the middle of the line."""
    way = np.diff(line, axis=0)
    length = np.hypot(*way.T)
    end = np.cumsum(length)
    step = max(float(np.clip(end[-1] / 48, *_STEP_M)), float(end[-1]) / _LINE_POINTS)
    count = max(math.floor(end[-1] / step), len(_LANES))
    at = (np.arange(count) + 0.5) * (end[-1] / count)
    part = np.minimum(np.searchsorted(end, at), len(way) - 1)
    ahead = way[part] / np.maximum(length[part], 1e-9)[:, None]
    middle = line[part + 1] - ahead * (end[part] - at)[:, None]
    off = _LANES[np.arange(count) % len(_LANES)] * half_width_m
    x, y = middle[:, 0] - off * ahead[:, 1], middle[:, 1] + off * ahead[:, 0]
    free = walls.inside(x, y) < 0
    x, y = np.where(free, x, middle[:, 0]), np.where(free, y, middle[:, 1])
    free = walls.inside(x, y) < 0
    if not free.any():
        half = float(end[-1]) / 2
        return free_ground(float(x.mean()), float(y.mean()), half, walls)
    return evenly(x[free], y[free])
