"""Looking into nodes' stores from outside, while they run: what is on disk, and when it came there."""

import asyncio
import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetynet.base.ids import NodeId
from safetynet.journal.entry import read_time

LOOK_EVERY_S = 0.001


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A store on SQLite, read only, without disturbing who writes it."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as conn:
        yield conn


def read_lines(path: Path, node: NodeId) -> list[bytes]:
    """The journal of a node as a store has it, in order."""
    with opened(path) as conn:
        rows = conn.execute(
            "SELECT line FROM journal_entries WHERE node = ? AND superseded_by IS NULL "
            "ORDER BY epoch, seq",
            (node,),
        )
        return [line for (line,) in rows]


def read_height(path: Path, node: NodeId) -> int:
    """The sequence up to which a store has a node's journal."""
    with opened(path) as conn:
        row = conn.execute("SELECT seq FROM nodes WHERE node = ?", (node,)).fetchone()
        return int(row[0]) if row else 0


def count_reports(path: Path) -> Counter[str]:
    """How often each sender's number was accepted, by the folded reports."""
    with opened(path) as conn:
        return Counter(key for (key,) in conn.execute("SELECT key FROM reports"))


class Arrivals:
    """Notes when entries of other nodes come to be on disk at a hub."""

    def __init__(self, path: Path) -> None:
        self.took_s: dict[tuple[str, int], float] = {}
        """By node and sequence: from the owner's time in the entry to when it was seen on disk here."""
        self._path = path

    async def run(self) -> None:
        """Look each millisecond, from now until cancelled."""
        with opened(self._path) as conn:
            (last,) = conn.execute("SELECT coalesce(max(rowid), 0) FROM journal_entries").fetchone()
            version = -1
            while True:
                (now,) = conn.execute("PRAGMA data_version").fetchone()
                if now != version:
                    version = now
                    last = self._take(conn, last)
                await asyncio.sleep(LOOK_EVERY_S)

    def _take(self, conn: sqlite3.Connection, last: int) -> int:
        rows = conn.execute(
            "SELECT rowid, node, seq, time FROM journal_entries WHERE rowid > ? AND node <> 'hub'",
            (last,),
        ).fetchall()
        seen = time.time()
        for _, node, seq, stamp in rows:
            self.took_s[node, seq] = seen - read_time(stamp).timestamp()
        return max((row[0] for row in rows), default=last)
