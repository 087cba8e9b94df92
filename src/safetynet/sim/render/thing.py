"""Things that stand in the world, put into a finished background with a depth test."""

import dataclasses
import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safetynet.base.geo import Floats
from safetynet.sim.render.pinhole import NEAR_M, Pinhole
from safetynet.sim.render.raster import SKY, Canvas
from safetynet.sim.render.solid import draw_quads
from safetynet.sim.world import SIGNATURES, THING_SIZES, Thing, ThingKind

Picture = NDArray[np.uint8]
Single = NDArray[np.float32]
Flags = NDArray[np.bool_]
_Shape = Callable[[Single, Single], tuple[Flags, Flags]]
_CAR_WIDTH_M = 1.9
_CROWD = 26
_MINE = 2_000_000_000


@dataclass(frozen=True, kw_only=True)
class Patch:
    """A box of the picture that a thing covers; arrays are (rows, columns)."""

    top: int
    left: int
    signature: NDArray[np.bool_]
    """Where it shows its signature."""
    detail: NDArray[np.bool_]
    """Where it shows something else of its own."""
    colour: tuple[int, int, int]
    """Of the detail."""


def put_things(
    picture: Picture,
    canvas: Canvas,
    lens: Pinhole,
    things: tuple[Thing, ...],
    seconds: float,
) -> None:
    """Draw things into the whole picture of a lens, behind what the canvas holds, which stays as it is."""
    windows = [w for thing in things if (w := find_window(lens, thing)) is not None]
    if not windows:
        return
    window = _join(windows)
    rows = slice(window.top_px, window.top_px + window.rows)
    columns = slice(window.left_px, window.left_px + window.columns)
    part = picture[rows, columns]
    behind = Canvas(
        nearness=canvas.nearness[rows, columns].copy(), surface=canvas.surface[rows, columns].copy()
    )
    for thing in things:
        for patch in list_patches(behind, window, thing, seconds):
            high, wide = patch.signature.shape
            box = part[patch.top : patch.top + high, patch.left : patch.left + wide]
            box[patch.signature] = SIGNATURES[thing.signature]
            box[patch.detail] = patch.colour


def find_window(lens: Pinhole, thing: Thing) -> Pinhole | None:
    """The lens, drawing only the part of its picture that may hold the thing; None where that is empty."""
    size = THING_SIZES[thing.kind]
    half = size.width_m / 2 + 0.6
    corners = np.array(
        [
            (thing.x + i * half, thing.y + j * half, k * size.height_m)
            for i in (-1, 1)
            for j in (-1, 1)
            for k in (0, 1)
        ]
    )
    seen = lens.to_camera(corners)
    if (seen[:, 2] < 0.3).all():
        return None
    if (seen[:, 2] < 0.3).any():
        return lens
    spots = lens.to_picture(seen)
    whole = (lens.width_px, lens.height_px)
    low = np.clip(np.floor(spots.min(axis=0)) - 1, 0, whole).astype(int)
    high = np.clip(np.ceil(spots.max(axis=0)) + 1, 0, whole).astype(int)
    if (high <= low).any():
        return None
    return _cut(lens, int(low[0]), int(low[1]), int(high[0]), int(high[1]))


def _join(windows: list[Pinhole]) -> Pinhole:
    """The smallest window that holds some of one lens."""
    return _cut(
        windows[0],
        min(w.left_px for w in windows),
        min(w.top_px for w in windows),
        max(w.left_px + w.columns for w in windows),
        max(w.top_px + w.rows for w in windows),
    )


def _cut(lens: Pinhole, left: int, top: int, right: int, bottom: int) -> Pinhole:
    return dataclasses.replace(
        lens, left_px=left, top_px=top, columns=right - left, rows=bottom - top
    )


