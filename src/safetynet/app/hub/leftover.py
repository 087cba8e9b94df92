"""What a hub that was killed left open in its record: grants of incidents that are over."""

import structlog
from sqlalchemy import and_, select

from safetynet.access import entries
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
