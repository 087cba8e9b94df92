"""A district hears what of the hub's journal concerns it: in order, whole, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, delete, insert, select, update

from safetynet.base.clock import SystemClock
from safetynet.base.errors import UnavailableError
from safetynet.base.ids import HUB, NodeId
from safetynet.federation import subjects
from safetynet.federation.concern import ConcernCopy, ConcernTeller
from safetynet.federation.messages import ConcernBatch, ConcernRequest, decode, encode
from safetynet.journal.append import Journal
from safetynet.journal.entry import Draft, Entry
from safetynet.journal.rows import Folds
from safetynet.store.store import Store
from safetynet.store.tables import heard, incidents, journal_entries, nodes
from tests.federation.conftest import MAPO, SEOCHO, Buses, Servers
from tests.support import eventually

KIND, OTHER = "test.word/1", "test.unconcerning/1"


class Whom(msgspec.Struct):
    whom: list[NodeId]
    n: int = 0


def word(*whom: NodeId, n: int = 0) -> Draft:
    return Draft(kind=KIND, body={"whom": list(whom), "n": n})


def noise(n: int = 0) -> Draft:
    return Draft(kind=OTHER, body={"whom": [MAPO], "n": n})


def concerned(_: Connection, entry: Entry) -> frozenset[NodeId]:
    return frozenset(entry.read(Whom).whom)


def fold_incident(conn: Connection, entry: Entry) -> None:
    """A word opens an incident under the one number that its sender has."""
    row = dict.fromkeys(("state", "kind", "grade", "received_at", "changed_at", "document"), "")
    number = entry.read(Whom).n
    conn.execute(
        insert(incidents).values(
            node=entry.node,
            id=f"inc_{number}",
            sender="119",
            key="K",
            drill=False,
            revision=1,
            **row,
        )
    )


class City:
    """A hub's journal that is told, and two districts that hear it."""

    def __init__(self, buses: Buses, stores: dict[NodeId, Store], group: asyncio.TaskGroup) -> None:
        self.buses = buses
        self.stores = stores
        self.group = group
        self.clock = SystemClock()
        self.hub = Journal(HUB, stores[HUB], self.clock, {})
        self.taken: dict[NodeId, list[str]] = {MAPO: [], SEOCHO: []}
        self.copies: dict[NodeId, ConcernCopy] = {}
        self.running: list[asyncio.Task[None]] = []
        self._telling: asyncio.Task[None] | None = None

    async def tell(self) -> None:
        """The hub begins to tell and to answer."""
        teller = ConcernTeller(
            self.hub,
            self.buses.hub,
            [MAPO, SEOCHO],
            kinds=frozenset({KIND}),
            concerned=concerned,
            clock=self.clock,
        )
        await teller.answer()
        self._telling = self.group.create_task(teller.run())
        self.running.append(self._telling)
        await asyncio.sleep(0)

    def fall_silent(self) -> None:
        """The telling process dies; what is committed now is told by nobody."""
        assert self._telling is not None
        self._telling.cancel()

    async def lose(self, entries: Sequence[Entry], epoch: int) -> Entry:
        """The hub's disk is lost with these newest entries, and it goes on from a backup in a new epoch."""
        first = entries[0]

        def forget(conn: Connection) -> None:
            conn.execute(delete(journal_entries).where(journal_entries.c.seq >= first.seq))
            conn.execute(update(nodes).values(seq=first.seq - 1, leaf=first.prev))

        await self.stores[HUB].write(forget)
        return await self.hub.begin_epoch(epoch)

    async def hear(self, node: NodeId, folds: Folds | None = None) -> ConcernCopy:
        """A district begins to hear."""

        async def take(entries: Sequence[Entry]) -> None:
            self.taken[node] += [e.leaf for e in entries]

        bus = self.buses.mapo if node == MAPO else self.buses.seocho
        copy = ConcernCopy(node, self.stores[node], bus, folds or {}, take)
        self.copies[node] = copy
        self.running.append(self.group.create_task(copy.run()))
        return copy

    async def beat(self) -> None:
        """Each district hears how far the hub is, as by its beat."""
        head = await self.hub.head()
        for copy in self.copies.values():
            copy.hear_hub(head.epoch, head.seq)

    async def kept(self, node: NodeId) -> list[str]:
        """Leaves that a district keeps, in order."""
        c = heard.c
        found = select(c.leaf).where(c.superseded_by.is_(None)).order_by(c.epoch, c.seq)
        return list(await self.stores[node].read(lambda conn: conn.scalars(found).all()))

    async def keeps(self, node: NodeId, entries: Sequence[Entry]) -> None:
        """Wait until a district keeps exactly these."""
        wanted = [e.leaf for e in entries]

        async def look() -> bool:
            return await self.kept(node) == wanted

        await eventually(look)


@pytest.fixture
async def city(servers: Servers, buses: Buses, tmp_path: Path) -> AsyncIterator[City]:
    async with AsyncExitStack() as stack:
        stores = {
            node: await stack.enter_async_context(Store(f"sqlite:///{tmp_path}/{node}.sqlite"))
            for node in (HUB, MAPO, SEOCHO)
        }
        async with asyncio.TaskGroup() as group:
            city = City(buses, stores, group)
            yield city
            for task in city.running:
                task.cancel()


