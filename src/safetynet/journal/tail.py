"""The end of a journal that several processes append to: every process hears all of it, in order."""

import asyncio
import contextlib
from collections.abc import Sequence

import structlog

from safetynet.base.clock import Clock
from safetynet.base.errors import UnavailableError
from safetynet.base.ids import NodeId
from safetynet.journal.entry import Entry
from safetynet.journal.feed import Feed
from safetynet.journal.read import MAX_RANGE, read_range
from safetynet.journal.rows import Head, read_head
from safetynet.store.notify import Announcement, listen
from safetynet.store.store import Store

LOOK_EVERY_S = 1.0
"""An announcement that was lost is healed after this long."""

log = structlog.get_logger()

type _Position = tuple[int, int]
"""Epoch and sequence, which order positions in this order."""


class Tail:
    """Hands on a node's entries, in order, whichever process committed them.

    What this process commits is handed on at once as long as it follows what was handed on before.
    Where others came between, and where they announce more, the range is read from SQL.
    """

    def __init__(self, node: NodeId, store: Store, feed: Feed, clock: Clock) -> None:
        self._node = node
        self._store = store
        self._feed = feed
        self._clock = clock
        self._at: _Position | None = None
        """The last entry handed on; None: begin with whatever is next."""
        self._behind = asyncio.Event()
        self.begun = asyncio.Event()
        """Set as soon as nothing that is committed is missed any more."""

    def take(self, entries: Sequence[Entry]) -> None:
        """Entries that this process committed; called on the loop, in order of commit."""
        for entry in entries:
            if self._is_known(entry):
                continue
            if self._at is not None and entry.seq != self._at[1] + 1:
                self._behind.set()
                return
            self._hand_on(entry)

    async def run(self) -> None:
        """Listen, look from time to time, and hand on what others wrote, until cancelled."""
        channel = _channel(self._node)
        async with asyncio.TaskGroup() as group:
            group.create_task(listen(self._store.url, channel, self._hear, self._clock))
            while True:
                await self._catch_up()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY_S):
                        await self._behind.wait()

    def _hear(self, text: str | None) -> None:
        position = None if text is None else _read_position(text)
        if position is None or self._at is None or position > self._at:
            self._behind.set()

    async def _catch_up(self) -> None:
        self._behind.clear()
        try:
            if self._at is None:
                await self._begin()
            while await self._read_on() == MAX_RANGE:
                pass
        except UnavailableError as error:
            log.info("journal.watch_waits", of=self._node, code=error.code)

    async def _begin(self) -> None:
        """Take the head as what was handed on; by a write, so that it comes between our commits."""
        await self._store.write(lambda conn: read_head(conn, self._node), committed=self._begin_at)

    def _begin_at(self, head: Head) -> None:
        if self._at is None:  # else our own entries were handed on before
            self._at = (head.epoch, head.seq)
            self.begun.set()

    async def _read_on(self) -> int:
        epoch, seq = self._at or (0, 0)
        entries = await read_range(self._store, self._node, after_epoch=epoch, after_seq=seq)
        for entry in entries:
            if not self._is_known(entry):
                self._hand_on(entry)
        return len(entries)

    def _is_known(self, entry: Entry) -> bool:
        return self._at is not None and (entry.epoch, entry.seq) <= self._at

    def _hand_on(self, entry: Entry) -> None:
        self._at = (entry.epoch, entry.seq)
        self.begun.set()
        self._feed.publish((entry,))


def announcement(node: NodeId, entries: Sequence[Entry]) -> Announcement | None:
    """What a process says with its commit: up to where the node's journal now goes."""
    if not entries:
        return None
    return _channel(node), f"{entries[-1].epoch}.{entries[-1].seq}"


def _channel(node: NodeId) -> str:
    return f"safetynet.journal.{node}"


def _read_position(text: str) -> _Position | None:
    epoch, _, seq = text.partition(".")
    return (int(epoch), int(seq)) if epoch.isdecimal() and seq.isdecimal() else None
