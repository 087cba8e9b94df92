"""A journal arrives whole and in order at whoever follows it, whatever is lost on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from safetynet.base.clock import SystemClock
from safetynet.base.ids import HUB
from safetynet.federation import subjects
from safetynet.federation.messages import Beat, EntryBatch, RangeRequest, decode, encode
from safetynet.federation.replicate import MAX_RANGE_BYTES, Publisher, Replica
from safetynet.journal.append import Journal
from safetynet.journal.entry import Draft
from safetynet.journal.follow import Follower, NodeState
from safetynet.journal.read import read_range
from safetynet.store.store import Store
from tests.federation.conftest import MAPO, Buses, Servers
from tests.support import eventually


def drafts(count: int, size: int = 1) -> list[Draft]:
    return [Draft(kind="test.word/1", body={"n": n, "text": "가" * size}) for n in range(count)]


@dataclass
class Pair:
    """A district's journal, and the hub's store that follows it."""

    buses: Buses
    journal: Journal
    follower: Follower
    replica: Replica
    asked: list[RangeRequest]
    group: asyncio.TaskGroup
    dropping: bool = False
    """The hub hears no published batch while true."""
    dropped: int = 0

    async def follow(self) -> None:
        """The hub begins to listen."""

        async def hear_entries(_: str, data: bytes) -> None:
            if self.dropping:
                self.dropped += 1
            else:
                self.replica.hear_batch(decode(data, EntryBatch))

        async def hear_beat(_: str, data: bytes) -> None:
            self.replica.hear_beat(decode(data, Beat))

        await self.buses.hub.subscribe(subjects.ALL_JOURNALS, hear_entries)
        await self.buses.hub.subscribe(subjects.ALL_BEATS, hear_beat)
        self.group.create_task(self.replica.run())
        await self.buses.linked()

    async def beat(self) -> None:
        """The district says how far it is."""
        head = await self.journal.head()
        beat = Beat(
            node=MAPO,
            boot="b",
            epoch=head.epoch,
            head=head.seq,
            cameras=0,
            catalogue="",
            gateway="",
        )
        await self.buses.mapo.publish(subjects.beat(MAPO), encode(beat))

    async def equal(self, *, beat: bool = False) -> bool:
        """True where the hub has everything that the district has."""
        if beat:
            await self.beat()
        if await self.journal.head() != await self.follower.head(MAPO):
            return False  # a range is not the whole journal
        own = await read_range(self.journal.store, MAPO)
        theirs = await read_range(self.follower.store, MAPO)
        return [e.line for e in own] == [e.line for e in theirs]

    async def _count_ranges(self) -> None:
        async def hear(_: str, data: bytes) -> None:
            self.asked.append(decode(data, RangeRequest))

        await self.buses.mapo.subscribe(subjects.entry_range(MAPO), hear)


@pytest.fixture
async def pair(buses: Buses, tmp_path: Path) -> AsyncIterator[Pair]:
    """The district publishes; the hub does not listen before ``follow``."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        own = await stack.enter_async_context(Store(f"sqlite:///{tmp_path}/mapo.sqlite"))
        theirs = await stack.enter_async_context(Store(f"sqlite:///{tmp_path}/hub.sqlite"))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        journal = Journal(MAPO, own, clock, {})
        follower = Follower(theirs, clock, {})
        replica = Replica(MAPO, follower, buses.hub)
        pair = Pair(buses, journal, follower, replica, [], group)
        await pair._count_ranges()
        publisher = Publisher(journal, buses.mapo)
        await publisher.answer()
        publishing = group.create_task(publisher.run())
        await buses.linked()
        yield pair
        publishing.cancel()
        for task in list(group._tasks):
            task.cancel()


async def test_entries_arrive_as_they_are_committed(pair: Pair) -> None:
    await pair.follow()
    for draft in drafts(30):
        await pair.journal.append([draft])
    await eventually(pair.equal)
    assert await pair.follower.state(MAPO) is NodeState.GOOD


async def test_a_dropped_batch_is_asked_for_by_range_when_the_next_one_comes(pair: Pair) -> None:
    await pair.follow()
    await pair.journal.append(drafts(3))
    await eventually(pair.equal)
    pair.dropping = True
    await pair.journal.append(drafts(5))
    await eventually(lambda: pair.dropped)
    pair.dropping = False
    await pair.journal.append(drafts(1))
    await eventually(pair.equal)
    assert [r.after_seq for r in pair.asked] == [3]