async def test_each_hears_its_own_in_order_and_nothing_of_others(city: City) -> None:
    before = await city.hub.append([word(MAPO), word(SEOCHO), noise(), word(MAPO, SEOCHO)])
    await city.tell()
    await city.hear(MAPO)
    await city.hear(SEOCHO)
    await city.beat()
    await city.keeps(MAPO, [before[0], before[3]])
    await city.keeps(SEOCHO, [before[1], before[3]])
    live = await city.hub.append([word(SEOCHO), word(MAPO, n=1), word(MAPO, n=2)])
    await city.keeps(MAPO, [before[0], before[3], live[1], live[2]])
    await city.keeps(SEOCHO, [before[1], before[3], live[0]])
    assert city.taken[MAPO] == await city.kept(MAPO), "each is handed on once, in order"


async def test_what_nobody_told_is_asked_for_when_something_is_told_again(city: City) -> None:
    await city.tell()
    await city.hear(MAPO)
    await city.beat()
    first = await city.hub.append([word(MAPO)])
    await city.keeps(MAPO, first)
    city.fall_silent()
    lost = await city.hub.append([word(MAPO, n=1), word(SEOCHO), word(MAPO, n=2)])
    await city.tell()
    last = await city.hub.append([word(MAPO, n=3)])
    await city.keeps(MAPO, [*first, lost[0], lost[2], *last])


async def test_a_district_that_starts_anew_goes_on_after_what_it_keeps(city: City) -> None:
    await city.tell()
    kept = await city.hub.append([word(MAPO)])
    await city.hear(MAPO)
    await city.beat()
    await city.keeps(MAPO, kept)
    more = await city.hub.append([word(MAPO, n=n) for n in range(700)])  # more than one answer
    await city.hear(MAPO)
    await city.beat()
    await city.keeps(MAPO, [*kept, *more])


async def test_batches_twice_and_in_the_wrong_order_change_nothing(city: City) -> None:
    said: list[bytes] = []

    async def record(_: str, data: bytes) -> None:
        said.append(data)

    await city.buses.mapo.subscribe(subjects.concern(MAPO), record)
    await city.tell()
    await city.hear(MAPO)
    await city.beat()
    entries = []
    for n in range(4):
        entries += await city.hub.append([word(MAPO, n=n)])
    await city.keeps(MAPO, entries)
    for data in [*reversed(said), *said]:
        await city.buses.hub.publish(subjects.concern(MAPO), data)
    entries += await city.hub.append([word(MAPO, n=9)])
    await city.keeps(MAPO, entries)
    assert city.taken[MAPO] == [e.leaf for e in entries]


async def test_a_new_epoch_of_the_hub_is_heard_and_what_it_lost_counts_no_more(city: City) -> None:
    await city.tell()
    await city.hear(MAPO)
    await city.beat()
    kept = await city.hub.append([word(MAPO)])
    await city.keeps(MAPO, kept)
    epoch = await city.hub.begin_epoch(2)
    after = await city.hub.append([word(MAPO, n=1)])
    await city.keeps(MAPO, [*kept, epoch, *after])


async def list_incidents(store: Store) -> list[str]:
    return await store.read(lambda conn: list(conn.scalars(select(incidents.c.id))))


async def test_what_a_restored_hub_lost_is_no_longer_in_the_rows(city: City) -> None:
    """The hub acknowledged a report, a district heard of it, and the hub's disk was lost: told again, the
    same report opens another incident under the same number."""
    await city.tell()
    copy = await city.hear(MAPO, {KIND: fold_incident})
    await city.beat()
    kept = await city.hub.append([noise()])
    lost = await city.hub.append([word(MAPO, n=1)])
    await city.keeps(MAPO, lost)
    epoch = await city.lose(lost, 2)
    again = await city.hub.append([word(MAPO, n=2)])
    await city.keeps(MAPO, [epoch, *again])
    assert epoch.seq == kept[-1].seq + 1
    assert await list_incidents(city.stores[MAPO]) == ["inc_2"]
    assert not copy.broken


async def test_a_word_that_cannot_be_folded_stops_the_hearing_loudly_and_not_the_district(
    city: City,
) -> None:
    await city.tell()
    copy = await city.hear(MAPO, {KIND: fold_incident})
    await city.beat()
    good = await city.hub.append([word(MAPO, n=1)])
    await city.keeps(MAPO, good)
    await city.hub.append([word(MAPO, n=2)])

    async def broken() -> bool:
        return copy.broken

    await eventually(broken)
    assert await list_incidents(city.stores[MAPO]) == ["inc_1"]


async def test_what_cannot_be_the_hubs_is_refused_loudly_and_nothing_more_taken(city: City) -> None:
    copy = await city.hear(MAPO)
    foreign = Journal(SEOCHO, city.stores[SEOCHO], city.clock, {})
    (entry,) = await foreign.append([word(MAPO)])
    batch = ConcernBatch(after_epoch=0, after_seq=0, epoch=1, seq=9, entries=(entry.line,))

    async def refused() -> bool:
        await city.buses.hub.publish(subjects.concern(MAPO), encode(batch))
        return copy.broken

    await eventually(refused)
    assert await city.kept(MAPO) == []


async def test_a_district_cannot_ask_for_what_concerns_another(city: City) -> None:
    """The subject names who asks, and the servers let nobody ask in another's name."""
    await city.tell()
    await city.hub.append([word(SEOCHO), word(MAPO)])
    request = encode(ConcernRequest(after_epoch=0, after_seq=0))

    async def own() -> ConcernBatch | None:
        try:
            return decode(
                await city.buses.mapo.ask(subjects.missed(MAPO), request, 1), ConcernBatch
            )
        except UnavailableError:
            return None

    batch = await eventually(own)
    assert [b"seocho" in line.split(b'"node"')[0] for line in batch.entries] == [False]
    with pytest.raises(UnavailableError):
        await city.buses.mapo.ask(subjects.missed(SEOCHO), request, 1)
