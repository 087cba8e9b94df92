"""Putting whole rows into a table, many at once, whether or not they stand there already."""

import re
from collections.abc import Sequence
from functools import cache
from itertools import batched, chain

from sqlalchemy import Connection, Dialect, Insert, Table, insert
from sqlalchemy.dialects import sqlite

AT_ONCE = (64, 16, 4, 1)
"""Rows in one step of SQLite. Python's lock is given up at each step and waited for after it, beside a busy
thread for a millisecond: a hundred rows one by one are a tenth of a second."""

type _Text = tuple[str, tuple[str, ...] | None]
_texts: dict[tuple[Insert, tuple[str, ...], str], _Text] = {}
"""One for each shape and database; there are a few."""


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
        _execute(conn, _statement(table, names, only_new, conn.dialect.name), rows)


def add_rows(conn: Connection, table: Table, rows: Sequence[dict[str, object]]) -> None:
    """Insert rows that are new; one statement for all. Every row names the same columns."""
    if rows:
        _execute(conn, _insert(table), rows)


def _execute(conn: Connection, statement: Insert, rows: Sequence[dict[str, object]]) -> None:
    """Hand the rows to the driver as they are, text, numbers, bytes: to have SQLAlchemy look at each of
    their values takes longer than to write them."""
    text, order = _text(statement, tuple(rows[0]), conn.dialect)
    if order is None:
        conn.exec_driver_sql(text, list(rows))
        return
    values = [tuple([row[name] for name in order]) for row in rows]
    for size in AT_ONCE:
        many = len(values) // size * size
        if many:
            whole = [tuple(chain(*some)) for some in batched(values[:many], size)]
            conn.exec_driver_sql(_for_many(text, size), whole)
            values = values[many:]


def _text(statement: Insert, names: tuple[str, ...], dialect: Dialect) -> _Text:
    """What the driver reads, and its values in order; None where it takes them by name."""
    key = statement, names, dialect.name
    if (known := _texts.get(key)) is None:
        made = statement.compile(dialect=dialect, column_keys=list(names))
        order = None if made.positiontup is None else tuple(made.positiontup)
        known = _texts[key] = str(made), order
    return known


@cache
def _for_many(text: str, rows: int) -> str:
    """An insert of one row as one of many."""
    before, one, after = re.split(r"(?<= VALUES )(\([?, ]+\))", text, maxsplit=1)
    return before + ", ".join([one] * rows) + after


@cache
def _insert(table: Table) -> Insert:
    return insert(table)


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
