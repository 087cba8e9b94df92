"""What walls hide around one lens position: found once, asked often.

Around a position the circle is cut into ``SLICES``. In each slice the nearest tall wall that fills
it hides everything behind; a wall is kept for a position only where it is not hidden itself, and
listed in the ``BUCKETS`` of directions that it touches, the nearest first. A sight line then meets the
few walls of its bucket that are not behind the target: exact, whatever its height up to ``TALLEST_M``.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from safetynet.base.geo import Floats
from safetynet.sight.kernels.compiled import compiled, inner, lean
from safetynet.sight.kernels.geometry import diamond

SLICES = 1024
BUCKETS = 64
PER_BUCKET = SLICES // BUCKETS
TALLEST_M = 15.0
"""The tallest target that may be asked for."""
SHORT_M = 2.0
"""Targets up to this height have a nearer end of sight."""
REACH_M = 520.0
"""Nothing farther than this from a lens is looked at."""
RINGS_M = (25.0, 50.0, 100.0, 200.0)
"""How many walls of a bucket are nearer than these is known without a look at them."""
MANY = 255
"""As many walls as are counted."""
NO_END = 65_535
"""As an end of sight, cm: beyond all that is looked at."""
AT_LENS_M = 0.05
"""A wall nearer to the lens than this is what the camera hangs on."""

Edges = NDArray[np.float32]
Rows = NDArray[np.int32]
Counts = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Ends = NDArray[np.uint16]


class Grid(NamedTuple):
    """Items in square cells: those of cell c are ``items[first[c]:first[c + 1]]``."""

    left: float
    bottom: float
    cell_m: float
    columns: int
    rows: int
    first: Counts
    items: Counts


class Solids(NamedTuple):
    """All buildings: edges one after the other, and the cells that buildings touch."""

    edge: Edges
    """(m, 5): start x, y, way x, y, roof above sea level or the plane."""
    first: Counts
    """(n + 1,) edges of a building."""
    box: Floats
    """(n, 4): low x, low y, high x, high y."""
    grid: Grid


class Profiles(NamedTuple):
    """Walls that matter, per position and direction."""

    span: Rows
    """(p, BUCKETS + 1) where a bucket's walls lie in ``wall``; -1 where not found yet."""
    wall: Rows
    """Rows of ``Solids.edge``."""
    within: Bytes
    """(p, BUCKETS, 4) how many of a bucket's walls begin nearer than ``RINGS_M``, up to ``MANY``."""
    short_cm: Ends
    """(p, BUCKETS) beyond this nothing up to ``SHORT_M`` is in sight; rounded up, ``NO_END`` where not
    found yet."""
    tall_cm: Ends
    """(p, BUCKETS) beyond this nothing up to ``TALLEST_M`` is."""


class Scratch(NamedTuple):
    """Room for the work on one position after the other."""

    edge: Rows
    start: Rows
    stop: Rows
    near: Floats
    bucket: Rows
    wall: Rows
    away: Floats
    found: Rows


def make_scratch(size: int = 1 << 16) -> Scratch:
    """Room for ``size`` walls around one position."""
    rows = [np.empty(size, np.int32) for _ in range(3)]
    bucket, wall, found = (np.empty(4 * size, np.int32) for _ in range(3))
    away = np.empty(4 * size)
    return Scratch(rows[0], rows[1], rows[2], np.empty(size), bucket, wall, away, found)


def _directions() -> Floats:
    """Unit vectors (SLICES + 1, 2) of the slices' borders, in steps of ``diamond``."""
    turn = np.arange(SLICES + 1) * 4 / SLICES
    quarter, f = np.floor(turn).astype(int) % 4, turn % 1
    x = np.choose(quarter, [1 - f, -f, f - 1, f])
    y = np.choose(quarter, [f, 1 - f, -f, f - 1])
    made: Floats = np.stack([x, y], axis=1) / np.hypot(x, y)[:, None]
    return made


DIRECTIONS = _directions()


@inner
def _away(ax: float, ay: float, ex: float, ey: float) -> float:
    """Distance from the origin to the segment from (ax, ay) along (ex, ey)."""
    length2 = ex * ex + ey * ey
    t = -(ax * ex + ay * ey) / length2 if length2 > 0 else 0.0
    t = min(max(t, 0.0), 1.0)
    return float(np.hypot(ax + t * ex, ay + t * ey))


@inner
def _at_border(ax: float, ay: float, ex: float, ey: float, border: Floats) -> float:
    """Distance at which a slice's border meets the line of a wall that crosses it."""
    across = border[0] * ey - border[1] * ex
    return (ax * ey - ay * ex) / across if abs(across) > 1e-12 else np.inf


