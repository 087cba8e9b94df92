"""Times of many questions, and what is said of them."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import msgspec

IN_PROCESS, IN_SERVER, SOCKET = "in process", "in the server", "over a socket"


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the table; either times, or a value with its unit, or why there is nothing."""

    where: str = ""
    """``IN_PROCESS``, ``IN_SERVER`` or ``SOCKET``."""
    median_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    cpu_median_ms: float | None = None
    """Processor time of the asking thread alone: below the times above where the machine had other work."""
    cpu_p99_ms: float | None = None
    n: int | None = None
    """How many questions were timed, each by itself."""
    value: float | None = None
    unit: str | None = None
    bar: str | None = None
    """What was promised."""
    holds: bool | None = None
    note: str | None = None
    wrong: str | None = None
    """What was wrong with the answers: the run fails, however fast they came."""
    not_here: str | None = None
    """Why nothing could be measured on this machine."""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """What a row may cost at most."""

    median_ms: float = math.inf
    p99_ms: float = math.inf
    value: float = math.inf

    def judge(self, row: Row) -> bool:
        """True where nothing in the row is above the bar."""
        pairs = ((row.median_ms, self.median_ms), (row.p99_ms, self.p99_ms))
        return all((found or 0) <= most for found, most in (*pairs, (row.value, self.value)))

    def say(self, unit: str = "") -> str:
        """The bar in words."""
        parts = (
            ("median", self.median_ms, "ms"),
            ("p99", self.p99_ms, "ms"),
            ("", self.value, unit),
        )
        said = (f"{name} ≤ {most:g} {of}" for name, most, of in parts if most < math.inf)
        return ", ".join(s.strip() for s in said)


def rank(times: Sequence[float], share: float) -> float:
    """The value that ``share`` of all do not exceed, by nearest rank: one that was really measured."""
    ordered = sorted(times)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


class Times(msgspec.Struct, frozen=True):
    """Milliseconds of each question."""

    wall_ms: list[float]
    cpu_ms: list[float]
    """Of the asking thread."""


def times_row(times: Times, where: str, note: str | None = None) -> Row:
    """Median, 99th percentile and the longest of single times."""
    wall, cpu = times.wall_ms, times.cpu_ms if where == IN_PROCESS else []
    return Row(
        where=where,
        median_ms=round(rank(wall, 0.5), 4),
        p99_ms=round(rank(wall, 0.99), 4),
        max_ms=round(max(wall), 4),
        cpu_median_ms=round(rank(cpu, 0.5), 4) if cpu else None,
        cpu_p99_ms=round(rank(cpu, 0.99), 4) if cpu else None,
        n=len(wall),
        note=note,
    )


def time_each[T](ask: Callable[[T], object], questions: Sequence[T], warm_up: int) -> Times:
    """Time each question by itself, one after the other; the first ``warm_up`` are asked before."""
    for question in questions[:warm_up]:
        ask(question)
    return time_all(partial(ask, question) for question in questions)


def time_all(calls: Iterable[Callable[[], object]]) -> Times:
    """Time each call by itself; what the iterable does between calls is not counted."""
    times = Times([], [])
    for call in calls:
        busy = time.thread_time()
        began = time.perf_counter()
        call()
        times.wall_ms.append((time.perf_counter() - began) * 1000)
        times.cpu_ms.append((time.thread_time() - busy) * 1000)
    return times


def value_row(value: float, unit: str, note: str | None = None) -> Row:
    """A figure that is no time of a question."""
    return Row(value=round(value, 3), unit=unit, note=note)


def judged(row: Row, bar: Bar | None) -> Row:
    """The row beside its bar, where it has one."""
    if bar is None or row.not_here:
        return row
    return msgspec.structs.replace(row, bar=bar.say(row.unit or ""), holds=bar.judge(row))
