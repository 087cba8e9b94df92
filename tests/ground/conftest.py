"""A small city, built once, and a demo of it in a process of its own."""

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

DEADLINE_S = 120.0
"""Generous: a loaded machine is slow, a hanging test is not endless."""


class Demo:
    """A running ``safetynet demo``."""

    def __init__(self, process: "subprocess.Popen[str]", url: str, data: Path) -> None:
        self.process = process
        self.url = url
        self._data = data
        self._watched = {pid: os.pidfd_open(pid) for pid in list_descendants(process.pid)}

    @property
    def pids(self) -> list[int]:
        """All processes that the demo had started when its console was announced."""
        return list(self._watched)

    def wait_all_gone(self) -> list[int]:
        """What still runs at the deadline; as soon as all have ended, what was started since."""
        end = time.monotonic() + DEADLINE_S
        poll, running = select.poll(), {fd: pid for pid, fd in self._watched.items()}
        for fd in running:
            poll.register(fd, select.POLLIN)
        while running and (left_s := end - time.monotonic()) > 0:
            for fd, _ in poll.poll(left_s * 1000):
                poll.unregister(fd)
                del running[fd]
        return list(running.values()) or list_running_on(self._data)

    def close(self) -> None:
        """End the demo, hard if need be."""
        self.process.kill()
        self.process.wait()
        self.wait_all_gone()
        if self.process.stdout:
            self.process.stdout.close()
        for fd in self._watched.values():
            os.close(fd)


def list_descendants(pid: int) -> list[int]:
    """Children of a process, their children, and so on."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def list_running_on(folder: Path) -> list[int]:
    """Processes whose command line names the folder."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if bytes(folder) in command.read_bytes():
                found.append(int(command.parent.name))
    return found


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic Seoul with few cameras."""
    bundle = tmp_path_factory.mktemp("city") / "seoul"
    command = [sys.executable, "-m", "safetynet.app.cli", "city", "build", "seoul", "--scale=0.02"]
    subprocess.run([*command, "-o", str(bundle)], check=True, capture_output=True)
    return bundle


type RunDemo = Callable[..., Demo]


@pytest.fixture
def run_demo(small_bundle: Path, tmp_path: Path) -> Iterator[RunDemo]:
    """A function that starts a demo and returns when its console is announced."""
    with _demos(small_bundle, tmp_path) as run:
        yield run


@contextmanager
def _demos(bundle: Path, folder: Path) -> Iterator[RunDemo]:
    started: list[Demo] = []

    def run(environment: Mapping[str, str] | None = None) -> Demo:
        data = folder / "data"
        options = ["--port=0", "--ucp-port=0", f"--city={bundle}", f"--data={data}"]
        process = subprocess.Popen(
            [sys.executable, "-m", "safetynet.app.cli", "demo", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=folder,
            env={**os.environ, **(environment or {})},
        )
        demo = Demo(process, _announced(process), data)
        started.append(demo)
        return demo

    try:
        yield run
    finally:
        for demo in started:
            demo.close()


def _announced(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    for line in process.stdout:  # ends with the process
        if "Console:" in line:
            return line.partition("Console:")[2].strip()
    raise AssertionError(f"the demo ended with {process.wait()} before its console was there")
