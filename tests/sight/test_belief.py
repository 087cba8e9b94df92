"""What is learned of cameras whose direction nobody told."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safetynet.base.errors import InvalidError
from safetynet.city.model import CameraKind, Cameras
from safetynet.city.tables import take_cameras
from safetynet.sight.belief import AZIMUTHS, RANGES, Beliefs
from safetynet.sight.lens import read_lenses
from safetynet.sight.model import TARGET_SIZES, TargetKind, Witness
from safetynet.sight.mounting import (
    FIXED_SHARE,
    TURNING_SHARE,
    azimuth_bin,
    range_bin,
)
from safetynet.sight.pictured import shows

PERSON = TARGET_SIZES[TargetKind.PERSON]
directions = st.floats(0, 359.9)
clicks = st.tuples(directions, st.floats(0, 250), st.floats(0, 1), st.booleans())


@pytest.fixture(scope="session")
def pole(town: Any) -> Any:
    """Makes cameras that hang on one pole, their directions in no list."""

    def make(count: int, *, poles: int = 1, height_m: float = 5.5) -> Cameras:
        cams = [town.cam(id=f"c{i}", x=0, y=0, height_m=height_m) for i in range(count)]
        cameras: Cameras = town.build(cams).cameras
        return replace(
            cameras,
            pole=np.arange(count, dtype=np.int32) % poles,
            azimuth_deg=np.full(count, np.nan),
            azimuth_sd_deg=np.full(count, 180.0),
        )

    return make


def fresh(cameras: Cameras) -> Beliefs:
    return Beliefs.fresh(cameras, np.ones(len(cameras), np.bool_))


def click(
    beliefs: Beliefs,
    bearing_deg: float,
    distance_m: float,
    shown: bool,
    *,
    camera: int = 0,
    in_sight: float = 1.0,
) -> None:
    """One operator's word on one known spot."""
    spot = np.radians([bearing_deg]), np.array([distance_m]), np.array([in_sight])
    beliefs.learn(camera, *spot, shown=shown, by=Witness.OPERATOR)


def truth(cameras: Cameras, azimuth_deg: float, tilt_deg: float, hfov_deg: float) -> Any:
    """Says of a bearing and distance whether a real lens in this pose shows a person there."""
    posed = replace(
        cameras,
        azimuth_deg=np.full(len(cameras), azimuth_deg),
        tilt_deg=np.full(len(cameras), tilt_deg),
        hfov_deg=np.full(len(cameras), hfov_deg),
    )
    lens = read_lenses(posed).take(np.array([0]))

    def shown(bearing_deg: float, distance_m: float) -> bool:
        b = math.radians(bearing_deg)
        dx, dy = np.array([[math.sin(b)]]), np.array([[math.cos(b)]])
        found = shows(lens, dx * distance_m, dy * distance_m, np.zeros((1, 1)), PERSON)
        return bool(found[0, 0])

    return shown


def turn_deg(a: float, b: float) -> float:
    return abs((a - b + 180) % 360 - 180)


@settings(max_examples=40, deadline=None)
@given(told=st.lists(clicks, max_size=25))
def test_a_belief_is_always_a_probability(
    pole: Any, told: list[tuple[float, float, float, bool]]
) -> None:
    beliefs = fresh(pole(2))
    for bearing, distance, in_sight, shown in told:
        click(beliefs, bearing, distance, shown, in_sight=in_sight)
    for camera in (0, 1):
        p = beliefs.posterior(camera)
        assert np.isfinite(p).all()
        assert (p > 0).all()
        assert p.sum() == pytest.approx(1)
    assert np.isfinite(beliefs.chance).all()
    assert ((beliefs.chance >= 0) & (beliefs.chance <= 1)).all()


