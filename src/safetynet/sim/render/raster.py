"""Filling polygons into a depth buffer: exact at pixel centres, nearest wins."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safetynet.base.geo import Floats
from safetynet.sim.render.pinhole import NEAR_M

SKY = -2
GROUND = -1
"""Surfaces that are not faces; faces count from 0."""


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """A depth buffer and what was nearest in each pixel; arrays are (rows, columns)."""

    nearness: NDArray[np.float32]
    """Inverse depth along the axis, 1/m; 0 is the sky."""
    surface: NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class Faces:
    """Flat polygons in the picture. Arrays are (n, …)."""

    corners: list[Floats]
    """Each (k, 2), window coordinates, in order around the polygon."""
    plane: Floats
    """(n, 3): inverse depth is plane · (column, row, 1)."""
    surface: NDArray[np.int32]


def clip_near(corners: Floats) -> Floats:
    """The part of a polygon (k, 3, camera axes) that lies before the lens; maybe empty.

    Sutherland and Hodgman's clip against one plane; a polygon with dents stays right for even-odd
    filling.
    """
    depth = corners[:, 2]
    ahead = depth >= NEAR_M
    if ahead.all():
        return corners
    following = np.roll(corners, -1, axis=0)
    cut = ahead != np.roll(ahead, -1)
    run = np.where(cut, following[:, 2] - depth, 1.0)
    edge = corners + (following - corners) * ((NEAR_M - depth) / run)[:, None]
    both: Floats = np.stack([corners, edge], axis=1).reshape(-1, 3)
    kept: Floats = both[np.stack([ahead, cut], axis=1).ravel()]
    return kept


def fill(canvas: Canvas, faces: Faces) -> None:
    """Draw faces of any shape (even-odd) into the canvas; order does not matter."""
    rows, columns = canvas.nearness.shape
    for corners, plane, surface in zip(faces.corners, faces.plane, faces.surface, strict=True):
        box = _box(corners, columns, rows)
        if box is None:
            continue
        c0, c1, r0, r1 = box
        inside = _inside(corners, c0, c1, r0, r1)
        _paint(canvas, inside, plane, int(surface), c0, c1, r0, r1)


def fill_convex(canvas: Canvas, corners: Floats, plane: Floats, surface: NDArray[np.int32]) -> None:
    """Draw convex quadrilaterals (n, 4, 2) at once; the same result as ``fill``, much sooner."""
    rows, columns = canvas.nearness.shape
    first = np.clip(np.ceil(corners[..., 0].min(axis=1) - 0.5), 0, columns).astype(np.int64)
    last = np.clip(np.ceil(corners[..., 0].max(axis=1) - 0.5), 0, columns).astype(np.int64)
    first, last = np.minimum(first, last), last
    start = np.concatenate([[0], np.cumsum(last - first)])
    face = np.repeat(np.arange(len(corners)), last - first)
    column = np.arange(len(face)) - start[face] + first[face]
    top, bottom = _spans(corners, face, column + 0.5)
    top = np.clip(np.ceil(top - 0.5), 0, rows).astype(np.int32)
    bottom = np.clip(np.ceil(bottom - 0.5), 0, rows).astype(np.int32)
    count = np.arange(rows, dtype=np.int32)[:, None]
    for i in np.flatnonzero(last > first):
        t, b = top[start[i] : start[i + 1]], bottom[start[i] : start[i + 1]]
        r0, r1 = int(t.min()), int(b.max())
        if r1 <= r0:
            continue
        at = count[r0:r1]
        inside = (at >= t) & (at < b)
        _paint(canvas, inside, plane[i], int(surface[i]), int(first[i]), int(last[i]), r0, r1)


def _spans(corners: Floats, face: NDArray[np.int64], x: Floats) -> tuple[Floats, Floats]:
    """Upper and lower edge of each face at each x."""
    top, bottom = np.full(len(x), np.inf), np.full(len(x), -np.inf)
    for k in range(corners.shape[1]):
        p, q = corners[:, k], corners[:, (k + 1) % corners.shape[1]]
        run = q[:, 0] - p[:, 0]
        slope = np.divide(q[:, 1] - p[:, 1], run, out=np.zeros(len(run)), where=run != 0)
        low, high = np.minimum(p[:, 0], q[:, 0])[face], np.maximum(p[:, 0], q[:, 0])[face]
        y = p[face, 1] + (x - p[face, 0]) * slope[face]
        on = (x >= low) & (x < high)
        np.minimum(top, y, out=top, where=on)
        np.maximum(bottom, y, out=bottom, where=on)
    return np.where(np.isfinite(top), top, 0.0), np.where(np.isfinite(bottom), bottom, 0.0)


def _box(corners: Floats, columns: int, rows: int) -> tuple[int, int, int, int] | None:
    if len(corners) < 3:
        return None
    low = np.clip(np.ceil(corners.min(axis=0) - 0.5), 0, [columns, rows]).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0) - 0.5), 0, [columns, rows]).astype(int)
    if (high <= low).any():
        return None
    return int(low[0]), int(high[0]), int(low[1]), int(high[1])


def _inside(corners: Floats, c0: int, c1: int, r0: int, r1: int) -> NDArray[np.bool_]:
    """Even-odd cover of a box: each edge toggles everything below it, column by column."""
    toggles = np.zeros((r1 - r0 + 1, c1 - c0), np.uint8)
    for p, q in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        (px, py), (qx, qy) = (p, q) if p[0] < q[0] else (q, p)
        if px == qx:
            continue
        first, last = max(int(np.ceil(px - 0.5)), c0), min(int(np.ceil(qx - 0.5)), c1)
        if last <= first:
            continue
        x = np.arange(first, last)
        y = py + (x + 0.5 - px) * (qy - py) / (qx - px)
        row = np.clip(np.ceil(y - 0.5), r0, r1).astype(np.int64) - r0
        toggles[row, x - c0] ^= 1
    inside: NDArray[np.bool_] = np.bitwise_xor.accumulate(toggles[:-1], axis=0).view(np.bool_)
    return inside


def _paint(
    canvas: Canvas,
    inside: NDArray[np.bool_],
    plane: Floats,
    surface: int,
    c0: int,
    c1: int,
    r0: int,
    r1: int,
) -> None:
    a, b, c = plane
    across = (a * np.arange(c0, c1) + c).astype(np.float32)
    down = (b * np.arange(r0, r1)).astype(np.float32)
    near = across + down[:, None]
    old = canvas.nearness[r0:r1, c0:c1]
    inside &= near > old
    np.copyto(old, near, where=inside)
    np.copyto(canvas.surface[r0:r1, c0:c1], np.int32(surface), where=inside)
