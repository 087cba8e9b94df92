"""Reading entries back: by range and by incident."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Select, select, tuple_

from safetynet.base.ids import IncidentId, NodeId
from safetynet.journal.entry import Entry, parse_entry
from safetynet.store.store import Store
from safetynet.store.tables import journal_entries

MAX_RANGE = 1000
"""Entries that one range request gives at most."""

type _Lines = Select[bytes]


async def read_range(
    store: Store, node: NodeId, *, after_epoch: int = 0, after_seq: int = 0, limit: int = MAX_RANGE
) -> list[Entry]:
    """Entries of ``node`` after a position, in the order of (epoch, sequence), at most ``limit``.

    An epoch that began anew below ``after_seq`` is found too, because positions order by epoch
    first. Entries that such an epoch superseded are left out.
    """
    return await _read(store, _range(node, after_epoch, after_seq, limit))


async def read_lines(
    store: Store, node: NodeId, *, after_epoch: int, after_seq: int, limit: int = MAX_RANGE
) -> Sequence[bytes]:
    """As ``read_range``, the entries' bytes alone: for whoever only passes them on."""
    statement = _range(node, after_epoch, after_seq, limit)
    return await store.read(lambda conn: conn.scalars(statement).all())


def _range(node: NodeId, after_epoch: int, after_seq: int, limit: int) -> _Lines:
    position = tuple_(journal_entries.c.epoch, journal_entries.c.seq)
    return (
        _chain(node)
        .where(position > (after_epoch, after_seq))
        .order_by(journal_entries.c.epoch, journal_entries.c.seq)
        .limit(min(limit, MAX_RANGE))
    )


async def read_sequences(store: Store, node: NodeId, first: int, last: int) -> list[Entry]:
    """Entries of ``node`` with sequence ``first`` to ``last``, both included, at most ``MAX_RANGE``."""
    statement = (
        _chain(node)
        .where(journal_entries.c.seq.between(first, last))
        .order_by(journal_entries.c.seq)
        .limit(MAX_RANGE)
    )
    return await _read(store, statement)


async def read_latest(store: Store, node: NodeId | None = None, *, limit: int = 100) -> list[Entry]:
    """The newest entries, newest first; of all nodes where ``node`` is None."""
    statement = _chain(node).order_by(journal_entries.c.time.desc(), journal_entries.c.seq.desc())
    return await _read(store, statement.limit(min(limit, MAX_RANGE)))


async def read_incident(store: Store, incident: IncidentId) -> list[Entry]:
    """Everything that any known journal says about one incident, by time."""
    statement = (
        _chain(None)
        .where(journal_entries.c.incident == incident)
        .order_by(journal_entries.c.time, journal_entries.c.node, journal_entries.c.seq)
    )
    return await _read(store, statement)


def find_entries(
    conn: Connection, incidents: Iterable[IncidentId], kinds: Iterable[str], node: NodeId
) -> list[Entry]:
    """What a node's journal says of these incidents in entries of these kinds, in its order.

    The database is asked for the incidents alone, and the rest is left out here: without statistics SQLite
    takes each condition for as narrow as the other, and may read the whole journal for the node's sake.
    """
    c = journal_entries.c
    rows = conn.execute(
        select(c.node, c.kind, c.superseded_by, c.line).where(c.incident.in_(list(incidents)))
    )
    wanted = frozenset(kinds)
    found = (
        parse_entry(row.line)
        for row in rows
        if row.node == node and row.kind in wanted and row.superseded_by is None
    )
    return sorted(found, key=lambda e: (e.epoch, e.seq))


async def read_kinds(
    store: Store, kinds: Sequence[str], *, node: NodeId | None = None, since: str = ""
) -> list[Entry]:
    """All entries of these kinds in any known journal, or in one, by time."""
    statement = (
        _chain(node)
        .where(journal_entries.c.kind.in_(kinds), journal_entries.c.time >= since)
        .order_by(journal_entries.c.time, journal_entries.c.node, journal_entries.c.seq)
    )
    return await _read(store, statement)


def _chain(node: NodeId | None) -> _Lines:
    statement = select(journal_entries.c.line).where(journal_entries.c.superseded_by.is_(None))
    return statement if node is None else statement.where(journal_entries.c.node == node)


async def _read(store: Store, statement: _Lines) -> list[Entry]:
    lines = await store.read(lambda conn: conn.scalars(statement).all())
    return [parse_entry(line) for line in lines]
