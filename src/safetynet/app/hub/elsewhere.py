"""Incidents that districts took by themselves, as the hub's consoles see them.

The hub follows the districts' journals, so it knows of each what was decided, by whom, and whether
apart. Their words stay sealed with the district, and who watches there watches by its grants.
"""

from collections.abc import Callable

import msgspec
import structlog
from sqlalchemy import Connection, select

from safetynet.base.errors import SafetyNetError
from safetynet.base.ids import IncidentId, NodeId
from safetynet.federation.apart import was_apart
from safetynet.incident.entries import INCIDENT_KINDS
from safetynet.incident.model import Incident
from safetynet.incident.read import KeptIncident, get_incident, list_elsewhere
from safetynet.incident.showing import CHOICE_MADE, EYES_ON, STILL_SHOWN
from safetynet.journal.entry import Entry
from safetynet.journal.feed import Feed, Missed
from safetynet.store.store import Store
from safetynet.store.tables import reports

KEPT = 200
"""In memory for the list; all of them stay in the store."""
WAITING = 4096
_NEWS = INCIDENT_KINDS | {CHOICE_MADE, EYES_ON, STILL_SHOWN}

log = structlog.get_logger()


class Taken:
    """An incident that another node took."""

    def __init__(self, node: NodeId, kept: KeptIncident, *, apart: bool) -> None:
        self.node = node
        self.kept = kept
        self.apart = apart
        """Its node was without the hub when it took it."""

    @property
    def incident(self) -> Incident:
        """Without the words that are sealed there."""
        return self.kept.incident()


OnTaken = Callable[[Taken], None]


class Elsewhere:
    """The newest incidents of other nodes, kept as their journals say. One writer: ``run``."""

    def __init__(self, store: Store, node: NodeId, show: OnTaken) -> None:
        self._store = store
        self._node = node
        self._show = show
        self._taken: dict[IncidentId, Taken] = {}

    def list_all(self) -> list[Taken]:
        """In no order."""
        return list(self._taken.values())

    def find(self, incident: IncidentId) -> Taken | None:
        """One of them."""
        return self._taken.get(incident)

    async def run(self, others: Feed) -> None:
        """Follow until cancelled."""
        with others.subscribe(limit=WAITING) as subscription:
            await self._read_all()
            while True:
                item = await subscription.next()
                if isinstance(item, Missed):
                    await self._read_all()
                elif item.kind in _NEWS:
                    await self._read(item)

    async def _read_all(self) -> None:
        def read(conn: Connection) -> list[Taken]:
            found = list_elsewhere(conn, self._node, KEPT)
            return [_taken(conn, node, kept) for node, kept in found]

        for taken in await self._store.read(read):
            self._keep(taken)

    async def _read(self, entry: Entry) -> None:
        def read(conn: Connection) -> Taken:
            incident = entry.read(_Of).incident
            return _taken(conn, entry.node, get_incident(conn, entry.node, incident))

        try:
            self._keep(await self._store.read(read))
        except SafetyNetError as error:
            log.info("elsewhere.unread", of=entry.node, code=error.code)

    def _keep(self, taken: Taken) -> None:
        self._taken[taken.kept.body.incident] = taken
        if len(self._taken) > KEPT:
            oldest = min(self._taken.values(), key=lambda t: t.kept.body.received_at)
            del self._taken[oldest.kept.body.incident]
        self._show(taken)


class _Of(msgspec.Struct):
    incident: IncidentId


def _taken(conn: Connection, node: NodeId, kept: KeptIncident) -> Taken:
    return Taken(node, kept, apart=taken_apart(conn, node, kept.body.incident))


def taken_apart(conn: Connection, node: NodeId, incident: IncidentId) -> bool:
    """True where a node took an incident while it was apart, by the order of its journal."""
    r = reports.c
    first = (
        select(r.epoch, r.seq)
        .where(r.node == node, r.incident == incident)
        .order_by(r.epoch, r.seq)
        .limit(1)
    )
    row = conn.execute(first).first()
    return row is not None and was_apart(conn, node, row.epoch, row.seq)
