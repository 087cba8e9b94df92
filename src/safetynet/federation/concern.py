"""What of the hub's journal concerns a district: told as it is committed, asked for where it was missed.

A district gets entries verbatim and in order, each batch with the two positions between which nothing
else concerns it; a batch that does not begin where the last one ended shows a gap, and the gap is asked
for. It keeps them in the table ``heard``: they are the hub's words, not a journal of its own.
"""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

import structlog
from sqlalchemy import Connection, insert, select, tuple_, update

from safetynet.base.clock import Clock
from safetynet.base.errors import InvalidError, RefusedError, UnavailableError
from safetynet.base.ids import HUB, NodeId
from safetynet.federation import subjects
from safetynet.federation.bus import Bus
from safetynet.federation.messages import ConcernBatch, ConcernRequest, decode, encode
from safetynet.journal.append import Journal
from safetynet.journal.entry import EPOCH_KIND, Entry, is_canonical, parse_entry
from safetynet.journal.feed import Feed, Missed, Subscription
from safetynet.journal.rows import Folds, Head, fold, fold_again, read_head
from safetynet.store.store import Store
from safetynet.store.tables import heard, journal_entries

SAY_EVERY_S = 1.0
"""While the hub writes, each district hears this often that nothing of it concerns it."""
BATCH_ENTRIES = 256
"""Looked through together, and told in one message to each district."""
BACKLOG = 16_384
"""Entries that may wait to be told; beyond it they are asked for."""
SCANNED = 500
"""Entries that one answer looks through."""
WITHIN_S = 5.0
WAITING = 256
"""Batches. Full policy: the newest is dropped; the next one shows the gap, and it is asked for."""

log = structlog.get_logger()
Position = tuple[int, int]
Concerned = Callable[[Connection, Entry], frozenset[NodeId]]
"""The districts that an entry concerns; it may look into the hub's store."""
OnHeard = Callable[[Sequence[Entry]], Awaitable[None]]


class ConcernTeller:
    """The hub's side. Each process of it may ``answer``; one at a time is to ``run``."""

    def __init__(
        self,
        journal: Journal,
        bus: Bus,
        districts: Iterable[NodeId],
        *,
        kinds: frozenset[str],
        concerned: Concerned,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._bus = bus
        self._kinds = kinds | {EPOCH_KIND}
        self._concerned = _Remembered(concerned)
        self._clock = clock
        self._answering = asyncio.Lock()
        """One answer at a time: after a start of the hub everybody asks, and reports want the store too."""
        self._told: dict[NodeId, Position] = dict.fromkeys(districts, (0, 0))
        self._at: Position = (0, 0)

    async def answer(self) -> None:
        """Begin to answer for what was missed."""
        for node in self._told:
            await self._bus.answer(subjects.missed(node), partial(self._answer, node))

    async def run(self) -> None:
        """Tell until cancelled. What is lost on the way is asked for."""
        with self._journal.feed.subscribe(limit=BACKLOG) as subscription:
            head = await self._journal.head()
            self._at = (head.epoch, head.seq)
            self._told = dict.fromkeys(self._told, self._at)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._say())
                while True:
                    entries = await _next_batch(subscription)
                    fresh = [e for e in entries if (e.epoch, e.seq) > self._at]
                    if fresh:
                        await self._tell(fresh)

    async def _tell(self, entries: Sequence[Entry]) -> None:
        """Tell entries that follow each other. Where they do not follow what was told, all see a gap."""
        first, last = entries[0], entries[-1]
        if (first.epoch, first.seq) != (self._at[0], self._at[1] + 1):
            self._told = dict.fromkeys(self._told, (first.epoch, first.seq - 1))
        upto = (last.epoch, last.seq)
        for node, lines in sorted((await self._sort(entries)).items()):
            await self._publish(node, tuple(lines), upto)
        self._at = upto  # not before: nobody is to hear that nothing up to here concerned it

    async def _sort(self, entries: Sequence[Entry]) -> dict[NodeId, list[bytes]]:
        """Whom which of these concern."""
        kinds = [e for e in entries if e.kind in self._kinds]
        if not kinds:
            return {}

        def look(conn: Connection) -> list[frozenset[NodeId]]:
            everybody = frozenset(self._told)
            return [
                everybody if e.kind == EPOCH_KIND else self._concerned.find(conn, e) & everybody
                for e in kinds
            ]

        found: dict[NodeId, list[bytes]] = {}
        for entry, nodes in zip(kinds, await self._journal.store.read(look), strict=True):
            for node in nodes:
                found.setdefault(node, []).append(entry.line)
        return found

    async def _say(self) -> None:
        while True:
            await self._clock.sleep(SAY_EVERY_S)
            for node in [n for n, told in self._told.items() if told < self._at]:
                await self._publish(node, (), self._at)

    async def _publish(self, node: NodeId, lines: tuple[bytes, ...], upto: Position) -> None:
        after, self._told[node] = self._told[node], upto
        batch = ConcernBatch(
            after_epoch=after[0],
            after_seq=after[1],
            epoch=upto[0],
            seq=upto[1],
            entries=lines,
        )
        try:
            await self._bus.publish(subjects.concern(node), encode(batch))
        except UnavailableError as error:
            log.info("concern.not_told", of=node, code=error.code)

    async def _answer(self, node: NodeId, data: bytes) -> bytes:
        asked = decode(data, ConcernRequest)
        after = (asked.after_epoch, asked.after_seq)
        async with self._answering:
            batch = await self._journal.store.read(lambda conn: self._read(conn, node, after))
        return encode(batch)

    def _read(self, conn: Connection, node: NodeId, after: Position) -> ConcernBatch:
        own = self._journal.node
        head = read_head(conn, own)
        c = journal_entries.c
        later = tuple_(c.epoch, c.seq) > after  # in one: else the whole epoch is looked through
        statement = (
            select(c.line)
            .where(c.node == own, later, c.kind.in_(self._kinds), c.superseded_by.is_(None))
            .order_by(c.epoch, c.seq)
            .limit(SCANNED)
        )
        entries = [parse_entry(line) for line in conn.scalars(statement)]
        if len(entries) < SCANNED:
            upto = max((head.epoch, head.seq), after)
        else:
            upto = (entries[-1].epoch, entries[-1].seq)
        mine = (
            e.line for e in entries if e.kind == EPOCH_KIND or node in self._concerned.find(conn, e)
        )
        return ConcernBatch(
            after_epoch=after[0],
            after_seq=after[1],
            epoch=upto[0],
            seq=upto[1],
            entries=tuple(mine),
        )


