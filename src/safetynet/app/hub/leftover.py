"""What a hub that was killed left open in its record: grants of incidents that are over."""

import structlog
from sqlalchemy import and_, select

from safetynet.access import entries
from safetynet.app.hub.owners import Owners
from safetynet.base.ids import GrantId, NodeId
from safetynet.incident.model import Incident
from safetynet.journal.append import Journal
from safetynet.store.tables import grants, incidents

log = structlog.get_logger()


async def close_left(journal: Journal) -> int:
    """Close the ledger lines of grants whose incident is over; returns how many.

    An incident's end is on disk before its grants are closed, so a kill may come in between. Their
    owners need no word: nobody renews these grants, so their leases run out.
    """
    over = and_(incidents.c.node == grants.c.node, incidents.c.id == grants.c.incident)
    statement = (
        select(grants.c.id, grants.c.incident, incidents.c.state)
        .join(incidents, over)
        .where(grants.c.node == journal.node, grants.c.side == "issued")
        .where(grants.c.closed_at.is_(None), incidents.c.ended_at.is_not(None))
    )
    left = await journal.store.read(lambda conn: conn.execute(statement).all())
    if left:
        await journal.append([entries.closed(row.id, row.incident, row.state) for row in left])
        log.warning("hub.grants_closed_late", grants=len(left))
    return len(left)


async def end_left(journal: Journal, owners: Owners, incident: Incident) -> int:
    """End the grants of an incident that is over now, and that a life before this one gave; returns how many.

    Memory knows only those of this life; what runs under the others must end as soon.
    """
    c = grants.c
    statement = select(c.id, c.owner).where(
        c.node == journal.node,
        c.incident == incident.id,
        c.side == "issued",
        c.closed_at.is_(None),
    )
    left = await journal.store.read(lambda conn: conn.execute(statement).all())
    for owner in sorted({NodeId(row.owner) for row in left} - owners.list_away()):
        mine = [GrantId(row.id) for row in left if row.owner == owner]
        await owners.close_views(owner, incident.id, grants=mine, cameras=(), over=True)
    if left:
        reason = incident.state.value
        await journal.append([entries.closed(row.id, incident.id, reason) for row in left])
    return len(left)
