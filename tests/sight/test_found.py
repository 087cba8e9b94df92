"""Where a turned camera shows the scene narrows the place at which other cameras' words are learned."""

import math
from typing import Any

import numpy as np
import pytest

from safetynet.base.geo import LonLat
from safetynet.base.ids import CameraId
from safetynet.city.model import City
from safetynet.sight.belief import Learned, weigh_found
from safetynet.sight.model import Aim, Found, Observation, Place, TargetKind, Witness
from safetynet.sight.service import Sight

UNKNOWN, TURNS = CameraId("f"), CameraId("p")
EAST = Aim(azimuth_deg=90.0, tilt_deg=4.0, hfov_deg=40.0)


@pytest.fixture(scope="module")
def corner(town: Any) -> City:
    """Four streets that meet; a camera there looks somewhere, another can turn."""
    streets = [[(0.0, 0.0), end] for end in ((90.0, 0.0), (0.0, 90.0), (-90.0, 0.0), (0.0, -90.0))]
    blocks = [town.box(x, y, 40, 40, 30) for x in (-50, 50) for y in (-50, 50)]
    cams = [
        town.cam(id="f", x=0, y=0, azimuth_deg=math.nan),
        town.cam(id="p", x=0, y=3, ptz=True, hfov_deg=60),
    ]
    city: City = town.build(cams, blocks, streets)
    return city


def learned(city: City, *found: Found, shown: bool = True) -> Learned:
    """What is believed of the camera that looks somewhere, after one word on a wide place."""
    sight = Sight(city)
    place = Place(at=LonLat(*map(float, city.plane.to_lonlat(0, 0))), error_m=80.0)
    one = Observation(
        camera=UNKNOWN,
        place=place,
        target=TargetKind.PERSON,
        shown=shown,
        by=Witness.OPERATOR,
        found=found,
    )
    sight.learn([one])
    belief = sight.believed(UNKNOWN)
    assert belief is not None
    return belief


def test_a_word_on_a_found_scene_tells_where_a_camera_looks(corner: City) -> None:
    wide = learned(corner)
    narrow = learned(corner, Found(camera=TURNS, aim=EAST))
    assert narrow.azimuth_deg == pytest.approx(90, abs=20)
    assert narrow.probability > 1.5 * wide.probability


def test_a_camera_that_does_not_show_a_found_scene_looks_elsewhere(corner: City) -> None:
    narrow = learned(corner, Found(camera=TURNS, aim=EAST), shown=False)
    assert abs((narrow.azimuth_deg - 90 + 180) % 360 - 180) > 30


@pytest.mark.parametrize(
    "found",
    [
        Found(camera=CameraId("gone"), aim=EAST),
        Found(camera=UNKNOWN, aim=EAST),
        Found(camera=TURNS, aim=Aim(azimuth_deg=math.nan, tilt_deg=4.0, hfov_deg=40.0)),
        Found(camera=TURNS, aim=Aim(azimuth_deg=90.0, tilt_deg=-80.0, hfov_deg=2.0)),
    ],
)
def test_what_found_nothing_that_is_known_changes_nothing(corner: City, found: Found) -> None:
    told, without = learned(corner, found), learned(corner)
    assert told.azimuth_deg == without.azimuth_deg
    assert told.probability == pytest.approx(without.probability)


def test_a_found_scene_moves_weight_to_what_was_shown_and_keeps_the_sum() -> None:
    weight = np.array([0.4, 0.2, 0.3])
    found = weigh_found(weight, np.array([0.0, 1.0, 0.0]))
    assert found.sum() == pytest.approx(weight.sum())
    assert found[1] > 0.8 * found.sum()
    assert found[0] / found[2] == pytest.approx(4 / 3)
    assert found.min() > 0, "one wrong word leaves everything possible"
