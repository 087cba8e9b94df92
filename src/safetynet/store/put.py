"""Putting whole rows into a table, many at once, whether or not they stand there already."""

from functools import cache

from sqlalchemy import Connection, Insert, Table
from sqlalchemy.dialects import sqlite


def put_rows(
    conn: Connection,
    table: Table,
    rows: list[dict[str, object]],
    only_new: frozenset[str] = frozenset(),
) -> None:
    """Insert rows, or write over those of the same key; one statement for all.

    Every row names the same columns. Of two with the same key the later one stays. Columns in
    ``only_new`` are written where the row is new, and left alone where it stands there already.
    """
    if rows:
        names = tuple(rows[0])
        conn.execute(_statement(table, names, only_new, conn.dialect.name), rows)


@cache
def _statement(
    table: Table, names: tuple[str, ...], only_new: frozenset[str], dialect: str
) -> Insert:
    """Made once for each shape: to put a statement together takes longer than to run it."""
    keys = [str(column.name) for column in table.primary_key]
    others = [name for name in names if name not in keys and name not in only_new]
    if dialect == "postgresql":
        # Only now: it is not loaded where it is not used.
        from sqlalchemy.dialects import postgresql

        put = postgresql.insert(table)
        return put.on_conflict_do_update(
            index_elements=keys, set_={name: put.excluded[name] for name in others}
        )
    beside = sqlite.insert(table)
    return beside.on_conflict_do_update(
        index_elements=keys, set_={name: beside.excluded[name] for name in others}
    )