@inner
def _shade(roof: float, z: float, target: float) -> float:
    """How many times its distance a wall that stands ``roof - z`` over the lens hides ``target``
    for good; infinite for a wall that is not above the lens."""
    if roof <= z:
        return np.inf
    if roof >= target or z >= target:
        return 1.0
    return (target - z) / (roof - z)


@inner
def _take_wall(
    edge: Edges,
    row: int,
    x: float,
    y: float,
    z: float,
    base: float,
    short: Floats,
    tall: Floats,
    room: Scratch,
    count: int,
    borders: Floats,
) -> int:
    """Note one wall and what it hides; returns the number of walls noted."""
    ax, ay = edge[row, 0] - x, edge[row, 1] - y
    ex, ey = float(edge[row, 2]), float(edge[row, 3])
    near = _away(ax, ay, ex, ey)
    if near > REACH_M or (ex == 0 and ey == 0):
        return count
    bx, by = ax + ex, ay + ey
    turns = ax * by - ay * bx
    if turns > 0:
        one, other = diamond(ax, ay), diamond(bx, by)
    else:
        one, other = diamond(bx, by), diamond(ax, ay)
    start, stop = int(one * SLICES / 4), int(other * SLICES / 4)
    if other < one:
        stop += SLICES
    if near < AT_LENS_M * 2:  # it passes through the lens: every direction may meet it
        start, stop = 0, SLICES - 1
    room.edge[count], room.start[count], room.stop[count] = row, start, stop
    room.near[count] = near
    over_short = _shade(float(edge[row, 4]) - base, z - base, SHORT_M)
    over_tall = _shade(float(edge[row, 4]) - base, z - base, TALLEST_M)
    if over_tall < np.inf and near >= AT_LENS_M * 2 and stop - start > 1:
        before = _at_border(ax, ay, ex, ey, borders[(start + 1) % SLICES])
        for s in range(start + 1, stop):
            after = _at_border(ax, ay, ex, ey, borders[(s + 1) % SLICES])
            far = max(before, after)
            k = s % SLICES
            short[k] = min(short[k], far * over_short)
            tall[k] = min(tall[k], far * over_tall)
            before = after
    return count + 1


