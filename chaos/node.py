"""A node under chaos: the product's own process, with a wall clock that can jump, or with a fault built in.

``python -m chaos.node CLOCK_FILE SPOIL hub|district --config FILE``. ``SPOIL`` is ``none``, ``drop`` (the hub
acknowledges one report that it never wrote) or ``double`` (a district uses one sequence twice): builds that the
harness must find out, or it proves nothing.
"""

import struct
import sys
from datetime import datetime, timedelta
from pathlib import Path

import safetynet.app.district.process
import safetynet.app.hub.process
from safetynet.app import cli
from safetynet.app.hub.intake import Intake
from safetynet.base.clock import SystemClock
from safetynet.base.ids import IncidentId, NodeId
from safetynet.incident.model import Accepted, IncidentState, Report
from safetynet.journal.append import Change
from safetynet.journal.entry import Draft, Entry
from safetynet.journal.rows import Head

OFFSET = struct.Struct("<d")
DROPPED = 20
"""The report that is acknowledged and never written."""
DOUBLED = 2
"""The least sequence that is used again."""


class JumpingClock(SystemClock):
    """The machine's clock, its wall time moved by the seconds in a file."""

    file = Path()

    def now(self) -> datetime:
        """The wall time as this node believes it."""
        return super().now() + timedelta(seconds=read_offset(self.file))


def read_offset(file: Path) -> float:
    """Seconds; 0 where nobody wrote any."""
    try:
        return float(OFFSET.unpack(file.read_bytes())[0])
    except (OSError, struct.error):
        return 0.0


def write_offset(file: Path, seconds: float) -> None:
    """Have every node with this file jump."""
    file.write_bytes(OFFSET.pack(seconds))


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


SPOILING = {"none": lambda: None, "drop": spoil_by_dropping, "double": spoil_by_doubling}


def main() -> int:
    """Run the product's command in this process."""
    file, spoil, *arguments = sys.argv[1:]
    JumpingClock.file = Path(file)
    for process in (safetynet.app.hub.process, safetynet.app.district.process):
        process.SystemClock = JumpingClock  # type: ignore[attr-defined]  # where the clock is given in
    SPOILING[spoil]()
    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
