"""Today's ways: by straight line, blind to walls, directions and health."""

import math

import numpy as np
from bench.eyes_on.ask import Incident
from bench.eyes_on.scenario import find_spec, plan_scenario
from bench.eyes_on.simple import all_within, nearest_four, throw_net
from bench.eyes_on.town import REACH_M, Town

from safetynet.base.ids import CameraId


def _place(town: Town) -> tuple[float, float]:
    at = _asked(town).place.at
    return town.truth.plane.to_xy(at.lon, at.lat)


def _asked(town: Town) -> Incident:
    return plan_scenario(find_spec("synthetic_20"), town, 3, 1).staged[0].asked


def _away_m(town: Town, camera: CameraId) -> float:
    x, y = _place(town)
    row = town.truth.cameras.id.index(camera)
    return math.hypot(town.truth.cameras.x[row] - x, town.truth.cameras.y[row] - y)


def test_the_nearest_four_are_the_nearest(town: Town) -> None:
    views = nearest_four(town.truth)(_asked(town))
    x, y = _place(town)
    c = town.truth.cameras
    away = np.sort(np.hypot(c.x - x, c.y - y))[:4]
    np.testing.assert_allclose([_away_m(town, v.camera) for v in views], away)


def test_all_within_come_in_an_order_by_chance_that_comes_again(town: Town) -> None:
    choose = all_within(town.truth, most=1000)
    views = choose(_asked(town))
    c, (x, y) = town.truth.cameras, _place(town)
    assert {v.camera for v in views} == {
        c.id[i] for i in np.flatnonzero(np.hypot(c.x - x, c.y - y) <= REACH_M)
    }
    away = [_away_m(town, v.camera) for v in views]
    assert away != sorted(away)
    assert list(views) == list(choose(_asked(town)))


def test_the_net_takes_the_nearest_and_one_of_each_sector(town: Town) -> None:
    views = throw_net(town.truth)(_asked(town))
    assert 4 < len(views) <= 9
    away = [_away_m(town, v.camera) for v in views]
    assert away == sorted(away)
    assert views[0] == nearest_four(town.truth)(_asked(town))[0]
    x, y = _place(town)
    c = town.truth.cameras
    sectors = []
    for view in views[1:]:
        row = c.id.index(view.camera)
        bearing = math.degrees(math.atan2(c.x[row] - x, c.y[row] - y)) % 360
        sectors.append(int(bearing // 45))
    assert len(set(sectors)) == len(sectors)
