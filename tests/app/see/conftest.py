"""A small city, and a place in it that several cameras show."""

from pathlib import Path

import pytest

from safetynet.base.geo import LonLat
from safetynet.city.model import City
from safetynet.city.synth import small_city
from safetynet.sight.model import Choice, Place, Request, TargetKind
from safetynet.sight.service import Sight
from tests.app.conftest import SEED, make_bundle


@pytest.fixture(scope="session")
def city() -> City:
    """The small city of all tests of ``app``."""
    return small_city(SEED)


@pytest.fixture(scope="session")
def sight(city: City) -> Sight:
    """Its eyes."""
    return Sight(city)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The city on disk."""
    return make_bundle(tmp_path_factory.mktemp("see") / "bundle")


@pytest.fixture(scope="session")
def choice(city: City, sight: Sight) -> Choice:
    """An answer with three views or more that are not at the place, and with cameras passed over."""
    lines = city.streets.line
    for i in range(len(lines)):
        lon, lat = city.plane.to_lonlat(*map(float, lines[i][0]))
        found = sight.choose(
            Request(
                place=Place(at=LonLat(lon, lat), error_m=20.0),
                target=TargetKind.PERSON,
                min_px_per_m=20.0,
            )
        )
        far = [v for v in found.views if v.distance_m > 25]
        if len(far) > 2 and len(found.passed_over) > 2:
            return found
    raise AssertionError("no place in the small city is seen by three cameras")