async def test_entries_heard_twice_are_kept_once(pair: Pair) -> None:
    await pair.follow()
    await pair.journal.append(drafts(4))
    await eventually(pair.equal)
    lines = tuple(e.line for e in await read_range(pair.journal.store, MAPO))
    for _ in range(3):
        await pair.buses.mapo.publish(
            subjects.journal(MAPO), encode(EntryBatch(node=MAPO, entries=lines))
        )
    await pair.journal.append(drafts(2))
    await eventually(pair.equal)
    assert not pair.replica.broken


async def test_a_hub_that_starts_late_catches_up_by_beats(pair: Pair) -> None:
    for _ in range(5):
        await pair.journal.append(drafts(250))
    pair.dropping = True  # the last batches may be on their way yet
    await pair.follow()
    assert not await pair.equal()
    await eventually(lambda: pair.equal(beat=True))
    assert len(pair.asked) >= 2, "by ranges of bounded length"


async def test_a_range_fits_a_message_however_long_its_entries_are(pair: Pair) -> None:
    for _ in range(6):
        await pair.journal.append(drafts(1, size=MAX_RANGE_BYTES // 12))
    await pair.follow()
    await eventually(lambda: pair.equal(beat=True))


async def test_a_tampered_journal_is_not_taken_and_nothing_after_it(pair: Pair) -> None:
    await pair.follow()
    await pair.journal.append(drafts(3))
    await eventually(pair.equal)
    pair.dropping = True
    forged = await pair.journal.append(drafts(1))
    await eventually(lambda: pair.dropped)
    pair.dropping = False
    bad = forged[0].line.replace(b'"n":0', b'"n":7').replace(forged[0].prev.encode(), b"0" * 64)
    pair.replica.hear_batch(EntryBatch(node=MAPO, entries=(bad,)))
    await eventually(lambda: pair.replica.broken)
    await pair.journal.append(drafts(2))
    await pair.beat()
    await pair.buses.linked()
    assert (await pair.follower.head(MAPO)).seq == 3
    assert await pair.follower.state(MAPO) is NodeState.BROKEN
    later = Replica(MAPO, pair.follower, pair.buses.hub)
    later.hear_batch(EntryBatch(node=MAPO, entries=(forged[0].line,)))
    await asyncio.wait_for(later.run(), 30)
    assert later.broken, "a hub that starts anew still knows"


async def test_an_answer_that_cannot_be_read_does_not_end_the_replica(pair: Pair) -> None:
    """Only a broken chain does; a district that says nonsense is asked again."""

    class Nonsense:
        def __init__(self) -> None:
            self.asked = 0

        async def ask(self, subject: str, data: bytes, within_s: float) -> bytes:
            self.asked += 1
            return b"\xc1"

        async def publish(self, subject: str, data: bytes) -> None: ...
        async def subscribe(self, subject: str, handler: object) -> None: ...
        async def answer(self, subject: str, answerer: object) -> None: ...

    bus = Nonsense()
    replica = Replica(MAPO, pair.follower, bus)
    pair.group.create_task(replica.run())
    beat = Beat(node=MAPO, boot="b", epoch=1, head=5, cameras=0, catalogue="", gateway="")
    replica.hear_beat(beat)
    await eventually(lambda: bus.asked == 1)
    replica.hear_beat(beat)
    await eventually(lambda: bus.asked == 2)
    entries = await pair.journal.append(drafts(5))
    replica.hear_batch(EntryBatch(node=MAPO, entries=tuple(e.line for e in entries)))
    await eventually(pair.equal)


async def test_a_strange_range_request_is_answered_in_bounds(pair: Pair) -> None:
    await pair.journal.append(drafts(1200))
    for limit in (-1, 0, 10**9):
        request = RangeRequest(after_epoch=0, after_seq=0, limit=limit)
        reply = await pair.buses.hub.ask(subjects.entry_range(MAPO), encode(request), 10)
        assert 1 <= len(decode(reply, EntryBatch).entries) <= 1000


@pytest.mark.slow
@pytest.mark.parametrize("node", [HUB, MAPO])
async def test_entries_flow_again_after_a_server_was_killed(
    pair: Pair, servers: Servers, node: str
) -> None:
    which = HUB if node == HUB else MAPO
    await pair.follow()
    await pair.journal.append(drafts(3))
    await eventually(pair.equal)
    await servers.end(which)
    await pair.journal.append(drafts(3))
    await servers.start(which)
    await eventually(lambda: pair.equal(beat=True), within_s=60)
    await pair.journal.append(drafts(3))
    await eventually(lambda: pair.equal(beat=True))
