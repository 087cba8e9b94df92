"""A store, a clock and a small folded world for the journal's tests."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from safetynet.base.clock import ManualClock
from safetynet.store.store import Store


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC))


@pytest.fixture
async def store(make_store_url: Callable[[], str]) -> AsyncIterator[Store]:
    async with Store(make_store_url()) as store:
        yield store


@pytest.fixture
async def other(make_store_url: Callable[[], str]) -> AsyncIterator[Store]:
    async with Store(make_store_url()) as store:
        yield store
