"""A node's own journal: one transaction writes the entries and the state they mean."""

from collections.abc import Callable, Sequence
from copy import copy

from sqlalchemy import Connection

from safetynet.base.clock import Clock
from safetynet.base.errors import InvalidError
from safetynet.base.ids import NodeId
from safetynet.journal.entry import EPOCH_KIND, Draft, Entry, encode_entry
from safetynet.journal.feed import Feed
from safetynet.journal.generation import check_generation
from safetynet.journal.rows import Folds, Head, fold_again, read_head, store_entries
from safetynet.journal.tail import Tail, announcement
from safetynet.store.store import Store


class Change:
    """The open transaction that a ``Journal.change`` works in.

    It is the store's writer's, so that between the head read here and the commit nobody else gives
    a number, in this process or another: the group took the database's lock as it began.
    """

    def __init__(self, conn: Connection, node: NodeId, clock: Clock, folds: Folds) -> None:
        self.conn = conn
        """For reading the state, and for rows that are not folded."""
        self.entries: list[Entry] = []
        """What was appended so far."""
        self._node = node
        self._clock = clock
        self._folds = folds
        self._head = read_head(conn, node)

    def append(self, *drafts: Draft) -> list[Entry]:
        """Give the drafts sequence, time and chain, keep them, and fold them at once."""
        return self._store(drafts, self._head.epoch)

    def begin_epoch(self, epoch: int) -> Entry:
        """Append the first entry of a new epoch (docs/design/0002)."""
        if epoch <= self._head.epoch:
            raise InvalidError("journal.epoch", "an epoch only rises", head=self._head.epoch)
        body = {"known_epoch": self._head.epoch, "known_seq": self._head.seq}
        return self._store([Draft(kind=EPOCH_KIND, body=body)], epoch)[0]

    def _store(self, drafts: Sequence[Draft], epoch: int) -> list[Entry]:
        made: list[Entry] = []
        head = self._head
        for draft in drafts:
            entry = encode_entry(
                node=self._node,
                epoch=epoch,
                seq=head.seq + 1,
                time=self._clock.now(),
                draft=draft,
                prev=head.leaf,
            )
            made.append(entry)
            head = Head(epoch=epoch, seq=entry.seq, leaf=entry.leaf)
        store_entries(self.conn, made, self._folds)
        self._head = head
        self.entries += made
        return made


class Journal:
    """A node's own journal; on PostgreSQL several processes of the node may append to it."""

    def __init__(self, node: NodeId, store: Store, clock: Clock, folds: Folds) -> None:
        self.node = node
        self.store = store
        self.feed = Feed()
        """Committed entries of this node, in order: ``with journal.feed.subscribe() as s``. What
        other processes append comes while ``watch`` runs."""
        self._tail = Tail(node, store, self.feed, clock) if store.shared else None
        self._generation: str | None = None
        self._clock = clock
        self._folds = folds

    async def append(
        self,
        drafts: Sequence[Draft],
        effects: Callable[[Connection, list[Entry]], None] | None = None,
    ) -> list[Entry]:
        """Append; returns the entries once they are on disk, with their folds and ``effects``.

        ``effects`` runs in the same transaction, after the folds; if it raises, nothing is written.
        """

        def work(change: Change) -> list[Entry]:
            entries = change.append(*drafts)
            if effects is not None:
                effects(change.conn, entries)
            return entries

        return await self.change(work)

    async def change[T](self, decide: Callable[[Change], T]) -> T:
        """Read, decide and append in one transaction; ``decide`` runs in the writer's thread.

        Returns what ``decide`` returned, after the commit. If it raises, nothing is written.
        """

        def work(conn: Connection) -> tuple[T, list[Entry]]:
            if self._generation is not None:
                check_generation(conn, self.node, self._generation)
            change = Change(conn, self.node, self._clock, self._folds)
            return decide(change), change.entries

        hand_on = self.feed.publish if self._tail is None else self._tail.take
        result, _ = await self.store.write(
            work,
            committed=lambda r: hand_on(r[1]),
            announcing=None if self._tail is None else lambda r: announcement(self.node, r[1]),
        )
        return result

    def under(self, generation: str) -> "Journal":
        """The same journal for who answers in this generation: from the moment a newer one has begun,
        whatever it still wants to append raises ``UnavailableError`` ``journal.replaced``."""
        mine = copy(self)
        mine._generation = generation if self.store.shared else None  # else nobody can replace us
        return mine

    async def watch(self) -> None:
        """Hand what other processes append to ``feed``, until cancelled.

        Returns at once where the store has one process only: there is nobody to watch.
        """
        if self._tail is not None:
            await self._tail.run()

    async def wait_watched(self) -> None:
        """Return when ``feed`` hears of all that is committed from now on, whoever does it."""
        if self._tail is not None:
            await self._tail.begun.wait()

    async def begin_epoch(self, epoch: int) -> Entry:
        """Begin a new epoch where this node cannot know its own head, as after a restore."""
        return await self.change(lambda change: change.begin_epoch(epoch))

    async def head(self) -> Head:
        """Where this journal stands on disk."""
        return await self.store.read(lambda conn: read_head(conn, self.node))

    async def rebuild(self) -> int:
        """Drop this node's folded rows and fold every entry again; returns the entries read."""
        return await self.store.write(lambda conn: fold_again(conn, self.node, self._folds))
