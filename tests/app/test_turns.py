"""Incidents are answered in order of need, a bounded number at once, and reports come first."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from safetynet.app.hub.response import Response
from safetynet.app.hub.turns import AT_ONCE, FEW_REPORTS, GIVE_WAY_S, Turns
from safetynet.base.clock import ManualClock
from safetynet.base.geo import LonLat
from safetynet.base.ids import IncidentId
from safetynet.incident.model import (
    Incident,
    IncidentKind,
    IncidentPlace,
    IncidentState,
    PlaceOrigin,
)

NOW = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
PLACE = IncidentPlace(
    at=LonLat(127.0, 37.5), error_m=20.0, origin=PlaceOrigin.REPORTED, address="", dong_code=""
)


def response(name: str, *, after_s: float = 0.0, grade: str = "", drill: bool = False) -> Response:
    """An open incident that waits."""
    at = NOW + timedelta(seconds=after_s)
    return Response(
        incident=Incident(
            id=IncidentId(f"inc_{name}"),
            sender="112" if grade else "119",
            key=name,
            state=IncidentState.OPEN,
            kind=IncidentKind.FIRE,
            grade=grade,
            detail="",
            place=PLACE,
            drill=drill,
            occurred_at=at,
            received_at=at,
            changed_at=at,
        )
    )


class Answering:
    """Answers that end when they are told to."""

    def __init__(self, clock: ManualClock) -> None:
        self.begun: list[str] = []
        self.may_end = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.turns = Turns(self._answer, self._start, clock)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _answer(self, of: Response) -> None:
        self.begun.append(of.incident.key)
        await self.may_end.wait()

    async def end(self) -> None:
        """Let all of them end."""
        self.may_end.set()
        await asyncio.gather(*self._tasks)


async def settled() -> None:
    """Whatever can go on without time passing has gone on."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


async def test_a_bounded_number_is_answered_at_once_and_the_rest_by_need(
    clock: ManualClock,
) -> None:
    answering = Answering(clock)
    for n in range(AT_ONCE):
        answering.turns.want(response(f"busy {n}"))
    await settled()
    waiting = [
        response("drill", after_s=9, drill=True),
        response("old", after_s=1),
        response("minor", after_s=9, grade="CODE3"),
        response("new", after_s=2),
        response("urgent", grade="CODE0"),
    ]
    for one in waiting:
        answering.turns.want(one)
    await settled()
    assert len(answering.begun) == AT_ONCE
    assert len(answering.turns) == len(waiting)
    await answering.end()
    assert answering.begun[AT_ONCE:] == ["urgent", "new", "old", "minor", "drill"]
    assert len(answering.turns) == 0


async def test_one_that_waits_already_waits_once(clock: ManualClock) -> None:
    answering = Answering(clock)
    one = response("one")
    answering.turns.want(one)
    answering.turns.want(one)
    await settled()
    assert answering.begun == ["one"]
    answering.turns.want(one)  # something happened while it is being answered
    await answering.end()
    assert answering.begun == ["one", "one"]


async def test_while_reports_wait_answers_begin_one_by_one(clock: ManualClock) -> None:
    answering = Answering(clock)
    reports = FEW_REPORTS + 1
    answering.turns.reports_pending = lambda: reports
    for n in range(AT_ONCE):
        answering.turns.want(response(str(n)))
    await settled()
    assert answering.begun == []
    for n in range(1, 4):
        clock.advance(GIVE_WAY_S)
        await settled()
        assert len(answering.begun) == n
    reports = 0
    clock.advance(GIVE_WAY_S * AT_ONCE)
    await answering.end()
    assert len(answering.begun) == AT_ONCE
