"""The store's promises: on disk before it counts, one failure harms nobody, readers only read."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, func, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from safetynet.base.errors import UnavailableError
from safetynet.store import store as module
from safetynet.store.store import Store
from safetynet.store.tables import cameras


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/node.db"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store(url(tmp_path)) as store:
        yield store


def add(conn: Connection, name: str) -> str:
    conn.execute(insert(cameras).values(node="mapo", id=name, document="{}"))
    return name


def adding(n: int) -> Callable[[Connection], str]:
    return lambda conn: add(conn, str(n))


def answering(n: int) -> Callable[[Connection], int]:
    return lambda _: n


def count(conn: Connection) -> int:
    return conn.scalar(select(func.count()).select_from(cameras)) or 0


async def test_what_was_written_is_there_for_readers_and_after_reopening(
    store: Store, tmp_path: Path
) -> None:
    assert await store.write(lambda conn: add(conn, "a")) == "a"
    assert await store.read(count) == 1
    store.close()
    async with Store(url(tmp_path)) as again:
        assert await again.read(count) == 1


async def test_waiting_writes_share_commits(store: Store) -> None:
    gate = threading.Event()
    first = asyncio.create_task(store.write(lambda _: gate.wait(10)))
    rest = [asyncio.create_task(store.write(adding(n))) for n in range(100)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, *rest)
    assert store.writes == 101
    assert store.commits <= 3


async def test_a_failing_write_undoes_itself_alone(store: Store) -> None:
    def half(conn: Connection) -> None:
        add(conn, "half")
        add(conn, "same")

    results = await asyncio.gather(
        store.write(lambda conn: add(conn, "same")),
        store.write(half),
        store.write(lambda conn: add(conn, "other")),
        return_exceptions=True,
    )
    assert [isinstance(r, IntegrityError) for r in results] == [False, True, False]
    found = await store.read(lambda conn: conn.scalars(select(cameras.c.id)).all())
    assert sorted(found) == ["other", "same"]


async def test_readers_cannot_write(store: Store) -> None:
    with pytest.raises(OperationalError):
        await store.read(lambda conn: add(conn, "a"))


async def test_committed_is_called_in_order_even_for_a_cancelled_caller(store: Store) -> None:
    gate, seen = threading.Event(), list[int]()
    first = asyncio.create_task(store.write(lambda _: gate.wait(10)))
    writes = [
        asyncio.create_task(store.write(answering(n), committed=seen.append)) for n in range(5)
    ]
    await asyncio.sleep(0)
    writes[2].cancel()
    gate.set()
    await asyncio.gather(first, *writes, return_exceptions=True)
    await store.write(lambda _: None)
    assert seen == [0, 1, 2, 3, 4]


async def test_too_many_waiting_writes_are_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 1)
    async with Store(url(tmp_path)) as store:
        gate = threading.Event()
        first = asyncio.create_task(store.write(lambda _: gate.wait(10)))
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError) as e:
            await store.write(lambda conn: add(conn, "a"), wait_s=0.01)
        assert e.value.code == "store.busy"
        gate.set()
        await first
        await store.write(lambda conn: add(conn, "b"))
        assert await store.read(count) == 1


async def test_closing_finishes_what_waits_and_then_refuses(store: Store) -> None:
    writes = [asyncio.create_task(store.write(adding(n))) for n in range(20)]
    await asyncio.sleep(0)
    await asyncio.to_thread(store.close)
    await asyncio.gather(*writes)
    with pytest.raises(UnavailableError) as e:
        await store.write(lambda conn: add(conn, "late"))
    assert e.value.code == "store.closed"


async def test_every_connection_has_the_settings_of_our_promises(store: Store) -> None:
    def settings(conn: Connection) -> dict[str, object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
        return {n: conn.exec_driver_sql(f"PRAGMA {n}").scalar() for n in names}

    expected = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "busy_timeout": 5000,
    }
    assert await store.write(settings) == expected
    assert await store.read(settings) == expected


KILLED = """
import asyncio, sys
from sqlalchemy import insert
from safetynet.store.store import Store
from safetynet.store.tables import cameras

async def main():
    store = Store(sys.argv[1])
    for n in range(100000):
        row = insert(cameras).values(node="mapo", id=str(n), document="{}")
        await store.write(lambda conn: conn.execute(row))
        print(n, flush=True)

asyncio.run(main())
"""


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, url(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    told = 0
    while told < 20:
        told = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    told = max([told, *(int(line) for line in child.stdout.read().split())])
    child.stdout.close()
    child.wait()
    engine = create_engine(url(tmp_path))
    with engine.connect() as conn:
        kept = {int(name) for name in conn.scalars(select(cameras.c.id))}
    engine.dispose()
    assert kept >= set(range(told + 1))
