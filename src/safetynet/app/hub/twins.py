"""One event, told at two doors: each node takes in what the other's incident says (docs/design/0019).

A district and the hub each have an incident of a sender's number that came to both. The rule of
``incident.state.take_in`` joins them; here it is applied, whenever either of them changes, until both agree.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog
from sqlalchemy import Connection

from safetynet.app.hub.intake import TRIES, Intake
from safetynet.base.clock import Clock
from safetynet.base.errors import ConflictError, SafetyNetError
from safetynet.base.ids import HUB, IncidentId, NodeId, new_id
from safetynet.incident.entries import (
    INCIDENT_JOINED,
    INCIDENT_KINDS,
    JoinedBody,
    incident_joined,
)
from safetynet.incident.model import Incident
from safetynet.incident.read import (
    Kept,
    find_kept,
    find_others,
    list_told_twice,
)
from safetynet.incident.state import Identity, begin_with, take_in
from safetynet.journal.append import Journal
from safetynet.journal.entry import Draft, Entry
from safetynet.journal.feed import Feed, Missed
from safetynet.journal.read import find_entries

WAITING = 4096

log = structlog.get_logger()
OnOver = Callable[[IncidentId], Awaitable[None]]
"""Another node's incident is over by what was told here."""


async def _nothing(_: IncidentId) -> None:
    return None


class Twins:
    """Keeps the incidents of this node agreed with those of others on the same events."""

    def __init__(
        self, journal: Journal, intake: Intake, clock: Clock, *, on_over: OnOver = _nothing
    ) -> None:
        self._journal = journal
        self._intake = intake
        self._clock = clock
        self._on_over = on_over
        self._elsewhere: set[Identity] = set()
        """Numbers that another node told of since we began, or that were known to both before."""

    async def run(self, others: Feed) -> None:
        """Follow this node's own entries and those of others until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(others, foreign=True))
            group.create_task(self._follow(self._journal.feed, foreign=False))

    async def _follow(self, feed: Feed, *, foreign: bool) -> None:
        with feed.subscribe(limit=WAITING) as subscription:
            await self._meet_all()
            while True:
                item = await subscription.next()
                if isinstance(item, Missed):
                    await self._meet_all()
                elif (who := _identity_of(item)) is not None:
                    if foreign:
                        self._elsewhere.add(who)
                    if who in self._elsewhere:
                        await self._try(who)

    async def _meet_all(self) -> None:
        known = await self._journal.store.read(list_told_twice)
        self._elsewhere.update(known)
        for who in known:
            await self._try(who)

    async def _try(self, who: Identity) -> None:
        try:
            await self.meet(who)
        except SafetyNetError as error:
            log.error("twins.not_met", code=error.code, message=error.message)

    async def meet(self, who: Identity) -> None:
        """Take in what others say of one number; raises ``ConflictError`` where ours never rests."""
        for _ in range(TRIES):
            kept, others = await self._journal.store.read(lambda conn: self._find(conn, who))
            if not others or (kept is None and not self._begins(others)):
                return
            try:
                after = await self._take_in(kept, others)
            except ConflictError:
                continue
            if not after.state.is_open:
                for _, other in others:
                    await self._on_over(other.id)
            return
        raise ConflictError("incident.moved", "the incident changes all the time")

    def _find(
        self, conn: Connection, who: Identity
    ) -> tuple[Kept | None, list[tuple[NodeId, Incident]]]:
        node = self._journal.node
        return find_kept(conn, node, {who}).get(who), find_others(conn, node, who)

    def _begins(self, others: Sequence[tuple[NodeId, Incident]]) -> bool:
        """What two districts were told is the hub's too: so each of them hears of the other's end."""
        return self._journal.node == HUB and len(others) > 1

    async def _take_in(
        self, kept: Kept | None, others: Sequence[tuple[NodeId, Incident]]
    ) -> Incident:
        now, theirs = self._clock.now(), [other for _, other in others]
        if kept is None:
            change = begin_with(theirs, IncidentId(new_id("inc", now)), now)
        else:
            change = take_in(await self._intake.open_words(kept), theirs, now)
        own = change.before or change.after
        marks: list[Draft] = []
        if self._journal.node == HUB:
            joined = await self._list_joined(own.id)
            marks = [incident_joined(own, o, node) for node, o in others if o.id not in joined]
        await self._intake.move(kept, change, *marks)
        return change.after

    async def _list_joined(self, incident: IncidentId) -> frozenset[IncidentId]:
        node = self._journal.node
        found = await self._journal.store.read(
            lambda conn: find_entries(conn, [incident], [INCIDENT_JOINED], node)
        )
        return frozenset(entry.read(JoinedBody).other for entry in found)


def _identity_of(entry: Entry) -> Identity | None:
    if entry.kind not in INCIDENT_KINDS:
        return None
    body = entry.read(_Who)
    return body.sender, body.key, body.drill


class _Who(msgspec.Struct):
    """The part of an incident's body that names the event."""

    sender: str
    key: str
    drill: bool
