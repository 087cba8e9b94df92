"""The ledger of personal video information (개인영상정보 관리대장), read from the journal's own lines."""

import msgspec
from sqlalchemy import Connection, select

from safetynet.access.destruction import SUBJECT_DESTROYED
from safetynet.access.entries import GRANT_ISSUED, IssuedBody, Ledger
from safetynet.access.takings import EXPORT_DESTROYED, EXPORT_MADE, STILL_TAKEN
from safetynet.base.ids import NodeId
from safetynet.journal.entry import Entry, parse_entry
from safetynet.store.store import Store
from safetynet.store.tables import grants, journal_entries

LINES = (GRANT_ISSUED, SUBJECT_DESTROYED, STILL_TAKEN, EXPORT_MADE, EXPORT_DESTROYED)
"""Kinds of entries that are lines of the ledger."""
HEADINGS = (
    "번호",
    "구분",
    "일시",
    "파일명·형태",
    "담당자",
    "목적·사유",
    "제3자",
    "근거",
    "형태",
    "기간",
    "종료",
)


class _Lined(msgspec.Struct):
    """The part that all bodies of ``LINES`` share."""

    ledger: Ledger


class LedgerLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line: its columns, where it stands in the journal, and when the right really ended."""

    number: str
    """Node, epoch and sequence of the journal line that this is."""
    ledger: Ledger
    closed_at: str | None

    def cells(self) -> tuple[str, ...]:
        """The columns in the order of ``HEADINGS``."""
        line = self.ledger
        return (
            self.number,
            line.division.value,
            line.at,
            line.file,
            line.in_charge,
            line.reason,
            line.third_party,
            line.basis,
            line.form,
            line.until,
            self.closed_at or "",
        )


async def read_ledger(
    store: Store,
    *,
    node: NodeId | None = None,
    since: str = "",
    until: str = "~",
    limit: int = 1000,
) -> list[LedgerLine]:
    """Lines by time; ``since`` and ``until`` in the journal's text form (a prefix will do)."""
    return await store.read(lambda conn: _lines(conn, node, since, until, limit))


def _lines(
    conn: Connection, node: NodeId | None, since: str, until: str, limit: int
) -> list[LedgerLine]:
    c = journal_entries.c
    statement = (
        select(c.line)
        .where(c.kind.in_(LINES), c.superseded_by.is_(None), c.time >= since, c.time < until)
        .order_by(c.time, c.node, c.seq)
        .limit(limit)
    )
    if node is not None:
        statement = statement.where(c.node == node)
    return [_line(conn, line) for line in conn.scalars(statement).all()]


def _line(conn: Connection, line: bytes) -> LedgerLine:
    entry = parse_entry(line)
    number = f"{entry.node}-{entry.epoch}-{entry.seq}"
    closed_at = _closed_at(conn, entry) if entry.kind == GRANT_ISSUED else entry.time
    return LedgerLine(number=number, ledger=entry.read(_Lined).ledger, closed_at=closed_at)


def _closed_at(conn: Connection, entry: Entry) -> str | None:
    c = grants.c
    grant = entry.read(IssuedBody).grant.id
    return conn.scalar(select(c.closed_at).where(c.node == entry.node, c.id == grant))
