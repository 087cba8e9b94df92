"""A duty: a job of a node that exactly one of its processes does at a time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.engine import URL

from safetynet.base.clock import Clock
from safetynet.base.errors import UnavailableError

if TYPE_CHECKING:
    from psycopg import AsyncConnection

LOOK_EVERY_S = 0.3
"""How often a process asks for the duty, and one that has it says that it lives."""
FROZEN_AFTER_S = 2
"""A process that has the duty and stands still this long loses it."""

log = structlog.get_logger()

type Work = Callable[[], Coroutine[Any, Any, None]]


async def hold_duty(url: URL, duty: str, work: Work, clock: Clock) -> None:
    """Run ``work`` whenever this process has the duty; returns when ``work`` returns.

    On PostgreSQL the duty is an advisory lock of a connection of its own: it is free the moment its
    process dies, and two seconds after it froze, and another takes it at its next look. Where it is
    lost ``work`` is cancelled, and begun again when the duty is ours again. For up to
    ``FROZEN_AFTER_S`` a frozen process that wakes may still work beside its successor, so ``work``
    must bear being done twice. Work that fails for want of its store (``UnavailableError``) is begun
    again, here or elsewhere. On SQLite a node has one process, which always has its duties.
    """
    if url.get_backend_name() != "postgresql":
        await work()
        return
    import psycopg

    from safetynet.store.postgres import lock_key, open_session

    while True:
        try:
            async with open_session(url, {"idle_session_timeout": f"{FROZEN_AFTER_S}s"}) as session:
                while not await _ask(session, lock_key(f"duty {duty}")):
                    await clock.sleep(LOOK_EVERY_S)
                log.info("duty.taken", duty=duty)
                if await _work_while_alive(session, work, clock):
                    return
        except psycopg.Error as error:
            log.warning("duty.unreachable", duty=duty, error=type(error).__name__)
        log.warning("duty.lost", duty=duty)
        await clock.sleep(LOOK_EVERY_S)


async def _ask(session: "AsyncConnection[Any]", key: int) -> bool:
    cursor = await session.execute("SELECT pg_try_advisory_lock(%s)", (key,))
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def _work_while_alive(session: "AsyncConnection[Any]", work: Work, clock: Clock) -> bool:
    """True where ``work`` came to its end, False where the duty was lost before."""
    try:
        async with asyncio.TaskGroup() as group:
            working = group.create_task(work())
            living = group.create_task(_live(session, working, clock))
            working.add_done_callback(lambda _: living.cancel())
    except ExceptionGroup as errors:
        if errors.split(UnavailableError)[1] is None:
            log.warning("duty.failed", error=str(errors.exceptions[0]))
            return False
        raise errors.exceptions[0] from None  # the work's own: nothing else here raises
    return not working.cancelled()


async def _live(session: "AsyncConnection[Any]", working: asyncio.Task[None], clock: Clock) -> None:
    """Say that we live, and end the work where nobody hears it."""
    import psycopg

    try:
        while True:
            await clock.sleep(LOOK_EVERY_S)
            saying = asyncio.ensure_future(session.execute("SELECT 1"))
            try:
                # Not by a timeout: psycopg would first try to tell a server that nobody can reach.
                await asyncio.wait({saying}, timeout=FROZEN_AFTER_S)
                if not saying.done():
                    working.cancel()
                    return
                saying.result()
            finally:
                saying.cancel()
    except psycopg.Error:
        working.cancel()
