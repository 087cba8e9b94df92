"""Known mistakes of open data are found by rule, and nothing else is touched."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safetynet.city.ingest.repair import (
    Area,
    Position,
    Reason,
    is_rounded,
    mend_position,
    read_number,
)

SEOUL = Area(west=126.74, south=37.41, east=127.21, north=37.72)
LONS = st.floats(126.75, 127.20)
LATS = st.floats(37.42, 37.71)


def anywhere(lon: float, lat: float) -> bool:
    return SEOUL.holds(lon, lat)


@given(LONS, LATS)
def test_a_good_position_stays_as_it_is(lon: float, lat: float) -> None:
    assert mend_position(lon, lat, SEOUL, anywhere) == Position(lon, lat)


@given(LONS, LATS)
def test_a_swapped_position_is_turned_round(lon: float, lat: float) -> None:
    assert mend_position(lat, lon, SEOUL, anywhere) == Position(lon, lat, Reason.SWAPPED)


@given(LONS, LATS, st.sampled_from([-3, -2, -1, 1, 2, 3]), st.booleans())
def test_whole_degrees_are_taken_back(lon: float, lat: float, k: int, in_lat: bool) -> None:
    wrong = (lon, lat + k) if in_lat else (lon + k, lat)
    found = mend_position(*wrong, SEOUL, anywhere)
    assert isinstance(found, Position)
    assert found.reason is Reason.WHOLE_DEGREE
    assert math.isclose(found.lon, lon, abs_tol=1e-6)
    assert math.isclose(found.lat, lat, abs_tol=1e-6)


@given(st.floats(), st.floats())
def test_whatever_is_read_a_kept_position_lies_in_the_city(lon: float, lat: float) -> None:
    found = mend_position(lon, lat, SEOUL, anywhere)
    assert isinstance(found, Reason) or SEOUL.holds(found.lon, found.lat)


def test_a_dragged_number_is_told_from_a_wrong_degree() -> None:
    found = mend_position(126.91185, 39.596764, SEOUL, anywhere, before=(126.91185, 38.596764))
    assert found == Position(126.91185, 37.596764, Reason.DRAGGED)


@pytest.mark.parametrize(
    ("lon", "lat", "reason"),
    [
        (37.52835, 37.52835, Reason.LATITUDE_TWICE),
        (0.0, 0.0, Reason.NO_POSITION),
        (None, 37.5, Reason.NO_POSITION),
        (127.0447, 37.3431, Reason.FAR_OFF),
        (126.39875, 37.63285, Reason.FAR_OFF),
    ],
)
def test_what_no_rule_explains_is_refused(lon: float | None, lat: float, reason: Reason) -> None:
    assert mend_position(lon, lat, SEOUL, anywhere) is reason


def test_a_point_far_from_its_declared_district_is_refused() -> None:
    assert mend_position(126.8915, 37.5594, SEOUL, lambda x, y: x > 126.9) is Reason.OTHER_DISTRICT


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("37.5665", 37.5665),
        (" 126.978 ", 126.978),
        ("37,5665", 37.5665),
        ("1,234", 1234.0),
        ("450,123.5", 450123.5),
        ("1,450,123", 1450123.0),
        ("37.5°", 37.5),
        ("", None),
        ("없음", None),
        ("nan", None),
        ("1e999", None),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, value: float | None) -> None:
    assert read_number(text) == value


@given(st.text(max_size=20))
def test_no_text_breaks_the_reader(text: str) -> None:
    value = read_number(text)
    assert value is None or math.isfinite(value)


def test_ten_metres_is_rounded_and_one_is_not() -> None:
    assert is_rounded(126.9655, 37.482)
    assert not is_rounded(126.96551, 37.482)
