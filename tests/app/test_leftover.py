"""What a hub that was killed left open: the grants of incidents that are over, and those alone."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select

from safetynet.access.fold import ACCESS_FOLDS
from safetynet.app.hub.leftover import close_left
from safetynet.base.clock import ManualClock
from safetynet.base.ids import HUB
from safetynet.journal.append import Journal
from safetynet.journal.entry import time_text
from safetynet.store.store import Store
from safetynet.store.tables import grants, incidents
from tests.app.test_live_check import grant, incident

NOW = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    async with Store(store_url) as store:
        yield store


async def test_a_start_closes_the_grants_of_incidents_that_are_over(store: Store) -> None:
    over = {**incident(time_text(NOW)), "state": "ended"}
    goes_on = {**incident(None), "id": "inc_2", "key": "y"}
    rows = [grant("left", "issued"), grant("right", "issued", incident="inc_2")]
    await store.write(lambda conn: conn.execute(insert(incidents).values([over, goes_on])))
    await store.write(lambda conn: conn.execute(insert(grants).values(rows)))
    journal = Journal(HUB, store, ManualClock(NOW), ACCESS_FOLDS)
    assert await close_left(journal) == 1
    assert await close_left(journal) == 0
    still = select(grants.c.id).where(grants.c.closed_at.is_(None))
    assert await store.read(lambda conn: conn.scalars(still).all()) == ["right"]
