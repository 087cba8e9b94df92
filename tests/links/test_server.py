"""The door: answers only what is on disk, never loses a report, never fails toward the sender."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from safetynet.base.clock import SystemClock
from safetynet.base.errors import UnavailableError
from safetynet.base.ids import IncidentId
from safetynet.incident.model import Accepted, IncidentState, KeptMessage, Report
from safetynet.links.ucp.client import connect_ucp
from safetynet.links.ucp.frame import ANSWER_BYTES, Answer, decode_answer
from safetynet.links.ucp.server import Limits, open_ucp_server

GOLDEN = Path(__file__).parent / "golden"
HOST = "127.0.0.1"
DEADLINE_S = 20.0


def golden(name: str) -> bytes:
    """A golden file."""
    return (GOLDEN / f"{name}.bin").read_bytes()


class Hub:
    """Stands for the hub: keeps what it is given, or fails when told to."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.kept: list[KeptMessage] = []
        self.before: Callable[[], Awaitable[None]] | None = None

    async def accept(self, report: Report) -> Accepted:
        """Take a report."""
        if self.before is not None:
            await self.before()
        self.reports.append(report)
        return Accepted(
            incident=IncidentId("inc_1"), report=report.id, new=True, state=IncidentState.OPEN
        )

    async def keep(self, message: KeptMessage) -> None:
        """Take what made no report."""
        self.kept.append(message)


@pytest.fixture
def hub() -> Hub:
    """A hub that has nothing yet."""
    return Hub()


def server(hub: Hub, limits: Limits | None = None):  # type: ignore[no-untyped-def] # the context's type is the server's
    """A door in front of the hub."""
    return open_ucp_server(
        host=HOST, port=0, accept=hub.accept, keep=hub.keep, clock=SystemClock(), limits=limits
    )


async def exchange(port: int, data: bytes, *, end: bool = True) -> list[Answer]:
    """Send bytes, close the sending side, and read every answer."""
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(data)
        if end:
            writer.write_eof()
        raw = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert len(raw) % ANSWER_BYTES == 0
    return [decode_answer(raw[i : i + ANSWER_BYTES]) for i in range(0, len(raw), ANSWER_BYTES)]


async def test_reports_of_both_rooms_are_taken_on_kept_connections(hub: Hub) -> None:
    async with server(hub) as door, connect_ucp(HOST, door.port) as client:
        assert (await client.send(golden("login"))).good
        for name in ("119-occurred", "112-occurred", "119-changed", "119-ended-number-only"):
            assert (await client.send(golden(name))).good
    assert [r.format for r in hub.reports] == ["ucp-119", "ucp-112", "ucp-119", "ucp-119"]
    assert hub.kept == []


async def test_many_frames_in_one_go_are_answered_in_order(hub: Hub) -> None:
    data = golden("119-occurred") * 3 + golden("bad-no-number") + golden("112-occurred")
    async with server(hub) as door:
        answers = await exchange(door.port, data)
    assert [a.good for a in answers] == [True, True, True, False, True]
    assert len(hub.reports) == 4


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("bad-too-few-fields", "ucp.too_few_fields"),
        ("bad-no-number", "ucp.number"),
        ("bad-progress", "ucp.progress"),
        ("bad-unknown-system", "ucp.unknown_system"),
        ("bad-message", "ucp.unknown_message"),
        ("bad-cut-short", "ucp.cut_short"),
        ("bad-no-header", "ucp.no_header"),
    ],
)
async def test_what_is_no_report_is_kept_whole_and_answered_with_the_reason(
    hub: Hub, name: str, code: str
) -> None:
    async with server(hub) as door:
        [answer] = await exchange(door.port, golden(name))
    [kept] = hub.kept
    assert not answer.good
    assert answer.text
    assert (kept.code, kept.raw, kept.refused) == (code, golden(name), True)
    assert hub.reports == []


async def test_an_unknown_system_is_told_so(hub: Hub) -> None:
    async with server(hub) as door:
        [answer] = await exchange(door.port, golden("bad-unknown-system"))
    assert answer == Answer(good=False, text="unknown system")


@pytest.mark.parametrize("name", ["unused-position", "unused-dispatch"])
async def test_messages_that_are_not_used_yet_are_acknowledged_and_kept(
    hub: Hub, name: str
) -> None:
    async with server(hub) as door:
        [answer] = await exchange(door.port, golden(name))
    assert answer.good
    assert "not used yet" in answer.text
    assert [(k.code, k.refused) for k in hub.kept] == [("ucp.not_used_yet", False)]


async def test_good_is_answered_only_after_the_report_is_on_disk(hub: Hub) -> None:
    asked, on_disk = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        asked.set()
        await on_disk.wait()

    hub.before = write
    async with server(hub) as door, connect_ucp(HOST, door.port) as client:
        answer = asyncio.create_task(client.send(golden("119-occurred")))
        await asyncio.wait_for(asked.wait(), DEADLINE_S)
        assert not answer.done()
        on_disk.set()
        assert (await answer).good


async def test_a_disk_that_fails_is_an_error_answer_and_the_next_report_is_taken(hub: Hub) -> None:
    async def fail() -> None:
        raise UnavailableError("store.busy", "too many writes wait")

    async with server(hub, Limits(hold_s=0.01)) as door, connect_ucp(HOST, door.port) as client:
        hub.before = fail
        answer = await client.send(golden("119-occurred"))
        assert not answer.good
        assert "send again" in answer.text
        hub.before = None
        assert (await client.send(golden("119-occurred"))).good
    assert len(hub.reports) == 1


async def test_a_disk_that_hangs_is_an_error_answer(hub: Hub) -> None:
    hub.before = asyncio.Event().wait  # type: ignore[assignment] # the result is of no interest
    limits = Limits(accept_s=0.05, hold_s=0.01)
    async with server(hub, limits) as door, connect_ucp(HOST, door.port) as client:
        assert not (await client.send(golden("119-occurred"))).good


async def test_one_connection_too_many_is_told_so(hub: Hub) -> None:
    async with server(hub, Limits(connections=1)) as door, connect_ucp(HOST, door.port) as first:
        assert (await first.send(golden("login"))).good
        assert await exchange(door.port, b"", end=False) == [
            Answer(good=False, text="too many connections")
        ]
        assert (await first.send(golden("119-occurred"))).good
    assert door.turned_away == 1


async def test_silence_in_a_frame_ends_it_and_silence_between_frames_ends_the_connection(
    hub: Hub,
) -> None:
    limits = Limits(idle_s=0.05, quiet_s=0.02, stall_s=0.05)
    async with server(hub, limits) as door:
        answers = await exchange(door.port, golden("bad-cut-short"), end=False)
        assert [a.good for a in answers] == [False]
        assert await exchange(door.port, b"", end=False) == []
    assert [k.code for k in hub.kept] == ["ucp.cut_short"]


async def test_rubbish_without_end_closes_the_connection(hub: Hub) -> None:
    async with server(hub, Limits(rejected_in_a_row=3)) as door:
        answers = await exchange(door.port, b"x;" * 3, end=False)
    assert [a.good for a in answers] == [False] * 3


async def test_the_end_of_the_server_ends_its_connections(hub: Hub) -> None:
    async with server(hub) as door:
        reader, writer = await asyncio.open_connection(HOST, door.port)
        writer.write(golden("login"))
        await asyncio.wait_for(reader.readexactly(ANSWER_BYTES), DEADLINE_S)
    assert await asyncio.wait_for(reader.read(), DEADLINE_S) == b""
    writer.close()
    await writer.wait_closed()
