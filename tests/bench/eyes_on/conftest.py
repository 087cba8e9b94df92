"""A town small enough to be searched in a blink."""

import sys
from pathlib import Path

import numpy as np
import pytest

_ROOT = str(Path(__file__).parents[3])
if _ROOT not in sys.path:
    sys.path.append(_ROOT)  # benches are no installed package

from bench.eyes_on.town import Town, draw_nights, town_of  # noqa: E402

from safetynet.city.synth import small_city  # noqa: E402


@pytest.fixture(scope="session")
def town() -> Town:
    """Two districts of 640 m side by side, with incidents around their border."""
    city = draw_nights(small_city(3, cameras=90), np.random.default_rng(1))
    return town_of(city, np.array([-250.0, -200.0]), np.array([250.0, 200.0]))
