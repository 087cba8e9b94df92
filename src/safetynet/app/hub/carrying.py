"""The hub carries a district's word to its neighbours: what it granted goes on, what it closed ends.

A district cannot speak to its neighbours; its journal comes to the hub. While both are here the hub
renews the leases of grants that one issued for a camera of another, and closes there what was closed.
"""

import msgspec
import structlog
from sqlalchemy import Connection, select

from safetynet.access.entries import GRANT_CLOSED, GRANT_ISSUED, ClosedBody, IssuedBody
from safetynet.app.hub.owners import Held, Owners
from safetynet.base.clock import Clock
from safetynet.base.ids import HUB, GrantId, IncidentId, NodeId
from safetynet.federation.directory import Presence
from safetynet.journal.entry import Entry, read_time, time_text
from safetynet.journal.feed import Feed, Missed
from safetynet.store.store import Store
from safetynet.store.tables import grants

WAITING = 4096
LEASE_S = 15.0
"""As the plans have it (``services.trigger``); a grant's own length stands in the grant alone."""

log = structlog.get_logger()


class _Carried(msgspec.Struct, frozen=True, kw_only=True):
    """A grant of one district for a camera of another."""

    id: GrantId
    issuer: NodeId
    owner: NodeId
    incident: IncidentId
    hard_end: str


class Carrier:
    """Grants across a border, and what becomes of them."""

    def __init__(self, store: Store, owners: Owners, clock: Clock) -> None:
        self._store = store
        self._owners = owners
        self._clock = clock
        self._open: dict[GrantId, _Carried] = {}

    async def run(self, others: Feed) -> None:
        """Follow the districts' journals until cancelled."""
        with others.subscribe(limit=WAITING) as subscription:
            await self._read_all()
            while True:
                item = await subscription.next()
                if isinstance(item, Missed):
                    await self._read_all()
                elif item.kind == GRANT_ISSUED:
                    self._take(item)
                elif item.kind == GRANT_CLOSED:
                    body = item.read(ClosedBody)
                    carried = self._open.get(body.id)
                    if carried is not None and carried.issuer == item.node:
                        del self._open[body.id]
                        await self._close(carried)

    async def renew(self) -> None:
        """Let go on what is open, of issuers that are here: the others' leases are their owners' matter."""
        now = time_text(self._clock.now())
        self._open = {g: c for g, c in self._open.items() if c.hard_end > now}
        here = [c for c in self._open.values() if self._is_here(c.issuer)]
        await self._owners.renew([_held(c) for c in here])

    def _is_here(self, node: NodeId) -> bool:
        return self._owners.directory.get(node).presence in (Presence.HERE, Presence.SUSPECT)

    def _take(self, entry: Entry) -> None:
        grant = entry.read(IssuedBody).grant
        if grant.issuer == entry.node != grant.owner:
            self._open[grant.id] = _Carried(
                id=grant.id,
                issuer=grant.issuer,
                owner=grant.owner,
                incident=grant.incident,
                hard_end=grant.hard_end,
            )

    async def _read_all(self) -> None:
        """What is open, and what was closed while nobody could carry it."""
        now = time_text(self._clock.now())
        found = await self._store.read(lambda conn: (_open(conn, now), _unheard(conn, now)))
        self._open = {c.id: c for c in found[0]}
        for carried in found[1]:
            await self._close(carried)

    async def _close(self, carried: _Carried) -> None:
        if read_time(carried.hard_end) > self._clock.now():
            await self._owners.close_views(
                carried.owner, carried.incident, grants=[carried.id], cameras=(), over=False
            )


def _held(carried: _Carried) -> Held:
    return Held(
        owner=carried.owner,
        incident=carried.incident,
        grants=(carried.id,),
        lease_s=LEASE_S,
    )


def _across(conn: Connection, now: str, *, closed: bool) -> list[_Carried]:
    c = grants.c
    ended = c.closed_at.is_not(None) if closed else c.closed_at.is_(None)
    rows = conn.execute(
        select(c.id, c.issuer, c.owner, c.incident, c.hard_end).where(
            c.side == "issued", c.node != HUB, c.owner != c.node, c.hard_end > now, ended
        )
    )
    return [
        _Carried(
            id=GrantId(row.id),
            issuer=NodeId(row.issuer),
            owner=NodeId(row.owner),
            incident=IncidentId(row.incident),
            hard_end=row.hard_end,
        )
        for row in rows
    ]


def _open(conn: Connection, now: str) -> list[_Carried]:
    return _across(conn, now, closed=False)


def _unheard(conn: Connection, now: str) -> list[_Carried]:
    """Closed by the issuer, and not known as closed by the owner."""
    c = grants.c

    def heard(one: _Carried) -> bool:
        row = (c.node == one.owner) & (c.id == one.id)
        return conn.scalar(select(c.closed_at).where(row)) is not None

    return [one for one in _across(conn, now, closed=True) if not heard(one)]
