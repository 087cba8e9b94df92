"""The most of a place that a camera could hold in one picture, by direction alone."""

import math

import numpy as np

from safetynet.base.geo import Floats
from safetynet.sight.kernels.compiled import lean
from safetynet.sight.kernels.geometry import arc
from safetynet.sight.kernels.lens import half_aside
from safetynet.sight.kernels.tables import Place, Record
from safetynet.sight.kernels.walls import BUCKETS, PER_BUCKET, Bytes, Rows, bucket_of
from safetynet.sight.kernels.walls import DIRECTIONS as SLICE_DIRECTIONS


def _borders() -> Floats:
    """(2 · BUCKETS + 1,) angles at which the buckets of two turns begin, rising."""
    x, y = SLICE_DIRECTIONS[:-1:PER_BUCKET].T
    turn = np.arctan2(y, x) % (2 * math.pi)
    made: Floats = np.concatenate([turn, turn + 2 * math.pi, [4 * math.pi]])
    return made


BORDERS = _borders()


@lean
def note_directions(c: Record, place: Place, seen: Rows, bucket: Bytes) -> float:
    """Bucket of each point that camera ``c`` sees past the walls, into ``bucket``, in the order of ``seen``.

    Returns half the angle that its widest picture holds of them, whatever it is tilted to.
    """
    near2, drop = np.inf, 0.0
    for k in range(seen.size):
        j = seen[k]
        dx, dy = place.x[j] - c.x, place.y[j] - c.y
        bucket[k] = bucket_of(dx, dy)
        near2 = min(near2, dx * dx + dy * dy)
        drop = max(drop, c.z - place.ground[j])
    if c.roll != 0:
        return math.pi
    tilt = min(max(arc(drop, math.sqrt(near2)), c.least_tilt), c.most_tilt)
    return float(half_aside(c.half_w, c.aspect, max(tilt, -c.least_tilt)))


@lean
def heaviest_strip(weight: Floats, seen: Rows, bucket: Bytes, half: float, held: Floats) -> float:
    """Most weight of the points ``seen`` that any sector of half angle ``half`` touches."""
    held[:] = 0.0
    for k in range(seen.size):
        held[bucket[k]] += weight[seen[k]]
    most, now, end = 0.0, 0.0, 0
    for b in range(BUCKETS):  # the sector begins in bucket b
        last = BORDERS[b + 1] + 2 * half
        while end < b + BUCKETS and BORDERS[end] < last:
            now += held[end % BUCKETS]
            end += 1
        most = max(most, now)
        now -= held[b]
    return most + 1e-9
