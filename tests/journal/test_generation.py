"""From the moment a generation has begun nothing of an older one is written; names order as they began."""

from datetime import UTC, datetime, timedelta

import pytest

from safetynet.base.clock import ManualClock
from safetynet.base.errors import UnavailableError
from safetynet.base.ids import NodeId
from safetynet.journal.append import Journal
from safetynet.journal.entry import Draft
from safetynet.journal.generation import begin_generation, find_answering
from safetynet.store.store import Store
from tests.postgres import Server

HUB = NodeId("hub")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def note(n: int) -> Draft:
    return Draft(kind="test.note/1", body={"n": n})


@pytest.mark.postgres
async def test_who_was_replaced_writes_nothing_more_and_reports_are_taken_all_the_same(
    postgres: Server,
) -> None:
    url, clock = postgres.make_database(), ManualClock(NOW)
    async with Store(url) as one, Store(url) as two:
        own = Journal(HUB, one, clock, {})
        first = await begin_generation(one, HUB, "http://a", clock)
        frozen = own.under(first.generation)
        await frozen.append([note(1)])
        second = await begin_generation(two, HUB, "http://b", clock)
        with pytest.raises(UnavailableError) as refused:
            await frozen.append([note(2)])
        assert refused.value.code == "journal.replaced"
        await own.append([note(3)])
        await Journal(HUB, two, clock, {}).under(second.generation).append([note(4)])
        assert (await own.head()).seq == 3


async def test_generations_order_as_they_began_however_the_clocks_stand(store_url: str) -> None:
    clock = ManualClock(NOW)
    async with Store(store_url) as store:
        assert await find_answering(store, HUB) is None
        names = []
        for minutes in (0, 5, -10, -10, 30):
            there = ManualClock(NOW + timedelta(minutes=minutes))
            names.append((await begin_generation(store, HUB, "http://a", there)).generation)
        assert names == sorted(set(names))
        found = await find_answering(store, HUB)
        assert found is not None
        assert (found.generation, found.address) == (names[-1], "http://a")
        assert clock.now() == NOW
