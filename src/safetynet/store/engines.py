"""Database engines with the settings that our promises need."""

import sqlite3

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

BUSY_TIMEOUT_MS = 5000


def make_engine(url: str, *, writes: bool, connections: int) -> Engine:
    """An engine for the writer or for readers; readers of SQLite cannot write at all."""
    parsed = make_url(url)
    engine = create_engine(parsed, poolclass=QueuePool, pool_size=connections, max_overflow=0)
    if parsed.get_backend_name() == "sqlite":
        _refuse_memory(parsed)
        _set_up_sqlite(engine, writes=writes)
    return engine


def _refuse_memory(url: URL) -> None:
    if not url.database or url.database == ":memory:":
        raise ValueError("a store needs a file: readers and the writer share it")


def _set_up_sqlite(engine: Engine, *, writes: bool) -> None:
    def on_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        assert isinstance(connection, sqlite3.Connection)
        # The driver's own implicit BEGIN would break savepoints and snapshots.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # a destroyed key leaves no bytes behind
        if not writes:
            connection.execute("PRAGMA query_only=ON")

    def on_begin(conn: Connection) -> None:
        conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
