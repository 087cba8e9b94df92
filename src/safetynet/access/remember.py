"""After a restart: what was closed stays closed."""

from datetime import timedelta

from sqlalchemy import select

from safetynet.access.entries import GRANT_CLOSED, INCIDENT_OVER, ClosedBody, OverBody
from safetynet.access.lease import REMEMBER_S, LeaseTable
from safetynet.base.clock import Clock
from safetynet.base.ids import NodeId
from safetynet.journal.entry import parse_entry, time_text
from safetynet.store.store import Store
from safetynet.store.tables import journal_entries


async def remember_closed(store: Store, node: NodeId, leases: LeaseTable, clock: Clock) -> int:
    """Take from the node's own journal every close that may still matter; returns how many.

    Sessions are not remembered: no viewer outlives the process that holds its lease.
    """
    since = time_text(clock.now() - timedelta(seconds=REMEMBER_S))
    c = journal_entries.c
    statement = select(c.line).where(
        c.node == node,
        c.kind.in_((GRANT_CLOSED, INCIDENT_OVER)),
        c.time >= since,
        c.superseded_by.is_(None),
    )
    lines = await store.read(lambda conn: conn.scalars(statement).all())
    now_s = clock.monotonic_s()
    for line in lines:
        entry = parse_entry(line)
        if entry.kind == GRANT_CLOSED:
            leases.close_grants([entry.read(ClosedBody).id], now_s)
        else:
            leases.close_incident(entry.read(OverBody).incident, now_s)
    return len(lines)
