"""Colours for the nearest surfaces: calm, desaturated, lit by sun, sky and lamps."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safetynet.base.geo import Floats
from safetynet.sim.render.light import Light
from safetynet.sim.render.pinhole import Pinhole
from safetynet.sim.render.raster import GROUND, SKY
from safetynet.sim.render.solid import Solid

Single = NDArray[np.float32]
Picture = NDArray[np.uint8]
_BAND = 48
"""Rows that are shaded at once: their arrays stay in the processor's cache."""
_TONES = np.array(
    [
        (203, 196, 184),
        (184, 180, 172),
        (168, 150, 138),
        (214, 210, 203),
        (150, 150, 152),
        (190, 176, 158),
        (174, 180, 184),
        (158, 138, 126),
        (208, 201, 188),
        (138, 142, 146),
    ],
    np.float32,
)
_ROOF = np.array((132, 136, 132), np.float32)
_GLASS = np.array((84, 94, 104), np.float32)
_LIT = np.array((190, 176, 150), np.float32)
_UNLIT = np.array((24, 27, 34), np.float32)
_DARK = np.array((0.23, 0.24, 0.28), np.float32)
_WARM = np.array((0.62, 0.58, 0.50), np.float32)
"""Share of full daylight at night, and what a lamp adds under it."""
_CHANCE = np.random.default_rng(1).random(1024).astype(np.float32)
_FLOOR_M = 3.2
_BAY_M = 2.9
_HAZE_M = 1100.0
_DAY_HORIZON = np.array((212, 219, 225), np.float32)
_DAY_ZENITH = np.array((142, 166, 192), np.float32)
_NIGHT_HORIZON = np.array((40, 42, 50), np.float32)
_NIGHT_ZENITH = np.array((12, 14, 22), np.float32)


@dataclass(frozen=True, kw_only=True)
class _Tables:
    """Per surface: colour (3, n); rays (4, n) for the way along a wall; height; a number of its own."""

    colour: Single
    along: Single
    height_m: Single
    """Of a roof: far below it, so that it has no windows."""
    own: NDArray[np.int32]


def shade(
    lens: Pinhole, solid: Solid, ground: Picture, shadow: Picture, lamps: Picture, light: Light
) -> Picture:
    """The background's picture, (rows, columns, 3)."""
    tables = _tables(lens, solid, light)
    picture = np.empty((lens.rows, lens.columns, 3), np.uint8)
    columns = np.arange(lens.columns) + 0.5 + lens.left_px - lens.width_px / 2
    across = (columns / lens.focal_px).astype(np.float32)
    for top in range(0, lens.rows, _BAND):
        rows = slice(top, min(top + _BAND, lens.rows))
        v = np.arange(rows.start, rows.stop) + 0.5 + lens.top_px - lens.height_px / 2
        down = (v / lens.focal_px).astype(np.float32)[:, None]
        picture[rows] = _band(lens, solid, tables, rows, across, down, ground, shadow, lamps, light)
    return picture


