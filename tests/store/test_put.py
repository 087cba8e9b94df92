"""Rows are put in whether or not they stand there already, on both engines alike."""

from collections.abc import Callable

from sqlalchemy import Connection, select

from safetynet.store.put import put_rows
from safetynet.store.store import Store
from safetynet.store.tables import camera_states


def row(camera: str, state: str) -> dict[str, object]:
    return {"node": "mapo", "camera": camera, "state": state, "detail": "", "since": "t"}


def read(conn: Connection) -> dict[str, str]:
    c = camera_states.c
    rows = conn.execute(select(c.camera, c.state))
    return {row.camera: row.state for row in rows}


async def test_a_row_is_put_in_or_written_over_and_the_last_word_counts(
    make_store_url: Callable[[], str],
) -> None:
    async with Store(make_store_url()) as store:
        await store.write(lambda conn: put_rows(conn, camera_states, [row("a", "ok")]))
        rows = [row("b", "ok"), row("a", "lost"), row("b", "ill")]
        await store.write(lambda conn: put_rows(conn, camera_states, rows))
        await store.write(lambda conn: put_rows(conn, camera_states, []))
        assert await store.read(read) == {"a": "lost", "b": "ill"}


async def test_columns_of_new_rows_alone_stay_where_the_row_is_known(
    make_store_url: Callable[[], str],
) -> None:
    async with Store(make_store_url()) as store:
        await store.write(lambda conn: put_rows(conn, camera_states, [row("a", "ok")]))
        rows = [row("a", "lost"), row("b", "lost")]
        only_new = frozenset({"state"})
        await store.write(lambda conn: put_rows(conn, camera_states, rows, only_new=only_new))
        assert await store.read(read) == {"a": "ok", "b": "lost"}


async def test_many_rows_go_in_steps_and_the_last_word_of_each_counts(
    make_store_url: Callable[[], str],
) -> None:
    rows = [row(f"c{n % 61}", str(n)) for n in range(64 + 16 + 4 + 3)]
    async with Store(make_store_url()) as store:
        await store.write(lambda conn: put_rows(conn, camera_states, rows))
        assert await store.read(read) == {str(r["camera"]): str(r["state"]) for r in rows}
