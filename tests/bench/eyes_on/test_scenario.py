"""Scenarios come again by seed, share their true places, and err as they say."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from bench.eyes_on.scenario import (
    FAULTS,
    HEARD,
    MOMENTS_S,
    draw_faults,
    find_spec,
    plan_past,
    plan_scenario,
)
from bench.eyes_on.town import Town
from bench.eyes_on.walk import StreetNet, walk

from safetynet.base.ids import CameraId
from safetynet.sight.model import HealthState, Moving


def test_equal_seeds_give_equal_scenarios(town: Town) -> None:
    spec = find_spec("synthetic_faults")
    assert plan_scenario(spec, town, 3, 40) == plan_scenario(spec, town, 3, 40)
    assert plan_scenario(spec, town, 3, 40) != plan_scenario(spec, town, 4, 40)


def test_all_errors_are_tried_on_the_same_true_places(town: Town) -> None:
    plans = [
        plan_scenario(find_spec(f"synthetic_{e}"), town, 3, 30).staged for e in (0, 20, 100, 300)
    ]
    assert all([one.moments for one in plan] == [one.moments for one in plans[0]] for plan in plans)
    assert [one.moments for one in plan_past(town, 3, 30)] != [one.moments for one in plans[0]]


@pytest.mark.parametrize("error_m", [0, 20, 300])
def test_the_true_place_is_within_the_error_in_19_of_20(town: Town, error_m: int) -> None:
    staged = plan_scenario(find_spec(f"synthetic_{error_m}"), town, 3, 800).staged
    away = []
    for one in staged:
        x, y = town.truth.plane.to_xy(one.asked.place.at.lon, one.asked.place.at.lat)
        away.append(math.hypot(x - one.moments[0].x, y - one.moments[0].y))
    if error_m == 0:
        assert max(away) < 1e-6
    else:
        assert 0.92 < np.mean(np.array(away) <= error_m) < 0.98


def test_faults_are_as_many_as_said_and_most_are_heard_of() -> None:
    cameras = tuple(CameraId(f"c{i}") for i in range(4000))
    ill, heard = draw_faults(cameras, np.random.default_rng(1))
    many, known = Counter(ill.values()), Counter(heard.values())
    for state, share in FAULTS.items():
        assert many[state] / 4000 == pytest.approx(share, abs=0.02)
        assert known[state] / many[state] == pytest.approx(HEARD[state], abs=0.08)
    assert heard.items() <= ill.items()
    assert HealthState.OK not in ill.values()


def test_a_district_is_away_now_and_then_where_there_are_two(town: Town) -> None:
    staged = plan_scenario(find_spec("synthetic_faults"), town, 3, 300).staged
    away = Counter(one.asked.away for one in staged)
    assert 0.04 < 1 - away[()] / 300 < 0.18
    assert all(len(nodes) <= 1 for nodes in away)


def test_moving_targets_keep_to_the_streets_and_to_their_speed(town: Town) -> None:
    net = StreetNet(town.truth.streets)
    rng = np.random.default_rng(2)
    for x, y in town.draw_places(20, rng).tolist():
        moments = walk(net, x, y, 6.0, MOMENTS_S, rng)
        assert math.hypot(moments[0].x - x, moments[0].y - y) < 1e-3
        for before, after in itertools.pairwise(moments):
            gone = math.hypot(after.x - before.x, after.y - before.y)
            assert gone <= 6.0 * (after.after_s - before.after_s) + 2.0
            piece = net.nearest(after.x, after.y)
            a, b = net.a[piece], net.b[piece]
            across = (b - a)[0] * (after.y - a[1]) - (b - a)[1] * (after.x - a[0])
            assert abs(across) / np.hypot(*(b - a)) < 0.01


def test_a_moving_report_says_where_it_was_and_where_it_goes(town: Town) -> None:
    scenario = plan_scenario(find_spec("synthetic_moving"), town, 3, 10)
    for one in scenario.staged:
        place = one.asked.place
        assert isinstance(place, Moving)
        assert place.ahead_s >= max(MOMENTS_S)
        assert [m.after_s for m in one.moments] == list(MOMENTS_S)
