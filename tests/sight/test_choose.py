"""What the choice promises."""

import dataclasses
import math
from itertools import combinations
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safetynet.base.errors import InvalidError, NotFoundError
from safetynet.base.geo import LonLat
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.model import City
from safetynet.city.synth import small_city
from safetynet.sight.model import (
    TARGET_SIZES,
    Aim,
    Choice,
    HealthState,
    Place,
    ReasonCode,
    Request,
    TargetKind,
)
from safetynet.sight.service import Sight

CITY = small_city(3, cameras=160)
SIGHT = Sight(CITY)
ILL = [HealthState.DEAD, HealthState.FROZEN, HealthState.OBSTRUCTED, HealthState.OWNER_AWAY]


def ask(city: City, x: float, y: float, **changes: Any) -> Request:
    lon, lat = city.plane.to_lonlat(x, y)
    error_m = changes.pop("error_m", 0.0)
    return Request(
        **{
            "place": Place(at=LonLat(lon, lat), error_m=error_m),
            "target": TargetKind.PERSON,
            "min_px_per_m": 12.5,
            **changes,
        }
    )


def street_place(seed: int) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    line = CITY.streets.line[int(rng.integers(len(CITY.streets)))]
    x, y = line[0] + rng.uniform() * (line[1] - line[0])
    return float(x), float(y)


def names(choice: Choice) -> list[str]:
    return [v.camera for v in choice.views]


def codes(choice: Choice, camera: str) -> list[ReasonCode]:
    return [r.code for p in choice.passed_over if p.camera == camera for r in p.reasons]


def test_a_camera_behind_a_wall_loses_to_an_equal_one_in_sight(town: Any) -> None:
    cams = [
        town.cam(id="a-1", x=-30, y=0, azimuth_deg=90),
        town.cam(id="b-1", x=30, y=0, azimuth_deg=270),
    ]
    city = town.build(cams, [town.box(-15, 0, 3, 8, 10)])
    choice = Sight(city).choose(ask(city, 0, 0, error_m=0))
    assert names(choice) == ["b-1"]
    assert codes(choice, "a-1") == [ReasonCode.BEHIND_BUILDING]


def test_smoke_shows_above_a_roof_that_hides_a_person(town: Any) -> None:
    city = town.build(
        [town.cam(id="a-1", x=-60, y=0, azimuth_deg=90, tilt_deg=0)], [town.box(-30, 0, 3, 8, 6)]
    )
    sight = Sight(city)
    assert names(sight.choose(ask(city, 0, 0))) == []
    assert names(sight.choose(ask(city, 0, 0, target=TargetKind.FIRE))) == ["a-1"]


def test_each_reason_against_is_named(town: Any) -> None:
    cams = [
        town.cam(id="away", x=0, y=-20, azimuth_deg=180),
        town.cam(id="below", x=0, y=-2, azimuth_deg=0, tilt_deg=0),
        town.cam(id="dead", x=3, y=-25),
        town.cam(id="far", x=0, y=-220, azimuth_deg=0, tilt_deg=2),
        town.cam(id="good", x=0, y=-28),
        town.cam(id="ptz-far", x=300, y=0, ptz=True, azimuth_deg=90),
        town.cam(id="twin", x=0.5, y=-28),
        town.cam(id="z-busy", x=-200, y=0, ptz=True, azimuth_deg=270),
    ]
    city = town.build(cams)
    health = {CameraId("dead"): HealthState.DEAD, CameraId("z-busy"): HealthState.BUSY}
    choice = Sight(city).choose(ask(city, 0, 0, count=2), health)
    assert names(choice)[0] == "good" or names(choice)[0] == "twin"
    assert "ptz-far" in names(choice)
    assert codes(choice, "away") == [ReasonCode.FACES_AWAY]
    assert codes(choice, "below") == [ReasonCode.FACES_AWAY]
    assert codes(choice, "dead") == [ReasonCode.DEAD]
    assert codes(choice, "far") == [ReasonCode.TOO_FAR]
    assert codes(choice, "z-busy") == [ReasonCode.FACES_AWAY, ReasonCode.BUSY]
    twin = {"good", "twin"} - set(names(choice))
    assert codes(choice, twin.pop()) == [ReasonCode.ADDS_NOTHING]


def test_a_busy_ptz_is_offered_only_as_it_stands(town: Any) -> None:
    city = town.build([town.cam(id="p", x=0, y=-30, ptz=True, azimuth_deg=0)])
    view = Sight(city).choose(ask(city, 0, 0), {CameraId("p"): HealthState.BUSY}).views[0]
    assert view.aim is None
    assert view.slew_s == 0


