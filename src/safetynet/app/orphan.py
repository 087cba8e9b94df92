"""No process outlives the one that started it."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

_PR_SET_PDEATHSIG = 1

log = structlog.get_logger()


def death_signal(number: int = signal.SIGTERM) -> Callable[[], None] | None:
    """A function for a child to call between fork and exec; None where the system has no such thing.

    Linux keeps the wish through ``exec``, so it works for foreign programs too (prctl(2)).
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, number)

    return ask


async def run_until_asked(work: Coroutine[Any, Any, None]) -> None:
    """Run a process's work until it ends, or until the process is asked to end; then cancel it."""
    serving = asyncio.ensure_future(work)
    ending = asyncio.ensure_future(wait_for_end())
    await asyncio.wait({serving, ending}, return_when=asyncio.FIRST_COMPLETED)
    if ending.done():
        log.info("process.ending", why=ending.result())
        serving.cancel()
        await asyncio.wait({serving})
    ending.cancel()
    if not serving.cancelled():
        serving.result()


async def wait_for_end() -> str:
    """Return when this process is asked to end: SIGINT, SIGTERM, or its parent has gone.

    The parent is watched by its id, for systems without a death signal and for the moment between
    fork and the wish.
    """
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[str] = loop.create_future()

    def ask(name: str) -> None:
        if not asked.done():
            asked.set_result(name)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask, number.name)
    parent = os.getppid()
    watcher = loop.create_task(_watch_parent(parent, ask))
    try:
        return await asked
    finally:
        watcher.cancel()


async def _watch_parent(parent: int, ask: Callable[[str], None]) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110 - nobody sets an event when a parent dies
        await asyncio.sleep(1.0)
    ask("parent gone")