def _band(
    lens: Pinhole,
    solid: Solid,
    tables: _Tables,
    rows: slice,
    across: Single,
    down: Single,
    ground: Picture,
    shadow: Picture,
    lamps: Picture,
    light: Light,
) -> Picture:
    surface, near = solid.canvas.surface[rows], solid.canvas.nearness[rows]
    up = lens.basis[:, 2].astype(np.float32)
    rise = (across * up[0] + down * up[1] + up[2]).ravel()
    horizon, zenith = _sky(light)
    colour = np.empty((surface.size, 3), np.uint8)
    flat, inverse = surface.ravel(), near.ravel()
    sky = np.flatnonzero(flat == SKY)
    slope: Single = np.sqrt(np.clip(rise[sky] * np.float32(1.6), 0, 1))
    for c in range(3):
        colour[sky, c] = horizon[c] + (zenith[c] - horizon[c]) * slope
    floor = np.flatnonzero(flat == GROUND)
    paint, shaded, lamp = (
        a[rows].reshape(surface.size, -1)[floor] for a in (ground, shadow, lamps)
    )
    for c, tone in enumerate(_floor(paint, shaded, lamp, light)):
        colour[floor, c] = _hazed(tone, inverse[floor], horizon[c])
    face = np.flatnonzero(flat >= 0)
    u, v = across[face % lens.columns], down[face // lens.columns, 0]
    for c, tone in enumerate(
        _faces(lens, tables, flat[face], inverse[face], rise[face], u, v, light)
    ):
        colour[face, c] = _hazed(tone, inverse[face], horizon[c])
    return colour.reshape(*surface.shape, 3)


def _hazed(tone: Single, near: Single, horizon: np.float32) -> Single:
    air: Single = np.exp(-1 / (np.maximum(near, np.float32(1e-5)) * np.float32(_HAZE_M)))
    hazy: Single = (tone - horizon) * air + horizon
    return hazy


def _sky(light: Light) -> tuple[Single, Single]:
    d = np.float32(light.day)
    return (
        _NIGHT_HORIZON + (_DAY_HORIZON - _NIGHT_HORIZON) * d,
        _NIGHT_ZENITH + (_DAY_ZENITH - _NIGHT_ZENITH) * d,
    )


def _floor(paint: Picture, shadow: Picture, lamps: Picture, light: Light) -> Iterator[Single]:
    """The ground's red, green and blue."""
    day, night = np.float32(light.day), np.float32(1 - light.day)
    sun = day * (1 - shadow[:, 0].astype(np.float32) * np.float32(0.38 / 255))
    lamp = lamps[:, 0].astype(np.float32) * np.float32(1 / 255)
    for c in range(3):
        yield paint[:, c] * (sun + night * (_DARK[c] + lamp * _WARM[c]))


def _faces(
    lens: Pinhole,
    tables: _Tables,
    surface: NDArray[np.int32],
    near: Single,
    rise: Single,
    across: Single,
    down: Single,
    light: Light,
) -> Iterator[Single]:
    """The red, green and blue of walls and roofs."""
    depth = 1 / near
    ray = [part[surface] for part in tables.along]
    s = depth * (ray[0] * across + ray[1] * down + ray[2]) - ray[3]
    z = depth * rise + np.float32(lens.height_m)
    below = tables.height_m[surface] - z
    floor, bay = z * np.float32(1 / _FLOOR_M), s * np.float32(1 / _BAY_M)
    whole_floor, whole_bay = np.floor(floor), np.floor(bay)
    in_floor, in_bay = floor - whole_floor, np.abs(bay - whole_bay - np.float32(0.5))
    shop = z < _FLOOR_M * 0.82
    window = (in_floor > 0.3) & (in_floor < 0.78) & (in_bay < 0.3)
    pane = np.where(shop, (in_bay < 0.44) & (z > 0.3), window) & (below > 0.9)
    clear = np.clip(near * np.float32(lens.focal_px * 0.12) - np.float32(0.35), 0, 1)
    glass = np.where(pane, clear * np.float32(0.85), np.float32(0))
    number = whole_floor.astype(np.int32) * 131 + whole_bay.astype(np.int32) * 71
    chance = _CHANCE[(number + tables.own[surface]) & (len(_CHANCE) - 1)]
    plain = np.minimum(np.float32(0.78) + z * np.float32(0.11), 1) * (1 - glass)
    plain *= np.where(below < 0.45, np.float32(1.08), np.float32(1))
    day, night = np.float32(light.day), np.float32(1 - light.day)
    lamp = np.exp(z * np.float32(-1 / 3.5)) if night else np.float32(0)
    lit = chance < np.where(shop, np.float32(0.55), np.float32(0.24)) if night else None
    shimmer = (chance - np.float32(0.5)) * 26
    for c in range(3):
        wall = plain * (day + night * (_DARK[c] + lamp * _WARM[c] * np.float32(0.55)))
        pale = day * (_GLASS[c] + shimmer)
        if lit is not None:
            pale += night * np.where(lit, _LIT[c], _UNLIT[c])
        yield tables.colour[c][surface] * wall + glass * pale


def _tables(lens: Pinhole, solid: Solid, light: Light) -> _Tables:
    walls, n = solid.walls, len(solid.walls.a)
    roofs = np.array(solid.roofs, np.int64)
    building = np.concatenate([walls.building.astype(np.int64), roofs])
    mixed = (building * 2654435761) % 4294967296
    along = walls.b - walls.a
    way = along / np.maximum(np.hypot(*along.T), 0.01)[:, None]
    facing = way[:, 1] * light.to_sun[0] - way[:, 0] * light.to_sun[1]
    bright = 0.74 + 0.06 * way[:, 0] + 0.26 * np.maximum(facing, 0)
    tone = _TONES[mixed[:n] % len(_TONES)] * bright[:, None]
    roof = np.tile(_ROOF, (len(roofs), 1)) * (0.9 + 0.2 * (mixed[n:] % 7)[:, None] / 6)
    rays = np.zeros((n + len(roofs), 4), np.float32)
    flat: Floats = np.column_stack([way, np.zeros(n)])
    rays[:n, :3] = flat @ lens.basis.T
    rays[:n, 3] = (way * (walls.a - [lens.x, lens.y])).sum(axis=1)
    return _Tables(
        colour=np.concatenate([tone, roof]).astype(np.float32).T.copy(),
        along=rays.T.copy(),
        height_m=np.concatenate([walls.height_m, np.full(len(roofs), -1e9)]).astype(np.float32),
        own=(mixed % 9973).astype(np.int32),
    )
