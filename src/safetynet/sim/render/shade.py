"""Colours for the nearest surfaces: calm, desaturated, lit by sun, sky and lamps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safetynet.base.geo import Floats
from safetynet.sim.render.light import Light
from safetynet.sim.render.pinhole import Pinhole
from safetynet.sim.render.raster import SKY
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
_LIT = np.array((236, 218, 186), np.float32)
_UNLIT = np.array((24, 27, 34), np.float32)
_FLOOR_M = 3.2
_BAY_M = 2.9
_HAZE_M = 1100.0
_DAY_HORIZON = np.array((212, 219, 225), np.float32)
_DAY_ZENITH = np.array((142, 166, 192), np.float32)
_NIGHT_HORIZON = np.array((40, 42, 50), np.float32)
_NIGHT_ZENITH = np.array((12, 14, 22), np.float32)


@dataclass(frozen=True, kw_only=True)
class _Tables:
    """Per surface, float32: colour (n, 3); rays (n, 4) for the way along a wall; height and seed."""

    colour: Single
    along: Single
    height_m: Single
    seed: Single
    wall: NDArray[np.bool_]


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
    rise = across * up[0] + down * up[1] + up[2]
    horizon, zenith = _sky(light)
    colour: Single = np.empty((*surface.shape, 3), np.float32)
    sky = surface == SKY
    if sky.any():
        slope: Single = np.clip(rise[sky] * np.float32(1.6), 0, 1)[:, None]
        colour[sky] = horizon + (zenith - horizon) * np.sqrt(slope)
    floor = surface == SKY + 1
    if floor.any():
        colour[floor] = _floor(ground[rows][floor], shadow[rows][floor], lamps[rows][floor], light)
    face = surface >= 0
    if face.any():
        y, x = np.nonzero(face)
        colour[face] = _faces(
            lens, tables, surface[face], near[face], rise[face], across[x], down[y, 0], light
        )
    solidly = ~sky
    air = np.maximum(near[solidly], np.float32(1e-5)) * np.float32(_HAZE_M)
    haze = np.exp(-1 / air).astype(np.float32)[:, None]
    colour[solidly] = horizon + (colour[solidly] - horizon) * haze
    return np.clip(colour, 0, 255).astype(np.uint8)


def _sky(light: Light) -> tuple[Single, Single]:
    d = np.float32(light.day)
    return (
        _NIGHT_HORIZON + (_DAY_HORIZON - _NIGHT_HORIZON) * d,
        _NIGHT_ZENITH + (_DAY_ZENITH - _NIGHT_ZENITH) * d,
    )


def _floor(paint: Picture, shadow: Picture, lamps: Picture, light: Light) -> Single:
    sun = np.float32(1) - shadow.astype(np.float32) * np.float32(0.38 / 255)
    tone = paint.astype(np.float32)
    by_day = tone * sun[:, None]
    dark = np.array((0.24, 0.25, 0.29), np.float32)
    warm = np.array((0.62, 0.58, 0.50), np.float32)
    glow = lamps.astype(np.float32)[:, None] * np.float32(1 / 255)
    by_night = tone * (dark + glow * warm)
    mixed: Single = by_night + (by_day - by_night) * np.float32(light.day)
    return mixed


def _faces(
    lens: Pinhole,
    tables: _Tables,
    surface: NDArray[np.int32],
    near: Single,
    rise: Single,
    across: Single,
    down: Single,
    light: Light,
) -> Single:
    depth = 1 / near
    ray = tables.along[surface]
    s = depth * (ray[:, 0] * across + ray[:, 1] * down + ray[:, 2]) - ray[:, 3]
    z = depth * rise + np.float32(lens.height_m)
    colour = tables.colour[surface]
    wall, height, seed = tables.wall[surface], tables.height_m[surface], tables.seed[surface]
    floor, bay = z / np.float32(_FLOOR_M), s / np.float32(_BAY_M)
    in_floor, in_bay = floor - np.floor(floor), bay - np.floor(bay)
    pane = (in_floor > 0.3) & (in_floor < 0.78) & (in_bay > 0.2) & (in_bay < 0.8)
    shop = z < _FLOOR_M * 0.82
    pane = np.where(shop, (in_bay > 0.06) & (in_bay < 0.94) & (z > 0.3), pane)
    pane &= wall & (z < height - 0.9)
    clear = np.clip(near * np.float32(lens.focal_px * 0.12) - 0.35, 0, 1) * 0.85
    glass = (pane * clear)[:, None]
    coping = (wall & (z > height - 0.45))[:, None]
    foot = np.clip(0.78 + z * np.float32(0.11), 0, 1)[:, None]
    chance = np.modf(
        np.abs(np.sin(np.floor(floor) * 12.9898 + np.floor(bay) * 78.233 + seed)) * 437
    )
    lit = (chance[0] < np.where(shop, 0.55, 0.24))[:, None]
    tone = colour * np.where(wall[:, None], foot, 1) * np.where(coping, 1.08, 1)
    by_day = tone + (_GLASS + (chance[0][:, None] - 0.5) * 26 - tone) * glass
    dark = np.array((0.21, 0.22, 0.26), np.float32)
    lamp = np.exp(-z / 3.5)[:, None] * np.array((0.34, 0.32, 0.28), np.float32)
    by_night = tone * (dark + lamp * wall[:, None])
    by_night = by_night + (np.where(lit, _LIT * np.float32(0.8), _UNLIT) - by_night) * glass
    mixed: Single = by_night + (by_day - by_night) * np.float32(light.day)
    return mixed


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
        colour=np.concatenate([tone, roof]).astype(np.float32),
        along=rays,
        height_m=np.concatenate([walls.height_m, np.full(len(roofs), 1e9)]).astype(np.float32),
        seed=(mixed % 6283 / 1000).astype(np.float32),
        wall=np.arange(n + len(roofs)) < n,
    )