class _Remembered:
    """Whom an entry concerns, found once for all who ask: that takes several looks into the store."""

    def __init__(self, concerned: Concerned) -> None:
        self._concerned = concerned
        self._found: OrderedDict[Position, frozenset[NodeId]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, conn: Connection, entry: Entry) -> frozenset[NodeId]:
        """The districts; in any thread."""
        at = (entry.epoch, entry.seq)
        with self._lock:
            found = self._found.get(at)
        if found is None:
            found = self._concerned(conn, entry)
            with self._lock:
                self._found[at] = found
                while len(self._found) > BACKLOG:
                    self._found.popitem(last=False)
        return found


async def _next_batch(subscription: Subscription) -> list[Entry]:
    """What waits, up to ``BATCH_ENTRIES`` that follow each other; at least one, or word of a gap."""
    batch: list[Entry] = []
    while len(batch) < BATCH_ENTRIES:
        item = await subscription.next() if not batch else subscription.find_next()
        if item is None:
            break
        if isinstance(item, Missed):  # what comes next does not follow: a gap, and it is asked for
            log.info("concern.missed", seq=item.seq)
            break
        batch.append(item)
    return batch


class ConcernCopy:
    """A district's side: what the hub said that concerns it, kept, folded and handed on in order."""

    def __init__(self, node: NodeId, store: Store, bus: Bus, folds: Folds, take: OnHeard) -> None:
        self.broken = False
        """True where what came cannot be the hub's: nothing more is taken, an operator must look."""
        self.feed = Feed()
        """What was heard, once it is kept."""
        self._node = node
        self._store = store
        self._bus = bus
        self._folds = folds
        self._take = take
        self._batches: asyncio.Queue[ConcernBatch | None] = asyncio.Queue(WAITING)
        self._at: Position = (0, 0)
        self._said: Position = (0, 0)

    async def run(self) -> None:
        """Take what comes and ask for what is missing, until cancelled or broken."""
        last = await self._store.read(last_heard)
        self._at = (last.epoch, last.seq) if last.seq else (0, 0)
        await self._bus.subscribe(subjects.concern(self._node), self._hear)
        while not self.broken:
            batch = await self._batches.get()
            try:
                if batch is not None:
                    await self._apply(batch)
                while not self.broken and self._at < self._said:
                    if not await self._ask():
                        break
            except (UnavailableError, InvalidError) as error:
                log.info("concern.waiting", of=self._node, code=error.code)
            except RefusedError as error:
                self.broken = True
                log.error("concern.broken", of=self._node, code=error.code, why=error.message)

    def hear_hub(self, epoch: int, seq: int) -> None:
        """The hub is alive and its journal is so far; only after a restart this may be news."""
        if self._said == (0, 0):
            self._note((epoch, seq), None)

    async def _hear(self, _: str, data: bytes) -> None:
        batch = decode(data, ConcernBatch)
        self._note((batch.epoch, batch.seq), batch)

    def _note(self, said: Position, batch: ConcernBatch | None) -> None:
        self._said = max(self._said, said)
        try:
            self._batches.put_nowait(batch)
        except asyncio.QueueFull:
            log.info("concern.batch_dropped", of=self._node)

    async def _ask(self) -> bool:
        """Ask for what is missing; False where the answer brought nothing on."""
        before = self._at
        request = ConcernRequest(after_epoch=before[0], after_seq=before[1])
        reply = await self._bus.ask(subjects.missed(self._node), encode(request), WITHIN_S)
        await self._apply(decode(reply, ConcernBatch))
        return self._at > before

    async def _apply(self, batch: ConcernBatch) -> None:
        """A batch that begins later than we are is left: it is asked for with what lies between."""
        if (batch.after_epoch, batch.after_seq) > self._at or (batch.epoch, batch.seq) <= self._at:
            return
        entries = [_read(line) for line in batch.entries]
        fresh = [e for e in entries if (e.epoch, e.seq) > self._at]
        try:
            await self._store.write(lambda conn: _keep(conn, fresh, self._folds))
        except (RefusedError, InvalidError, UnavailableError):
            raise
        except Exception as error:  # a fold may trip over foreign bytes in any way
            why = f"what the hub said does not fit what is here: {type(error).__name__}"
            raise RefusedError("concern.not_folded", why) from error
        self._at = (batch.epoch, batch.seq)
        self.feed.publish(fresh)
        if fresh:
            await self._take(fresh)


