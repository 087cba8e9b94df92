"""Snapshots of folded rows at an entry, so that a rebuild need not begin with the first one.

A snapshot is only a short cut: where its digest, its leaf or its program does not fit, it is passed
over and the journal is folded from an older one or from the start. What is sealed stands apart, by
subject, and a destruction takes it out in its own fold (docs/design/0015).
"""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection, Row, Table, delete, insert, select, tuple_
from sqlalchemy.exc import IntegrityError

from safetynet import __version__
from safetynet.base.clock import Clock
from safetynet.base.errors import UnavailableError
from safetynet.base.ids import NodeId
from safetynet.journal.entry import time_text
from safetynet.journal.rows import Folds, Head, fold_lines, read_head
from safetynet.store.schema import NODE_SCHEMA
from safetynet.store.store import Store
from safetynet.store.tables import (
    FOLDED,
    destructions,
    journal_entries,
    nodes,
    snapshot_blocks,
    snapshot_seals,
    snapshots,
)

PROGRAM = f"{__version__}/{NODE_SCHEMA.version}"
"""Whose folds made the rows; those of another version may differ, so its snapshots are not used."""
BLOCK_ROWS = 1000
KEPT = 2
"""Snapshots of a node that stay; older ones are taken away when a new one is whole."""

EVERY_ENTRIES = 100_000
"""A node makes a snapshot when so many entries came since the last."""
LOOK_EVERY_S = 60.0

log = structlog.get_logger()

type Cell = str | int | bool | None


class _Block(msgspec.Struct, frozen=True):
    """Rows of one table; a sealed column is left out."""

    table: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


class _Seal(msgspec.Struct, frozen=True):
    origin: str
    subject: str
    sealed: str


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Where a snapshot stands."""

    node: NodeId
    head: Head
    blocks: int


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What folding anew did."""

    entries: int
    """Folded, after the snapshot where one was used."""
    base: Head | None
    """The snapshot it began with; None where it began with the first entry."""
    passed_over: tuple[str, ...]
    """Snapshots that were not used, and why."""


async def make_snapshot(store: Store, node: NodeId, clock: Clock) -> Snapshot | None:
    """Keep the folded rows of a node as they are; None where its newest snapshot stands there already.

    The rows are read in one view of the store and written in small pieces, so that nobody waits long.
    """
    head, blocks, seals = await store.read(lambda conn: _take(conn, node))
    if head.seq == 0 or await store.read(lambda conn: _has(conn, node, head)):
        return None
    key = {"node": node, "epoch": head.epoch, "seq": head.seq}
    await store.write(lambda conn: _drop(conn, node, [head]))
    for number, data in enumerate(blocks):
        row = key | {"number": number, "data": data}
        await store.write(lambda conn, row=row: conn.execute(insert(snapshot_blocks), [row]))  # type: ignore[misc]
    for first in range(0, len(seals), BLOCK_ROWS):
        rows = [key | msgspec.structs.asdict(seal) for seal in seals[first : first + BLOCK_ROWS]]
        await store.write(lambda conn, rows=rows: conn.execute(insert(snapshot_seals), rows))  # type: ignore[misc]
    made_at = time_text(clock.now())
    await store.write(lambda conn: _finish(conn, node, head, blocks, made_at))
    return Snapshot(node=node, head=head, blocks=len(blocks))


async def keep_snapshots(store: Store, clock: Clock) -> None:
    """Make a snapshot of each journal in the store whenever it grew enough, until cancelled.

    What comes between (the database is away, another process of the node makes the same one) ends
    that snapshot alone: it is a short cut, and the next look finds it due again.
    """
    while True:
        await clock.sleep(LOOK_EVERY_S)
        try:
            await _make_due(store, clock)
        except (UnavailableError, IntegrityError) as error:
            log.info("snapshot.not_made", error=type(error).__name__)


async def _make_due(store: Store, clock: Clock) -> None:
    for node in await snapshot_due(store, EVERY_ENTRIES):
        made = await make_snapshot(store, node, clock)
        if made is not None:
            log.info("snapshot.made", of=node, epoch=made.head.epoch, seq=made.head.seq)


async def snapshot_due(store: Store, every: int) -> list[NodeId]:
    """The nodes whose journals grew by ``every`` entries since their newest snapshot."""

    def look(conn: Connection) -> list[NodeId]:
        heads = conn.execute(select(nodes.c.node, nodes.c.seq))
        return [NodeId(n) for n, seq in heads.all() if seq - _newest_seq(conn, n) >= every]

    return await store.read(look)


def rebuild(conn: Connection, node: NodeId, folds: Folds, *, whole: bool = False) -> Rebuilt:
    """Drop a node's folded rows and make them anew, from its newest snapshot that holds.

    ``whole`` begins with the first entry whatever snapshots there are.
    """
    for table in reversed(FOLDED):
        conn.execute(delete(table).where(table.c.node == node))
    base: Head | None = None
    passed_over: list[str] = []
    for row in [] if whole else _list(conn, node):
        why = _why_not(conn, row)
        if why is None:
            base = Head(epoch=row.epoch, seq=row.seq, leaf=row.leaf)
            _load(conn, node, base)
            break
        passed_over.append(f"epoch {row.epoch} seq {row.seq}: {why}")
        log.warning("snapshot.not_used", of=node, epoch=row.epoch, seq=row.seq, why=why)
    entries = _fold_after(conn, node, base or Head(), folds)
    return Rebuilt(entries=entries, base=base, passed_over=tuple(passed_over))


