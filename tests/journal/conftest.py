"""A store, a clock and a small folded world for the journal's tests."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from safetynet.base.clock import ManualClock
from safetynet.store.store import Store


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store(f"sqlite:///{tmp_path}/node.db") as store:
        yield store


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store(f"sqlite:///{tmp_path}/other.db") as store:
        yield store
