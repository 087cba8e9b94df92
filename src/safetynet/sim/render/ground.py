"""The ground as flat paint: streets, their markings, shadows of buildings, pools of lamp light."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from safetynet.base.geo import Floats
from safetynet.city.model import StreetClass
from safetynet.sim.render.block import Strips, Walls, distance_m
from safetynet.sim.render.light import Light
from safetynet.sim.render.pinhole import Pinhole
from safetynet.sim.render.raster import clip_near

Picture = NDArray[np.uint8]
PAINT = 2
"""Paint is laid at this many times the resolution and averaged: smooth kerbs and markings."""
_LOT = (160, 157, 149)
_KERB = (186, 183, 175)
_TAR = {
    StreetClass.ARTERIAL: (92, 94, 98),
    StreetClass.COLLECTOR: (99, 101, 104),
    StreetClass.LOCAL: (108, 109, 111),
    StreetClass.ALLEY: (122, 121, 119),
    StreetClass.PATH: (172, 165, 152),
}
_WHITE = (219, 219, 214)
_CREAM = (205, 196, 168)
_MARKED_COLUMNS = 640
"""Smaller pictures, as a turning camera gives, show no lines on the road."""
_NEAR_M = 160.0
_FAR_PX = 1e7
"""No corner is drawn farther out than this: Pillow counts in whole numbers."""
_LAMP_EVERY_M = 30.0
_POOL = tuple((15.0 * (1 - i / 14), 12 + 15 * i) for i in range(14))
"""Radius and brightness of the rings of a pool of light."""


def paint_ground(lens: Pinhole, strips: Strips) -> Picture:
    """Colours (rows, columns, 3) of the ground wherever the lens looks at it, in full daylight."""
    image = Image.new("RGB", (lens.columns * PAINT, lens.rows * PAINT), _LOT)
    draw = ImageDraw.Draw(image)
    wide = strips.rank <= StreetClass.LOCAL
    kerb = strips.width_m + np.where(strips.rank <= StreetClass.COLLECTOR, 6.0, 3.0)
    _fill(draw, lens, _quads(strips, kerb)[wide], [_KERB] * int(wide.sum()))
    tar = [_TAR[StreetClass(r)] for r in strips.rank.tolist()]
    _fill(draw, lens, _quads(strips, strips.width_m), tar)
    if lens.columns >= _MARKED_COLUMNS:
        near = distance_m(strips.a, strips.b, lens.x, lens.y) < _NEAR_M
        _mark(draw, lens, _select(strips, near & (strips.rank <= StreetClass.LOCAL)))
    return np.asarray(image.reduce(PAINT))


def paint_shadows(lens: Pinhole, walls: Walls, light: Light) -> Picture:
    """Share of sunlight that buildings keep from the ground, 0…255, (rows, columns)."""
    image = Image.new("L", (lens.columns * PAINT, lens.rows * PAINT), 0)
    sun = light.to_sun
    if light.level:
        # A house's shadow leaves it where the sun does: past the walls that face away from the sun.
        a, b = walls.a, walls.b
        away = (b - a) @ np.array([-sun[1], sun[0]]) < 0
        away[away] = distance_m(a[away], b[away], lens.x, lens.y) < 2 * _NEAR_M
        a, b = a[away], b[away]
        throw = -(walls.height_m[away] / sun[2])[:, None] * sun[:2]
        quads = np.stack([a, b, b + throw, a + throw], axis=1)
        _fill(ImageDraw.Draw(image), lens, quads, 255)
    return np.asarray(image.reduce(PAINT))


def paint_lamps(lens: Pinhole, strips: Strips) -> Picture:
    """Brightness of the street lamps on the ground, 0…255, (rows, columns)."""
    image = Image.new("L", (lens.columns, lens.rows), 0)
    draw = ImageDraw.Draw(image)
    lamps = _lamps(_select(strips, strips.rank < StreetClass.PATH))
    lamps = lamps[np.hypot(*(lamps - [lens.x, lens.y]).T) < _NEAR_M]
    lamps = lamps[_in_picture(lens, lamps, _POOL[0][0])]
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    circle = np.column_stack([np.cos(turn), np.sin(turn)])
    for radius, level in _POOL:
        _fill(draw, lens, lamps[:, None, :] + radius * circle, level)
    return np.asarray(image)


def _in_picture(lens: Pinhole, spots: Floats, radius_m: float) -> NDArray[np.bool_]:
    """Which discs on the ground (n, 2) reach between the left and the right edge of the picture."""
    right, _, ahead = lens.to_camera(np.column_stack([spots, np.zeros(len(spots))])).T
    half = np.radians(lens.pose.hfov_deg) / 2
    beyond: Floats = np.abs(right) * np.cos(half) - ahead * np.sin(half)
    return beyond < radius_m


def _lamps(strips: Strips) -> Floats:
    """Lamps stand along every street, on alternating sides."""
    along = strips.b - strips.a
    length = np.hypot(*along.T)
    count = np.maximum(np.round(length / _LAMP_EVERY_M), 1).astype(np.int64)
    strip = np.repeat(np.arange(len(length)), count)
    number = np.arange(len(strip)) - np.repeat(np.cumsum(count) - count, count)
    t = (number + 0.5) / count[strip]
    way = along[strip] / np.maximum(length[strip], 0.01)[:, None]
    side = np.where(number % 2, 1.0, -1.0) * strips.width_m[strip] * 0.42
    lamps: Floats = strips.a[strip] + along[strip] * t[:, None]
    return lamps + np.column_stack([-way[:, 1], way[:, 0]]) * side[:, None]


def _mark(draw: ImageDraw.ImageDraw, lens: Pinhole, strips: Strips) -> None:
    """Centre lines, dashed lane lines, edge lines and crossings."""
    along = strips.b - strips.a
    length = np.hypot(*along.T)
    for i in np.flatnonzero((length > 12) & (length - strips.width_m >= 8)):
        way = along[i] / length[i]
        width, rank = float(strips.width_m[i]), int(strips.rank[i])
        a, b = strips.a[i] + way * width / 2, strips.b[i] - way * width / 2
        reach = float(length[i]) - width
        colour = _CREAM if rank <= StreetClass.COLLECTOR else _WHITE
        _fill(draw, lens, _stripes(a, way, 0.0, 0.16, 0.0, reach), [colour])
        lines = []
        if rank <= StreetClass.COLLECTOR:
            start = np.arange(6.0, max(reach - 8, 6.0), 8.0)
            lines += [
                _stripes(a, way, side * width / 4, 0.15, start, start + 3) for side in (-1, 1)
            ]
        if width >= 9:
            sides = np.arange(-width / 2 + 0.6, width / 2 - 0.3, 1.1)
            lines += [
                _stripes(a, way, sides, 0.55, 1.0, 4.0),
                _stripes(b, -way, sides, 0.55, 1.0, 4.0),
            ]
        if lines:
            white = np.concatenate(lines)
            _fill(draw, lens, white, [_WHITE] * len(white))


def _stripes(
    at: Floats,
    way: Floats,
    side_m: Floats | float,
    width_m: float,
    start_m: Floats | float,
    end_m: Floats | float,
) -> Floats:
    """Painted stripes (n, 4, 2) beside a way from a place on, ``start_m`` to ``end_m`` along it."""
    side, start, end = np.broadcast_arrays(*np.atleast_1d(side_m, start_m, end_m))
    left, right = side + width_m / 2, side - width_m / 2
    along = np.stack([start, end, end, start], axis=1)
    across = np.stack([left, left, right, right], axis=1)
    normal = np.array([-way[1], way[0]])
    stripes: Floats = at + along[..., None] * way + across[..., None] * normal
    return stripes


def _quads(strips: Strips, width_m: Floats) -> Floats:
    """Each strip as a quadrilateral (n, 4, 2), its ends stretched so that corners close."""
    along = strips.b - strips.a
    way = along / np.maximum(np.hypot(*along.T), 0.01)[:, None] * (width_m / 2)[:, None]
    across = np.column_stack([-way[:, 1], way[:, 0]])
    a, b = strips.a - way * 0.6, strips.b + way * 0.6
    return np.stack([a + across, b + across, b - across, a - across], axis=1)


def _select(strips: Strips, which: NDArray[np.bool_]) -> Strips:
    return Strips(
        a=strips.a[which],
        b=strips.b[which],
        width_m=strips.width_m[which],
        rank=strips.rank[which],
    )


def _fill(
    draw: ImageDraw.ImageDraw,
    lens: Pinhole,
    polygons: Floats,
    fill: int | list[tuple[int, int, int]],
) -> None:
    """Lay ground polygons (n, k, 2) in order, each with its colour (or all with one level)."""
    if not len(polygons):
        return
    size = np.array(draw.im.size)
    scale = size[0] / lens.columns
    flat = np.concatenate([polygons, np.zeros((*polygons.shape[:2], 1))], axis=2)
    seen = lens.to_camera(flat)
    ahead = seen[..., 2] > 0.3
    whole, some = ahead.all(axis=1), ahead.any(axis=1)
    spots = np.zeros((*polygons.shape[:2], 2))
    spots[whole] = lens.to_picture(seen[whole]) * scale
    outside = (spots.max(axis=1) < 0).any(axis=1) | (spots.min(axis=1) > size).any(axis=1)
    lines = np.clip(spots, -_FAR_PX, _FAR_PX).reshape(len(spots), -1).tolist()
    for i in np.flatnonzero(some & ~(whole & outside)).tolist():
        line = lines[i]
        if not whole[i]:
            corners = lens.to_picture(clip_near(seen[i])) * scale
            line = np.clip(corners, -_FAR_PX, _FAR_PX).ravel().tolist()
        draw.polygon(line, fill=fill if isinstance(fill, int) else fill[i])