def list_patches(canvas: Canvas, lens: Pinhole, thing: Thing, seconds: float) -> Iterator[Patch]:
    """What of a thing is visible in front of the canvas; its depth is written as it goes."""
    if thing.kind is ThingKind.VEHICLE:
        yield from _vehicle(canvas, lens, thing)
    elif thing.kind is ThingKind.CROWD:
        for x, y, tall in _members(thing):
            yield from _upright(canvas, lens, x, y, 0.5 * tall, 1.7 * tall, _person)
    elif thing.kind is ThingKind.PERSON:
        yield from _boxes(canvas, lens, _fallen(thing))
        yield from _upright(canvas, lens, thing.x, thing.y, 0.5, 1.7, _person)
    else:
        size = THING_SIZES[ThingKind.FIRE]
        phase = seconds + zlib.crc32(thing.id.encode()) % 97

        def shape(x: Single, z: Single) -> tuple[Flags, Flags]:
            return _fire(x, z, phase)

        yield from _upright(
            canvas, lens, thing.x, thing.y, size.width_m, size.height_m, shape, (255, 244, 224)
        )


def _members(thing: Thing) -> list[tuple[float, float, float]]:
    """Where the people of a crowd stand, and how tall each is (1 is 1.7 m); the same each time."""
    rng = np.random.default_rng(zlib.crc32(thing.id.encode()))
    turn, out = rng.uniform(0, 2 * np.pi, _CROWD), np.sqrt(rng.uniform(0, 1, _CROWD)) * 3.75
    size = rng.uniform(0.9, 1.0, _CROWD)
    return [
        (thing.x + float(r * math.cos(t)), thing.y + float(r * math.sin(t)), float(s))
        for t, r, s in zip(turn, out, size, strict=True)
    ]


def _person(x: Single, z: Single) -> tuple[Flags, Flags]:
    """A figure in a long coat: x in half widths, z in heights."""
    body = (np.abs(x) <= 1) & (z <= 0.8)
    head = (x / 0.62) ** 2 + ((z - 0.87) / 0.13) ** 2 <= 1
    whole = body | head
    return whole, np.zeros_like(whole)


def _fire(x: Single, z: Single, seconds: float) -> tuple[Flags, Flags]:
    """A billowing column of smoke over bright flames: x in half widths, z in heights."""
    sway = 0.16 * np.sin(7 * z - 1.3 * seconds) * z + 0.07 * np.sin(19 * z - 2.9 * seconds)
    puffs = 0.10 * np.sin(26 * z - 3.7 * seconds + 3 * np.sign(x))
    width = 0.52 + 0.28 * z + puffs
    smoke = (np.abs(x - sway) <= width) & (z <= 0.985)
    tongue = 0.20 * (1 - np.abs(x) / 0.55) * (1 + 0.25 * np.sin(9 * x + 8 * seconds))
    flames = smoke & (z < tongue)
    return smoke & ~flames, flames


