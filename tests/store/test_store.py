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
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from safetynet.base.errors import InvalidError, UnavailableError
from safetynet.store import store as module
from safetynet.store.engines import make_engine, sqlite_url
from safetynet.store.store import Store
from safetynet.store.tables import cameras, nodes


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    async with Store(store_url) as store:
        yield store


def add(conn: Connection, name: str) -> str:
    conn.execute(insert(cameras).values(node="mapo", id=name, document="{}"))
    return name


def adding(n: int) -> Callable[[Connection], str]:
    return lambda conn: add(conn, str(n))


def adding_named(name: str) -> Callable[[Connection], str]:
    return lambda conn: add(conn, name)


def answering(n: int) -> Callable[[Connection], int]:
    return lambda _: n


def count(conn: Connection) -> int:
    return conn.scalar(select(func.count()).select_from(cameras)) or 0


async def test_what_was_written_is_there_for_readers_and_after_reopening(
    store: Store, store_url: str
) -> None:
    assert await store.write(lambda conn: add(conn, "a")) == "a"
    assert await store.read(count) == 1
    store.close()
    async with Store(store_url) as again:
        assert await again.read(count) == 1


async def test_a_slow_disk_holds_up_the_answer_and_a_failing_one_undoes_the_group(
    store_url: str,
) -> None:
    disk = threading.Event()
    fails = False

    def before_commit() -> None:
        disk.wait()
        if fails:
            raise OSError("the disk is gone")

    async with Store(store_url, before_commit=before_commit) as slow:
        writing = asyncio.create_task(slow.write(adding_named("a")))
        assert await slow.read(count) == 0
        assert not writing.done()
        disk.set()
        await writing
        assert await slow.read(count) == 1
        fails = True
        with pytest.raises(OSError, match="gone"):
            await slow.write(adding_named("b"))
        fails = False
        await slow.write(adding_named("c"))
        assert await slow.read(count) == 2


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
    with pytest.raises(DBAPIError):
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
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 1)
    async with Store(store_url) as store:
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


async def test_a_reader_sees_one_moment(store: Store) -> None:
    begun, written = threading.Event(), threading.Event()

    def twice(conn: Connection) -> tuple[int, int]:
        before = count(conn)
        begun.set()
        written.wait(10)
        return before, count(conn)

    reading = asyncio.create_task(store.read(twice))
    await asyncio.to_thread(begun.wait, 10)
    await store.write(lambda conn: add(conn, "a"))
    written.set()
    assert await reading == (0, 0)
    assert await store.read(count) == 1


async def test_any_text_and_any_number_that_one_engine_takes_the_other_takes(store: Store) -> None:
    names = ["\N{HANGUL SYLLABLE GA}" * 300, "nul\0inside", "\N{SURFER}", "B", "a", "a-b", "ab"]
    for name in names:
        await store.write(adding_named(name))

    def write_head(conn: Connection) -> None:
        head = {"epoch": 2**53 - 1, "seq": 2**53 - 1, "leaf": "", "state": "x" * 99}
        conn.execute(insert(nodes).values(node="mapo", changed_at="", **head))

    await store.write(write_head)
    order = select(cameras.c.id).order_by(cameras.c.id)
    found = await store.read(lambda conn: conn.scalars(order).all())
    assert [n for n in found if "nul" not in n] == sorted(n for n in names if "nul" not in n)
    kept = await store.read(
        lambda conn: conn.scalar(select(cameras.c.id).where(cameras.c.id == "nul\0inside"))
    )
    assert kept is not None


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://h/d", "nothing", "x://"]
)
def test_a_url_that_no_store_can_stand_in_is_refused(url: str) -> None:
    with pytest.raises(InvalidError) as e:
        Store(url)
    assert e.value.code == "store.url"


async def test_a_full_disk_is_told_and_whoever_was_acknowledged_is_there(tmp_path: Path) -> None:
    def fill(conn: Connection) -> None:
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar()
        conn.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        conn.execute(insert(cameras).values(node="mapo", id="big", document="x" * 1_000_000))

    async with Store(sqlite_url(tmp_path / "node.db")) as store:
        writes = [lambda conn: add(conn, "a"), fill, lambda conn: add(conn, "b")]
        results = await asyncio.gather(*map(store.write, writes), return_exceptions=True)
        assert isinstance(results[1], UnavailableError)
        assert results[1].code == "store.full"
        found = await store.read(lambda conn: conn.scalars(select(cameras.c.id)).all())
        assert sorted(found) == [r for r in results if isinstance(r, str)]


async def test_every_connection_to_sqlite_has_the_settings_of_our_promises(tmp_path: Path) -> None:
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
    async with Store(sqlite_url(tmp_path / "node.db")) as store:
        assert await store.write(settings) == expected
        assert await store.read(settings) == expected


KILLED = """
import asyncio, sys
from sqlalchemy import insert
from safetynet.store.engines import make_engine, sqlite_url
from safetynet.store.store import Store
from safetynet.store.tables import cameras, nodes

async def main():
    store = Store(sys.argv[1])
    for n in range(100000):
        row = insert(cameras).values(node="mapo", id=str(n), document="{}")
        await store.write(lambda conn: conn.execute(row))
        print(n, flush=True)

asyncio.run(main())
"""


def test_what_was_acknowledged_survives_a_kill(store_url: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, store_url], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    told = 0
    while told < 20:
        told = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    told = max([told, *(int(line) for line in child.stdout.read().split())])
    child.stdout.close()
    child.wait()
    engine = make_engine(store_url, writes=False, connections=1)
    with engine.connect() as conn:
        kept = {int(name) for name in conn.scalars(select(cameras.c.id))}
    engine.dispose()
    assert kept >= set(range(told + 1))
