"""Waking other processes of a store: what is announced in a transaction is heard after its commit.

An announcement only wakes. It may be lost, so whoever listens also looks from time to time.
"""

from collections.abc import Callable, Mapping

import structlog
from sqlalchemy import Connection, func, select
from sqlalchemy.engine import URL

from safetynet.base.clock import Clock

AGAIN_AFTER_S = 0.5
"""A lost connection is opened again after this long."""

log = structlog.get_logger()

type Announcement = tuple[str, str]
"""A channel, at most 63 letters, and the text said on it."""


def announce(conn: Connection, said: Mapping[str, str]) -> None:
    """Say these texts on these channels with the commit; nothing where nobody can listen."""
    if conn.dialect.name == "postgresql":
        for channel, text in said.items():
            conn.execute(select(func.pg_notify(channel, text)))


async def listen(url: URL, channel: str, hear: Callable[[str | None], None], clock: Clock) -> None:
    """Call ``hear`` with each text said on a channel, until cancelled; for PostgreSQL alone.

    ``hear(None)`` comes whenever something may have been missed: at the beginning and after a
    connection was lost. It connects again by itself, for ever.
    """
    import psycopg
    from psycopg.sql import SQL, Identifier

    from safetynet.store.postgres import open_session

    while True:
        try:
            async with open_session(url, {}) as session:
                await session.execute(SQL("LISTEN {}").format(Identifier(channel)))
                hear(None)
                async for said in session.notifies():
                    hear(said.payload)
        except psycopg.Error as error:
            log.warning("store.not_listening", channel=channel, error=type(error).__name__)
        await clock.sleep(AGAIN_AFTER_S)