def _upright(
    canvas: Canvas,
    lens: Pinhole,
    x: float,
    y: float,
    width_m: float,
    height_m: float,
    shape: _Shape,
    colour: tuple[int, int, int] = (0, 0, 0),
) -> Iterator[Patch]:
    """A flat figure that stands at x, y and turns to the lens."""
    dx, dy = x - lens.x, y - lens.y
    away = math.hypot(dx, dy)
    if away < 0.3:
        return
    nx, ny = dx / away, dy / away
    half = width_m / 2
    left, right = (x - ny * half, y + nx * half), (x + ny * half, y - nx * half)
    corners = np.array([(*left, 0), (*right, 0), (*right, height_m), (*left, height_m)])
    seen = lens.to_camera(corners.astype(np.float64))
    if (seen[:, 2] < NEAR_M).any():
        return
    spots = lens.to_picture(seen)
    size = [lens.columns, lens.rows]
    low = np.clip(np.floor(spots.min(axis=0)), 0, size).astype(int)
    high = np.clip(np.ceil(spots.max(axis=0)), 0, size).astype(int)
    if (high <= low).any():
        return
    box = (slice(low[1], high[1]), slice(low[0], high[0]))
    a, b, c = lens.plane(np.array([nx, ny, 0.0]), np.array(away))
    u, v = np.arange(low[0], high[0]), np.arange(low[1], high[1])[:, None]
    near = a * u + (b * v + c)
    across = (u + 0.5 + lens.left_px - lens.width_px / 2) / lens.focal_px
    down = (v + 0.5 + lens.top_px - lens.height_px / 2) / lens.focal_px
    side = lens.basis @ np.array([ny, -nx, 0.0])
    up = lens.basis[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        s = (side[0] * across + side[1] * down + side[2]) / near / half
        z = ((up[0] * across + up[1] * down + up[2]) / near + lens.height_m) / height_m
    own = (near > 0) & (np.abs(s) <= 1) & (z >= 0) & (z <= 1)
    own &= near > canvas.nearness[box]
    signature, detail = shape(s.astype(np.float32), z.astype(np.float32))
    signature, detail = signature & own, detail & own
    covered = signature | detail
    np.copyto(canvas.nearness[box], near.astype(np.float32), where=covered)
    yield Patch(
        top=int(low[1]), left=int(low[0]), signature=signature, detail=detail, colour=colour
    )


def _vehicle(canvas: Canvas, lens: Pinhole, thing: Thing) -> Iterator[Patch]:
    """A body with a cabin on it, each a box; wheels and glass are left to the imagination."""
    body, cabin = _box(thing, 4.5, _CAR_WIDTH_M, 0.0, 0.95), _box(thing, 2.6, 1.6, 0.9, 1.5)
    yield from _boxes(canvas, lens, np.concatenate([body, cabin]))


def _fallen(thing: Thing) -> Floats:
    """Somebody who lies on the ground, beside whoever stands there and called: trunk, legs, head."""
    t = math.radians(thing.heading_deg)
    away = np.array([math.sin(t), math.cos(t)])
    parts = [(0.55, 0.42, 0.28, 0.55), (0.80, 0.30, 0.18, 1.20), (0.24, 0.20, 0.22, 0.16)]
    return np.concatenate(
        [
            _box(thing, length, width, 0.0, high, off_m=away * along)
            for length, width, high, along in parts
        ]
    )


def _boxes(canvas: Canvas, lens: Pinhole, faces: Floats) -> Iterator[Patch]:
    edge_a, edge_b = faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 1]
    normal = np.cross(edge_a, edge_b)
    offset = (normal * (faces[:, 0] - [lens.x, lens.y, lens.height_m])).sum(axis=1)
    facing = offset < -1e-9
    if not facing.any():
        return
    mine = np.full(int(facing.sum()), _MINE, np.int32)
    plane = lens.plane(normal[facing], offset[facing])
    draw_quads(canvas, lens, faces[facing], plane, mine)
    rows, columns = np.nonzero(canvas.surface == _MINE)
    if not len(rows):
        return
    top, left = int(rows.min()), int(columns.min())
    box = (slice(top, int(rows.max()) + 1), slice(left, int(columns.max()) + 1))
    signature = canvas.surface[box] == _MINE
    canvas.surface[box][signature] = SKY
    yield Patch(
        top=top, left=left, signature=signature, detail=np.zeros_like(signature), colour=(0, 0, 0)
    )


def _box(
    thing: Thing,
    length: float,
    width: float,
    low: float,
    high: float,
    *,
    off_m: Floats | None = None,
) -> Floats:
    """The sides and the top of a box, (5, 4, 3), counter-clockwise from outside."""
    t = math.radians(thing.heading_deg)
    way, side = np.array([math.sin(t), math.cos(t)]), np.array([-math.cos(t), math.sin(t)])
    half = np.array([way * length / 2, side * width / 2])
    at = np.array([thing.x, thing.y]) + (0.0 if off_m is None else off_m)
    ring = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) @ half + at
    bottom = np.column_stack([ring, np.full(4, low)])
    roof = np.column_stack([ring, np.full(4, high)])
    sides = [[bottom[i], bottom[(i + 1) % 4], roof[(i + 1) % 4], roof[i]] for i in range(4)]
    return np.array([*sides, list(roof)], np.float64)
