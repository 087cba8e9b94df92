"""The picture shows what the answer says: looked for by colour, at the place where it must be."""

import re
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from safetynet.app.see.canvas import PX, find_font
from safetynet.app.see.frame import first_hit, frame_of
from safetynet.app.see.panel import PANEL, RANKS
from safetynet.app.see.picture import HEIGHT, HIDES_EDGE, WIDTH, draw_choice
from safetynet.base.geo import LonLat
from safetynet.city.model import City
from safetynet.sight.model import (
    Area,
    Choice,
    Disc,
    Moving,
    Place,
    Reason,
    ReasonCode,
    Stretch,
    Where,
)
from safetynet.sight.service import Sight

PALETTE = Path(__file__).parents[3] / "console" / "src" / "map" / "palette.ts"
ALARM = "#ff6b61"
type Pixels = NDArray[np.uint8]


def pixels_of(choice: Choice, city: City, sight: Sight) -> Pixels:
    """The picture as (rows, columns, 3)."""
    return np.asarray(draw_choice(choice, city, sight, find_font()))


def count(pixels: Pixels, hexed: str, within: int = 6) -> int:
    """Pixels of a colour."""
    rgb = np.array([int(hexed[i : i + 2], 16) for i in (1, 3, 5)])
    return int((abs(pixels.astype(int) - rgb).max(axis=-1) <= within).sum())


def map_of(pixels: Pixels) -> Pixels:
    """Without the panel."""
    return pixels[:, : round((WIDTH - PANEL) * PX)]


def around(pixels: Pixels, at: tuple[float, float], reach: float) -> Pixels:
    """A piece of the picture around a point in units."""
    x, y, r = (round(v * PX) for v in (*at, reach))
    return pixels[max(y - r, 0) : y + r, max(x - r, 0) : x + r]


def moved(choice: Choice, where: Where) -> Choice:
    """The same views for another kind of place."""
    return msgspec.structs.replace(
        choice, request=msgspec.structs.replace(choice.request, place=where)
    )


def centre(choice: Choice) -> LonLat:
    """The place's middle."""
    assert isinstance(choice.request.place, Place)
    return choice.request.place.at


def test_every_view_has_its_colour_where_its_camera_stands(
    choice: Choice, city: City, sight: Sight
) -> None:
    pixels = pixels_of(choice, city, sight)
    assert pixels.shape == (HEIGHT * PX, WIDTH * PX, 3)
    frame = frame_of(choice, city, WIDTH - PANEL, HEIGHT)
    first: set[tuple[float, float]] = set()
    for rank, view in enumerate(choice.views, start=1):
        row = city.cameras.id.index(view.camera)
        spot = float(city.cameras.x[row]), float(city.cameras.y[row])
        beside = view.distance_m < 20  # at the place, or the second at its spot: it stands beside
        if spot not in first and not beside:
            assert count(around(pixels, frame.at(*spot), 9), RANKS[rank - 1]) > 200
        first.add(spot)
    assert frame.holds(frame.at(*city.plane.to_xy(centre(choice).lon, centre(choice).lat)))


def test_the_place_is_marked(choice: Choice, city: City, sight: Sight) -> None:
    pixels = pixels_of(choice, city, sight)
    frame = frame_of(choice, city, WIDTH - PANEL, HEIGHT)
    at = frame.at(*city.plane.to_xy(centre(choice).lon, centre(choice).lat))
    assert count(around(pixels, at, 6), ALARM) > 100


def test_equal_answers_give_equal_pictures(choice: Choice, city: City, sight: Sight) -> None:
    once, again = (draw_choice(choice, city, sight, find_font()) for _ in range(2))
    assert once.tobytes() == again.tobytes()


