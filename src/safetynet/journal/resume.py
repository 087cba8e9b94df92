"""Where a node that starts goes on in its journal: the decision, and taking entries back.

The rule stands in docs/design/0015, "Epochs after a restore".
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec
from sqlalchemy import Connection, func, select

from safetynet.base.errors import InvalidError
from safetynet.base.ids import NodeId
from safetynet.journal.chain import check_next
from safetynet.journal.entry import Entry, is_canonical, parse_entry
from safetynet.journal.rows import Folds, Head, read_head, store_entries
from safetynet.store.store import Store
from safetynet.store.tables import journal_entries

EPOCHS_SINCE = datetime(2020, 1, 1, tzinfo=UTC)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a follower knows of a node's journal."""

    head: Head
    fits: bool
    """The node's own last entry is in the follower's copy."""
    held: bool
    """The follower's last entry is in the node's own store."""
    highest_epoch: int


class Step(StrEnum):
    """What a node that starts does next."""

    GO_ON = "go_on"
    """Nothing is missing: the epoch goes on."""
    TAKE_BACK = "take_back"
    """A follower has more of this very chain: take it, then decide anew."""
    NEW_EPOCH = "new_epoch"
    """Entries may be lost that somebody saw: go on in an epoch that was never used."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a node that starts knows."""

    head: Head
    """Of its journal in the store."""
    highest_epoch: int
    """The highest epoch in the store."""
    mark: Head | None
    """How far the journal was by the file beside the store; None where there is none."""
    mark_held: bool
    """True where the store's chain has the entry that the mark names."""
    followed: bool
    """True where another node follows this one."""
    told: Told | None = None
    """A follower's answer; None where none came."""
    taken_back: bool = False
    """True where the store lacked entries that a follower gave."""

    @property
    def forked(self) -> bool:
        """Two histories: neither has the other's last entry, and ours is no epoch that began since."""
        told = self.told
        if told is None or told.fits or told.held:
            return False
        return self.head.epoch <= told.head.epoch

    @property
    def mark_stale(self) -> bool:
        """The mark was put back with the store: it is never behind what was acknowledged, and
        somebody had more."""
        return self.taken_back and self.mark is not None and _at(self.mark) < _at(self.head)


def plan_start(found: Found) -> Step:
    """What a node does that found this. Pure."""
    told = found.told
    if found.forked:
        return Step.NEW_EPOCH
    if told is not None and told.fits and not told.held:
        return Step.TAKE_BACK
    if found.mark is not None:
        return Step.GO_ON if found.mark_held and not found.mark_stale else Step.NEW_EPOCH
    first = found.head.seq == 0 and (told is not None or not found.followed)
    return Step.GO_ON if first else Step.NEW_EPOCH


def plan_epoch(found: Found, now: datetime) -> int:
    """An epoch that no earlier life of this node used. Pure.

    Where the mark tells how far the last life came, one above all that are known. Where it does not,
    lives may have passed of which nobody here knows; minutes since 2020 stand above what they used.
    """
    known = [found.head.epoch, found.highest_epoch]
    known += [found.told.highest_epoch, found.told.head.epoch] if found.told else []
    if found.mark is not None and not found.mark_stale and not found.forked:
        return max(*known, found.mark.epoch) + 1
    minutes = int((now - EPOCHS_SINCE).total_seconds() // 60)
    return max(max(known) + 1, minutes)


async def look(store: Store, node: NodeId, mark: Head | None, *, followed: bool) -> Found:
    """What the store and the mark say, before anybody is asked."""
    return await store.read(
        lambda conn: Found(
            head=read_head(conn, node),
            highest_epoch=highest_epoch(conn, node),
            mark=mark,
            mark_held=mark is not None and holds(conn, node, mark),
            followed=followed,
        )
    )


async def take_back(
    store: Store, node: NodeId, lines: Sequence[bytes], folds: Folds
) -> list[Entry]:
    """Append a node's own entries as a follower kept them; returns those that followed.

    Stops before a line that does not follow in the chain. Nothing is published: who follows has them.
    """

    def work(conn: Connection) -> list[Entry]:
        head = read_head(conn, node)
        taken: list[Entry] = []
        for line in lines:
            entry = _read_next(node, head, line)
            if entry is None:
                break
            taken.append(entry)
            head = Head(epoch=entry.epoch, seq=entry.seq, leaf=entry.leaf)
        store_entries(conn, taken, folds)
        return taken

    return await store.write(work)


def _read_next(node: NodeId, head: Head, line: bytes) -> Entry | None:
    try:
        entry = parse_entry(line)
    except InvalidError:
        return None
    follows = entry.node == node and is_canonical(line) and check_next(head, entry) is None
    return entry if follows else None


def holds(conn: Connection, node: NodeId, head: Head) -> bool:
    """True where the chain of ``node`` as kept here has this entry; an empty head is in any."""
    if head.seq == 0:
        return True
    c = journal_entries.c
    leaf = conn.scalar(
        select(c.leaf).where(
            c.node == node,
            c.epoch == head.epoch,
            c.seq == head.seq,
            c.superseded_by.is_(None),
        )
    )
    return leaf == head.leaf


def highest_epoch(conn: Connection, node: NodeId) -> int:
    """The highest epoch of which any entry of ``node`` is kept here, superseded ones too."""
    c = journal_entries.c
    return conn.scalar(select(func.max(c.epoch)).where(c.node == node)) or 1


def _at(head: Head) -> tuple[int, int]:
    return (head.epoch, head.seq)
