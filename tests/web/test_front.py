"""A process that does not answer takes reports itself and passes on everything else, as it came."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from safetynet.base.errors import UnavailableError
from safetynet.web.app import create_front
from safetynet.web.front import FindAnswering, passing_on
from tests.support import DEADLINE_S
from tests.web.conftest import Web, serve, serve_app
from tests.web.desk import FakeDesk
from tests.web.test_live import close_code

REPORT = {"sender": "119", "key": "T1", "kind": "fire", "lon": 126.9, "lat": 37.5}


@asynccontextmanager
async def standing_by(find: FindAnswering, static: Path) -> AsyncIterator[Web]:
    """A process that does not answer."""
    desk = FakeDesk()
    desk.answers = False
    async with (
        passing_on(find) as others,
        serve_app(create_front(desk, others, static), desk) as web,
    ):
        yield web


async def nobody() -> str:
    raise UnavailableError("hub.nobody_answers", "nobody answers")


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Web, Web]]:
    """The one that answers, and one that does not."""
    async with serve(FakeDesk(), tmp_path) as answering:

        async def find() -> str:
            return str(answering.http.base_url).rstrip("/")

        async with standing_by(find, tmp_path) as other:
            yield answering, other


async def test_reports_are_taken_here_and_questions_are_answered_there(
    both: tuple[Web, Web],
) -> None:
    answering, other = both
    assert (await other.http.post("/api/reports", json=REPORT)).status_code == 201
    assert (len(other.desk.reports), len(answering.desk.reports)) == (1, 0)
    for path in ("/api/nodes", "/api/views?lon=126.9&lat=37.5&target=fire", "/api/incidents/inc_9"):
        here, there = await other.http.get(path), await answering.http.get(path)
        assert (here.status_code, here.content) == (there.status_code, there.content)
        assert here.headers["content-type"] == there.headers["content-type"]
    assert len(answering.desk.asked) == 2
    assert not other.desk.asked
    wrong = await other.http.post("/api/destructions", json={"subject": 1})
    assert wrong.status_code == 400


async def test_how_a_process_stands_is_told_by_itself(both: tuple[Web, Web]) -> None:
    answering, other = both
    ready = [(await web.http.get("/api/ready")).status_code for web in both]
    health = [(await web.http.get("/api/health")).json()["answers"] for web in both]
    assert (ready, health) == ([200, 503], [True, False])
    for web in both:
        web.desk.error = UnavailableError("store.unavailable", "the database does not answer")
        answer = await web.http.get("/api/health")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answering.desk is not other.desk


async def test_a_console_speaks_through_it_and_hears_why_it_ended(both: tuple[Web, Web]) -> None:
    answering, other = both
    async with connect(f"{other.socket_url}/api/live", proxy=None) as socket:
        await socket.send('{"type": "hello"}')
        assert await close_code(socket) == (4400, "hello expected")
    async with connect(f"{other.socket_url}/api/relay/nobody", proxy=None) as socket:
        assert (await close_code(socket))[0] == 4404
    assert not answering.desk.feeds


async def test_where_nobody_answers_that_is_said_and_reports_are_taken(tmp_path: Path) -> None:
    async def gone() -> str:
        return "http://127.0.0.1:9"

    for find in (nobody, gone):
        async with standing_by(find, tmp_path) as web:
            answer = await web.http.get("/api/nodes", timeout=DEADLINE_S)
            assert (answer.status_code, answer.json()["type"]) == (503, "hub.nobody_answers")
            assert answer.headers["retry-after"] == "1"
            async with connect(f"{web.socket_url}/api/live", proxy=None) as socket:
                assert (await close_code(socket))[0] == 4503
            assert (await web.http.post("/api/reports", json=REPORT)).status_code == 201
