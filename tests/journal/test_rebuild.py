"""Folding again gives the same rows, for any history."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert

from safetynet.base.clock import ManualClock
from safetynet.base.ids import NodeId
from safetynet.journal.append import Journal
from safetynet.store.store import Store
from safetynet.store.tables import camera_states
from tests.journal.world import FOLDS, rows, state

histories = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["ok", "dead", "gone"])), max_size=12
)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example asks it anew
)
@given(history=histories)
def test_rebuilding_gives_the_same_rows(
    history: list[tuple[str, str]], make_store_url: Callable[[], str]
) -> None:
    before, after = asyncio.run(_rebuild(make_store_url(), history))
    assert after == before


async def _rebuild(url: str, history: list[tuple[str, str]]) -> tuple[list[Any], list[Any]]:
    async with Store(url) as store:
        clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
        journal = Journal(NodeId("hub"), store, clock, FOLDS)
        for camera, word in history:
            clock.advance(1)
            await journal.append([state(camera, word)])
        before = await store.read(rows)
        await store.write(_spoil)
        await journal.rebuild()
        return before, await store.read(rows)


def _spoil(conn: Connection) -> None:
    conn.execute(
        insert(camera_states).values(node="hub", camera="zzz", state="x", detail="", since="")
    )
