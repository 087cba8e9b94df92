"""The part of a hub that exactly one of its processes does at a time: it answers.

It keeps in memory what is under way, so it begins anew in each generation: open incidents and grants are read
from the store, what other processes take meanwhile is heard from the journal.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from safetynet import __version__
from safetynet.access.keys import NodeKey
from safetynet.access.seal import Vault
from safetynet.app.hub.consoles import Consoles
from safetynet.app.hub.desk import HubDesk
from safetynet.app.hub.destroying import Destroyer
from safetynet.app.hub.districts_alone import DistrictsAlone
from safetynet.app.hub.elsewhere import Elsewhere, Taken
from safetynet.app.hub.eyes import Eyes
from safetynet.app.hub.inherited import Inherited
from safetynet.app.hub.intake import Intake
from safetynet.app.hub.owners import Owners
from safetynet.app.hub.responder import Responder
from safetynet.app.hub.response import Response
from safetynet.app.hub.taking import Takings
from safetynet.app.hub.taking_up import take_up
from safetynet.app.hub.watch import Watch
from safetynet.app.settings import HubSettings
from safetynet.base.clock import Clock
from safetynet.base.errors import SafetyNetError, UnavailableError
from safetynet.base.ids import HUB, IncidentId, new_id
from safetynet.city.bundle import TILES
from safetynet.city.lookup import Gazetteer
from safetynet.city.model import City
from safetynet.city.tiles import MapTiles
from safetynet.federation import subjects
from safetynet.federation.bus import Bus
from safetynet.federation.commands import ask_owner
from safetynet.federation.directory import BEAT_EVERY_S, Directory, Standing
from safetynet.federation.messages import Beat, encode
from safetynet.incident.entries import (
    INCIDENT_CHANGED,
    INCIDENT_ENDED,
    INCIDENT_OPENED,
    IncidentBody,
)
from safetynet.incident.read import Kept, get_incident, list_open
from safetynet.incident.state import Change, Outcome
from safetynet.journal.append import Journal
from safetynet.journal.entry import Entry
from safetynet.journal.feed import Missed, Subscription
from safetynet.journal.follow import Follower
from safetynet.journal.rows import Head
from safetynet.web.types import NodeEvent, SettingsView

RENEW_EVERY_S = 5.0
OWN_FIRST_S = 0.005
"""What this process took itself it knows before it hears it."""
_MOVED = (INCIDENT_OPENED, INCIDENT_CHANGED, INCIDENT_ENDED)

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class HubParts:
    """What a process of the hub has, whether it answers or not."""

    settings: HubSettings
    city: City
    journal: Journal
    vault: Vault
    key: NodeKey
    bus: Bus
    eyes: Eyes
    directory: Directory
    follower: Follower
    intake: Intake
    clock: Clock


class Answering:
    """One generation of the process that answers for the hub."""

    def __init__(
        self, parts: HubParts, watch: Watch, generation: str, group: asyncio.TaskGroup
    ) -> None:
        """``group``: what incidents need runs in it, to the end of this generation."""
        self._parts = parts
        self._clock = parts.clock
        self._journal = parts.journal.under(generation)
        self._watch = watch
        self._consoles = Consoles()
        ask = partial(ask_owner, parts.bus)
        self._owners = Owners(ask, parts.directory, parts.clock, generation)
        self.responder = Responder(
            journal=self._journal,
            key=parts.key,
            eyes=parts.eyes,
            owners=self._owners,
            consoles=self._consoles,
            clock=parts.clock,
            show=self._show,
            group=group,
        )
        self.responder.turns.reports_pending = lambda: parts.intake.pending
        self._inherited = Inherited(self._journal, self._owners, parts.clock)
        self._elsewhere = Elsewhere(parts.journal.store, HUB, self._show_taken)
        self._alone = DistrictsAlone(
            city=parts.city,
            journal=parts.journal,
            bus=parts.bus,
            eyes=parts.eyes,
            owners=self._owners,
            intake=parts.intake,
            elsewhere=self._elsewhere,
            clock=parts.clock,
        )
        self.desk = self._make_desk()

    def _make_desk(self) -> HubDesk:
        parts = self._parts
        return HubDesk(
            settings=settings_view(parts.settings),
            journal=self._journal,
            intake=parts.intake,
            responder=self.responder,
            eyes=parts.eyes,
            owners=self._owners,
            consoles=self._consoles,
            gazetteer=Gazetteer(parts.city),
            takings=Takings(self.responder, self._owners, parts.journal.store),
            destroyer=Destroyer(self._journal, parts.vault, parts.clock, self.responder.forget),
            tiles=MapTiles(Path(parts.settings.bundle) / TILES),
            elsewhere=self._elsewhere,
            clock=parts.clock,
        )

    async def take_up(self) -> None:
        """Open incidents and grants of before: views are chosen anew when the districts are here."""
        await self._inherited.look()
        parts = self._parts
        await take_up(self._journal, parts.intake, self.responder, parts.eyes)
        self._inherited.hand_over(self.responder.responses)

    async def run(self, heard: Subscription) -> None:
        """Answer until cancelled; ``heard`` began before ``take_up``."""
        responses = self.responder.responses
        try:
            async with asyncio.TaskGroup() as group:
                for job in (
                    self._watch.follow(self.responder, self._tell),
                    self._alone.run(self._parts.follower.feed),
                    self._hear_others(heard),
                    self._renew(),
                    self._beat(),
                    self._inherited.close(responses),
                ):
                    group.create_task(job)
        finally:
            self._consoles.end_all()

    async def _hear_others(self, heard: Subscription) -> None:
        """Incidents that another process of this hub moved, as its entries come."""
        if not self._journal.store.shared:
            return  # there is no other
        while True:
            entry: Entry | Missed | None = await heard.next()
            await self._clock.sleep(OWN_FIRST_S)
            while entry is not None:
                try:
                    await self._hear(entry)
                except SafetyNetError as error:
                    log.error("hub.incident_unheard", code=error.code)
                entry = heard.find_next()

    async def _hear(self, entry: Entry | Missed) -> None:
        if isinstance(entry, Missed):
            log.warning("hub.entries_missed", seq=entry.seq)
            await self._look_again()
        elif entry.kind in _MOVED:
            body = entry.read(IncidentBody)
            if not self.responder.knows(body.incident, body.revision):
                await self._take(Kept(body=body, words=body.words))

    async def _look_again(self) -> None:
        """Everything that is open, and what is known here as open."""
        node, store = self._journal.node, self._journal.store
        found = await store.read(lambda conn: list_open(conn, node))
        kept: dict[IncidentId, Kept] = {k.body.incident: k for k in found}
        for known in list(self.responder.responses.values()):
            if known.incident.state.is_open and known.incident.id not in kept:
                read = partial(get_incident, node=node, incident=known.incident.id)
                kept[known.incident.id] = await store.read(read)
        for one in kept.values():
            if not self.responder.knows(one.body.incident, one.body.revision):
                await self._take(one)

    async def _take(self, kept: Kept) -> None:
        incident = await self._parts.intake.open_words(kept)
        if not self.responder.knows(incident.id, incident.revision):
            change = Change(outcome=Outcome.CHANGED, before=None, after=incident)
            self.responder.take(change)

    def _show(self, response: Response) -> None:
        self.desk.show(response)

    def _show_taken(self, taken: Taken) -> None:
        self.desk.show_taken(taken)

    def _tell(self, standing: Standing) -> None:
        self._consoles.tell_all(NodeEvent(node=self.desk.view_node(standing)))

    async def _renew(self) -> None:
        while True:
            await self.responder.renew()
            await self._alone.renew()
            await self._clock.sleep(RENEW_EVERY_S)

    async def _beat(self) -> None:
        boot, head = new_id("boot", self._clock.now()), Head()
        while True:
            try:
                head = await self._journal.head()
            except UnavailableError as error:
                log.info("hub.head_unread", code=error.code)  # we live all the same
            beat = Beat(
                node=HUB,
                boot=boot,
                epoch=head.epoch,
                head=head.seq,
                cameras=0,
                catalogue="",
                gateway="",
                generation=self._owners.generation,
                sent_s=self._clock.monotonic_s(),
            )
            try:
                await self._parts.bus.publish(subjects.beat(HUB), encode(beat))
            except UnavailableError as error:
                log.info("hub.not_heard", code=error.code)
            await self._clock.sleep(BEAT_EVERY_S)


def settings_view(settings: HubSettings) -> SettingsView:
    """What the console must know about this installation."""
    return SettingsView(version=__version__, demo=settings.demo, staging=settings.staging)
