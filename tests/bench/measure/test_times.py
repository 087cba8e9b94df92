"""A percentile is a time that was really measured; a bar is missed by anything above it."""

import json

import msgspec
import pytest
from bench.measure.table import Report, find_ratios
from bench.measure.times import SOCKET, Bar, Row, Times, rank, time_each, times_row, value_row


def took(*wall_ms: float) -> Row:
    return times_row(Times([*wall_ms], []), SOCKET)


def test_percentiles_are_by_nearest_rank() -> None:
    times = [float(ms) for ms in range(100, 0, -1)]
    assert (rank(times, 0.5), rank(times, 0.99), rank(times, 1.0)) == (50, 99, 100)
    assert rank([7.0], 0.99) == 7
    assert rank([1.0, 1000.0], 0.99) == 1000


def test_every_question_is_timed_and_the_first_are_asked_twice() -> None:
    asked: list[str] = []
    times = time_each(asked.append, ["a", "b", "c"], warm_up=2)
    assert asked == ["a", "b", "a", "b", "c"]
    assert len(times.wall_ms) == len(times.cpu_ms) == 3
    assert min(times.wall_ms) >= 0


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        (Row(median_ms=0.2, p99_ms=0.9), True),
        (Row(median_ms=0.2, p99_ms=1.1), False),
        (Row(median_ms=0.3, p99_ms=0.9), False),
        (Row(value=2.9, unit="s"), True),
        (Row(value=3.1, unit="s"), False),
    ],
)
def test_a_bar_is_missed_by_anything_above_it(row: Row, holds: bool) -> None:
    assert Bar(median_ms=0.25, p99_ms=1.0, value=3.0).judge(row) is holds


def test_a_bar_says_itself() -> None:
    assert Bar(median_ms=0.25, p99_ms=1).say() == "median ≤ 0.25 ms, p99 ≤ 1 ms"
    assert Bar(value=3).say("s") == "≤ 3 s"


def test_ratios_are_of_what_was_measured() -> None:
    ours, theirs = took(2.0, 4.0), took(1.0, 16.0)
    absent = Row(not_here="no program postgres")
    rows = {"ours": ours, "theirs": theirs, "absent": absent}
    ratios = find_ratios(rows, {"ours": ("theirs", "absent", "never")})
    assert list(ratios) == ["ours / theirs"]
    assert (*msgspec.structs.astuple(ratios.popitem()[1]),) == (2.0, 0.25)


def test_values_have_one_ratio() -> None:
    rows = {"ours": value_row(3.0, "s"), "theirs": value_row(40.0, "s"), "times": took(1.0)}
    ratios = find_ratios(rows, {"ours": ("theirs", "times")})
    assert list(ratios) == ["ours / theirs"]
    assert (*msgspec.structs.astuple(ratios.popitem()[1]),) == (0.07, None)


def test_the_file_has_rows_by_name_without_what_is_not_known() -> None:
    report = Report(rows={"choose4_20m": took(1.0)})
    report.peers = {"redis": Row(not_here="no program redis-server")}
    found = json.loads(msgspec.json.encode(report))
    assert found["rows"]["choose4_20m"].keys() >= {"median_ms", "p99_ms"}
    assert "value" not in found["rows"]["choose4_20m"]
    assert found["peers"] == {"redis": {"not_here": "no program redis-server"}}
