"""Points that stand for an uncertain place: along the streets, never inside a building."""

import math
from typing import NamedTuple

from safetynet.base.geo import Floats
from safetynet.sight.kernels.compiled import lean, lean_door
from safetynet.sight.kernels.walls import Grid, Solids

STREET_SHARE = 0.95
"""Part of the weight that lies on streets where there are any: people and cars are there."""
SIGMAS = 2.448
"""Radius in standard deviations that holds 95 % of a round normal distribution."""
GOLDEN = math.pi * (3 - math.sqrt(5))
BODY_POINTS = 6


class Segments(NamedTuple):
    """Pieces of street centre lines."""

    line: Floats
    """(m, 5): start x, y, way x, y, a quarter of the street's width."""
    grid: Grid


@lean_door
def building_at(solids: Solids, x: float, y: float) -> int:
    """The building whose footprint holds a point, or -1; by crossing number."""
    grid = solids.grid
    c, r = int((x - grid.left) // grid.cell_m), int((y - grid.bottom) // grid.cell_m)
    if not (0 <= c < grid.columns and 0 <= r < grid.rows):
        return -1
    cell = r * grid.columns + c
    for k in range(grid.first[cell], grid.first[cell + 1]):
        b = grid.items[k]
        low_x, low_y, high_x, high_y = solids.box[b]
        if not (low_x <= x <= high_x and low_y <= y <= high_y):
            continue
        inside = False
        for e in range(solids.first[b], solids.first[b + 1]):
            ay = float(solids.edge[e, 1])
            by = ay + solids.edge[e, 3]
            if (ay > y) != (by > y):
                cut = solids.edge[e, 0] + (y - ay) / solids.edge[e, 3] * solids.edge[e, 2]
                inside ^= x < cut
        if inside:
            return int(b)
    return -1


@lean
def _inside(ax: float, ay: float, dx: float, dy: float, radius: float) -> float:
    """Length of a segment (start from the centre, way) inside a circle."""
    length2 = max(dx * dx + dy * dy, 1e-12)
    middle = -(ax * dx + ay * dy) / length2
    miss2 = (ax + middle * dx) ** 2 + (ay + middle * dy) ** 2
    reach = math.sqrt(max(radius * radius - miss2, 0.0) / length2)
    part = min(max(middle + reach, 0.0), 1.0) - min(max(middle - reach, 0.0), 1.0)
    return part * math.sqrt(length2)


@lean_door
def street_points(
    segments: Segments, solids: Solids, x: float, y: float, radius: float, wanted: int, out: Floats
) -> tuple[int, float]:
    """Points at equal steps along the streets inside a circle, left and right in turn.

    Returns their number and the step, m.
    """
    grid = segments.grid
    c0, c1 = (
        int((x - radius - grid.left) // grid.cell_m),
        int((x + radius - grid.left) // grid.cell_m),
    )
    r0, r1 = (
        int((y - radius - grid.bottom) // grid.cell_m),
        int((y + radius - grid.bottom) // grid.cell_m),
    )
    c0, r0, c1, r1 = max(c0, 0), max(r0, 0), min(c1, grid.columns - 1), min(r1, grid.rows - 1)
    total, step, count = 0.0, 1.0, 0
    for placing in range(2):
        for r in range(r0, r1 + 1):
            for c in range(c0, c1 + 1):
                cell = r * grid.columns + c
                for k in range(grid.first[cell], grid.first[cell + 1]):
                    ax, ay, dx, dy, half = segments.line[grid.items[k]]
                    # A piece in several cells is taken from the one nearest to its start.
                    own_c = min(max(int((ax - grid.left) // grid.cell_m), c0), c1)
                    own_r = min(max(int((ay - grid.bottom) // grid.cell_m), r0), r1)
                    if own_c != c or own_r != r:
                        continue
                    if placing == 0:
                        total += _inside(ax - x, ay - y, dx, dy, radius)
                    else:
                        count = _place_along(
                            solids, x, y, radius, ax, ay, dx, dy, half, step, out, count
                        )
        if placing == 0:
            step = max(total / wanted, 1.0)
    return count, step


@lean
def _place_along(
    solids: Solids,
    x: float,
    y: float,
    radius: float,
    ax: float,
    ay: float,
    dx: float,
    dy: float,
    half: float,
    step: float,
    out: Floats,
    count: int,
) -> int:
    length = math.hypot(dx, dy)
    if length == 0:
        return count
    for k in range(math.ceil(length / step)):
        t = min((k + 0.5) * step / length, 1.0)
        side = (half if k % 2 == 0 else -half) / length
        px, py = ax + t * dx - side * dy, ay + t * dy + side * dx
        away2 = (px - x) ** 2 + (py - y) ** 2
        if away2 > radius * radius or count >= out.shape[0] or building_at(solids, px, py) >= 0:
            continue
        out[count, 0], out[count, 1] = px, py
        out[count, 2] = math.exp(-away2 / 2 * (SIGMAS / radius) ** 2)
        count += 1
    return count


@lean
def _on_spiral(
    solids: Solids, x: float, y: float, error: float, n: int, every: int, out: Floats, count: int
) -> int:
    """A Vogel spiral whose radii follow a round normal distribution up to its 95 % radius."""
    for i in range(0, n, every):
        chance = (i + 0.5) / n * 0.95
        radius = error / SIGMAS * math.sqrt(-2 * math.log1p(-chance))
        px, py = x + radius * math.sin(i * GOLDEN), y + radius * math.cos(i * GOLDEN)
        if building_at(solids, px, py) < 0 and count < out.shape[0]:
            out[count, 0], out[count, 1], out[count, 2] = px, py, 1.0
            count += 1
    return count


@lean
def _around(solids: Solids, x: float, y: float, radius: float, out: Floats) -> int:
    """The middle and a ring around it; the ring widens until some point is outside."""
    for widening in range(12):
        r, count = radius * 1.7**widening, 0
        for k in range(BODY_POINTS + 1):
            turn = (k - 1) * (2 * math.pi / BODY_POINTS)
            px = x if k == 0 else x + r * math.sin(turn)
            py = y if k == 0 else y + r * math.cos(turn)
            if building_at(solids, px, py) < 0:
                out[count, 0], out[count, 1], out[count, 2] = px, py, 2.0 if k == 0 else 1.0
                count += 1
        if count:
            return count
    out[0, 0], out[0, 1], out[0, 2] = x, y, 1.0
    return 1


@lean
def _even(out: Floats, first: int, last: int, share: float) -> None:
    """Let the weights of points first…last sum to ``share``."""
    total = 0.0
    for k in range(first, last):
        total += out[k, 2]
    for k in range(first, last if total > 0 else first):
        out[k, 2] *= share / total


@lean_door
def place_points(
    segments: Segments,
    solids: Solids,
    x: float,
    y: float,
    error: float,
    width: float,
    wanted: int,
    out: Floats,
) -> int:
    """Fill ``out`` (s, 3) with x, y, weight of points that stand for a place; returns how many.

    At least one; the weights sum to 1. A place known better than the target is wide is stood for
    by points over the target's width; a place inside a building by the ground around it.
    """
    if error <= max(width, 1.0):
        count = _around(solids, x, y, max(error, width * 0.35), out)
        _even(out, 0, count, 1.0)
        return count
    street, _ = street_points(segments, solids, x, y, error, wanted, out[: out.shape[0] - wanted])
    every = 4 if street else 1
    count = _on_spiral(solids, x, y, error, wanted, every, out, street)
    if count == 0:
        count = _around(solids, x, y, error, out)
    if street and count > street:
        _even(out, 0, street, STREET_SHARE)
        _even(out, street, count, 1 - STREET_SHARE)
    else:
        _even(out, 0, count, 1.0)
    return count
