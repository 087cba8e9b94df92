"""Handing committed entries, in order, to whoever listens."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from safetynet.base.ids import NodeId
from safetynet.journal.entry import Entry


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """The listener was too slow: everything from this entry on must be asked for by range."""

    node: NodeId
    epoch: int
    seq: int


class Subscription:
    """One listener's bounded queue.

    Full policy: what waits is thrown away and the listener gets one ``Missed`` in its place; the
    journal itself is where it reads what it missed. ``overruns`` counts these.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Entry] = deque()
        self._missed: Missed | None = None
        self._wake = asyncio.Event()
        self.overruns = 0

    async def next(self) -> Entry | Missed:
        """The next committed entry, or word that some were missed."""
        while not self._waiting and self._missed is None:
            self._wake.clear()
            await self._wake.wait()
        if self._missed is not None:
            missed, self._missed = self._missed, None
            return missed
        return self._waiting.popleft()

    def find_next(self) -> Entry | Missed | None:
        """What is there already, without waiting; None where nothing is."""
        if self._missed is not None:
            missed, self._missed = self._missed, None
            return missed
        return self._waiting.popleft() if self._waiting else None

    def push(self, entry: Entry) -> None:
        """Take an entry; never waits."""
        if len(self._waiting) >= self._limit:
            first = self._waiting[0]
            self._missed = self._missed or Missed(node=first.node, epoch=first.epoch, seq=first.seq)
            self._waiting.clear()
            self.overruns += 1
        self._waiting.append(entry)
        self._wake.set()


class Feed:
    """The listeners of one journal, or of all followed ones."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []
        self.mark: Callable[[Entry], None] | None = None
        """Called with the last of what was committed before anybody can act on it (``mark.HeadMark.note``)."""

    @contextmanager
    def subscribe(self, *, limit: int = 1024) -> Iterator[Subscription]:
        """Listen from now on, until the block ends."""
        subscription = Subscription(limit)
        self._subscriptions.append(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.remove(subscription)

    def publish(self, entries: Sequence[Entry]) -> None:
        """Hand on entries that are committed; called on the loop, in order of commit."""
        if self.mark is not None and entries:
            self.mark(entries[-1])
        for subscription in self._subscriptions:
            for entry in entries:
                subscription.push(entry)
