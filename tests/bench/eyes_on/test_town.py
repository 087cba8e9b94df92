"""A chooser learns of the cameras what it is told, and nothing else."""

from dataclasses import fields, replace

import numpy as np
import pytest
from bench.eyes_on.town import Knows, Town, draw_poses, known_city, town_of

from safetynet.city.model import CameraKind, City
from safetynet.city.synth import small_city

PUBLIC = {"id", "name", "district", "x", "y", "pole", "position_origin", "position_sd_m"}
"""Columns that a public list may speak of."""


@pytest.mark.parametrize("knows", [Knows.LIST, Knows.KINDS])
def test_no_column_tells_of_a_hidden_pose(town: Town, knows: Knows) -> None:
    other = draw_poses(town.truth, np.random.default_rng(99))
    # Positions are public, so both truths stand on the same ones.
    other = replace(
        other,
        cameras=replace(
            other.cameras,
            x=town.truth.cameras.x,
            y=town.truth.cameras.y,
            kind=town.truth.cameras.kind,
            position_origin=town.truth.cameras.position_origin,
            position_sd_m=town.truth.cameras.position_sd_m,
        ),
    )
    assert (other.cameras.azimuth_deg != town.truth.cameras.azimuth_deg).any()
    first, second = known_city(town.truth, knows).cameras, known_city(other, knows).cameras
    for field in fields(first):
        if field.name not in PUBLIC | {"zones"}:
            np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))
    assert np.isnan(first.azimuth_deg).all()


def test_the_kind_is_told_only_where_it_is_public(town: Town) -> None:
    turnable = (town.truth.cameras.kind == CameraKind.PTZ).sum()
    assert turnable > 5
    assert (known_city(town.truth, Knows.LIST).cameras.kind == CameraKind.FIXED).all()
    assert (known_city(town.truth, Knows.KINDS).cameras.kind == CameraKind.PTZ).sum() == turnable
    assert known_city(town.truth, Knows.POSES) is town.truth


def test_drawn_poses_come_again_by_seed_and_keep_to_their_pole() -> None:
    city = small_city(5, cameras=80)
    one, again, other = (_poses(city, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    drawn = draw_poses(city, np.random.default_rng(1)).cameras
    for pole in np.unique(drawn.pole):
        own = drawn.pole == pole
        assert len(np.unique(drawn.x[own])) == 1
        assert (drawn.kind[own] == CameraKind.PTZ).sum() <= 1


def test_the_order_on_a_pole_does_not_tell_which_camera_turns() -> None:
    city = small_city(5, cameras=200)
    first = np.unique(city.cameras.pole, return_index=True)[1]
    several = np.isin(city.cameras.pole, np.flatnonzero(np.bincount(city.cameras.pole) >= 3))
    heads = np.intersect1d(first, np.flatnonzero(several))
    shares = [
        (draw_poses(city, np.random.default_rng(s)).cameras.kind[heads] == CameraKind.PTZ).mean()
        for s in range(8)
    ]
    assert 0.1 < np.mean(shares) < 0.5  # nine of ten before the shuffle


def test_places_lie_near_sites_where_that_is_asked() -> None:
    city = small_city(5, cameras=20)
    low, high = np.array([-600.0, -300.0]), np.array([600.0, 300.0])
    town = town_of(city, low, high, near_site_m=60.0)
    assert 0 < town.kept < 1
    places = town.draw_places(300, np.random.default_rng(4))
    away = np.hypot(places[:, :1] - city.cameras.x, places[:, 1:] - city.cameras.y).min(axis=1)
    assert away.max() <= 60 + 5.1  # half a piece of street more
    assert away.max() > 40


def _poses(city: City, seed: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return draw_poses(city, np.random.default_rng(seed)).cameras.azimuth_deg
