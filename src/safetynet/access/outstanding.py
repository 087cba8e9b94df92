"""Grants that a node issued and that are still open, read back from its journal."""

from datetime import datetime

from sqlalchemy import Connection, select

from safetynet.access.entries import GRANT_ISSUED, GrantBody, IssuedBody
from safetynet.base.ids import NodeId
from safetynet.journal.entry import parse_entry, time_text
from safetynet.store.tables import grants, journal_entries


def list_outstanding(conn: Connection, node: NodeId, now: datetime) -> list[GrantBody]:
    """What was issued, not closed, and has not come to its hard end, oldest first."""
    g, j = grants.c, journal_entries.c
    rows = conn.execute(
        select(g.id, g.incident).where(
            g.node == node,
            g.side == "issued",
            g.closed_at.is_(None),
            g.hard_end > time_text(now),
        )
    ).all()
    lines = conn.scalars(
        select(j.line)
        .where(
            j.node == node,
            j.kind == GRANT_ISSUED,
            j.incident.in_({row.incident for row in rows}),
            j.superseded_by.is_(None),
        )
        .order_by(j.epoch, j.seq)
    )
    open_ = {row.id for row in rows}
    bodies = (parse_entry(line).read(IssuedBody).grant for line in lines)
    return [body for body in bodies if body.id in open_]