def test_a_ptz_turns_and_fills_a_quarter_of_the_picture(town: Any) -> None:
    city = town.build([town.cam(id="p", x=0, y=-100, ptz=True, azimuth_deg=180)])
    view = Sight(city).choose(ask(city, 0, 0)).views[0]
    assert view.aim is not None
    assert abs((view.aim.azimuth_deg + 180) % 360 - 180) < 0.5
    assert 0.2 * 720 < view.px_per_m * TARGET_SIZES[TargetKind.PERSON].height_m < 0.3 * 720
    assert view.slew_s == pytest.approx(1.5, abs=0.05)
    assert ReasonCode.TURNS_TO in [r.code for r in view.reasons]


def test_the_second_view_comes_from_another_side(town: Any) -> None:
    cams = [
        town.cam(id="a", x=0, y=-25),
        town.cam(id="b", x=0, y=-25.2),
        town.cam(id="c", x=28, y=0, azimuth_deg=270),
    ]
    city = town.build(cams)
    choice = Sight(city).choose(ask(city, 0, 0, count=2))
    assert set(names(choice)) in ({"a", "c"}, {"b", "c"})
    assert ReasonCode.OTHER_SIDE in [r.code for r in choice.views[1].reasons]


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    error_m=st.sampled_from([0.0, 15.0, 80.0]),
    kind=st.sampled_from(TargetKind),
)
def test_an_ill_camera_is_never_chosen(seed: int, error_m: float, kind: TargetKind) -> None:
    rng = np.random.default_rng(seed)
    health = {c: ILL[int(rng.integers(4))] for c in CITY.cameras.id if rng.uniform() < 0.5}
    away = frozenset({NodeId("seocho")}) if rng.uniform() < 0.5 else frozenset[NodeId]()
    request = ask(CITY, *street_place(seed), error_m=error_m, target=kind)
    choice = SIGHT.choose(request, health, away)
    assert not set(names(choice)) & set(health)
    assert not {v.owner for v in choice.views} & away
    assert len(set(names(choice))) == len(choice.views) <= request.count


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), error_m=st.sampled_from([0.0, 15.0, 80.0]))
def test_the_answer_does_not_depend_on_the_order_of_cameras(seed: int, error_m: float) -> None:
    order = np.random.default_rng(seed).permutation(len(CITY.cameras))
    columns: dict[str, Any] = {
        f.name: (
            tuple(v[i] for i in order)
            if isinstance(v := getattr(CITY.cameras, f.name), tuple)
            else (v[order] if isinstance(v, np.ndarray) else v)
        )
        for f in dataclasses.fields(CITY.cameras)
    }
    shuffled = Sight(dataclasses.replace(CITY, cameras=type(CITY.cameras)(**columns)))
    request = ask(CITY, *street_place(seed), error_m=error_m)
    ours, theirs = SIGHT.choose(request), shuffled.choose(request)
    assert ours.views == theirs.views
    assert {p.camera: p.reasons for p in ours.passed_over if p.distance_m < 60} == {
        p.camera: p.reasons for p in theirs.passed_over if p.distance_m < 60
    }


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(TargetKind))
def test_one_more_healthy_camera_never_lowers_what_the_first_view_shows(
    seed: int, kind: TargetKind
) -> None:
    """The first view is the single best, so more to choose from cannot make it worse."""
    rng = np.random.default_rng(seed)
    request = ask(CITY, *street_place(seed), target=kind, count=4)
    lame = {c: HealthState.DEAD for c in CITY.cameras.id if rng.uniform() < 0.6}
    healed = dict(list(lame.items())[1:])
    before, after = SIGHT.choose(request, lame), SIGHT.choose(request, healed)
    if before.views and after.views[0].camera != before.views[0].camera:
        assert after.views[0].camera == next(iter(lame))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(TargetKind))
def test_greedy_is_near_the_best_pair_of_an_exhaustive_search(seed: int, kind: TargetKind) -> None:
    """Over an uncertain place; the bound is the guarantee of greedy choice, 1 - 1/e."""
    request = ask(CITY, *street_place(seed), error_m=40.0, target=kind, min_px_per_m=5.0, count=2)
    near = [
        p.camera for p in SIGHT.choose(msgspec.structs.replace(request, why_not=1000)).passed_over
    ]
    choice = SIGHT.choose(request)
    near += [v.camera for v in choice.views]
    ptz = {c for c, k in zip(CITY.cameras.id, CITY.cameras.kind, strict=True) if k}
    looks = [SIGHT.look(request, camera) for camera in near if camera not in ptz]
    best = max(
        (
            float(1 - one.weight @ ((1 - one.shown) * (1 - other.shown)))
            for one, other in combinations(looks, 2)
        ),
        default=0.0,
    )
    assert choice.chance >= (1 - 1 / math.e) * best - 0.01


