"""Grants that a node issued and that are still open, read back from its journal."""

from datetime import datetime

from sqlalchemy import Connection, select

from safetynet.access.entries import GRANT_ISSUED, GrantBody, IssuedBody
from safetynet.base.ids import NodeId
from safetynet.journal.entry import time_text
from safetynet.journal.read import find_entries
from safetynet.store.tables import grants


def list_outstanding(conn: Connection, node: NodeId, now: datetime) -> list[GrantBody]:
    """What was issued, not closed, and has not come to its hard end, oldest first."""
    g = grants.c
    rows = conn.execute(
        select(g.id, g.incident).where(
            g.node == node,
            g.side == "issued",
            g.closed_at.is_(None),
            g.hard_end > time_text(now),
        )
    ).all()
    open_ = {row.id for row in rows}
    issued = find_entries(conn, {row.incident for row in rows}, [GRANT_ISSUED], node)
    bodies = (entry.read(IssuedBody).grant for entry in issued)
    return [body for body in bodies if body.id in open_]
