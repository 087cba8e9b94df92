"""Doing what the plan says: each fault begins, lasts, and is taken back."""

import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from bench.federation.nodes import Federation
from bench.federation.stores import opened
from chaos.lost import Loss
from chaos.node import SLOW_S, clock_file, disk_file, write_seconds
from chaos.plan import Fault, Kind
from chaos.proxy import Link, Mood

from safetynet.base.ids import HUB, NodeId
from safetynet.journal.mark import MARK_FILE

RESET_EVERY_S = 0.3
MOODS = {Kind.PARTITION: Mood.CUT, Kind.DELAY: Mood.DELAY, Kind.STALL: Mood.STALL}
BLOCK = bytes(1 << 20)


class Faults:
    """Has faults happen to a running federation."""

    def __init__(
        self,
        city: Federation,
        links: Mapping[NodeId, Link],
        folder: Path,
        disk: Path | None,
    ) -> None:
        self.done: list[Fault] = []
        self.losses: list[Loss] = []
        self.deaths: defaultdict[NodeId, list[float]] = defaultdict(list)
        """When nodes were dead, on the monotonic clock."""
        self.hub_started_s: list[float] = []
        """When the hub was started again."""
        self._city = city
        self._links = links
        self._folder = folder
        self._disk = disk
        self._turns: dict[str, asyncio.Lock] = {}

    async def run(self, plan: tuple[Fault, ...]) -> None:
        """All of them, each at its time; returns when the last one is over."""
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for fault in plan:
                await asyncio.sleep(began + fault.at_s - asyncio.get_running_loop().time())
                group.create_task(self._have(fault))

    async def _have(self, fault: Fault) -> None:
        # What happens to one thing happens in turns: nobody kills what is being started.
        async with self._turns.setdefault(_thing(fault), asyncio.Lock()):
            print(f"{fault.at_s:7.1f} s  {fault.kind:14} {fault.node:14} {fault.lasts_s:.1f} s")
            await self._do(fault)
            self.done.append(fault)

    async def _do(self, fault: Fault) -> None:
        process = self._city.process_of(fault.node)
        match fault.kind:
            case Kind.KILL_DISTRICT | Kind.KILL_HUB:
                await self._kill(fault.node)
                await asyncio.sleep(fault.lasts_s)
                self._start(fault.node)
            case Kind.STOP_DISTRICT | Kind.STOP_HUB:
                process.send(signal.SIGSTOP)
                await asyncio.sleep(fault.lasts_s)
                process.send(signal.SIGCONT)
            case Kind.KILL_SERVER:
                await self._city.servers[fault.node].kill()
                await asyncio.sleep(fault.lasts_s)
                self._city.servers[fault.node].start()
            case Kind.RESTORE_DISTRICT | Kind.RESTORE_HUB:
                await self._restore(fault.node, fault.lasts_s)
            case Kind.PARTITION | Kind.DELAY | Kind.STALL:
                self._links[fault.node].set(MOODS[fault.kind])
                await asyncio.sleep(fault.lasts_s)
                self._links[fault.node].set(Mood.PASS)
            case Kind.RESETS:
                for _ in range(round(fault.lasts_s / RESET_EVERY_S)):
                    self._links[fault.node].reset()
                    await asyncio.sleep(RESET_EVERY_S)
            case Kind.FULL_DISK:
                await self._fill_disk(fault.lasts_s)
            case Kind.CLOCK:
                await self._tell(clock_file(self._folder, process.name), fault.jump_s, fault)
            case Kind.SLOW_DISK:
                await self._tell(disk_file(self._folder, process.name), SLOW_S[1], fault)

    async def _tell(self, file: Path, seconds: float, fault: Fault) -> None:
        write_seconds(file, seconds)
        await asyncio.sleep(fault.lasts_s)
        write_seconds(file, 0.0)

    async def _kill(self, node: NodeId) -> None:
        await self._city.process_of(node).kill()
        self.deaths[node].append(time.monotonic())

    def _start(self, node: NodeId) -> None:
        self._city.process_of(node).start()
        if node == HUB:
            self.hub_started_s.append(time.monotonic())

    async def _restore(self, node: NodeId, lasts_s: float) -> None:
        """Back up, let it write, lose its disk, and start it with the backup."""
        store = self._city.store_of(node)
        aside = self._folder / "lost" / f"{node}-{len(self.losses)}"
        aside.mkdir(parents=True)
        backup_s, backup = time.monotonic(), aside / "backup.sqlite"
        await asyncio.to_thread(_back_up, store, backup)
        await asyncio.sleep(lasts_s)
        await self._kill(node)
        died_s = time.monotonic()
        for file in store.parent.glob(f"{store.name}*"):
            await asyncio.to_thread(shutil.move, file, aside)
        await asyncio.to_thread(shutil.move, backup, store)
        lost = Loss(node=node, backup_s=backup_s, died_s=died_s, store=aside / store.name)
        if node == HUB and sum(loss.node == HUB for loss in self.losses) % 2:
            (store.parent / MARK_FILE).unlink()  # every second time it is another machine
        self.losses.append(lost)
        self._start(node)

    async def _fill_disk(self, lasts_s: float) -> None:
        if self._disk is None:
            raise LookupError("there is no disk that may be filled")
        ballast = self._disk / "ballast"
        await asyncio.to_thread(_fill, ballast)
        await asyncio.sleep(lasts_s)
        ballast.unlink()


def _thing(fault: Fault) -> str:
    """What of a node the fault is about: its process and store if nothing else."""
    match fault.kind:
        case Kind.KILL_SERVER:
            part = "server"
        case Kind.PARTITION | Kind.DELAY | Kind.STALL | Kind.RESETS:
            part = "link"
        case Kind.CLOCK:
            part = "clock"
        case Kind.SLOW_DISK:
            part = "disk"
        case _:
            part = "process"
    return f"{part} of {fault.node}"


def _back_up(store: Path, backup: Path) -> None:
    with opened(store) as source, contextlib.closing(sqlite3.connect(backup)) as target:
        source.backup(target)


def _fill(ballast: Path) -> None:
    """Take every byte that is left."""
    with ballast.open("wb", buffering=0) as file:
        size = len(BLOCK)
        while size:
            try:
                os.write(file.fileno(), BLOCK[:size])
            except OSError:
                size //= 2
