"""The ledger of personal video information (개인영상정보 관리대장), read from the journal's own lines."""

import msgspec
from sqlalchemy import Connection, select

from safetynet.access.entries import GRANT_ISSUED, IssuedBody, Ledger
from safetynet.base.ids import NodeId
from safetynet.journal.entry import parse_entry
from safetynet.store.store import Store
from safetynet.store.tables import grants, journal_entries

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
        .where(c.kind == GRANT_ISSUED, c.superseded_by.is_(None), c.time >= since, c.time < until)
        .order_by(c.time, c.node, c.seq)
        .limit(limit)
    )
    if node is not None:
        statement = statement.where(c.node == node)
    return [_line(conn, line) for line in conn.scalars(statement).all()]


def _line(conn: Connection, line: bytes) -> LedgerLine:
    entry = parse_entry(line)
    body = entry.read(IssuedBody)
    closed_at = conn.scalar(
        select(grants.c.closed_at).where(grants.c.node == entry.node, grants.c.id == body.grant.id)
    )
    number = f"{entry.node}-{entry.epoch}-{entry.seq}"
    return LedgerLine(number=number, ledger=body.ledger, closed_at=closed_at)
