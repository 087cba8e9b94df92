"""No process outlives the one that started it."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

# 1 is PR_SET_PDEATHSIG, 15 SIGTERM; a parent that is gone already sends no signal any more.
_BECOME = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 15)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""

log = structlog.get_logger()


def bound_to_parent(command: Sequence[str]) -> tuple[str, ...]:
    """The same command, ended by SIGTERM when this process ends; as it is where the system cannot.

    Linux keeps the wish through ``exec``, so it works for foreign programs too (prctl(2)). It is
    made by a few lines that become the program, and not between fork and exec: a fork of a process
    with threads may stand still there for ever, and its parent with it.
    """
    if not sys.platform.startswith("linux"):
        return tuple(command)
    return (sys.executable, "-I", "-S", "-c", _BECOME, str(os.getpid()), *command)


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
