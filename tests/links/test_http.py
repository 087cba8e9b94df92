"""A report by HTTP: what is taken, and which field is named when it is not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from safetynet.base.errors import InvalidError
from safetynet.base.geo import LonLat
from safetynet.base.ids import ReportId
from safetynet.incident.model import IncidentKind, Progress, Report
from safetynet.links.http import report_from_fields

NOW = datetime(2026, 11, 22, 8, 16, tzinfo=UTC)
Fields = dict[str, Any]  # the keyword values of one report


def report(**fields: Any) -> Report:
    """The report that these fields make beside the least that is needed."""
    least: Fields = {"sender": "119", "key": "T1", "kind": IncidentKind.FIRE}
    return report_from_fields(
        report_id=ReportId("rep_1"), received_at=NOW, raw=b"{}", **(least | fields)
    )


def test_the_least_that_is_needed() -> None:
    made = report()
    assert (made.format, made.progress, made.at, made.drill) == (
        ("http", Progress.OCCURRED, None, False)
    )
    assert made.occurred_at == NOW
    assert made.raw == b"{}"


def test_everything_that_can_be_said() -> None:
    made = report(
        progress=91,
        grade="CODE1",
        detail=" 연기\x00 ",
        lon=126.9,
        lat=37.5,
        error_m=12.5,
        address="마포구",
        dong_code="1144012000",
        occurred_at=NOW - timedelta(minutes=1),
        drill=True,
    )
    assert (made.progress, made.grade, made.detail) == (Progress.ENDED, "CODE1", "연기")
    assert (made.at, made.error_m) == (LonLat(126.9, 37.5), 12.5)
    assert (made.address, made.dong_code, made.drill) == ("마포구", "1144012000", True)


def test_a_time_without_a_zone_is_korean() -> None:
    naive = datetime(2026, 11, 22, 17, 15)  # noqa: DTZ001 - that is the point
    assert report(occurred_at=naive).occurred_at == datetime(2026, 11, 22, 8, 15, tzinfo=UTC)


@pytest.mark.parametrize("at", [(0.0, 0.0), (37.5, 126.9), (2.35, 48.85)])
def test_a_position_that_may_be_wrong_is_taken_as_it_is(at: tuple[float, float]) -> None:
    assert report(lon=at[0], lat=at[1]).at == LonLat(*at)


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("sender", {"sender": ""}),
        ("sender", {"sender": "소방"}),
        ("sender", {"sender": "1" * 17}),
        ("key", {"key": ""}),
        ("key", {"key": " T1"}),
        ("key", {"key": "T\n1"}),
        ("key", {"key": "T" * 65}),
        ("progress", {"progress": 11}),
        ("grade", {"grade": "CODE5"}),
        ("detail", {"detail": "x" * 2001}),
        ("address", {"address": "x" * 2001}),
        ("lat", {"lon": 126.9}),
        ("lon", {"lat": 37.5}),
        ("lon", {"lon": float("nan"), "lat": 37.5}),
        ("lat", {"lon": 126.9, "lat": 1e9}),
        ("error_m", {"error_m": -1.0}),
        ("error_m", {"error_m": float("inf")}),
        ("dong_code", {"dong_code": "11440"}),
        ("dong_code", {"dong_code": "11440120가나"}),
        ("occurred_at", {"occurred_at": NOW + timedelta(hours=1)}),
    ],
)
def test_a_wrong_field_is_named(field: str, fields: Fields) -> None:
    with pytest.raises(InvalidError) as caught:
        report(**fields)
    assert caught.value.code == "report.field"
    assert caught.value.fields["field"] == field