@settings(max_examples=25, deadline=None)
@given(
    azimuth=directions,
    tilt=st.floats(10, 22),
    hfov=st.floats(60, 100),
    seed=st.integers(0, 2**32 - 1),
    wrong=st.integers(0, 29),
)
def test_the_truth_is_found_and_one_wrong_click_does_not_hide_it(
    pole: Any, azimuth: float, tilt: float, hfov: float, seed: int, wrong: int
) -> None:
    rng = np.random.default_rng(seed)
    cameras = pole(1)
    shown = truth(cameras, azimuth, tilt, hfov)
    beliefs = fresh(cameras)
    for k, bearing in enumerate(rng.permutation(np.arange(0, 360, 12) + azimuth)):
        distance = float(rng.uniform(8, 40))
        says = shown(float(bearing), distance)
        click(beliefs, float(bearing), distance, says != (k == wrong))
    learned = beliefs.explain(0)
    assert learned is not None
    assert learned.observations == 30
    assert turn_deg(learned.azimuth_deg, azimuth) <= 20
    row = beliefs.row[0]
    ahead = beliefs.chance[row, azimuth_bin(np.radians(azimuth)), 2]
    behind = beliefs.chance[row, azimuth_bin(np.radians(azimuth + 180)), 2]
    assert behind < 0.2
    assert ahead > behind + 0.4


@settings(max_examples=40, deadline=None)
@given(bearing=directions, distance=st.floats(8, 80))
def test_a_wrong_click_is_won_back_by_two_true_ones(
    pole: Any, bearing: float, distance: float
) -> None:
    beliefs = fresh(pole(1))
    at = azimuth_bin(np.radians(bearing)), range_bin(np.array(distance))
    before = beliefs.chance[0][at]
    click(beliefs, bearing, distance, False)
    assert 0 < beliefs.chance[beliefs.row[0]][at] < before
    click(beliefs, bearing, distance, True)
    click(beliefs, bearing, distance, True)
    assert beliefs.chance[beliefs.row[0]][at] > before


def test_a_camera_that_was_turned_by_its_owner_is_found_again(pole: Any) -> None:
    beliefs = fresh(pole(1))
    for _ in range(100):
        click(beliefs, 90, 30, True)
        click(beliefs, 270, 30, False)
    for _ in range(100):
        click(beliefs, 90, 30, False)
        click(beliefs, 270, 30, True)
    learned = beliefs.explain(0)
    assert learned is not None
    assert turn_deg(learned.azimuth_deg, 270) <= 20


@settings(max_examples=25, deadline=None)
@given(told=st.lists(clicks, min_size=2, max_size=10), seed=st.integers(0, 1000))
def test_the_order_of_observations_hardly_matters(
    pole: Any, told: list[tuple[float, float, float, bool]], seed: int
) -> None:
    cameras = pole(1)
    one, other = fresh(cameras), fresh(cameras)
    for k in range(len(told)):
        bearing, distance, in_sight, shown = told[k]
        click(one, bearing, distance, shown, in_sight=in_sight)
    for k in np.random.default_rng(seed).permutation(len(told)):
        bearing, distance, in_sight, shown = told[k]
        click(other, bearing, distance, shown, in_sight=in_sight)
    apart = np.abs(one.chance[one.row[0]] - other.chance[other.row[0]])
    assert apart.max() < 0.1


def test_what_walls_hide_teaches_nothing(pole: Any) -> None:
    beliefs = fresh(pole(1))
    before = beliefs.chance[beliefs.row[0]]
    nothing = np.empty(0)
    beliefs.learn(0, nothing, nothing, nothing, shown=False, by=Witness.OPERATOR)
    assert np.allclose(beliefs.chance[beliefs.row[0]], before, atol=1e-6)


def test_near_sightings_leave_the_reach_open_and_far_misses_close_it(pole: Any) -> None:
    beliefs = fresh(pole(1))
    for _ in range(4):
        click(beliefs, 0, 20, True)
    far = beliefs.chance[beliefs.row[0], 0, 9]
    for _ in range(3):
        click(beliefs, 0, 95, False)
    after = beliefs.chance[beliefs.row[0], 0]
    assert far > 0.3
    assert after[9] < far / 2
    assert after[2] > 0.8


