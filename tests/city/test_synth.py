"""A small city is a place where cameras can hang and see."""

import numpy as np
import pytest
import shapely

from safetynet.base.geo import LonLat
from safetynet.city.lookup import Gazetteer, find_district, find_dong
from safetynet.city.model import City
from safetynet.city.rings import signed_area
from safetynet.city.synth import small_city


def footprints(city: City) -> list[shapely.Polygon]:
    return [shapely.Polygon(city.buildings.ring[i]) for i in range(len(city.buildings))]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_camera_hangs_in_a_building_and_none_stands_on_a_street(seed: int) -> None:
    city = small_city(seed)
    tree = shapely.STRtree(footprints(city))
    poles = shapely.points(city.cameras.x, city.cameras.y)
    assert tree.query(poles, predicate="dwithin", distance=1.0).shape[1] == 0
    lines = [
        shapely.LineString(city.streets.line[i]).buffer(w / 2 - 0.1, cap_style="flat")
        for i, w in enumerate(city.streets.width_m)
    ]
    assert tree.query(lines, predicate="intersects").shape[1] == 0


def test_cameras_are_hung_and_aimed_as_stated() -> None:
    cameras = small_city(5, cameras=200).cameras
    assert len(cameras) == len(set(cameras.id)) == 200
    fixed = cameras.kind == 0
    assert 0.2 < 1 - fixed.mean() < 0.45
    assert np.all((cameras.height_m >= 4) & (cameras.height_m <= 8))
    assert np.all((cameras.tilt_deg[fixed] >= 10) & (cameras.tilt_deg[fixed] <= 25))
    assert np.all((cameras.hfov_deg[fixed] >= 60) & (cameras.hfov_deg[fixed] <= 100))
    assert np.all(cameras.hfov_deg[~fixed] == 60)
    assert np.all((cameras.azimuth_deg >= 0) & (cameras.azimuth_deg < 360))


def test_footprints_turn_counter_clockwise() -> None:
    ring = small_city(4).buildings.ring
    assert all(signed_area(ring[i]) > 0 for i in range(len(ring)))


def test_places_are_found_by_point_and_by_code() -> None:
    city = small_city(1)
    west, east = (LonLat(*city.plane.to_lonlat(x, 10.0)) for x in (-100.0, 100.0))
    assert [d.node for at in (west, east) if (d := find_district(city, at))] == ["mapo", "seocho"]
    assert find_district(city, LonLat(127.2, 37.53)) is None
    dong = find_dong(city, "1144012000")
    assert dong is not None
    assert dong.name_ko == "서교동"
    assert find_dong(city, "11440120") == dong
    assert find_dong(city, "9999999999") is None
    assert Gazetteer(city).find_dong_at(west) == dong
