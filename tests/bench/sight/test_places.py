"""Places are drawn on street length alone; hidden directions are gone, not guessed."""

from dataclasses import replace

import numpy as np
import pytest
from bench.sight.places import UNKNOWN_SHARE, as_joined, draw_on_streets, hide_directions

from safetynet.app.cameras import cameras_of, join_cameras, records_of
from safetynet.base.geo import Floats
from safetynet.city.model import City, Origin, Shapes
from safetynet.city.synth import small_city
from safetynet.federation.inventory import as_journalled


@pytest.fixture(scope="module")
def city() -> City:
    return small_city(3, cameras=400)


def with_lines(city: City, lines: list[list[tuple[float, float]]], covered: list[bool]) -> City:
    """The city with these streets alone."""
    n = len(lines)
    offset = np.cumsum([0, *map(len, lines)]).astype(np.int32)
    streets = replace(
        city.streets,
        line=Shapes(xy=np.array([p for line in lines for p in line], np.float64), offset=offset),
        rank=np.zeros(n, np.uint8),
        width_m=np.full(n, 6.0),
        name=("",) * n,
        origin=np.zeros(n, np.uint8),
        in_coverage=np.array(covered),
    )
    return replace(city, streets=streets)


def draw(city: City, count: int) -> Floats:
    return draw_on_streets(city, count, np.random.default_rng(5))


def test_every_metre_of_covered_street_is_as_probable(city: City) -> None:
    lines = [
        [(0.0, 0.0), (10.0, 0.0), (10.0, 20.0)],
        [(500.0, 0.0), (500.0, 90.0)],
        [(900.0, 0.0), (990.0, 0.0)],
    ]
    x, y = draw(with_lines(city, lines, [True, True, False]), 6000).T
    assert not (x > 500).any()
    assert (x == 500).mean() == pytest.approx(0.75, abs=0.02)
    assert ((x < 10) & (y == 0)).mean() == pytest.approx(10 / 120, abs=0.02)
    assert np.histogram(y[x == 500], bins=9, range=(0, 90))[0] == pytest.approx(500, rel=0.2)


def test_the_same_seed_draws_the_same_places(city: City) -> None:
    assert np.array_equal(draw(city, 50), draw(city, 50))


def test_directions_are_hidden_by_pole(city: City) -> None:
    before, after = city.cameras, hide_directions(city.cameras, 1)
    hidden = np.isnan(after.azimuth_deg)
    assert hidden.mean() == pytest.approx(UNKNOWN_SHARE, abs=0.1)
    for pole in np.unique(before.pole):
        assert len(set(hidden[before.pole == pole].tolist())) == 1
    assert (after.pose_origin[hidden] == Origin.ASSUMED).all()
    assert (after.azimuth_sd_deg[hidden] == 180).all()
    assert np.array_equal(after.azimuth_deg[~hidden], before.azimuth_deg[~hidden])
    assert np.array_equal(after.pose_origin[~hidden], before.pose_origin[~hidden])


def test_cameras_hang_where_a_hub_has_them(city: City) -> None:
    joined, parts = as_joined(city).cameras, []
    for district in city.districts:
        records = [as_journalled(record) for record in records_of(city, district.node)]
        parts.append(cameras_of(records, [district.node] * len(records), city))
    known = join_cameras(parts)
    row = {camera: k for k, camera in enumerate(known.id)}
    order = [row[camera] for camera in joined.id]
    for name in ("x", "y", "height_m"):
        assert np.array_equal(getattr(joined, name), getattr(known, name)[order])