def told(cameras: Cameras, kind: CameraKind, *, all_round: bool = False) -> float:
    """Prior probability that the first camera turns, where the last one is of this kind."""
    n = len(cameras)
    kinds = np.full(n, CameraKind.FIXED, np.uint8)
    kinds[-1] = kind
    said = replace(cameras, kind=kinds, all_round=np.full(n, all_round))
    learned = fresh(said).explain(0)
    assert learned is not None
    return learned.turning


def test_how_probably_a_camera_turns_comes_from_what_lists_say(pole: Any) -> None:
    silent, site = told(pole(1), CameraKind.FIXED), told(pole(4), CameraKind.FIXED)
    assert silent == pytest.approx(0.5)
    assert site == pytest.approx(0.2)
    assert told(pole(4), CameraKind.PTZ) == pytest.approx(0.02)  # this owner tells which turn
    assert told(pole(4), CameraKind.FIXED, all_round=True) == pytest.approx(0.9)


def test_a_camera_that_shows_whatever_is_asked_is_found_to_turn(pole: Any) -> None:
    beliefs = fresh(pole(3))
    for bearing in range(0, 360, 45):
        click(beliefs, bearing, 60, True)
    learned = beliefs.explain(0)
    assert learned is not None
    assert learned.turning > 0.95
    assert beliefs.chance[beliefs.row[0], :, 4].min() > 0.8


def test_one_camera_is_learned_and_the_others_of_its_pole_stay_as_they_are(pole: Any) -> None:
    beliefs = fresh(pole(10_000))
    before = beliefs.row.copy()
    click(beliefs, 45, 30, True)
    assert np.flatnonzero(beliefs.row != before).tolist() == [0]


def test_a_declared_direction_is_where_a_belief_starts(pole: Any) -> None:
    cameras = replace(
        pole(2), azimuth_deg=np.array([357.0, 357.0]), azimuth_sd_deg=np.array([20.0, 180.0])
    )
    beliefs = fresh(cameras)
    ahead, behind = beliefs.chance[beliefs.row[0], 71, 2], beliefs.chance[beliefs.row[0], 35, 2]
    assert ahead > 0.8
    assert behind < 0.2
    assert np.ptp(beliefs.chance[beliefs.row[1], :, 2]) < 1e-6


def test_known_cameras_have_no_belief(pole: Any) -> None:
    beliefs = Beliefs.fresh(pole(2, poles=2), np.array([False, True]))
    rows, chance = beliefs.row.tolist(), beliefs.chance.copy()
    assert rows[0] == -1
    assert rows[1] >= 0
    click(beliefs, 0, 20, True, camera=0)
    assert beliefs.row.tolist() == rows
    assert np.array_equal(beliefs.chance, chance)
    assert beliefs.explain(0) is None


def test_a_camera_whose_pose_is_told_later_is_believed_no_more_and_the_other_way_round(
    pole: Any,
) -> None:
    cameras = pole(2)
    beliefs = fresh(cameras)
    click(beliefs, 10, 30, True)
    one = take_cameras(cameras, np.array([True, False]))
    beliefs.put(0, one, unknown=False)
    assert beliefs.row[0] == -1
    click(beliefs, 10, 30, True)
    assert beliefs.row[0] == -1
    assert beliefs.explain(0) is None
    click(beliefs, 10, 30, True, camera=1)
    assert beliefs.row[0] == -1
    east = replace(one, azimuth_deg=np.array([90.0]), azimuth_sd_deg=np.array([20.0]))
    beliefs.put(0, east, unknown=True)
    learned = beliefs.explain(0)
    assert learned is not None
    assert learned.observations == 0
    assert turn_deg(learned.azimuth_deg, 90) <= 10


