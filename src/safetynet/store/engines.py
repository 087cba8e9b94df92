"""Database engines with the settings that our promises need."""

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from safetynet.base.errors import InvalidError

BUSY_TIMEOUT_MS = 5000
CHECKPOINT_PAGES = 4000
"""Of the write-ahead log, 16 MB: a page that many commits change is copied into the database once in a
while instead of often, and fewer commits wait for that."""
WAL_ATTEMPTS = 100
"""Of connections that open a fresh file at the same moment."""


def make_engine(url: str, *, writes: bool, connections: int) -> Engine:
    """An engine for the writer or for readers, who cannot write at all.

    Raises ``InvalidError`` ``store.url``.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "postgresql":
        # Only now: psycopg is loaded where it is used.
        from safetynet.store.postgres import make_postgres_engine

        return make_postgres_engine(parsed, writes=writes, connections=connections)
    engine = create_engine(parsed, poolclass=QueuePool, pool_size=connections, max_overflow=0)
    _set_up_sqlite(engine, writes=writes)
    return engine


def parse_url(url: str) -> URL:
    """The URL of a database that a store can stand in; raises ``InvalidError`` ``store.url``."""
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except ArgumentError as error:
        # Without the text itself: a password may stand in it.
        raise InvalidError("store.url", "not a URL of a database") from error
    if backend not in ("sqlite", "postgresql"):
        raise InvalidError("store.url", "a store is on sqlite or postgresql", backend=backend)
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise InvalidError("store.url", "a store needs a file: readers and the writer share it")
    return parsed


def sqlite_url(path: Path) -> str:
    """The URL of a store in a file."""
    return f"sqlite:///{path}"


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch a fresh file to WAL, which takes it alone; SQLite gives up at once where another
    connection is at it, whatever the busy timeout. A write that begins and ends does wait."""
    for _ in range(WAL_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode=WAL")


def _set_up_sqlite(engine: Engine, *, writes: bool) -> None:
    def on_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        assert isinstance(connection, sqlite3.Connection)
        # The driver's own implicit BEGIN would break savepoints and snapshots.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # a destroyed key leaves no bytes behind
        if not writes:
            connection.execute("PRAGMA query_only=ON")

    def on_begin(conn: Connection) -> None:
        conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
