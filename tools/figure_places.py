"""Draws ``docs/img/places.png``: the points that stand for each kind of place.

    python tools/figure_places.py

A disc, an area, a stretch, and a target on the move with its look ahead early and late, in the small
synthetic city. A point's area is its weight; for what moves, its colour is the time.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from safetynet.base.geo import Floats, LonLat
from safetynet.city.synth import small_city
from safetynet.sight.graph import StreetGraph
from safetynet.sight.model import Area, Disc, Moving, Stretch, TargetKind
from safetynet.sight.moving import look_ahead
from safetynet.sight.walls import Walls
from safetynet.sight.where import sample_where

OUT = Path(__file__).resolve().parents[1] / "docs" / "img" / "places.png"
SIZE, FINE = 360, 3
"""Pixels of one panel, and how much finer it is drawn before it is scaled down."""
HALF_M = 190.0
GROUND, HOUSE, STREET = (15, 22, 30), (33, 45, 58), (58, 74, 90)
POINT, EDGE = (99, 201, 146), (240, 178, 84)
TIMES = ((99, 201, 146), (120, 184, 226), (240, 178, 84), (255, 123, 114))
CITY = small_city(3, cameras=2)
WALLS, STREETS = Walls(CITY.buildings), StreetGraph(CITY.streets)
CORNERS = (
    (-140.0, -120.0),
    (30.0, -150.0),
    (150.0, 20.0),
    (60.0, 40.0),
    (20.0, 150.0),
    (-90.0, 90.0),
)
LINE = ((-170.0, -80.0), (-20.0, -60.0), (150.0, 110.0))


def main() -> None:
    """Draw it."""
    panels = list(_panels())
    whole = Image.new("RGB", (SIZE * len(panels), SIZE), GROUND)
    for k, panel in enumerate(panels):
        whole.paste(panel.resize((SIZE, SIZE), Image.Resampling.LANCZOS), (k * SIZE, 0))
    whole.quantize(255).save(OUT, optimize=True)
    print(f"wrote {OUT.name}")


def _panels() -> Iterator[Image.Image]:
    angle = np.linspace(0, 2 * np.pi, 60)
    round_ = np.column_stack([120 * np.cos(angle), 120 * np.sin(angle)])
    shapes = (
        (Disc(at=_at(0, 0), radius_m=120), round_),
        (Area(ring=tuple(_at(*c) for c in CORNERS)), np.array([*CORNERS, CORNERS[0]])),
        (Stretch(line=tuple(_at(*c) for c in LINE), half_width_m=8), np.array(LINE)),
    )
    for where, edge in shapes:
        image, draw = _map()
        points = sample_where(where, CITY.plane, WALLS, STREETS, TargetKind.PERSON)
        draw.line([_pixel(x, y) for x, y in edge.tolist()], EDGE, 2 * FINE)
        _dots(draw, points.x, points.y, points.weight, POINT)
        yield image
    yield _moving()


def _moving() -> Image.Image:
    image, draw = _map()
    start = (-80.0, -32.0)
    where = Moving(at=_at(*start), error_m=5, speed_mps=9, heading_deg=90)
    ahead = look_ahead(where, CITY.plane, STREETS, WALLS, TargetKind.VEHICLE)
    for chance, colour in zip(ahead.chance[::-1], TIMES[::-1], strict=True):
        _dots(draw, ahead.x, ahead.y, chance, colour)
    x, y = _pixel(*start)
    draw.ellipse((x - 5 * FINE, y - 5 * FINE, x + 5 * FINE, y + 5 * FINE), outline=EDGE, width=6)
    return image


def _map() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    side = SIZE * FINE
    image = Image.new("RGB", (side, side), GROUND)
    draw = ImageDraw.Draw(image)
    for k in range(len(CITY.streets)):
        line = [_pixel(x, y) for x, y in CITY.streets.line[k].tolist()]
        width = float(CITY.streets.width_m[k]) * side / 2 / HALF_M
        draw.line(line, STREET, max(round(width), 1))
    for k in range(len(CITY.buildings)):
        draw.polygon([_pixel(x, y) for x, y in CITY.buildings.ring[k].tolist()], HOUSE)
    return image, draw


def _dots(
    draw: ImageDraw.ImageDraw, x: Floats, y: Floats, weight: Floats, colour: tuple[int, int, int]
) -> None:
    for px, py, w in zip(x.tolist(), y.tolist(), weight.tolist(), strict=True):
        radius = 30 * FINE * w**0.5 / 1.4
        if radius < FINE:
            continue
        at_x, at_y = _pixel(px, py)
        draw.ellipse((at_x - radius, at_y - radius, at_x + radius, at_y + radius), fill=colour)


def _at(x: float, y: float) -> LonLat:
    return LonLat(*CITY.plane.to_lonlat(x, y))


def _pixel(x: float, y: float) -> tuple[float, float]:
    scale = SIZE * FINE / 2 / HALF_M
    return SIZE * FINE / 2 + x * scale, SIZE * FINE / 2 - y * scale


if __name__ == "__main__":
    main()
