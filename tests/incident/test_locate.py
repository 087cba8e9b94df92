"""Where a report's place is, and how honestly its uncertainty is said."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safetynet.base.geo import LonLat
from safetynet.base.ids import ReportId
from safetynet.incident.locate import Bounds, locate
from safetynet.incident.model import IncidentKind, IncidentPlace, PlaceOrigin, Progress, Report

NOW = datetime(2026, 11, 22, 8, 16, tzinfo=UTC)
SEOUL = Bounds(west=126.73, south=37.41, east=127.27, north=37.72)


class Dong(msgspec.Struct, frozen=True):
    """A legal dong with what locating needs."""

    centre: LonLat
    radius_m: float


SEOGYO = Dong(LonLat(126.9213, 37.5546), 780.0)
MAPO = Dong(LonLat(126.9084, 37.5602), 4200.0)


class Gazetteer:
    """Knows one dong and its district."""

    def find_dong(self, code: str) -> Dong | None:
        """By code."""
        return {"1144012000": SEOGYO, "1144000000": MAPO}.get(code)


def place(
    at: LonLat | None, *, sender: str = "119", error_m: float | None = None, dong: str = ""
) -> IncidentPlace:
    """Where a report with this position is."""
    report = Report(
        id=ReportId("rep_1"),
        sender=sender,
        key="T1",
        format="http",
        progress=Progress.OCCURRED,
        kind=IncidentKind.FIRE,
        grade="",
        detail="",
        at=at,
        error_m=error_m,
        address="양화로 160",
        dong_code=dong,
        occurred_at=NOW,
        received_at=NOW,
        drill=False,
        raw=b"",
    )
    return locate(report, Gazetteer(), SEOUL)


def test_a_good_position_is_taken() -> None:
    found = place(LonLat(126.92398, 37.55634), dong="1144012000")
    assert (found.at, found.origin) == (LonLat(126.92398, 37.55634), PlaceOrigin.REPORTED)
    assert (found.address, found.dong_code) == ("양화로 160", "1144012000")


@pytest.mark.parametrize(("sender", "error_m"), [("119", 20.0), ("112", 50.0), ("SKT", 50.0)])
def test_a_sender_that_does_not_say_has_its_usual_error(sender: str, error_m: float) -> None:
    assert place(LonLat(126.92398, 37.55634), sender=sender).error_m == error_m


@pytest.mark.parametrize(("said", "meant"), [(5.0, 5.0), (0.0, 1.0), (300.0, 300.0), (-1.0, 20.0)])
def test_the_senders_own_error_is_believed_within_reason(said: float, meant: float) -> None:
    assert place(LonLat(126.92398, 37.55634), error_m=said).error_m == meant


def test_a_rounded_position_is_as_unsure_as_its_rounding() -> None:
    assert place(LonLat(126.92, 37.55)).error_m == pytest.approx(556.6)
    assert place(LonLat(126.924, 37.55)).error_m == pytest.approx(55.66)


@pytest.mark.parametrize(
    "at", [None, LonLat(0, 0), LonLat(126.97, 35.1), LonLat(float("nan"), 37.5), LonLat(0, 37.5)]
)
def test_without_a_usable_position_the_legal_dong_stands(at: LonLat | None) -> None:
    found = place(at, dong="1144012000")
    assert (found.at, found.error_m, found.origin) == (
        (SEOGYO.centre, SEOGYO.radius_m, PlaceOrigin.LEGAL_DONG)
    )


@pytest.mark.parametrize("code", ["1144012001", "1144099900", "1144000000"])
def test_an_unknown_dong_falls_back_to_the_area_around_it(code: str) -> None:
    assert place(None, dong=code).at in (SEOGYO.centre, MAPO.centre)
    assert place(None, dong=code).origin is PlaceOrigin.LEGAL_DONG


@pytest.mark.parametrize("code", ["", "11440", "9999999999", "가나다라마바사아자차"])
def test_nothing_known_is_somewhere_in_the_city(code: str) -> None:
    found = place(None, dong=code)
    assert (found.at, found.origin) == (SEOUL.centre, PlaceOrigin.UNKNOWN)
    assert found.error_m == pytest.approx(29_300, rel=0.02)


def test_swapped_axes_are_repaired_and_marked() -> None:
    found = place(LonLat(37.55634, 126.92398))
    assert (found.at, found.origin) == (LonLat(126.92398, 37.55634), PlaceOrigin.SWAPPED)


@given(st.floats(), st.floats(), st.sampled_from(["", "1144012000"]), st.none() | st.floats())
def test_any_numbers_are_placed_inside_the_city(
    lon: float, lat: float, dong: str, error_m: float | None
) -> None:
    found = place(LonLat(lon, lat), dong=dong, error_m=error_m)
    assert SEOUL.holds(found.at)
    assert 0 < found.error_m < float("inf")
