"""Journals on the move: a node publishes its own, another follows it and asks for gaps by range."""

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from safetynet.base.errors import InvalidError, RefusedError, UnavailableError
from safetynet.base.ids import NodeId
from safetynet.federation import subjects
from safetynet.federation.bus import Bus
from safetynet.federation.messages import Beat, EntryBatch, RangeRequest, decode, encode
from safetynet.journal.append import Journal
from safetynet.journal.entry import Entry
from safetynet.journal.feed import Missed, Subscription
from safetynet.journal.follow import Applied, Follower
from safetynet.journal.read import MAX_RANGE, read_lines
from safetynet.store.store import Store

BATCH_ENTRIES = 64
APPLIED_AT_ONCE = 500
"""Entries of what waits that are applied in one transaction, about."""
RANGE_WITHIN_S = 5.0
MAX_RANGE_BYTES = 4 << 20
"""Of entries in one answer to a range; below the servers' ``max_payload``."""
WAITING_BATCHES = 256
"""Per followed node. Full policy: the newest is dropped; the next beat shows the gap, and the range
is asked for."""

log = structlog.get_logger()


class Publisher:
    """Sends what a journal commits, in order, and answers for its ranges.

    Each process of a node may ``answer``; one at a time is to ``run``. Between one that ended and the
    next nothing is published: followers see the gap in the next beat and ask for the range.
    """

    def __init__(self, journal: Journal, bus: Bus) -> None:
        self._journal = journal
        self._bus = bus

    async def answer(self) -> None:
        """Begin to answer for ranges."""
        await self._bus.answer(subjects.entry_range(self._journal.node), self._answer_range)

    async def run(self) -> None:
        """Publish until cancelled. What is lost on the way is asked for by range."""
        node = self._journal.node
        with self._journal.feed.subscribe() as subscription:
            while True:
                batch = await _next_batch(subscription)
                if batch:
                    await self._publish(node, batch)

    async def _publish(self, node: NodeId, batch: Sequence[Entry]) -> None:
        message = EntryBatch(node=node, entries=tuple(entry.line for entry in batch))
        try:
            await self._bus.publish(subjects.journal(node), encode(message))
        except UnavailableError as error:
            log.info("journal.publish_failed", code=error.code, first=batch[0].seq)

    async def _answer_range(self, data: bytes) -> bytes:
        return await answer_range(self._journal.store, self._journal.node, data)


async def answer_range(store: Store, node: NodeId, data: bytes) -> bytes:
    """Answer a ``RangeRequest`` with entries of ``node`` as they stand in a store."""
    request = decode(data, RangeRequest)
    lines = await read_lines(
        store,
        node,
        after_epoch=request.after_epoch,
        after_seq=request.after_seq,
        limit=max(request.limit, 1),
    )
    return encode(EntryBatch(node=node, entries=_as_many_as_fit(lines)))


def _as_many_as_fit(lines: Iterable[bytes]) -> tuple[bytes, ...]:
    """The first lines that fit one message, at least one; the asker asks for the rest."""
    taken: list[bytes] = []
    room = MAX_RANGE_BYTES
    for line in lines:
        room -= len(line)
        if taken and room < 0:
            break
        taken.append(line)
    return tuple(taken)


async def _next_batch(subscription: Subscription) -> list[Entry]:
    batch: list[Entry] = []
    while len(batch) < BATCH_ENTRIES:
        item = await subscription.next() if not batch else subscription.find_next()
        if item is None:
            break
        if isinstance(item, Missed):
            log.info("journal.publish_missed", of=item.node, seq=item.seq)
            break
        batch.append(item)
    return batch


class Replica:
    """Follows one other node's journal."""

    def __init__(self, node: NodeId, follower: Follower, bus: Bus) -> None:
        self.node = node
        self.broken = False
        """True where the chain broke: nothing more is taken, an operator must look."""
        self._follower = follower
        self._bus = bus
        self._batches: asyncio.Queue[Sequence[bytes]] = asyncio.Queue(WAITING_BATCHES)
        self._announced = (0, 0)

    def hear_batch(self, batch: EntryBatch) -> None:
        """Take a published batch; never waits."""
        try:
            self._batches.put_nowait(batch.entries)
        except asyncio.QueueFull:
            log.info("replica.batch_dropped", of=self.node)

    def hear_beat(self, beat: Beat) -> None:
        """A beat tells how far the journal is; a gap is found even where nothing is published."""
        self._announced = (beat.epoch, beat.head)
        if self._batches.empty():
            self._batches.put_nowait(())

    async def run(self) -> None:
        """Apply what comes and fetch what is missing, until cancelled or broken."""
        while not self.broken:
            lines = await self._next_lines()
            try:
                applied = await self._apply(lines)
                while applied is not None and self._is_behind(applied):
                    applied = await self._fetch(applied)
            except (UnavailableError, InvalidError) as error:
                log.info("replica.waiting", of=self.node, code=error.code)

    async def _next_lines(self) -> list[bytes]:
        """All that waits, up to a bound: what comes while a commit is under way shares the next one."""
        lines = list(await self._batches.get())
        while len(lines) < APPLIED_AT_ONCE and not self._batches.empty():
            lines += self._batches.get_nowait()
        return lines

    def _is_behind(self, applied: Applied) -> bool:
        head = (applied.head.epoch, applied.head.seq)
        return applied.gap is not None or head < self._announced

    async def _fetch(self, applied: Applied) -> Applied | None:
        request = RangeRequest(
            after_epoch=applied.head.epoch, after_seq=applied.head.seq, limit=MAX_RANGE
        )
        reply = await self._bus.ask(
            subjects.entry_range(self.node), encode(request), RANGE_WITHIN_S
        )
        lines = decode(reply, EntryBatch).entries
        if not lines:
            self._announced = (applied.head.epoch, applied.head.seq)
            return None
        now = await self._apply(lines)
        # An answer that brings nothing new is asked for again at the next beat, not at once.
        return now if now is not None and now.applied else None

    async def _apply(self, lines: Sequence[bytes]) -> Applied | None:
        try:
            applied = await self._follower.apply(self.node, lines)
        except RefusedError as error:
            log.error("replica.refused", of=self.node, code=error.code)
            self.broken = True
            return None
        if applied.broken is not None:
            self.broken = True
            return None
        return applied
