"""A duty is one process's at a time, and another's at once when that one is gone."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from safetynet.base.clock import SystemClock
from safetynet.store.duty import hold_duty
from safetynet.store.engines import parse_url
from tests.postgres import Server
from tests.support import eventually

HOLDER = """
import asyncio, sys
from safetynet.base.clock import SystemClock
from safetynet.store.duty import hold_duty
from safetynet.store.engines import parse_url

async def work():
    print("mine", flush=True)
    await asyncio.Event().wait()

asyncio.run(hold_duty(parse_url(sys.argv[1]), "relay hub", work, SystemClock()))
"""


class Here:
    """A holder in this process that says whether it works."""

    def __init__(self, url: str, duty: str = "relay hub") -> None:
        self.working = False
        self.begun = 0
        self._url = parse_url(url)
        self._duty = duty

    async def _work(self) -> None:
        self.begun += 1
        self.working = True
        try:
            await asyncio.Event().wait()
        finally:
            self.working = False

    @asynccontextmanager
    async def holding(self) -> AsyncIterator["Here"]:
        task = asyncio.create_task(hold_duty(self._url, self._duty, self._work, SystemClock()))
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@contextlib.contextmanager
def another_process(url: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has the duty."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            while child.stdout.readline() != "mine\n":  # after what it logs
                assert child.poll() is None
            yield child
        finally:
            child.kill()


async def test_who_comes_to_a_free_duty_has_it(store_url: str) -> None:
    async with Here(store_url).holding() as here:
        await eventually(lambda: here.working)


async def test_work_that_ends_ends_the_duty_and_errors_come_out(store_url: str) -> None:
    async def ends() -> None:
        pass

    async def fails() -> None:
        raise LookupError("no")

    await hold_duty(parse_url(store_url), "a", ends, SystemClock())
    with pytest.raises(LookupError):
        await hold_duty(parse_url(store_url), "a", fails, SystemClock())


@pytest.mark.postgres
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=lambda s: s.name)
async def test_another_takes_over_from_a_process_that_died_or_froze(
    how: signal.Signals, postgres: Server
) -> None:
    url = postgres.make_database()
    with another_process(url) as child:
        async with Here(url).holding() as here, Here(url, "something else").holding() as other:
            await eventually(lambda: other.working)  # it asked at least once meanwhile
            assert not here.working
            child.send_signal(how)
            await eventually(lambda: here.working)


@pytest.mark.postgres
async def test_work_is_cancelled_where_the_duty_is_lost_and_begun_again_when_it_is_back(
    postgres: Server,
) -> None:
    async with Here(postgres.make_database()).holding() as here:
        await eventually(lambda: here.working)
        with postgres.connect() as conn:
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                f"WHERE datname = '{postgres.newest}'"
            )
        await eventually(lambda: here.begun == 2 and here.working)