@pytest.mark.parametrize(
    "changes",
    [
        {"error_m": math.nan},
        {"error_m": -1.0},
        {"error_m": math.inf},
        {"min_px_per_m": math.nan},
        {"count": 0},
        {"radius_m": 0.0},
        {"radius_m": math.nan},
        {"place": Place(at=LonLat(math.nan, 37.5), error_m=0)},
        {"place": Place(at=LonLat(0, 0), error_m=0)},
        {"place": Place(at=LonLat(200, 37), error_m=0)},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidError) as caught:
        SIGHT.choose(ask(CITY, 0, 0, **changes))
    assert caught.value.code.startswith("sight.")


def test_outside_the_city_and_without_cameras_there_is_no_view(town: Any) -> None:
    assert SIGHT.choose(ask(CITY, 80_000, 80_000)).views == ()
    empty = town.build([])
    assert Sight(empty).choose(ask(empty, 0, 0)) == Choice(
        request=ask(empty, 0, 0), views=(), passed_over=()
    )


@pytest.mark.parametrize(
    "pose",
    [
        {"x": math.nan},
        {"height_m": math.nan},
        {"height_m": -3.0},
        {"azimuth_deg": math.inf},
        {"tilt_deg": 400.0},
        {"hfov_deg": 0.0},
        {"hfov_deg": math.nan},
    ],
)
def test_a_camera_with_an_impossible_pose_spoils_nothing(town: Any, pose: dict[str, float]) -> None:
    bad = {"id": "bad", "x": 0.0, "y": -20.0, **pose}
    city = town.build([town.cam(**bad), town.cam(id="good", x=0, y=-25)])
    sight = Sight(city)
    assert names(sight.choose(ask(city, 0, 0))) == ["good"]
    assert sight.visible_area(CameraId("bad")) == ()


@pytest.mark.parametrize(
    "pose",
    [
        {"height_m": 0.0, "tilt_deg": 0.0},
        {"hfov_deg": 360.0, "y": -4.0},
        {"tilt_deg": 90.0, "y": -2.0},
        {"tilt_deg": 90.0, "y": 2.0},
    ],
)
def test_odd_but_possible_poses_still_see(town: Any, pose: dict[str, float]) -> None:
    city = town.build([town.cam(**{"id": "odd", "x": 0.0, "y": -20.0, **pose})])
    assert names(Sight(city).choose(ask(city, 0, 0))) == ["odd"]


def test_a_camera_inside_a_building_sees_as_if_it_hung_outside(town: Any) -> None:
    city = town.build([town.cam(id="in", x=0, y=-20)], [town.box(0, -22, 5, 4, 12)])
    assert names(Sight(city).choose(ask(city, 0, 0))) == ["in"]


def test_a_place_inside_a_building_is_stood_for_by_the_ground_around(town: Any) -> None:
    city = town.build([town.cam(id="c", x=0, y=-35)], [town.box(0, 0, 6, 6, 9)])
    assert names(Sight(city).choose(ask(city, 0, 0))) == ["c"]


def test_the_visible_area_ends_at_a_wall(town: Any) -> None:
    city = town.build(
        [town.cam(id="c", x=0, y=0), town.cam(id="p", x=0, y=0, ptz=True)],
        [town.box(0, 42, 60, 2, 9)],
    )
    sight = Sight(city)
    ring = np.array(sight.visible_area(CameraId("c")))
    x, y = city.plane.to_xy(ring[:, 0], ring[:, 1])
    assert 3 < len(ring) <= 80
    assert y.max() == pytest.approx(40, abs=0.01)
    assert y.min() > 3  # blind beneath the pole
    assert np.all(np.abs(np.degrees(np.arctan2(x, y))) <= 41)
    aim = Aim(azimuth_deg=180, tilt_deg=10, hfov_deg=20)
    assert max(lat for _, lat in sight.visible_area(CameraId("p"), aim)) < 37.5
    with pytest.raises(NotFoundError):
        sight.visible_area(CameraId("nobody"))
    with pytest.raises(InvalidError):
        sight.visible_area(CameraId("p"), Aim(azimuth_deg=math.nan, tilt_deg=0, hfov_deg=20))
