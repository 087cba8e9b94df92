"""After a restart: what was closed stays closed, and what was watched is over."""

from datetime import timedelta

from sqlalchemy import select

from safetynet.access.entries import (
    GRANT_CLOSED,
    INCIDENT_OVER,
    SESSION_ENDED,
    ClosedBody,
    EndedBody,
    OverBody,
)
from safetynet.access.lease import REMEMBER_S, LeaseTable
from safetynet.access.model import EndReason
from safetynet.base.clock import Clock
from safetynet.base.ids import GrantId, IncidentId, NodeId, SessionId
from safetynet.journal.append import Journal
from safetynet.journal.entry import Draft, parse_entry, time_text
from safetynet.store.store import Store
from safetynet.store.tables import journal_entries, sessions


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


async def end_left(journal: Journal) -> int:
    """Write the end of every session that a process which was killed left open; returns how many.

    Before anything is served: its worker ended with it, and so did what was watched.
    """
    c = sessions.c
    statement = select(c.id, c.grant, c.incident).where(
        c.node == journal.node, c.ended_at.is_(None)
    )
    left = await journal.store.read(lambda conn: conn.execute(statement).all())
    if left:
        await journal.append([_left(row.id, row.grant, row.incident) for row in left])
    return len(left)


def _left(session: SessionId, grant: GrantId, incident: IncidentId) -> Draft:
    body = EndedBody(
        session=session,
        grant=grant,
        incident=incident,
        reason=EndReason.NODE_STOPPED,
        frames=0,
        octets=0,
    )
    return Draft(kind=SESSION_ENDED, body=body)
