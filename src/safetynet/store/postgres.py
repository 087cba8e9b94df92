"""A store on PostgreSQL: the settings that our promises need, and the lock that makes writers one.

Imported only where such a store is used, because it loads psycopg.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.types.string import StrDumper
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from safetynet.base.errors import BrokenError

OLDEST_VERSION = 140000
"""PostgreSQL 14: the first that ends an idle session by itself (``idle_session_timeout``)."""
FROZEN_AFTER_S = 3
"""A writer that stands still inside its transaction this long is ended, so that others go on."""
LOCKED_AFTER_S = 10
"""Waiting for the writer's lock ends here; longer than a frozen writer may hold it."""
SLOW_AFTER_S = 30
"""One statement may take this long."""

_CONNECTING = {
    "application_name": "safetynet",
    "client_encoding": "utf8",
    "connect_timeout": "5",
    # A server whose machine is gone sends nothing: silence ends a connection after ten seconds.
    "keepalives_idle": "4",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
_EVERY = {
    "lock_timeout": f"{LOCKED_AFTER_S}s",
    "tcp_keepalives_idle": "4",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
_WRITER = {
    **_EVERY,
    # Not REPEATABLE READ: its snapshot would be older than the lock that it waited for.
    "default_transaction_isolation": "read committed",
    "statement_timeout": f"{SLOW_AFTER_S}s",
    "idle_in_transaction_session_timeout": f"{FROZEN_AFTER_S}s",
}
_READER = {
    **_EVERY,
    "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on",
}
_DURABLE = """SELECT set_config('synchronous_commit',
    CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END,
    false)"""
_FACTS = """SELECT current_setting('server_version_num')::int, current_setting('fsync'),
    current_setting('full_page_writes'), pg_encoding_to_char(encoding), datcollate
    FROM pg_database WHERE datname = current_database()"""


class _Text(StrDumper):
    """Text for a column: PostgreSQL knows no NUL, SQLite does; its picture stands in its place."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\0", "\N{SYMBOL FOR NULL}") if "\0" in obj else obj)


def make_postgres_engine(url: URL, *, writes: bool, connections: int) -> Engine:
    """An engine whose transactions are the one writer's, or read one snapshot and cannot write."""
    engine = create_engine(
        _complete(url),
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_pre_ping=True,  # a server that was restarted meanwhile costs nobody a failed group
    )
    settings = _WRITER if writes else _READER

    def on_connect(connection: Any, _: ConnectionPoolEntry) -> None:  # psycopg's, as SQLAlchemy's
        connection.adapters.register_dumper(str, _Text)
        connection.autocommit = True
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        connection.execute(_DURABLE)
        connection.autocommit = False

    event.listen(engine, "connect", on_connect)
    if writes:
        event.listen(engine, "begin", _become_the_writer)
    return engine


def check_database(conn: Connection) -> None:
    """Refuse a database in which our promises would not hold.

    Raises ``BrokenError`` ``store.database`` for one that sorts or encodes text otherwise than
    every other store, or is too old, and ``store.not_durable`` where a commit may be lost.
    """
    version, fsync, full_pages, encoding, collation = conn.exec_driver_sql(_FACTS).one()
    if version < OLDEST_VERSION:
        raise BrokenError("store.database", "PostgreSQL 14 or newer is needed", version=version)
    if encoding != "UTF8" or collation not in ("C", "POSIX", "C.UTF-8", "C.utf8"):
        raise BrokenError(
            "store.database",
            "the database must be made with ENCODING 'UTF8' LOCALE 'C'",
            encoding=encoding,
            collation=collation,
        )
    if "off" in (fsync, full_pages):
        raise BrokenError(
            "store.not_durable",
            "fsync and full_page_writes must be on: what is acknowledged is on disk",
            fsync=fsync,
            full_page_writes=full_pages,
        )


def allow_long_statements(conn: Connection) -> None:
    """For this transaction: bringing tables up may take its time."""
    conn.exec_driver_sql("SET LOCAL statement_timeout = 0")


@asynccontextmanager
async def open_session(
    url: URL, settings: dict[str, str]
) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A connection of its own beside the pools, every statement its own transaction."""
    arguments = _complete(url).translate_connect_args(username="user", database="dbname")
    query = dict(_complete(url).query)
    async with await psycopg.AsyncConnection.connect(
        **{**query, **arguments}, autocommit=True
    ) as session:
        for name, value in {**_EVERY, **settings}.items():
            await session.execute("SELECT set_config(%s, %s, false)", (name, value))
        yield session


def lock_key(name: str) -> int:
    """The key of an advisory lock, by name: 63 bits and a sign, the same in every process."""
    return int.from_bytes(hashlib.sha256(f"safetynet {name}".encode()).digest()[:8], signed=True)


_WRITER_LOCK = lock_key("the writer of this store")


def _become_the_writer(conn: Connection) -> None:
    """Take the lock that this transaction holds to its end: PostgreSQL's BEGIN IMMEDIATE."""
    conn.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_WRITER_LOCK,))


def _complete(url: URL) -> URL:
    """The URL with our driver and with how we connect, where it does not say otherwise."""
    ours = {name: value for name, value in _CONNECTING.items() if name not in url.query}
    return url.set(drivername="postgresql+psycopg").update_query_dict(ours)
