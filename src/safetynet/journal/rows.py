"""How entries and heads stand in the tables; runs inside the caller's transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched

import msgspec
from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update

from safetynet.base.ids import NodeId
from safetynet.journal.entry import ZERO, Entry, parse_entry
from safetynet.store.put import add_rows
from safetynet.store.tables import FOLDED, journal_entries, nodes

_AT_ONCE = 1000
"""Lines of a journal that are in memory while it is folded again."""

type Fold = Callable[[Connection, Entry], None]
"""Writes what an entry means into folded tables; reads nothing but the entry and those tables."""


@dataclass(frozen=True)
class Together:
    """A fold of many entries of one node at once, in their order: a statement for all of them.

    Of two such folds neither reads nor writes what the other writes, so that entries which stand
    mixed in a journal are folded kind by kind. The same one may stand for several kinds.
    """

    fold: Callable[[Connection, Sequence[Entry]], None]


type Folds = Mapping[str, Fold | Together]
"""By kind; an entry of a kind without a fold is only kept."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The last entry of a journal; epoch 1, sequence 0 before the first."""

    epoch: int = 1
    seq: int = 0
    leaf: str = ZERO


# Made once: to put a statement together takes longer than to run it.
_OF = nodes.c.node == bindparam("of")
_READ_HEAD = select(nodes.c.epoch, nodes.c.seq, nodes.c.leaf).where(_OF)
_MOVE_HEAD = (
    update(nodes)
    .where(_OF)
    .values({name: bindparam(name) for name in ("epoch", "seq", "leaf", "changed_at")})
)


class _Subject(msgspec.Struct):
    incident: str | None = None


_subject = msgspec.json.Decoder(_Subject)


def read_head(conn: Connection, node: NodeId) -> Head:
    """The head of a node's journal as this store knows it."""
    row = conn.execute(_READ_HEAD, {"of": node}).first()
    return Head() if row is None else Head(epoch=row.epoch, seq=row.seq, leaf=row.leaf)


def read_leaf(conn: Connection, node: NodeId, epoch: int, seq: int) -> str | None:
    """Leaf hash of a kept entry, or None where it is not kept."""
    c = journal_entries.c
    return conn.scalar(select(c.leaf).where(c.node == node, c.epoch == epoch, c.seq == seq))


def write_head(conn: Connection, entry: Entry) -> None:
    """Make ``entry`` the head of its node's journal."""
    values = {"epoch": entry.epoch, "seq": entry.seq, "leaf": entry.leaf, "changed_at": entry.time}
    if conn.execute(_MOVE_HEAD, {"of": entry.node, **values}).rowcount == 0:
        conn.execute(insert(nodes).values(node=entry.node, state="good", **values))


def store_entries(conn: Connection, entries: Sequence[Entry], folds: Folds) -> None:
    """Keep entries of one node verbatim, fold them, and move the node's head to the last."""
    if not entries:
        return
    add_rows(conn, journal_entries, [_row(entry) for entry in entries])
    fold(conn, entries, folds)
    write_head(conn, entries[-1])


def fold(conn: Connection, entries: Iterable[Entry], folds: Folds) -> None:
    """Write what entries of one node mean, in their order, into the folded tables."""
    waiting: dict[Together, list[Entry]] = {}
    for entry in entries:
        apply = folds.get(entry.kind)
        if isinstance(apply, Together):
            waiting.setdefault(apply, []).append(entry)
        elif apply is not None:
            _fold_waiting(conn, waiting)
            apply(conn, entry)
    _fold_waiting(conn, waiting)


def _fold_waiting(conn: Connection, waiting: dict[Together, list[Entry]]) -> None:
    for together, entries in waiting.items():
        together.fold(conn, entries)
    waiting.clear()


def fold_again(conn: Connection, node: NodeId, folds: Folds, kept: Table = journal_entries) -> int:
    """Drop the folded rows of one node and fold all that is kept of its journal; returns the entries read.

    ``kept`` is the table that holds it, with the columns of ``journal_entries``.
    """
    for table in reversed(FOLDED):
        conn.execute(delete(table).where(table.c.node == node))
    lines = conn.execute(
        select(kept.c.line)
        .where(kept.c.node == node, kept.c.superseded_by.is_(None))
        .order_by(kept.c.epoch, kept.c.seq)
        .execution_options(yield_per=_AT_ONCE)  # else psycopg fetches the whole journal
    )
    return fold_lines(conn, lines.scalars(), folds)


def fold_lines(conn: Connection, lines: Iterable[bytes], folds: Folds) -> int:
    """Fold entries of one node from their lines, some at a time; returns how many there were."""
    count = 0
    for some in batched(lines, _AT_ONCE):
        fold(conn, map(parse_entry, some), folds)
        count += len(some)
    return count


def _row(entry: Entry) -> dict[str, object]:
    return {
        "node": entry.node,
        "epoch": entry.epoch,
        "seq": entry.seq,
        "time": entry.time,
        "kind": entry.kind,
        "incident": _incident_of(entry),
        "leaf": entry.leaf,
        "line": entry.line,
        "superseded_by": None,
    }


def _incident_of(entry: Entry) -> str | None:
    try:
        return _subject.decode(entry.body).incident
    except msgspec.ValidationError:
        return None
