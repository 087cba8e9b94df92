"""Where a moving target can be, when its views must change, and the net of streets it moves on."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safetynet.base.errors import InvalidError
from safetynet.base.geo import LonLat
from safetynet.city.model import City, Origin, Streets
from safetynet.city.synth import small_city
from safetynet.sight.graph import StreetGraph
from safetynet.sight.handover import Fix, plan_handover, read_motion
from safetynet.sight.model import Moving, TargetKind
from safetynet.sight.moving import SPEED_MPS, SPEED_SHARE, Ahead, look_ahead
from safetynet.sight.walls import Walls

CITY = small_city(3, cameras=2)
WALLS, STREETS = Walls(CITY.buildings), StreetGraph(CITY.streets)
CROSS = [[(-300.0, 0.0), (0.0, 0.0)], [(0.0, 0.0), (300.0, 0.0)]]
CROSS += [[(0.0, -300.0), (0.0, 0.0)], [(0.0, 0.0), (0.0, 300.0)]]


def at(city: City, x: float, y: float) -> LonLat:
    return LonLat(*city.plane.to_lonlat(x, y))


def ahead(city: City, x: float, y: float, **motion: Any) -> Ahead:
    target = motion.pop("target", TargetKind.PERSON)
    times = motion.pop("times_s", None)
    where = Moving(at=at(city, x, y), **{"error_m": 3.0, "speed_mps": 5.0, **motion})
    streets, walls = StreetGraph(city.streets), Walls(city.buildings)
    return look_ahead(where, city.plane, streets, walls, target, times)


def share(found: Ahead, inside: Any) -> float:
    return float(found.points().weight[inside].sum())


@settings(max_examples=40, deadline=None)
@given(
    st.floats(-550, 550),
    st.floats(-250, 250),
    st.floats(0, 120),
    st.floats(0, 40),
    st.one_of(st.none(), st.floats(0, 360)),
    st.floats(1, 60),
)
def test_a_target_is_somewhere_in_reach_at_each_time_and_in_no_building(
    x: float, y: float, error_m: float, speed: float, heading: float | None, ahead_s: float
) -> None:
    where = Moving(
        at=at(CITY, x, y), error_m=error_m, speed_mps=speed, heading_deg=heading, ahead_s=ahead_s
    )
    found = look_ahead(where, CITY.plane, STREETS, WALLS, TargetKind.VEHICLE)
    assert found.chance.shape == (4, found.x.size)
    assert found.chance.min() >= 0
    assert found.chance.sum(axis=1) == pytest.approx(np.ones(4))
    assert (WALLS.inside(found.x, found.y) < 0).all()
    reach = (speed * (1 + SPEED_SHARE) + SPEED_MPS) * ahead_s
    if WALLS.inside(np.array([x]), np.array([y]))[0] >= 0:
        reach += 60  # to the ground around the building
    widest = float(STREETS.net.width_m.max()) / 2
    assert np.hypot(found.x - x, found.y - y).max() <= reach + max(error_m, 15) + widest + 1
    again = look_ahead(where, CITY.plane, STREETS, WALLS, TargetKind.VEHICLE)
    assert np.array_equal(found.x, again.x) and np.array_equal(found.chance, again.chance)
    points = found.points()
    assert points.weight.sum() == pytest.approx(1)
    assert len(points) <= 240


def test_it_goes_on_along_the_street_that_it_follows(town: Any) -> None:
    city = town.build([], [], CROSS)
    found = ahead(city, -100, 0, heading_deg=90.0, ahead_s=10.0)
    assert share(found, found.x < -105) < 0.06
    assert abs(found.y).max() < 1e-6


def test_it_is_farther_away_later_and_as_far_as_its_speed_says(town: Any) -> None:
    city = town.build([], [], [[(-500.0, 0.0), (500.0, 0.0)]])
    times = np.array([2.0, 10.0, 20.0])
    found = ahead(city, 0, 0, heading_deg=90.0, times_s=times)
    for chance, t in zip(found.chance, times.tolist(), strict=True):
        ahead_of = found.x > 0
        mean = float((found.x * chance)[ahead_of].sum() / chance[ahead_of].sum())
        assert mean == pytest.approx(5.0 * t, rel=0.1, abs=2)
        inside = abs(found.x) >= 5.0 * t * 0.7 - 2 - SPEED_MPS * t
        inside &= abs(found.x) <= 5.0 * t * 1.3 + 2 + SPEED_MPS * t
        assert chance[inside].sum() > 0.98


def test_at_a_crossing_it_rather_goes_straight_on_but_may_turn_either_way(town: Any) -> None:
    city = town.build([], [], CROSS)
    found = ahead(city, -30, 0, heading_deg=80.0, ahead_s=30.0)
    left, right = share(found, found.y > 5), share(found, found.y < -5)
    onward, back = share(found, found.x > 5), share(found, found.x < -40)
    assert onward > left + right > 0.05
    assert left == pytest.approx(right, rel=0.05)
    assert back < 0.1


def test_without_a_heading_all_ways_are_alike(town: Any) -> None:
    city = town.build([], [], CROSS)
    found = ahead(city, 0, 0, heading_deg=None, ahead_s=20.0, error_m=1.0)
    ways = [found.x > 5, found.x < -5, found.y > 5, found.y < -5]
    shares = [share(found, way) for way in ways]
    assert min(shares) == pytest.approx(max(shares), rel=0.1)


def test_who_stands_stays(town: Any) -> None:
    city = town.build([], [], CROSS)
    found = ahead(city, -100, 0, speed_mps=0.0, ahead_s=20.0)
    assert np.hypot(found.x + 100, found.y).max() <= SPEED_MPS * 20 + 3


def test_at_a_dead_end_it_stands(town: Any) -> None:
    city = town.build([], [], [[(-300.0, 0.0), (20.0, 0.0)]])
    found = ahead(city, 0, 0, heading_deg=90.0, ahead_s=40.0)
    assert found.chance[-1][found.x > 15].sum() > 0.9


def test_far_from_all_streets_it_crosses_open_ground(town: Any) -> None:
    city = town.build([], [], CROSS)
    found = ahead(city, 150, 150, heading_deg=0.0, ahead_s=10.0)
    assert share(found, found.y > 150) > 0.85
    assert share(found, abs(found.x - 150) > 1) > 0.3


def test_who_is_in_a_building_is_looked_for_around_it(town: Any) -> None:
    city = town.build([], [town.box(0, 0, 20, 20, 9)], [[(-300.0, 200.0), (300.0, 200.0)]])
    found = ahead(city, 0, 0, speed_mps=0.0)
    assert (Walls(city.buildings).inside(found.x, found.y) < 0).all()
    assert np.hypot(found.x, found.y).max() < 40


def test_a_vehicle_keeps_off_footpaths(town: Any) -> None:
    city = town.build([], [], CROSS)
    rank = np.array([0, 0, 4, 4], np.uint8)
    streets = Streets(**{**vars(city.streets), "rank": rank})
    graph, walls = StreetGraph(streets), Walls(city.buildings)
    where = Moving(at=at(city, -30, 0), error_m=2, speed_mps=5, heading_deg=90, ahead_s=30)
    off = {}
    for target in (TargetKind.PERSON, TargetKind.VEHICLE):
        found = look_ahead(where, city.plane, graph, walls, target)
        off[target] = share(found, abs(found.y) > 5)
    assert off[TargetKind.VEHICLE] < 0.1 * off[TargetKind.PERSON]


def test_a_wrong_position_is_shared_among_the_streets_around(town: Any) -> None:
    city = town.build([], [], [[(-300.0, 0.0), (300.0, 0.0)], [(-300.0, 60.0), (300.0, 60.0)]])
    found = ahead(city, 0, 20, error_m=100.0, speed_mps=1.0, ahead_s=5.0)
    near, far = share(found, found.y < 30), share(found, found.y > 30)
    assert near > far > 0.2


# the net of streets


def test_streets_of_one_kind_meet_only_at_common_corners(town: Any) -> None:
    bridge = town.build([], [], [[(-50.0, 0.0), (50.0, 0.0)], [(0.0, -50.0), (0.0, 50.0)]])
    net = StreetGraph(bridge.streets).net
    assert net.a.size == 2
    origin = np.array([Origin.DECLARED, Origin.SYNTHETIC], np.uint8)
    mixed = Streets(**{**vars(bridge.streets), "origin": origin})
    net = StreetGraph(mixed).net
    assert net.a.size == 4
    assert np.diff(net.first).max() == 4


def test_a_dead_end_on_another_street_is_a_side_street(town: Any) -> None:
    city = town.build([], [], [[(-50.0, 0.0), (50.0, 0.0)], [(0.0, 3.0), (0.0, 50.0)]])
    net = StreetGraph(city.streets).net
    assert np.diff(net.first).max() == 3
    apart = town.build([], [], [[(-50.0, 0.0), (50.0, 0.0)], [(0.0, 20.0), (0.0, 50.0)]])
    assert np.diff(StreetGraph(apart.streets).net.first).max() == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 30))
def test_the_net_keeps_the_length_of_the_streets_and_each_way_out_is_one_back(seed: int) -> None:
    streets = small_city(seed, cameras=2).streets
    net = StreetGraph(streets).net
    given_m = sum(
        float(np.hypot(*np.diff(streets.line[k], axis=0).T).sum()) for k in range(len(streets))
    )
    length = np.hypot(net.x[net.b] - net.x[net.a], net.y[net.b] - net.y[net.a])
    assert float(length.sum()) == pytest.approx(given_m, rel=0.02)
    for corner in range(0, net.x.size, 7):
        for piece in net.out[net.first[corner] : net.first[corner + 1]]:
            assert corner in (net.a[piece], net.b[piece])
    assert np.array_equal(
        np.diff(net.first), np.bincount(np.concatenate([net.a, net.b]), minlength=net.x.size)
    )


def test_streets_that_are_no_numbers_are_left_out(town: Any) -> None:
    city = town.build([], [], [[(0.0, 0.0), (math.nan, 5.0)], [(0.0, 0.0), (9.0, 0.0)]])
    assert StreetGraph(city.streets).net.a.size == 1


# handing over


def line_ahead(times: int, places: int, seed: int) -> Ahead:
    rng = np.random.default_rng(seed)
    chance = rng.random((times, places)) + 1e-3
    return Ahead(
        x=np.arange(float(places)),
        y=np.zeros(places),
        time_s=np.arange(1.0, times + 1),
        chance=chance / chance.sum(axis=1, keepdims=True),
    )


def test_views_are_changed_before_the_target_leaves_them(town: Any) -> None:
    city = town.build([], [], [[(-500.0, 0.0), (500.0, 0.0)]])
    times = np.arange(1.0, 21.0)
    found = ahead(city, 0, 0, heading_deg=90.0, times_s=times)
    shown = (found.x <= 50.0).astype(float)[None, :]
    plan = plan_handover(found, shown, lead_s=3.0)
    assert plan.leaves_s is not None
    assert 50 / (5 * 1.3 + SPEED_MPS) < plan.leaves_s < 50 / (5 * 0.7 - SPEED_MPS)
    assert plan.ask_s == pytest.approx(plan.leaves_s - 3.0)
    assert np.diff(plan.unseen).min() > -1e-9


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 12),
    st.integers(1, 20),
    st.integers(0, 4),
    st.integers(0, 999),
    st.floats(0, 10),
    st.floats(0.05, 0.9),
)
def test_more_views_a_higher_limit_or_a_shorter_lead_never_ask_sooner(
    times: int, places: int, views: int, seed: int, lead_s: float, limit: float
) -> None:
    found = line_ahead(times, places, seed)
    shown = np.random.default_rng(seed + 1).random((views + 1, places))
    plan = plan_handover(found, shown[:views], lead_s=lead_s, limit=limit)
    end = float(found.time_s[-1])
    assert 0 <= plan.ask_s <= end
    assert plan.leaves_s is None or 0 <= plan.leaves_s <= end
    more = plan_handover(found, shown, lead_s=lead_s, limit=limit)
    assert (more.leaves_s or end) >= (plan.leaves_s or 0.0)
    assert all(m <= u + 1e-12 for m, u in zip(more.unseen, plan.unseen, strict=True))
    lax = plan_handover(found, shown[:views], lead_s=lead_s, limit=min(limit + 0.05, 0.95))
    assert lax.ask_s >= plan.ask_s
    quick = plan_handover(found, shown[:views], lead_s=lead_s / 2, limit=limit)
    assert quick.ask_s >= plan.ask_s
    assert (plan.leaves_s is None) == (max(plan.unseen) <= limit)


def test_each_view_says_until_when_it_shows_a_target(town: Any) -> None:
    city = town.build([], [], [[(-500.0, 0.0), (500.0, 0.0)]])
    found = ahead(city, 0, 0, heading_deg=90.0, times_s=np.arange(1.0, 21.0))
    near, far, never = found.x <= 30.0, found.x <= 1e6, found.x > 1e6
    shown = np.stack([near, far, never]).astype(float)
    plan = plan_handover(found, shown, lead_s=3.0)
    gone, stays, nothing = plan.until_s
    assert (stays, nothing) == (None, 0.0)
    assert gone is not None
    assert 30 / (5 * 1.3 + SPEED_MPS) < gone < 30 / (5 * 0.7 - SPEED_MPS)
    assert plan.leaves_s is None


def test_without_views_the_next_question_is_due_now() -> None:
    plan = plan_handover(line_ahead(3, 5, 0), np.empty((0, 5)), lead_s=1.0)
    assert plan.leaves_s == 0.0
    assert plan.ask_s == 0.0


@pytest.mark.parametrize(
    ("lead_s", "limit", "places"),
    [(-1.0, 0.2, 5), (math.nan, 0.2, 5), (1.0, 0.0, 5), (1.0, 1.0, 5), (1.0, 0.2, 4)],
)
def test_a_handover_that_makes_no_sense_is_refused(
    lead_s: float, limit: float, places: int
) -> None:
    with pytest.raises(InvalidError):
        plan_handover(line_ahead(3, 5, 0), np.ones((1, places)), lead_s=lead_s, limit=limit)


# motion from positions


def fixes(city: City, places: list[tuple[float, float, float]], error_m: float = 5.0) -> list[Fix]:
    return [Fix(at=at(city, x, y), error_m=error_m, time_s=t) for t, x, y in places]


@given(st.floats(0, 359.9), st.floats(1.5, 60), st.floats(1, 5))
def test_motion_is_read_from_positions(heading: float, speed: float, every_s: float) -> None:
    way = (math.sin(math.radians(heading)) * speed, math.cos(math.radians(heading)) * speed)
    places = [(k * every_s, k * every_s * way[0], k * every_s * way[1]) for k in range(-8, 1)]
    moving = read_motion(fixes(CITY, places, error_m=1.0), CITY.plane)
    assert moving.speed_mps == pytest.approx(speed, rel=1e-3)
    assert moving.heading_deg is not None
    assert abs((moving.heading_deg - heading + 180) % 360 - 180) < 0.1
    assert moving.at.lon == pytest.approx(at(CITY, 0, 0).lon)


@pytest.mark.parametrize(
    "places", [[(0.0, 5.0, 5.0)], [(0.0, 0.0, 0.0), (5.0, 2.0, 1.0)], [(3.0, 0.0, 0.0)] * 2]
)
def test_a_heading_that_the_errors_explain_is_none(
    places: list[tuple[float, float, float]],
) -> None:
    moving = read_motion(fixes(CITY, places), CITY.plane)
    assert moving.heading_deg is None
    assert moving.speed_mps <= 0.5


def test_what_was_long_ago_does_not_count() -> None:
    places = [(0.0, -900.0, 0.0), (95.0, -50.0, 0.0), (100.0, 0.0, 0.0)]
    moving = read_motion(fixes(CITY, places), CITY.plane)
    assert moving.speed_mps == pytest.approx(10.0, rel=1e-3)


@pytest.mark.parametrize("times", [[], [2.0, 1.0], [0.0, math.nan]])
def test_positions_out_of_order_are_refused(times: list[float]) -> None:
    with pytest.raises(InvalidError):
        read_motion(fixes(CITY, [(t, 0.0, 0.0) for t in times]), CITY.plane)