def _fold_after(conn: Connection, node: NodeId, base: Head, folds: Folds) -> int:
    c = journal_entries.c
    lines = conn.execute(
        select(c.line)
        .where(
            c.node == node,
            c.superseded_by.is_(None),
            tuple_(c.epoch, c.seq) > (base.epoch, base.seq),
        )
        .order_by(c.epoch, c.seq)
        .execution_options(yield_per=BLOCK_ROWS)
    )
    return fold_lines(conn, lines.scalars(), folds)


def _take(conn: Connection, node: NodeId) -> tuple[Head, list[bytes], list[_Seal]]:
    blocks: list[bytes] = []
    seals: list[_Seal] = []
    for table in FOLDED:
        sealed_under = table.info.get("sealed_under")
        names = [str(c.name) for c in table.columns if c.name != "sealed" or sealed_under is None]
        rows = conn.execute(
            select(*(table.c[n] for n in names))
            .where(table.c.node == node)
            .order_by(*table.primary_key.columns)
            .execution_options(yield_per=BLOCK_ROWS)
        )
        for part in rows.partitions(BLOCK_ROWS):
            block = _Block(str(table.name), tuple(names), tuple(tuple(row) for row in part))
            blocks.append(zlib.compress(msgspec.msgpack.encode(block)))
        if sealed_under is not None:
            seals += _seals(conn, table, sealed_under, node)
    return read_head(conn, node), blocks, seals


def _seals(conn: Connection, table: Table, subject: str, node: NodeId) -> Iterator[_Seal]:
    c = table.c
    rows = conn.execute(select(c[subject], c.sealed).where(c.node == node, c.sealed.is_not(None)))
    return (_Seal(str(table.name), of, sealed) for of, sealed in rows)


def _finish(
    conn: Connection, node: NodeId, head: Head, blocks: Sequence[bytes], made_at: str
) -> None:
    """From here on it counts. What was destroyed while it was written is taken out before that."""
    s, d = snapshot_seals.c, destructions.c
    gone = select(d.subject).where(d.node == node)
    conn.execute(delete(snapshot_seals).where(s.node == node, s.subject.in_(gone)))
    conn.execute(
        insert(snapshots).values(
            node=node,
            epoch=head.epoch,
            seq=head.seq,
            leaf=head.leaf,
            program=PROGRAM,
            blocks=len(blocks),
            digest=_digest(node, head, PROGRAM, blocks),
            made_at=made_at,
        )
    )
    old = _list(conn, node)[KEPT:]
    _drop(conn, node, [Head(epoch=row.epoch, seq=row.seq) for row in old])


def _drop(conn: Connection, node: NodeId, heads: Sequence[Head]) -> None:
    for head in heads:
        for table in (snapshots, snapshot_blocks, snapshot_seals):
            c = table.c
            conn.execute(
                delete(table).where(c.node == node, c.epoch == head.epoch, c.seq == head.seq)
            )


def _digest(node: str, head: Head, program: str, blocks: Sequence[bytes]) -> str:
    digest = hashlib.sha256(f"{node} {head.epoch} {head.seq} {head.leaf} {program}".encode())
    for block in blocks:
        digest.update(b"%d:" % len(block))
        digest.update(block)
    return digest.hexdigest()


def _list(conn: Connection, node: NodeId) -> Sequence[Row[Any]]:
    c = snapshots.c
    found = select(snapshots).where(c.node == node).order_by(c.epoch.desc(), c.seq.desc())
    return conn.execute(found).all()


def _newest_seq(conn: Connection, node: str) -> int:
    newest = _list(conn, NodeId(node))[:1]
    return newest[0].seq if newest else 0


def _has(conn: Connection, node: NodeId, head: Head) -> bool:
    return any(
        (row.epoch, row.seq, row.program) == (head.epoch, head.seq, PROGRAM)
        for row in _list(conn, node)
    )


def _blocks(conn: Connection, node: NodeId, head: Head) -> list[bytes]:
    c = snapshot_blocks.c
    found = (
        select(c.data)
        .where(c.node == node, c.epoch == head.epoch, c.seq == head.seq)
        .order_by(c.number)
    )
    return [bytes(data) for data in conn.scalars(found)]


def _why_not(conn: Connection, row: Row[Any]) -> str | None:
    """Why a snapshot is not used; None where it fits the journal and itself."""
    if row.program != PROGRAM:
        return f"made by {row.program}"
    c = journal_entries.c
    leaf = conn.scalar(
        select(c.leaf).where(
            c.node == row.node,
            c.epoch == row.epoch,
            c.seq == row.seq,
            c.superseded_by.is_(None),
        )
    )
    if leaf != row.leaf:
        return "its leaf is not the journal's"
    head = Head(epoch=row.epoch, seq=row.seq, leaf=row.leaf)
    blocks = _blocks(conn, row.node, head)
    if len(blocks) != row.blocks or _digest(row.node, head, row.program, blocks) != row.digest:
        return "its digest is not that of its rows"
    return None


def _load(conn: Connection, node: NodeId, head: Head) -> None:
    sealed = _sealed_of(conn, node, head)
    tables = {table.name: table for table in FOLDED}
    for data in _blocks(conn, node, head):
        block = msgspec.msgpack.decode(zlib.decompress(data), type=_Block)
        table = tables[block.table]
        rows: list[dict[str, Cell]] = [
            dict(zip(block.columns, row, strict=True)) for row in block.rows
        ]
        if (under := table.info.get("sealed_under")) is not None:
            for row in rows:
                row["sealed"] = sealed.get((table.name, str(row[under])))
        conn.execute(insert(table), rows)


def _sealed_of(conn: Connection, node: NodeId, head: Head) -> dict[tuple[str, str], str]:
    c = snapshot_seals.c
    rows = conn.execute(
        select(c.origin, c.subject, c.sealed).where(
            c.node == node, c.epoch == head.epoch, c.seq == head.seq
        )
    )
    return {(row.origin, row.subject): row.sealed for row in rows}
