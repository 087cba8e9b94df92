"""The two bodies: golden frames, their broken twins, and the way there and back."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safetynet.base.errors import InvalidError
from safetynet.base.geo import LonLat
from safetynet.base.ids import ReportId
from safetynet.incident.model import IncidentKind, Progress, Report
from safetynet.links.ucp import dispatch119, video112
from safetynet.links.ucp.dispatch119 import encode_119
from safetynet.links.ucp.frame import encode_frame, parse_frame
from safetynet.links.ucp.server import DECODERS
from safetynet.links.ucp.video112 import encode_112

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 11, 22, 8, 16, tzinfo=UTC)


def golden(name: str) -> Report:
    """The report in a golden file."""
    frame = parse_frame((GOLDEN / f"{name}.bin").read_bytes())
    return DECODERS[frame.sender](frame, NOW, ReportId("rep_1"))


def test_a_fire_as_the_119_room_sends_it() -> None:
    report = golden("119-occurred")
    assert report == Report(
        id=ReportId("rep_1"),
        sender="119",
        key="T20261122171500",
        format="ucp-119",
        progress=Progress.OCCURRED,
        kind=IncidentKind.FIRE,
        grade="",
        detail="3층 창문에서 검은 연기",
        at=LonLat(126.92398, 37.55634),
        error_m=None,
        address="서울특별시 마포구 양화로 160",
        dong_code="1144012000",
        occurred_at=datetime(2026, 11, 22, 8, 15, tzinfo=UTC),
        received_at=NOW,
        drill=False,
        raw=(GOLDEN / "119-occurred.bin").read_bytes(),
        told_at=datetime(2026, 11, 22, 8, 15, tzinfo=UTC),
    )


def test_a_robbery_as_the_112_room_sends_it() -> None:
    report = golden("112-occurred")
    assert (report.sender, report.key, report.format) == ("112", "C20261122000417", "ucp-112")
    assert (report.kind, report.grade, report.detail) == (IncidentKind.ROBBERY, "CODE0", "강도")
    assert (report.at, report.dong_code) == (LonLat(126.9784, 37.5665), "1114010300")
    assert report.occurred_at == datetime(2026, 11, 22, 8, 14, 12, tzinfo=UTC)
    assert report.told_at == datetime(2026, 11, 22, 8, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "twin", ["119-length-with-header", "119-length-in-characters", "119-no-last-separator"]
)
def test_peers_that_count_or_close_otherwise_say_the_same(twin: str) -> None:
    said, known = golden(twin), golden("119-occurred")
    assert (said.key, said.kind, said.detail, said.at, said.address, said.dong_code) == (
        (known.key, known.kind, known.detail, known.at, known.address, known.dong_code)
    )


def test_wrong_positions_are_read_as_they_are() -> None:
    assert golden("119-no-position").at == LonLat(0, 0)
    assert golden("119-no-position").address == "서교동; 골목 안"
    assert golden("119-swapped").at == LonLat(37.55634, 126.92398)


def test_an_unknown_kind_is_other_and_keeps_its_word() -> None:
    report = golden("119-unknown-kind")
    assert (report.kind, report.detail) == (IncidentKind.OTHER, "(벌집제거) 처마 밑")


def test_a_drill_is_marked() -> None:
    assert golden("119-drill").drill
    assert golden("119-drill").detail == "소방서 합동 훈련"
    assert not golden("119-occurred").drill


@pytest.mark.parametrize(
    ("name", "progress"),
    [
        ("119-changed", Progress.CHANGED),
        ("119-ended-number-only", Progress.ENDED),
        ("112-withdrawn", Progress.WITHDRAWN),
    ],
)
def test_progress(name: str, progress: Progress) -> None:
    assert golden(name).progress is progress


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("bad-too-few-fields", "ucp.too_few_fields"),
        ("bad-no-number", "ucp.number"),
        ("bad-progress", "ucp.progress"),
        ("bad-no-header", "ucp.header"),
    ],
)
def test_broken_twins_are_refused_with_the_reason(name: str, code: str) -> None:
    with pytest.raises(InvalidError) as caught:
        golden(name)
    assert caught.value.code == code


plain = st.text("가나다라 ;,.0123abc()", max_size=20).map(lambda s: s.strip(" ;"))
degrees = st.integers(-1800000000, 1800000000).map(lambda n: n / 1e7)
times = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)).map(  # noqa: DTZ001 - the strategy wants naive bounds
    lambda t: t.replace(microsecond=0, tzinfo=UTC)
)
positions = st.none() | st.builds(LonLat, degrees, degrees)


@given(
    number=st.from_regex(r"T[0-9]{14}", fullmatch=True),
    kind=st.sampled_from(list(dispatch119.KINDS.values())),
    detail=plain,
    at=positions,
    address=plain,
    dong_code=st.from_regex(r"([0-9]{10})?", fullmatch=True),
    message_time=times,
    progress=st.sampled_from(Progress),
    drill=st.booleans(),
)
def test_119_encode_of_decode_is_the_same(
    number: str,
    kind: IncidentKind,
    detail: str,
    at: LonLat | None,
    address: str,
    dong_code: str,
    message_time: datetime,
    progress: Progress,
    drill: bool,
) -> None:
    data = encode_119(
        number=number,
        kind=kind,
        detail=detail,
        at=at,
        address=address,
        dong_code=dong_code,
        message_time=message_time,
        progress=progress,
        drill=drill,
    )
    report = dispatch119.decode(parse_frame(data), NOW, ReportId("rep_1"))
    again = encode_119(
        number=report.key,
        kind=report.kind,
        detail=report.detail,
        at=report.at,
        address=report.address,
        dong_code=report.dong_code,
        message_time=report.occurred_at,
        progress=report.progress,
        drill=report.drill,
    )
    assert again == data
    assert (report.key, report.kind, report.detail) == (number, kind, detail)
    assert (report.at, report.address, report.drill) == (at, address, drill)


@given(
    number=st.from_regex(r"[A-Z0-9]{1,20}", fullmatch=True),
    grade=st.sampled_from(["CODE0", "CODE1", "CODE2", "CODE3", "CODE4"]),
    kind=st.sampled_from(sorted(set(video112.KINDS.values()))),
    at=positions,
    address=plain,
    message_time=times,
    occurred_at=times,
    drill=st.booleans(),
)
def test_112_encode_of_decode_is_the_same(
    number: str,
    grade: str,
    kind: IncidentKind,
    at: LonLat | None,
    address: str,
    message_time: datetime,
    occurred_at: datetime,
    drill: bool,
) -> None:
    data = encode_112(
        number=number,
        grade=grade,
        kind=kind,
        at=at,
        address=address,
        dong_code="1144012000",
        message_time=message_time,
        occurred_at=occurred_at,
        drill=drill,
    )
    report = video112.decode(parse_frame(data), NOW, ReportId("rep_1"))
    assert report.told_at == message_time
    again = encode_112(
        number=report.key,
        grade=report.grade,
        kind=report.kind,
        at=report.at,
        address=report.address,
        dong_code=report.dong_code,
        message_time=message_time,
        occurred_at=report.occurred_at,
        progress=report.progress,
        drill=report.drill,
    )
    assert again == data
    assert (report.key, report.grade, report.kind, report.at) == (number, grade, kind, at)


@given(st.lists(st.text(max_size=30), max_size=12), st.sampled_from(["119", "112"]))
def test_any_fields_make_a_report_or_a_reason(fields: list[str], sender: str) -> None:
    clean = [f.replace("\x1e", "").lstrip(";") for f in fields]
    try:
        data = encode_frame(
            message="10",
            progress="10",
            sender=sender,
            receiver="UCP",
            fields=clean,
            message_time=NOW,
            sent_at=NOW,
        )
    except UnicodeEncodeError:
        return
    try:
        report = DECODERS[sender](parse_frame(data), NOW, ReportId("rep_1"))
    except InvalidError as error:
        assert error.code in {"ucp.too_few_fields", "ucp.number"}
    else:
        assert report.raw == data


def test_fields_that_slipped_do_not_leave_the_sealed_part() -> None:
    data = encode_112(
        number="C1",
        grade="양화로",
        kind="강도",
        at=None,
        address="",
        dong_code="양화로 160",
        message_time=NOW,
    )
    report = video112.decode(parse_frame(data), NOW, ReportId("rep_1"))
    assert (report.grade, report.dong_code) == ("", "")


def test_a_separator_in_a_value_is_refused_before_it_is_sent() -> None:
    with pytest.raises(InvalidError):
        encode_119(
            number="T20261122171500",
            kind="화재",
            detail="a\x1eb",
            at=None,
            address="",
            dong_code="",
            message_time=NOW,
        )
