"""Keeping another node's journal: verified, verbatim, folded."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

import msgspec
import structlog
from sqlalchemy import Connection, bindparam, delete, select, update

from safetynet.base.clock import Clock
from safetynet.base.errors import InvalidError, NotFoundError, RefusedError, UnavailableError
from safetynet.base.ids import NodeId
from safetynet.journal.chain import Rule, check_next, check_position, known_epoch
from safetynet.journal.entry import Entry, is_canonical, parse_entry, time_text
from safetynet.journal.feed import Feed
from safetynet.journal.rows import (
    Folds,
    Head,
    fold_again,
    read_head,
    read_leaf,
    store_entries,
)
from safetynet.journal.snapshot import rebuild
from safetynet.store.faults import translate
from safetynet.store.store import Store
from safetynet.store.tables import journal_entries, nodes

log = structlog.get_logger()


class NodeState(StrEnum):
    """How a followed journal stands, in the table ``nodes``."""

    GOOD = "good"
    BROKEN = "broken"
    """Its chain broke, or an entry cannot be folded: nothing more is taken until an operator
    reinstates it."""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Entries are missing: ask for everything after ``after_epoch``/``after_seq``."""

    after_epoch: int
    after_seq: int
    got_epoch: int
    got_seq: int


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """The chain does not hold at this entry."""

    rule: Rule
    epoch: int
    seq: int
    line: bytes


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch."""

    head: Head
    """Where the journal stands now."""
    applied: int
    duplicates: int
    gap: Gap | None = None
    broken: Break | None = None


PIECE_BYTES = 256 << 10
"""Of entries that are applied in one transaction, about: some 1,300 cameras, or 600 ordinary entries."""


class Follower:
    """Applies other nodes' entries; idempotent, in order, and loud where a chain breaks."""

    def __init__(self, store: Store, clock: Clock, folds: Folds) -> None:
        self.store = store
        self.feed = Feed()
        """Followed entries, once committed, of all nodes."""
        self._clock = clock
        self._folds = folds
        self._at_length = asyncio.Lock()
        """Of what is too long for one transaction, one piece at a time: so that what this node itself
        has to write waits for one piece, however many districts come at once with all their cameras."""

    async def apply(self, node: NodeId, lines: Sequence[bytes]) -> Applied:
        """Take entries as they came from ``node``, in the order they came; many in several transactions.

        Stops at a gap (keep nothing past it, ask by range) and at a break (keeps the refused line
        as evidence and refuses the node from then on). An entry that cannot be folded is a break:
        its bytes are another's, and whatever they are, only that node is lost. Raises
        ``RefusedError`` ``journal.node_broken`` where the node's chain broke before.
        """
        pieces = list(_cut_up(lines))
        if len(pieces) == 1:
            result = await self._apply_piece(node, pieces[0])
        else:
            result = await self._apply_pieces(node, pieces)
        if (broken := result.broken) is not None:
            log.error(
                "journal.broken", of=node, rule=broken.rule, epoch=broken.epoch, seq=broken.seq
            )
        return result

    async def _apply_pieces(self, node: NodeId, pieces: Iterable[Sequence[bytes]]) -> Applied:
        applied = duplicates = 0
        for piece in pieces:
            async with self._at_length:
                result = await self._apply_piece(node, piece)
            applied, duplicates = applied + result.applied, duplicates + result.duplicates
            if result.gap is not None or result.broken is not None:
                break
        return msgspec.structs.replace(result, applied=applied, duplicates=duplicates)

    async def _apply_piece(self, node: NodeId, lines: Sequence[bytes]) -> Applied:
        try:
            return await self._write(node, lines, alone=False)
        except (RefusedError, UnavailableError):
            raise
        except Exception as error:  # noqa: BLE001 - a fold may trip over foreign bytes in any way
            log.error("journal.not_folded", of=node, error=type(error).__name__)
            return await self._write(node, lines, alone=True)

    async def state(self, node: NodeId) -> NodeState:
        """How this node's journal stands here."""
        return await self.store.read(lambda conn: _state(conn, node))

    async def head(self, node: NodeId) -> Head:
        """Up to where this node's journal is applied here."""
        return await self.store.read(lambda conn: read_head(conn, node))

    async def reinstate(self, node: NodeId, *, after: int | None = None) -> None:
        """Take entries of a broken node again, from the last good one; an operator's decision.

        ``after``: from that sequence on. Then the copy's later entries are taken out of the store,
        for the node's own to come in their place: see that ``list_after`` of them is kept somewhere.
        Raises ``NotFoundError`` ``journal.no_copy`` where there is no such entry, or no copy at all.
        """
        await self.store.write(lambda conn: self._reinstate(conn, node, after))

    async def list_after(self, node: NodeId, after: int) -> list[bytes]:
        """Lines of a node's copy beyond a sequence, those of branches left behind too."""
        c = journal_entries.c
        found = select(c.line).where(c.node == node, c.seq > after).order_by(c.epoch, c.seq)
        return [bytes(x) for x in await self.store.read(lambda conn: conn.scalars(found).all())]

    async def rebuild(self, node: NodeId) -> int:
        """Drop a node's folded rows and fold its journal again; returns the entries read."""
        return await self.store.write(lambda conn: fold_again(conn, node, self._folds))

    async def _write(self, node: NodeId, lines: Sequence[bytes], *, alone: bool) -> Applied:
        result, _ = await self.store.write(
            lambda conn: self._apply(conn, node, lines, alone=alone),
            committed=lambda r: self.feed.publish(r[1]),
        )
        return result

    def _apply(
        self, conn: Connection, node: NodeId, lines: Sequence[bytes], *, alone: bool
    ) -> tuple[Applied, list[Entry]]:
        if _state(conn, node) is NodeState.BROKEN:
            raise RefusedError("journal.node_broken", "this node's chain is broken", node=node)
        batch = _Batch(conn, node, self._folds)
        take = batch.take_alone if alone else batch.take
        for line in lines:
            if not take(line):
                break
        batch.flush()
        if batch.broken is not None:
            self._quarantine(conn, node, batch.broken)
        applied = Applied(
            head=batch.head,
            applied=len(batch.kept),
            duplicates=batch.duplicates,
            gap=batch.gap,
            broken=batch.broken,
        )
        return applied, batch.kept

    def _reinstate(self, conn: Connection, node: NodeId, after: int | None) -> None:
        values: dict[str, object] = {
            "state": NodeState.GOOD,
            "changed_at": time_text(self._clock.now()),
        }
        if after is not None:
            values |= msgspec.structs.asdict(_cut(conn, node, after))
        done = conn.execute(update(nodes).where(nodes.c.node == node).values(values))
        if done.rowcount == 0:
            raise NotFoundError("journal.no_copy", "this store has no copy of it", node=node)
        if after is not None:
            rebuild(conn, node, self._folds)

    def _quarantine(self, conn: Connection, node: NodeId, broken: Break) -> None:
        head = read_head(conn, node)
        values = {
            "state": NodeState.BROKEN,
            "broken_rule": broken.rule,
            "broken_epoch": broken.epoch,
            "broken_seq": broken.seq,
            "broken_line": broken.line,
            "changed_at": time_text(self._clock.now()),
        }
        if conn.execute(update(nodes).where(nodes.c.node == node).values(values)).rowcount == 0:
            conn.execute(
                nodes.insert().values(
                    node=node, epoch=head.epoch, seq=head.seq, leaf=head.leaf, **values
                )
            )


