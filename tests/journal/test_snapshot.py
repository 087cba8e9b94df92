"""A snapshot is a short cut and nothing else: with it or without it, the same rows."""

import asyncio
import contextlib
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select, update
from structlog.testing import capture_logs

from safetynet.base.clock import ManualClock
from safetynet.base.ids import NodeId
from safetynet.journal.append import Journal
from safetynet.journal.snapshot import (
    KEPT,
    LOOK_EVERY_S,
    Rebuilt,
    keep_snapshots,
    make_snapshot,
    rebuild,
    snapshot_due,
)
from safetynet.store.store import Store
from safetynet.store.tables import camera_states, snapshot_blocks, snapshots
from tests.journal.world import FOLDS, rows, state
from tests.postgres import Server
from tests.support import eventually

HUB = NodeId("hub")
words = st.tuples(st.sampled_from("abc"), st.sampled_from(["ok", "dead", "gone"]))
steps = st.lists(st.one_of(words, st.just("snapshot")), max_size=20)


def again(whole: bool = False) -> Callable[[Connection], Rebuilt]:
    return lambda conn: rebuild(conn, HUB, FOLDS, whole=whole)


@pytest.fixture
def journal(store: Store, clock: ManualClock) -> Journal:
    return Journal(HUB, store, clock, FOLDS)


@settings(max_examples=20, deadline=None)
@given(steps)
def test_from_a_snapshot_or_from_the_start_the_rows_are_the_same(history: list[Any]) -> None:
    asyncio.run(_compare(history))


async def _compare(history: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with Store(f"sqlite:///{folder}/node.db") as store:
            clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
            journal = Journal(HUB, store, clock, FOLDS)
            since = total = 0
            for step in history:
                if step == "snapshot":
                    await make_snapshot(store, HUB, clock)
                    since = 0
                else:
                    await journal.append([state(*step)])
                    since, total = since + 1, total + 1
            before = await store.read(rows)
            await store.write(_spoil)
            short = await store.write(again())
            assert await store.read(rows) == before
            assert short.entries == since
            assert (await store.write(again(whole=True))).entries == total
            assert await store.read(rows) == before


def _spoil(conn: Connection) -> None:
    row = {"node": "hub", "camera": "zzz", "state": "x", "detail": "", "since": ""}
    conn.execute(insert(camera_states), [row])


async def test_a_snapshot_that_does_not_fit_is_passed_over_and_said_so(
    journal: Journal, store: Store, clock: ManualClock
) -> None:
    for n in range(3):
        await journal.append([state(f"mapo-{n}", "ok")])
        await make_snapshot(store, HUB, clock)
    before = await store.read(rows)
    assert (await store.write(again())).entries == 0

    async def spoil(statement: Any, why: str, entries: int) -> None:
        await store.write(lambda conn: conn.execute(statement))
        done = await store.write(again())
        assert why in done.passed_over[-1]
        assert done.entries == entries
        assert await store.read(rows) == before

    newest = snapshot_blocks.c.seq == 3
    await spoil(update(snapshot_blocks).where(newest).values(data=b"x"), "digest", 1)
    await spoil(update(snapshots).where(snapshots.c.seq == 2).values(leaf="0" * 64), "leaf", 3)
    program = update(snapshots).where(snapshots.c.seq == 3).values(program="0.0.0/0001")
    await spoil(program, "leaf", 3)
    assert (await store.write(again())).passed_over[0].endswith("made by 0.0.0/0001")


async def test_a_new_one_is_made_where_enough_came_and_old_ones_go(
    journal: Journal, store: Store, clock: ManualClock
) -> None:
    assert await make_snapshot(store, HUB, clock) is None
    for n in range(4):
        assert await snapshot_due(store, 2) == []
        await journal.append([state(f"mapo-{n}", "ok"), state(f"mapo-{n}", "dead")])
        assert await snapshot_due(store, 2) == [HUB]
        assert await make_snapshot(store, HUB, clock) is not None
        assert await make_snapshot(store, HUB, clock) is None
    seqs = await store.read(lambda conn: conn.scalars(select(snapshots.c.seq)).all())
    assert seqs == [6, 8]
    assert len(seqs) == KEPT


@pytest.mark.postgres
async def test_a_database_that_is_away_ends_no_node_that_keeps_snapshots(
    postgres: Server, clock: ManualClock
) -> None:
    async with Store(postgres.make_database()) as store:
        keeping = asyncio.create_task(keep_snapshots(store, clock))
        postgres.stop()
        try:
            with capture_logs() as logs:

                def noticed() -> bool:
                    clock.advance(LOOK_EVERY_S)
                    return any(log["event"] == "snapshot.not_made" for log in logs)

                await eventually(noticed)
        finally:
            postgres.start()
        assert not keeping.done()
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
