"""A node under chaos: the product's own process, with a clock that jumps and a disk that is slow when the harness
says so, with notes at its door, or with a fault built in.

``python -m chaos.node FOLDER NAME SPOIL hub|district --config FILE``. ``SPOIL`` is ``none``, ``drop`` (the hub
acknowledges one report that it never wrote), ``double`` (a district uses one sequence twice) or ``late`` (a district
cuts three seconds late): builds that the harness must find out, or it proves nothing.
"""

import asyncio
import random
import struct
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
from chaos.witness import open_notes, watch_owner

import safetynet.app.district.process
import safetynet.app.hub.process
import safetynet.services.trigger
from safetynet.app import cli
from safetynet.app.district.line import WorkerLine
from safetynet.app.hub.intake import Intake
from safetynet.base.clock import SystemClock
from safetynet.base.ids import IncidentId, NodeId
from safetynet.incident.model import Accepted, IncidentState, Report
from safetynet.journal.append import Change
from safetynet.journal.entry import Draft, Entry
from safetynet.journal.rows import Head
from safetynet.store.store import Store
from safetynet.video import ipc
from safetynet.video.ipc import ToWorker

SECONDS = struct.Struct("<d")
SLOW_S = (0.05, 0.5)
"""How long a commit takes at least and at most, while the disk is slow."""
LEASE_S, HARD_END_S = 8.0, 14.0
"""Of the grants under chaos, so that both ends come often in a run of minutes."""
DROPPED = 20
"""The report that is acknowledged and never written."""
DOUBLED = 2
"""The least sequence that is used again."""
LATE_S = 3.0
"""How long a cut is put off."""


class JumpingClock(SystemClock):
    """The machine's clock, its wall time moved by the seconds in a file."""

    file = Path()

    def now(self) -> datetime:
        """The wall time as this node believes it."""
        return super().now() + timedelta(seconds=read_seconds(self.file))


def slow_disk(file: Path) -> Callable[[], None]:
    """What a store does before each commit: wait, for as long as the file says at most."""
    chance = random.Random(file.name)

    def before_commit() -> None:
        if longest_s := read_seconds(file):
            time.sleep(chance.uniform(min(SLOW_S[0], longest_s), longest_s))

    return before_commit


def clock_file(folder: Path, name: str) -> Path:
    """By how much the clock of a process is wrong."""
    return folder / f"clock-{name}"


def disk_file(folder: Path, name: str) -> Path:
    """How long a commit of a process may take."""
    return folder / f"disk-{name}"


def notes_file(folder: Path, name: str) -> Path:
    """What a process noted at its door."""
    return folder / "notes" / f"{name}.jsonl"


def read_seconds(file: Path) -> float:
    """What the harness told; 0 where it told nothing."""
    try:
        return float(SECONDS.unpack(file.read_bytes())[0])
    except (OSError, struct.error):
        return 0.0


def write_seconds(file: Path, seconds: float) -> None:
    """Tell the process that reads this file."""
    file.write_bytes(SECONDS.pack(seconds))


def spoil_by_dropping() -> None:
    """One report is acknowledged and never written."""
    accept = Intake.accept
    count = 0

    async def spoiled(self: Intake, report: Report) -> Accepted:
        nonlocal count
        count += 1
        if count == DROPPED:
            gone = IncidentId("inc_dropped")
            return Accepted(incident=gone, report=report.id, new=True, state=IncidentState.OPEN)
        return await accept(self, report)

    Intake.accept = spoiled  # type: ignore[method-assign]  # that is the point


def spoil_by_doubling() -> None:
    """A district forgets an entry that it has handed on, and gives its number to the next one."""
    append = Change.append
    done = False

    def spoiled(self: Change, *drafts: Draft) -> list[Entry]:
        nonlocal done
        if drafts and not done and self._head.seq >= DOUBLED:
            done = True
            _forget_last(self, self._node)
        return append(self, *drafts)

    Change.append = spoiled  # type: ignore[method-assign]  # that is the point


def _forget_last(change: Change, node: NodeId) -> None:
    head = change._head
    where = f"node = '{node}' AND seq = {head.seq - 1}"
    before = change.conn.exec_driver_sql(
        f"SELECT epoch, seq, leaf FROM journal_entries WHERE {where}"
    ).one()
    change.conn.exec_driver_sql(
        f"DELETE FROM journal_entries WHERE node = '{node}' AND seq = {head.seq}"
    )
    change._head = Head(epoch=before.epoch, seq=before.seq, leaf=before.leaf)


def spoil_by_cutting_late() -> None:
    """A district lets pictures go on for a while after their end."""
    send = WorkerLine.send

    def spoiled(self: WorkerLine, message: ToWorker) -> None:
        if isinstance(message, ipc.Cut):
            asyncio.get_running_loop().call_later(LATE_S, send, self, message)
            return
        if isinstance(message, ipc.Extend | ipc.Verdict):
            message = msgspec.structs.replace(message, lease_s=message.lease_s + LATE_S)
        send(self, message)

    WorkerLine.send = spoiled  # type: ignore[method-assign]  # that is the point


SPOILING = {
    "none": lambda: None,
    "drop": spoil_by_dropping,
    "double": spoil_by_doubling,
    "late": spoil_by_cutting_late,
}


def main() -> int:
    """Run the product's command in this process."""
    folder, name, spoil, *arguments = sys.argv[1:]
    JumpingClock.file = clock_file(Path(folder), name)
    store = partial(Store, before_commit=slow_disk(disk_file(Path(folder), name)))
    for process in (safetynet.app.hub.process, safetynet.app.district.process):
        process.SystemClock = JumpingClock  # type: ignore[attr-defined]  # where they are given in
        process.Store = store  # type: ignore[attr-defined]
    safetynet.services.trigger.LEASE_S = LEASE_S  # type: ignore[misc]  # quicker than the law's
    safetynet.services.trigger.HARD_END_S = HARD_END_S  # type: ignore[misc]
    if arguments[0] == "district":
        watch_owner(open_notes(notes_file(Path(folder), name)))
    SPOILING[spoil]()
    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