class _Batch:
    """One batch on its way into the store."""

    def __init__(self, conn: Connection, node: NodeId, folds: Folds) -> None:
        self.head = read_head(conn, node)
        self.kept: list[Entry] = []
        self.duplicates = 0
        self.gap: Gap | None = None
        self.broken: Break | None = None
        self._conn = conn
        self._node = node
        self._folds = folds
        self._pending: list[Entry] = []

    def take(self, line: bytes) -> bool:
        """Take one line; False where the batch ends here."""
        try:
            entry = parse_entry(line)
        except InvalidError:
            return self._break(Rule.MALFORMED, line, self.head.epoch, self.head.seq + 1)
        if not is_canonical(line):
            return self._break(Rule.NOT_CANONICAL, line, entry.epoch, entry.seq)
        if entry.node != self._node:
            return self._break(Rule.NODE, line, entry.epoch, entry.seq)
        if (entry.epoch, entry.seq) <= (self.head.epoch, self.head.seq):
            return self._known(entry)
        if entry.epoch > self.head.epoch and self._lacks_beginning(entry):
            return self._ask(entry)
        if entry.epoch > self.head.epoch and entry.seq <= self.head.seq:
            return self._begin_anew(entry)
        return self._follow(entry)

    def take_alone(self, line: bytes) -> bool:
        """The same in a savepoint, so that an entry that cannot be folded undoes itself alone."""
        head = self.head
        try:
            with self._conn.begin_nested():
                goes_on = self.take(line)
                self.flush()
                return goes_on
        except Exception as error:  # as in ``apply``: foreign bytes trip it in any way
            if isinstance(translate(error), UnavailableError):
                raise
            self.head, self._pending = head, []
            entry = parse_entry(line)
            return self._break(Rule.FOLD, line, entry.epoch, entry.seq)

    def flush(self) -> None:
        """Write what is pending."""
        store_entries(self._conn, self._pending, self._folds)
        self.kept += self._pending
        self._pending = []

    def _follow(self, entry: Entry) -> bool:
        if check_position(self.head, entry) is Rule.SEQUENCE:
            return self._ask(entry)
        if (rule := check_next(self.head, entry)) is not None:
            return self._break(rule, entry.line, entry.epoch, entry.seq)
        self._pending.append(entry)
        self.head = Head(epoch=entry.epoch, seq=entry.seq, leaf=entry.leaf)
        return True

    def _ask(self, entry: Entry) -> bool:
        self.gap = Gap(
            after_epoch=self.head.epoch,
            after_seq=self.head.seq,
            got_epoch=entry.epoch,
            got_seq=entry.seq,
        )
        return False

    def _lacks_beginning(self, entry: Entry) -> bool:
        """True for an entry of an epoch whose first entry was lost on the way here.

        Its number may well be the next one, but it follows what we never had: no break of the chain.
        """
        if (epoch := known_epoch(entry)) is not None:
            return epoch > self.head.epoch
        self.flush()
        return entry.prev != self._base(entry.seq - 1).leaf

    def _known(self, entry: Entry) -> bool:
        self.flush()
        leaf = read_leaf(self._conn, self._node, entry.epoch, entry.seq)
        if leaf is not None and leaf != entry.leaf:
            return self._break(Rule.FORK, entry.line, entry.epoch, entry.seq)
        self.duplicates += 1
        return True

    def _begin_anew(self, entry: Entry) -> bool:
        """The node lost its newest entries and began a new epoch below what we know of it."""
        self.flush()
        base = self._base(entry.seq - 1)
        if (rule := check_next(base, entry)) is not None:
            return self._break(rule, entry.line, entry.epoch, entry.seq)
        self._conn.execute(
            update(journal_entries)
            .where(
                journal_entries.c.node == self._node,
                journal_entries.c.seq >= entry.seq,
                journal_entries.c.superseded_by.is_(None),
            )
            .values(superseded_by=entry.epoch)
        )
        rebuild(self._conn, self._node, self._folds)
        log.warning("journal.began_anew", of=self._node, epoch=entry.epoch, seq=entry.seq)
        self.head = base
        return self._follow(entry)

    def _base(self, seq: int) -> Head:
        row = self._conn.execute(
            select(journal_entries.c.epoch, journal_entries.c.leaf).where(
                journal_entries.c.node == self._node,
                journal_entries.c.seq == seq,
                journal_entries.c.superseded_by.is_(None),
            )
        ).first()
        return Head() if row is None else Head(epoch=row.epoch, seq=seq, leaf=row.leaf)

    def _break(self, rule: Rule, line: bytes, epoch: int, seq: int) -> bool:
        self.broken = Break(rule=rule, epoch=epoch, seq=seq, line=line)
        return False


def _cut(conn: Connection, node: NodeId, after: int) -> Head:
    """Take out what a copy has beyond a sequence; returns its head then."""
    c = journal_entries.c
    chain = (c.node == node) & c.superseded_by.is_(None)
    row = conn.execute(select(c.epoch, c.leaf).where(chain, c.seq == after)).first()
    if row is None and after != 0:
        raise NotFoundError("journal.no_copy", "the copy has no such entry", node=node, seq=after)
    conn.execute(delete(journal_entries).where(c.node == node, c.seq > after))
    return Head() if row is None else Head(epoch=row.epoch, seq=after, leaf=row.leaf)


_STATE = select(nodes.c.state).where(nodes.c.node == bindparam("of"))


def _state(conn: Connection, node: NodeId) -> NodeState:
    state = conn.scalar(_STATE, {"of": node})
    return NodeState(state) if state else NodeState.GOOD


def _cut_up(lines: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """At least one piece, each of ``PIECE_BYTES`` or one line more."""
    first = size = 0
    for n, line in enumerate(lines):
        size += len(line)
        if size >= PIECE_BYTES and n + 1 < len(lines):
            yield lines[first : n + 1]
            first, size = n + 1, 0
    yield lines[first:]