def test_a_building_that_hides_the_place_stands_out(
    choice: Choice, city: City, sight: Sight
) -> None:
    x, y = city.plane.to_xy(centre(choice).lon, centre(choice).lat)
    rings = [city.buildings.ring[i].mean(axis=0) for i in range(len(city.buildings))]
    nearest = int(np.argmin([np.hypot(*(ring - (x, y))) for ring in rings]))
    told = [
        msgspec.structs.replace(p, reasons=(Reason(ReasonCode.FACES_AWAY, 90.0, "deg", 30.0),))
        for p in choice.passed_over
    ]
    plain = msgspec.structs.replace(choice, passed_over=tuple(told))
    behind = (Reason(ReasonCode.BEHIND_BUILDING, what=str(nearest)),)
    hidden = msgspec.structs.replace(
        choice, passed_over=(msgspec.structs.replace(told[0], reasons=behind), *told[1:])
    )
    without, with_ = (map_of(pixels_of(c, city, sight)) for c in (plain, hidden))
    assert count(with_, HIDES_EDGE, 12) > 2 * count(without, HIDES_EDGE, 12) + 40


@pytest.mark.parametrize("what", ["-1", "999999", "north tower"])
def test_a_building_that_the_city_does_not_have_is_left_out(
    choice: Choice, city: City, sight: Sight, what: str
) -> None:
    def drawn(name: str | None) -> bytes:
        behind = (Reason(ReasonCode.BEHIND_BUILDING, what=name),)
        passed = tuple(msgspec.structs.replace(p, reasons=behind) for p in choice.passed_over)
        told = msgspec.structs.replace(choice, passed_over=passed)
        return pixels_of(told, city, sight).tobytes()

    assert drawn(what) == drawn(None)


def test_every_kind_of_place_is_drawn(choice: Choice, city: City, sight: Sight) -> None:
    at = centre(choice)
    east, north = LonLat(at.lon + 0.001, at.lat), LonLat(at.lon, at.lat + 0.001)
    places: list[Where] = [
        Place(at=at, error_m=0.0),
        Disc(at=at, radius_m=60.0),
        Area(ring=(at, east, north)),
        Stretch(line=(at, east)),
        Moving(at=at, error_m=10.0, speed_mps=5.0, heading_deg=90.0),
        Moving(at=at, error_m=10.0, speed_mps=5.0),
    ]
    seen = [pixels_of(moved(choice, place), city, sight) for place in places]
    assert all(count(map_of(pixels), ALARM, 40) > 100 for pixels in seen)
    assert len({pixels.tobytes() for pixels in seen}) == len(places)


def test_an_answer_without_views_is_a_picture_too(choice: Choice, city: City, sight: Sight) -> None:
    for passed in (choice.passed_over, ()):
        nothing = msgspec.structs.replace(choice, views=(), passed_over=passed)
        pixels = pixels_of(nothing, city, sight)
        assert count(map_of(pixels), ALARM) > 50
        assert not any(count(map_of(pixels), colour) for colour in RANKS)


def test_more_views_than_the_column_holds_are_counted(
    choice: Choice, city: City, sight: Sight
) -> None:
    many = msgspec.structs.replace(choice, views=choice.views * 4)
    assert pixels_of(many, city, sight).shape == (HEIGHT * PX, WIDTH * PX, 3)


def test_it_can_be_drawn_where_no_console_was_built(
    choice: Choice, city: City, sight: Sight
) -> None:
    assert draw_choice(choice, city, sight, None).size == (1760, 1120)


def test_views_have_the_colours_of_the_console() -> None:
    told = re.search(r"RANK_COLOURS = \[(.*?)\]", PALETTE.read_text("utf-8"))
    assert told
    assert tuple(re.findall(r"'(#[0-9a-f]{6})'", told[1])) == RANKS


def test_the_first_wall_on_the_way_is_the_one_that_is_hit() -> None:
    box = np.array([[2.0, -1.0], [4.0, -1.0], [4.0, 1.0], [2.0, 1.0]])
    assert first_hit((0.0, 0.0), (10.0, 0.0), box) == (2.0, 0.0)
    assert first_hit((10.0, 0.0), (0.0, 0.0), box) == (4.0, 0.0)
    assert first_hit((0.0, 0.0), (1.0, 0.0), box) is None
    assert first_hit((0.0, 5.0), (10.0, 5.0), box) is None
