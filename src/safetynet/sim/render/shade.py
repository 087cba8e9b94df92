"""Colours for the nearest surfaces: calm, desaturated, lit by sun, sky and lamps."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safetynet.base.geo import Floats
from safetynet.sim.render.compiled import compiled, inner
from safetynet.sim.render.light import Light
from safetynet.sim.render.pinhole import Pinhole
from safetynet.sim.render.raster import GROUND, SKY
from safetynet.sim.render.solid import Solid

Single = NDArray[np.float32]
Picture = NDArray[np.uint8]
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
_NONE, _ONE = np.float32(0), np.float32(1)
_AIR_PER_M = np.float32(2)
_AIR = np.exp(-np.arange(8192) / (1100.0 * _AIR_PER_M)).astype(np.float32)
"""What the haze leaves of a colour, by distance in half metres."""
_DAY_HORIZON = np.array((212, 219, 225), np.float32)
_DAY_ZENITH = np.array((142, 166, 192), np.float32)
_NIGHT_HORIZON = np.array((40, 42, 50), np.float32)
_NIGHT_ZENITH = np.array((12, 14, 22), np.float32)


@dataclass(frozen=True, kw_only=True)
class _Tables:
    """Per surface: colour (n, 3); rays (n, 4) for the way along a wall; height; a number of its own."""

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
    rows = np.arange(lens.rows) + 0.5 + lens.top_px - lens.height_px / 2
    _paint_pixels(
        picture,
        solid.canvas.surface,
        solid.canvas.nearness,
        (columns / lens.focal_px).astype(np.float32),
        (rows / lens.focal_px).astype(np.float32),
        lens.basis[:, 2].astype(np.float32),
        np.float32(lens.height_m),
        np.float32(lens.focal_px * 0.12),
        ground,
        shadow,
        lamps,
        np.float32(light.day),
        (tables.colour, tables.along, tables.height_m, tables.own),
    )
    return picture


@compiled
def _paint_pixels(
    picture: Picture,
    surface: NDArray[np.int32],
    nearness: Single,
    across: Single,
    down: Single,
    up: Single,
    height_m: np.float32,
    sharp: np.float32,
    ground: Picture,
    shadow: Picture,
    lamps: Picture,
    day: np.float32,
    tables: tuple[Single, Single, Single, NDArray[np.int32]],
) -> None:
    """Every pixel's colour. ``across`` and ``down`` are the tangents of its column and row, ``up`` how the
    three axes of the lens rise."""
    night = _ONE - day
    horizon = _NIGHT_HORIZON + (_DAY_HORIZON - _NIGHT_HORIZON) * day
    zenith = _NIGHT_ZENITH + (_DAY_ZENITH - _NIGHT_ZENITH) * day
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            here, near = surface[row, column], nearness[row, column]
            rise = across[column] * up[0] + down[row] * up[1] + up[2]
            if here == SKY:
                slope = math.sqrt(min(max(rise * np.float32(1.6), _NONE), _ONE))
                for c in range(3):
                    picture[row, column, c] = horizon[c] + (zenith[c] - horizon[c]) * slope
                continue
            depth = _ONE / max(near, np.float32(1e-5))
            if here == GROUND:
                sun = day * (_ONE - shadow[row, column] * np.float32(0.38 / 255))
                lamp = lamps[row, column] * np.float32(1 / 255)
                red, green, blue = (
                    ground[row, column, 0] * (sun + night * (_DARK[0] + lamp * _WARM[0])),
                    ground[row, column, 1] * (sun + night * (_DARK[1] + lamp * _WARM[1])),
                    ground[row, column, 2] * (sun + night * (_DARK[2] + lamp * _WARM[2])),
                )
            else:
                red, green, blue = _face(
                    tables,
                    here,
                    depth,
                    across[column],
                    down[row],
                    depth * rise + height_m,
                    near * sharp,
                    day,
                )
            air = _AIR[min(int(depth * _AIR_PER_M), len(_AIR) - 1)]
            picture[row, column, 0] = (red - horizon[0]) * air + horizon[0]
            picture[row, column, 1] = (green - horizon[1]) * air + horizon[1]
            picture[row, column, 2] = (blue - horizon[2]) * air + horizon[2]


@inner
def _face(
    tables: tuple[Single, Single, Single, NDArray[np.int32]],
    surface: np.int32,
    depth: np.float32,
    across: np.float32,
    down: np.float32,
    z: np.float32,
    sharp: np.float32,
    day: np.float32,
) -> tuple[np.float32, np.float32, np.float32]:
    """The red, green and blue of a wall or a roof, ``z`` metres above the ground."""
    colours, rays, heights, owns = tables
    s = depth * (rays[surface, 0] * across + rays[surface, 1] * down + rays[surface, 2])
    below = heights[surface] - z
    floor, bay = z * np.float32(1 / _FLOOR_M), (s - rays[surface, 3]) * np.float32(1 / _BAY_M)
    whole_floor, whole_bay = np.floor(floor), np.floor(bay)
    in_floor, in_bay = floor - whole_floor, abs(bay - whole_bay - np.float32(0.5))
    shop = z < np.float32(_FLOOR_M * 0.82)
    if shop:
        pane = in_bay < np.float32(0.44) and z > np.float32(0.3)
    else:
        pane = np.float32(0.3) < in_floor < np.float32(0.78) and in_bay < np.float32(0.3)
    glass = _NONE
    if pane and below > np.float32(0.9):
        glass = np.float32(0.85) * min(max(sharp - np.float32(0.35), _NONE), _ONE)
    plain = min(np.float32(0.78) + z * np.float32(0.11), _ONE) * (_ONE - glass)
    if below < np.float32(0.45):
        plain *= np.float32(1.08)
    night = _ONE - day
    lamp = math.exp(z * np.float32(-1 / 3.5)) * np.float32(0.55) if night > 0 else _NONE
    red = colours[surface, 0] * plain * (day + night * (_DARK[0] + lamp * _WARM[0]))
    green = colours[surface, 1] * plain * (day + night * (_DARK[1] + lamp * _WARM[1]))
    blue = colours[surface, 2] * plain * (day + night * (_DARK[2] + lamp * _WARM[2]))
    if glass > 0:
        number = int(whole_floor) * 131 + int(whole_bay) * 71 + owns[surface]
        chance = _CHANCE[number & (len(_CHANCE) - 1)]
        shimmer = (chance - np.float32(0.5)) * np.float32(26)
        window = _LIT if chance < (np.float32(0.55) if shop else np.float32(0.24)) else _UNLIT
        red += glass * (day * (_GLASS[0] + shimmer) + night * window[0])
        green += glass * (day * (_GLASS[1] + shimmer) + night * window[1])
        blue += glass * (day * (_GLASS[2] + shimmer) + night * window[2])
    return red, green, blue


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
        height_m=np.concatenate([walls.height_m, np.full(len(roofs), -1e9)]).astype(np.float32),
        own=(mixed % 9973).astype(np.int32),
    )
