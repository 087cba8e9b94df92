"""What only PostgreSQL can do to a store: go away, come back, keep somebody waiting, be another's."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from safetynet.base.errors import BrokenError, UnavailableError
from safetynet.store import postgres as module
from safetynet.store.store import Store
from safetynet.store.tables import cameras
from tests.postgres import Server, running_server
from tests.store.cutting import Cut, door_before
from tests.support import eventually

pytestmark = pytest.mark.postgres


@pytest.fixture
async def store(postgres: Server) -> AsyncIterator[Store]:
    async with Store(postgres.make_database()) as store:
        yield store


def adding(name: str) -> Callable[[Connection], None]:
    def add(conn: Connection) -> None:
        conn.execute(insert(cameras).values(node="mapo", id=name, document="{}"))

    return add


def names(conn: Connection) -> set[str]:
    return set(conn.scalars(select(cameras.c.id)))


async def together(store: Store, *works: Callable[[Connection], object]) -> list[object]:
    """The results of writes that share one commit: they wait together while another one runs."""
    running, gate = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        running.set()
        gate.wait(10)

    first = asyncio.create_task(store.write(hold))
    await asyncio.to_thread(running.wait, 10)
    rest = [asyncio.create_task(store.write(work)) for work in works]
    await asyncio.sleep(0)
    gate.set()
    await first
    return list(await asyncio.gather(*rest, return_exceptions=True))


def codes(results: list[object]) -> list[str | None]:
    return [r.code if isinstance(r, UnavailableError) else None for r in results]


def crash(server: Server) -> None:
    server.stop(signal.SIGKILL)
    server.start()


def cut_off(conn: Connection) -> None:
    conn.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")


async def test_settings_of_our_promises(store: Store) -> None:
    def settings(conn: Connection) -> tuple[object, ...]:
        shown = ("synchronous_commit", "transaction_isolation", "transaction_read_only")
        return tuple(conn.exec_driver_sql(f"SHOW {name}").scalar() for name in shown)

    assert await store.write(settings) == ("on", "read committed", "off")
    assert await store.read(settings) == ("on", "repeatable read", "on")


async def test_a_stronger_promise_of_the_operator_is_kept(postgres: Server) -> None:
    url = postgres.make_database()
    with postgres.connect() as conn:
        conn.execute(f"ALTER DATABASE {postgres.newest} SET synchronous_commit = 'remote_apply'")
    async with Store(url) as store:
        shown = await store.write(lambda c: c.exec_driver_sql("SHOW synchronous_commit").scalar())
    assert shown == "remote_apply"


async def test_a_group_whose_connection_is_lost_is_told_so_and_nothing_of_it_is_written(
    store: Store,
) -> None:
    results = await together(store, adding("a"), cut_off, adding("b"))
    assert codes(results) == ["store.unavailable"] * 3
    await store.write(adding("c"))
    assert await store.read(names) == {"c"}


async def test_an_error_of_ones_own_stays_ones_own_where_the_connection_is_lost(
    store: Store,
) -> None:
    await store.write(adding("a"))
    results = await together(store, adding("a"), cut_off)
    assert isinstance(results[0], IntegrityError)
    assert codes(results) == [None, "store.unavailable"]


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER], ids=lambda cut: cut.name)
async def test_a_commit_without_an_answer_is_neither_success_nor_failure(
    cut: Cut, postgres: Server
) -> None:
    postgres.make_database()
    with door_before(postgres) as door:
        async with Store(door.url(postgres.newest)) as store:
            await store.write(adding("before"))
            results = await together(
                store, adding("a"), lambda _: setattr(door, "cut", cut), adding("b")
            )
            assert codes(results) == ["store.unknown"] * 3
            await store.write(adding("after"))  # waits for the writer that was cut off
            written = {"a", "b"} if cut is Cut.AFTER else set[str]()
            assert await store.read(names) == {"before", "after", *written}


async def test_waiting_too_long_for_another_writer_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module._WRITER, "lock_timeout", "50ms")
    async with Store(store.url.render_as_string(hide_password=False)) as hurried:
        gate, holding = threading.Event(), threading.Event()

        def hold(_: Connection) -> None:
            holding.set()
            gate.wait(10)

        first = asyncio.create_task(store.write(hold))
        await asyncio.to_thread(holding.wait, 10)
        with pytest.raises(UnavailableError) as e:
            await hurried.write(adding("a"))
        assert e.value.code == "store.locked"
        gate.set()
        await first
        await hurried.write(adding("b"))
        assert await store.read(names) == {"b"}


async def test_a_statement_that_takes_too_long_harms_only_itself(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module._WRITER, "statement_timeout", "200ms")
    async with Store(postgres.make_database()) as store:
        results = await together(
            store,
            adding("a"),
            lambda conn: conn.exec_driver_sql("SELECT pg_sleep(30)"),
            adding("b"),
        )
        assert codes(results) == [None, "store.slow", None]
        assert await store.read(names) == {"a", "b"}


async def test_a_writer_that_stands_still_does_not_hold_the_others(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module._WRITER, "idle_in_transaction_session_timeout", "200ms")
    async with Store(store.url.render_as_string(hide_password=False)) as frozen:
        gate, still = threading.Event(), threading.Event()

        def stand(conn: Connection) -> None:
            adding("frozen")(conn)
            still.set()
            gate.wait(30)

        first = asyncio.create_task(frozen.write(stand))
        await asyncio.to_thread(still.wait, 10)
        await store.write(adding("a"))  # returns because the server ended the frozen one
        gate.set()
        with pytest.raises(UnavailableError) as e:
            await first
        assert e.value.code == "store.unavailable"
        assert await frozen.read(names) == {"a"}


async def test_readers_outlive_a_lost_connection(store: Store) -> None:
    with pytest.raises(UnavailableError) as e:
        await store.read(cut_off)
    assert e.value.code == "store.unavailable"
    assert await store.read(names) == set()


async def test_after_crashes_what_was_acknowledged_is_there_once_and_the_rest_is_as_told(
    postgres_bin: Path,
) -> None:
    with running_server(postgres_bin) as server:
        async with Store(server.make_database()) as store:
            told: dict[str, str | None] = {}

            async def write(name: str) -> None:
                try:
                    await store.write(adding(name))
                    told[name] = None
                except UnavailableError as error:
                    told[name] = error.code

            async def load(sender: int) -> None:
                for n in range(150):
                    await write(f"{sender}-{n}")

            async with asyncio.TaskGroup() as group:
                for sender in range(8):
                    group.create_task(load(sender))
                await eventually(lambda: len(told) > 150)
                await asyncio.to_thread(crash, server)
                await eventually(lambda: len(told) > 400)
                await asyncio.to_thread(crash, server)
            await write("after")
            there = await store.read(names)
        assert told["after"] is None
        acknowledged = {name for name, code in told.items() if code is None}
        unknown = {name for name, code in told.items() if code == "store.unknown"}
        assert acknowledged <= there <= acknowledged | unknown
        assert set(told.values()) >= {None, "store.unavailable"}


async def test_a_server_that_is_away_or_may_lose_commits_is_told_at_the_start(
    postgres_bin: Path,
) -> None:
    with running_server(postgres_bin) as server:
        url = server.make_database()
        server.stop()
        with pytest.raises(UnavailableError) as away:
            Store(url)
        server.start("fsync=off")
        with pytest.raises(BrokenError) as unsafe:
            Store(url)
    assert (away.value.code, unsafe.value.code) == ("store.unavailable", "store.not_durable")


@pytest.mark.parametrize(
    "options", ["ENCODING 'LATIN1' LOCALE 'C'", "ENCODING 'SQL_ASCII' LOCALE 'C'"]
)
def test_a_database_that_cannot_hold_our_text_is_refused(options: str, postgres: Server) -> None:
    with pytest.raises(BrokenError) as e:
        Store(postgres.make_database(options))
    assert e.value.code == "store.database"
