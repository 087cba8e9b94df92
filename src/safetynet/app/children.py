"""Starting, watching and ending child processes."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from safetynet.app.orphan import bound_to_parent

GRACE_S = 5.0
"""From the polite signal to the hard one."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
STEADY_AFTER_S = 30.0
"""A child that ran this long starts again without a pause's memory."""

log = structlog.get_logger()
OnChange = Callable[[str, bool], None]


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run."""

    name: str
    command: Sequence[str]
    log_file: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    ends_last: bool = False
    """Others need it until they have ended."""


def python_program(name: str, log_file: Path, *arguments: str) -> Program:
    """One of our own processes, run by this interpreter."""
    command = (sys.executable, "-m", "safetynet.app.cli", *arguments)
    return Program(name=name, command=command, log_file=log_file)


class Children:
    """Keeps programs running until told to stop; ends all of them."""

    def __init__(
        self, on_change: OnChange | None = None, *, first_pause_s: float = FIRST_PAUSE_S
    ) -> None:
        """``first_pause_s``: from a child's end to its new start; doubles where it ends again."""
        self._first_pause_s = first_pause_s
        self._on_change = on_change or (lambda name, up: None)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._programs: dict[str, Program] = {}
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = False

    def start(self, program: Program) -> None:
        """Run a program, and again whenever it ends."""
        if self._stopping:
            return
        self._programs[program.name] = program
        self._tasks[program.name] = asyncio.create_task(self._keep(program), name=program.name)

    def find_pid(self, name: str) -> int | None:
        """Process id of a running child."""
        process = self._processes.get(name)
        return process.pid if process and process.returncode is None else None

    async def stop(self) -> None:
        """End all children, those that others need at the end; nothing is started again."""
        self._stopping = True
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for last in (False, True):
            names = [n for n, program in self._programs.items() if program.ends_last is last]
            running = [self._processes[n] for n in names if n in self._processes]
            await asyncio.gather(*(_end(process) for process in reversed(running)))

    async def _keep(self, program: Program) -> None:
        pause_s = self._first_pause_s
        clock = asyncio.get_running_loop()
        while not self._stopping:
            began = clock.time()
            process = await _spawn(program)
            self._processes[program.name] = process
            self._on_change(program.name, True)
            code = await process.wait()
            self._on_change(program.name, False)
            log.warning("child.ended", child=program.name, code=code, log=str(program.log_file))
            steady = clock.time() - began > STEADY_AFTER_S
            pause_s = self._first_pause_s if steady else pause_s
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


async def _spawn(program: Program) -> asyncio.subprocess.Process:
    program.log_file.parent.mkdir(parents=True, exist_ok=True)
    with program.log_file.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *bound_to_parent(program.command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **program.environment},
            # A session of its own: Ctrl-C reaches the supervisor alone, which ends the others.
            start_new_session=True,
        )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    _signal(process, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), GRACE_S)
    except TimeoutError:
        _signal(process, signal.SIGKILL)
        await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)