def test_many_cameras_learn_in_a_table_that_grows(pole: Any) -> None:
    beliefs = fresh(pole(50, poles=50))
    rows = len(beliefs.chance)
    assert len(set(beliefs.row.tolist())) == 1
    for camera in range(50):
        click(beliefs, 7.2 * camera, 30, True, camera=camera)
    assert sorted(beliefs.row.tolist()) == list(range(rows, rows + 50))
    assert beliefs.chance.shape == (rows + 50, AZIMUTHS, RANGES)
    ahead = azimuth_bin(np.radians(7.2 * np.arange(50)))
    assert (beliefs.chance[beliefs.row, ahead, 3] > 0.5).all()


def test_forgetting_gives_back_what_was_before(pole: Any) -> None:
    beliefs = fresh(pole(2))
    click(beliefs, 10, 30, True)
    beliefs.forget(0)
    before = fresh(pole(2))
    assert np.allclose(beliefs.chance[beliefs.row], before.chance[before.row], atol=1e-6)
    assert beliefs.digest() == fresh(pole(2)).digest()


def test_what_was_learned_is_kept_by_id_through_save_and_load(pole: Any) -> None:
    cameras = pole(3, poles=3)
    beliefs = fresh(cameras)
    click(beliefs, 10, 30, True, camera=2)
    click(beliefs, 190, 30, False, camera=1)
    turned = replace(cameras, id=cameras.id[::-1])
    again = Beliefs.load(beliefs.save(), turned, np.ones(3, np.bool_))
    assert again.digest() == beliefs.digest() != fresh(cameras).digest()
    assert np.array_equal(again.chance[again.row[0]], beliefs.chance[beliefs.row[2]])
    assert again.explain(1) == beliefs.explain(1)
    assert again.explain(2) == beliefs.explain(0)


@settings(max_examples=25, deadline=None)
@given(
    told=st.lists(st.tuples(st.integers(0, 7), directions, st.booleans()), max_size=12),
    kept=st.lists(st.booleans(), min_size=8, max_size=8),
    seed=st.integers(0, 1000),
)
def test_beliefs_moved_to_another_list_are_those_that_would_be_learned_there(
    pole: Any, told: list[tuple[int, float, bool]], kept: list[bool], seed: int
) -> None:
    cameras = pole(8, poles=3)
    order = np.random.default_rng(seed).permutation(np.flatnonzero(kept))
    there = take_cameras(take_cameras(cameras, np.array(kept)), np.ones(len(order), np.bool_))
    there = replace(there, id=tuple(cameras.id[i] for i in order), pole=cameras.pole[order])
    here, directly = fresh(cameras), fresh(there)
    where = {int(i): k for k, i in enumerate(order)}
    for camera, bearing, shown in told:
        click(here, bearing, 30, shown, camera=camera)
        if camera in where:
            click(directly, bearing, 30, shown, camera=where[camera])
    moved = here.moved(there, np.ones(len(order), np.bool_))
    assert moved.digest() == directly.digest()
    assert np.allclose(moved.chance[moved.row], directly.chance[directly.row], atol=1e-6)
    if len(order):
        click(moved, 0, 30, True)
    again = here.moved(cameras, np.ones(8, np.bool_))
    assert again.digest() == here.digest()
    assert np.array_equal(again.chance[again.row], here.chance[here.row])


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"x" * 100])
def test_bytes_that_are_no_beliefs_are_refused(pole: Any, data: bytes) -> None:
    with pytest.raises(InvalidError) as caught:
        Beliefs.load(data, pole(1), np.ones(1, np.bool_))
    assert caught.value.code == "sight.beliefs"


def test_without_cameras_there_is_nothing_to_believe(pole: Any) -> None:
    beliefs = fresh(pole(0))
    assert beliefs.row.shape == (0,)
    assert Beliefs.load(beliefs.save(), pole(0), np.ones(0, np.bool_)).digest() == beliefs.digest()


def test_the_shares_of_hypotheses_are_probabilities() -> None:
    for share in (FIXED_SHARE, TURNING_SHARE):
        assert share.sum() == pytest.approx(1)
        assert (share > 0).all()
