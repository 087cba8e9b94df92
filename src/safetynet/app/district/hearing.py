"""What a district does about what it hears of the hub's journal: what is over there is over here.

The hub says so by command too, and first; but a command may be lost, and while both were apart none came.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, select

from safetynet.access.entries import GRANT_CLOSED, ClosedBody
from safetynet.access.lease import REMEMBER_S
from safetynet.app.district.node import DistrictNode
from safetynet.base.clock import Clock
from safetynet.base.ids import HUB, GrantId, IncidentId, NodeId, new_id
from safetynet.federation.messages import CloseViews
from safetynet.incident.entries import INCIDENT_KINDS, IncidentBody
from safetynet.journal.entry import Entry
from safetynet.store.store import Store
from safetynet.store.tables import grants


class Hearing:
    """Closes at the owner what the hub's entries say is closed."""

    def __init__(self, node: DistrictNode, store: Store, clock: Clock) -> None:
        self._node = node
        self._store = store
        self._clock = clock

    async def take(self, entries: Sequence[Entry]) -> None:
        """Entries of the hub, in order; what is older than any grant lasts is no matter any more."""
        oldest = self._clock.now() - timedelta(seconds=REMEMBER_S)
        for entry in entries:
            if entry.at < oldest:
                continue
            if entry.kind == GRANT_CLOSED:
                body = entry.read(ClosedBody)
                if not self._node.leases.is_closed(body.id, body.incident):
                    await self._close(body.incident, [body.id], over=False)
            elif entry.kind in INCIDENT_KINDS:
                incident = entry.read(IncidentBody)
                if not incident.state.is_open:
                    await self.end(incident.incident)

    async def end(self, incident: IncidentId) -> None:
        """The hub's incident is over, by its own word or by what was told here: cut what runs for it."""
        if self._node.leases.is_over(incident) or not await self._concerns(incident):
            return
        await self._close(incident, [], over=True)

    async def _concerns(self, incident: IncidentId) -> bool:
        if self._node.holds(incident):
            return True
        owner = self._node.node
        return await self._store.read(lambda conn: _has_grants(conn, owner, incident))

    async def _close(self, incident: IncidentId, closed: Sequence[GrantId], *, over: bool) -> None:
        command = CloseViews(
            key=new_id("cmd", self._clock.now()),
            generation="",
            incident=incident,
            grants=tuple(closed),
            cameras=(),
            incident_over=over,
        )
        await self._node.carry_out(command, HUB)


def _has_grants(conn: Connection, owner: NodeId, incident: IncidentId) -> bool:
    c = grants.c
    found = select(c.id).where(c.node == HUB, c.incident == incident, c.owner == owner).limit(1)
    return conn.scalar(found) is not None