def last_heard(conn: Connection) -> Head:
    """The last of the hub's entries that is kept here."""
    c = heard.c
    row = conn.execute(
        select(c.epoch, c.seq, c.leaf).order_by(c.epoch.desc(), c.seq.desc()).limit(1)
    ).first()
    return Head() if row is None else Head(epoch=row.epoch, seq=row.seq, leaf=row.leaf)


def _read(line: bytes) -> Entry:
    entry = parse_entry(line)
    if entry.node != HUB or not is_canonical(line):
        raise RefusedError("concern.foreign", "no entry of the hub", of=entry.node)
    return entry


def _keep(conn: Connection, entries: Sequence[Entry], folds: Folds) -> None:
    last = last_heard(conn)
    for entry in entries:
        if (entry.epoch, entry.seq) <= (last.epoch, last.seq):
            raise RefusedError("concern.order", "entries are out of order", seq=entry.seq)
        follows = (entry.epoch, entry.seq) == (last.epoch, last.seq + 1)
        if follows and last.seq and entry.prev != last.leaf:
            raise RefusedError("concern.chain", "the chain does not hold", seq=entry.seq)
        if entry.epoch > last.epoch:
            _leave_branch(conn, entry, folds)
        conn.execute(insert(heard).values(_row(entry)))
        fold(conn, [entry], folds)
        last = Head(epoch=entry.epoch, seq=entry.seq, leaf=entry.leaf)


def _leave_branch(conn: Connection, entry: Entry, folds: Folds) -> None:
    """The hub lost its newest entries and began a new epoch below them: they count no more, and what was
    folded from them is gone. The same report told again may open another incident."""
    c = heard.c
    lost = (c.epoch < entry.epoch) & (c.seq >= entry.seq) & c.superseded_by.is_(None)
    if conn.execute(update(heard).where(lost).values(superseded_by=entry.epoch)).rowcount:
        fold_again(conn, entry.node, folds, heard)
        log.warning("concern.began_anew", of=entry.node, epoch=entry.epoch, seq=entry.seq)


def _row(entry: Entry) -> dict[str, object]:
    return {
        "node": entry.node,
        "epoch": entry.epoch,
        "seq": entry.seq,
        "time": entry.time,
        "kind": entry.kind,
        "leaf": entry.leaf,
        "line": entry.line,
        "superseded_by": None,
    }