@inner
def _in_ring(
    solids: Solids,
    x: float,
    y: float,
    z: float,
    base: float,
    skip: int,
    ring: int,
    short: Floats,
    tall: Floats,
    room: Scratch,
    count: int,
    borders: Floats,
) -> int:
    """Note the walls of the cells at Chebyshev distance ``ring`` from the lens's own."""
    grid = solids.grid
    column, row = int((x - grid.left) // grid.cell_m), int((y - grid.bottom) // grid.cell_m)
    for r in range(max(row - ring, 0), min(row + ring, grid.rows - 1) + 1):
        edge_row = abs(r - row) == ring
        step = 1 if edge_row else max(2 * ring, 1)
        c = column - ring
        while c <= column + ring:
            if 0 <= c < grid.columns:
                cell = r * grid.columns + c
                for k in range(grid.first[cell], grid.first[cell + 1]):
                    b = grid.items[k]
                    # A building in several cells is taken from the cell nearest to the lens.
                    cx = min(max(x, solids.box[b, 0]), solids.box[b, 2])
                    cy = min(max(y, solids.box[b, 1]), solids.box[b, 3])
                    mine = int((cx - grid.left) // grid.cell_m) == c
                    if b == skip or not mine or int((cy - grid.bottom) // grid.cell_m) != r:
                        continue
                    for e in range(solids.first[b], solids.first[b + 1]):
                        if count < room.edge.size:
                            count = _take_wall(
                                solids.edge, e, x, y, z, base, short, tall, room, count, borders
                            )
            c += step
    return count


@inner
def _list_walls(
    solids: Solids, x: float, y: float, tall: Floats, room: Scratch, count: int, borders: Floats
) -> int:
    """Pairs (bucket, wall) of the walls that no nearer ones hide; returns their number."""
    listed = 0
    for i in range(count):
        row, start, stop = room.edge[i], room.start[i], room.stop[i]
        ax, ay = solids.edge[row, 0] - x, solids.edge[row, 1] - y
        ex, ey = float(solids.edge[row, 2]), float(solids.edge[row, 3])
        touching = room.near[i] < AT_LENS_M * 2
        last = -1
        for s in range(start, stop + 1):
            k = s % SLICES
            bucket = k // PER_BUCKET
            if bucket == last:
                continue
            near = room.near[i]
            if start < s < stop and not touching:
                near = 0.999 * min(
                    _at_border(ax, ay, ex, ey, borders[k]),
                    _at_border(ax, ay, ex, ey, borders[(k + 1) % SLICES]),
                )
            if near <= tall[k] and listed < room.bucket.size:
                room.bucket[listed], room.wall[listed] = bucket, row
                room.away[listed] = room.near[i]
                listed += 1
                last = bucket
    return listed


@compiled
def find_walls(
    solids: Solids,
    x: float,
    y: float,
    z: float,
    base: float,
    skip: int,
    room: Scratch,
    borders: Floats,
    short_cm: Ends,
    tall_cm: Ends,
    span: Rows,
    within: Bytes,
) -> int:
    """Find the walls that matter around one lens.

    ``base`` is the ground there, ``skip`` a building that does not count, or -1. Fills the rows
    ``short_cm, tall_cm`` (BUCKETS,), ``span`` (BUCKETS + 1,), counted from 0, and ``within`` (BUCKETS, 4), and
    leaves the walls in ``room.found``, bucket by bucket, the nearest first; returns how many.
    """
    short, tall = np.full(SLICES, REACH_M), np.full(SLICES, REACH_M)
    count, ring, last = 0, 0, int(REACH_M // solids.grid.cell_m) + 2
    while ring <= last and (ring - 1) * solids.grid.cell_m <= tall.max():
        count = _in_ring(solids, x, y, z, base, skip, ring, short, tall, room, count, borders)
        ring += 1
    listed = _list_walls(solids, x, y, tall, room, count, borders)
    for b in range(BUCKETS):
        short_cm[b] = math.ceil(100 * short[b * PER_BUCKET : (b + 1) * PER_BUCKET].max())
        tall_cm[b] = math.ceil(100 * tall[b * PER_BUCKET : (b + 1) * PER_BUCKET].max())
    _sort_walls(room, listed, span, within)
    return listed


@inner
def _sort_walls(room: Scratch, listed: int, span: Rows, within: Bytes) -> None:
    """The listed walls into ``room.found``: by bucket, the nearest first."""
    span[:] = 0
    within[:] = 0
    for k in range(listed):
        b = room.bucket[k]
        span[b + 1] += 1
        for ring in range(len(RINGS_M)):
            if room.away[k] < RINGS_M[ring] and within[b, ring] < MANY:
                within[b, ring] += 1
    for b in range(BUCKETS):
        span[b + 1] += span[b]
    at = span.copy()
    for k in np.argsort(room.away[:listed], kind="mergesort"):
        b = room.bucket[k]
        room.found[at[b]] = room.wall[k]
        at[b] += 1


@lean
def last_before(within: Bytes, first: int, last: int, away: float) -> int:
    """End of a bucket's walls (first…last) that begin nearer than ``away``, or some more."""
    for ring in range(len(RINGS_M)):
        if away <= RINGS_M[ring]:
            return first + within[ring] if within[ring] < MANY else last
    return last


@lean
def lowest_seen(
    edge: Edges,
    wall: Rows,
    first: int,
    last: int,
    x: float,
    y: float,
    z: float,
    dx: float,
    dy: float,
    ceiling: float,
) -> float:
    """Lowest height at (x + dx, y + dy) that a lens at (x, y, z) sees over walls first…last.

    In the lens's own height system; -inf where nothing stands between. Stops above ``ceiling``.
    """
    lowest = -np.inf
    length2 = dx * dx + dy * dy
    for k in range(first, last):
        e = wall[k]
        ax, ay = edge[e, 0] - x, edge[e, 1] - y
        bx, by = ax + edge[e, 2], ay + edge[e, 3]
        side_a, side_b = dx * ay - dy * ax, dx * by - dy * bx
        if (side_a > 0) == (side_b > 0):
            continue
        u = side_a / (side_a - side_b)
        t = ((ax + u * edge[e, 2]) * dx + (ay + u * edge[e, 3]) * dy) / length2
        if 0 < t < 1 and t * t * length2 > AT_LENS_M * AT_LENS_M:
            lowest = max(lowest, z + (edge[e, 4] - z) / t)
            if lowest > ceiling:
                break
    return float(lowest)


@lean
def bucket_of(dx: float, dy: float) -> int:
    """Bucket of a direction."""
    return min(int(diamond(dx, dy) * BUCKETS / 4), BUCKETS - 1)
