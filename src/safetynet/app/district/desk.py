"""A district's own desk: the parts that answer incidents at the hub, over this district's journal and
what it can see by itself. It works the same with the hub and without (docs/design/0019)."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog

from safetynet import __version__
from safetynet.access.destruction import carry_out
from safetynet.access.keys import NodeKey, open_node_key
from safetynet.access.seal import Vault
from safetynet.app.district.hearing import Hearing
from safetynet.app.district.neighbours import Neighbours
from safetynet.app.district.node import DistrictNode
from safetynet.app.hub.answering import RENEW_EVERY_S
from safetynet.app.hub.consoles import Consoles
from safetynet.app.hub.desk import HubDesk
from safetynet.app.hub.destroying import Destroyer
from safetynet.app.hub.eyes import Eyes
from safetynet.app.hub.intake import Intake
from safetynet.app.hub.owners import Owners
from safetynet.app.hub.process import bounds_of, serve_web
from safetynet.app.hub.responder import Responder
from safetynet.app.hub.response import Response
from safetynet.app.hub.taking import Takings
from safetynet.app.hub.taking_up import take_up
from safetynet.app.hub.twins import Twins
from safetynet.app.keys import open_keys_store
from safetynet.app.settings import WALLS_FILE, DeskSettings, DistrictSettings
from safetynet.base.clock import Clock
from safetynet.base.errors import SafetyNetError
from safetynet.base.ids import HUB, CameraId, NodeId
from safetynet.city.bundle import TILES, load_city
from safetynet.city.lookup import Gazetteer
from safetynet.city.model import City
from safetynet.city.tiles import MapTiles
from safetynet.federation import subjects
from safetynet.federation.apart import apart_began, apart_ended, was_apart
from safetynet.federation.bus import Bus
from safetynet.federation.catalogue import Catalogue
from safetynet.federation.concern import ConcernCopy
from safetynet.federation.directory import AWAY_AFTER_S, Directory, Presence, Standing
from safetynet.federation.messages import (
    Answer,
    Beat,
    CloseViews,
    Command,
    OpenViews,
    RenewLeases,
    ViewAnswer,
    ViewStatus,
    decode,
)
from safetynet.journal.append import Journal
from safetynet.links.ucp.server import open_ucp_server
from safetynet.sight.model import HealthState
from safetynet.web.app import create_app
from safetynet.web.types import NodeEvent, SettingsView

TICK_S = 0.25
ON_ITS_GRANT = "view.on_its_grant"
"""Note on a neighbour's view: its owner was not asked, it opens on the grant alone."""
_SHOWS = (HealthState.OK, HealthState.STALE)
_FOR_EVER = 2**53

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class DeskParts:
    """What a district has, that its desk works over."""

    settings: DeskSettings
    bundle: Path
    data: Path
    city: City
    journal: Journal
    vault: Vault
    key: NodeKey
    node: DistrictNode
    bus: Bus
    concern: ConcernCopy
    hearing: Hearing
    gateway: Callable[[], str]
    clock: Clock


class LocalDesk:
    """Takes reports, chooses among its own and its neighbours' border cameras, grants, serves consoles."""

    def __init__(self, parts: DeskParts, group: asyncio.TaskGroup) -> None:
        self._parts = parts
        self._own = parts.node.node
        self._group = group
        self._began_s = parts.clock.monotonic_s()
        others = (d.node for d in parts.city.districts if d.node != self._own)
        directory = Directory((self._own, HUB, *others), self._began_s)
        self._owners = Owners(self._ask, directory, parts.clock)
        self._eyes = Eyes(parts.city, assumed=parts.settings.demo, walls=parts.data / WALLS_FILE)
        self._consoles = Consoles()
        self._neighbours = Neighbours(
            self._own, parts.data, parts.bus, parts.clock, self._take_neighbour
        )
        self._responder = Responder(
            journal=parts.journal,
            key=parts.key,
            eyes=self._eyes,
            owners=self._owners,
            consoles=self._consoles,
            clock=parts.clock,
            show=self._show,
            group=group,
        )
        gazetteer = Gazetteer(parts.city)
        self._intake = Intake(
            parts.journal,
            parts.vault,
            gazetteer,
            bounds_of(parts.city),
            parts.clock,
            self._responder.take,
        )
        self._responder.turns.reports_pending = lambda: self._intake.pending
        self._twins = Twins(parts.journal, self._intake, parts.clock, on_over=parts.hearing.end)
        self._desk = self._make_desk(gazetteer)

    def _make_desk(self, gazetteer: Gazetteer) -> HubDesk:
        parts = self._parts
        return HubDesk(
            settings=SettingsView(
                version=__version__,
                demo=parts.settings.demo,
                staging=parts.settings.staging,
                node=self._own,
            ),
            journal=parts.journal,
            intake=self._intake,
            responder=self._responder,
            eyes=self._eyes,
            owners=self._owners,
            consoles=self._consoles,
            gazetteer=gazetteer,
            takings=Takings(self._responder, self._owners, parts.journal.store),
            destroyer=Destroyer(parts.journal, parts.vault, parts.clock, self._responder.forget),
            tiles=MapTiles(parts.bundle / TILES),
            clock=parts.clock,
        )

    async def start(self, doors: AsyncExitStack) -> None:
        """Begin to serve; what is open belongs to ``doors``, what runs to the group."""
        parts, settings = self._parts, self._parts.settings
        await self._eyes.join(parts.node.catalogue)
        await self._neighbours.open()
        await self._read_apart()
        await take_up(parts.journal, self._intake, self._responder, self._eyes)
        await parts.bus.subscribe(subjects.beat(HUB), self._hear_hub)
        await doors.enter_async_context(
            open_ucp_server(
                host=settings.host,
                port=settings.ucp_port,
                accept=self._intake.accept,
                keep=self._intake.keep,
                clock=parts.clock,
            )
        )
        await doors.enter_async_context(
            serve_web(create_app(self._desk), settings.host, settings.http_port)
        )
        for job in (
            self._watch(),
            self._renew(),
            self._neighbours.run(),
            self._twins.run(parts.concern.feed),
            self._eyes.prepare(parts.clock),
        ):
            self._group.create_task(job)

    # what it can see

    async def change_catalogue(self, catalogue: Catalogue) -> None:
        """This district's own cameras changed."""
        change = await self._eyes.join(catalogue)
        for camera in change.removed:
            await self._responder.lose_camera(camera, HealthState.DEAD)
        self._responder.fill_up()

    def note_health(self, camera: CameraId, state: HealthState) -> None:
        """One of its own cameras fell ill or recovered. Never waits."""
        if not self._eyes.note_health(camera, state):
            return
        if state in _SHOWS:
            self._responder.fill_up()
        else:
            self._group.create_task(self._responder.lose_camera(camera, state))

    async def _take_neighbour(self, catalogue: Catalogue) -> None:
        await self._eyes.join(catalogue)
        self._responder.fill_up()

    # whom it asks

    async def _ask(self, owner: NodeId, command: Command, _: float) -> Answer:
        """Its own node does it here. A neighbour cannot be asked: views open on the grant alone, and the
        hub carries renewals and closes there while it is here."""
        if owner == self._own:
            return await self._parts.node.carry_out(command, self._own)
        if isinstance(command, RenewLeases | CloseViews):
            return Answer(ok=True)
        if not isinstance(command, OpenViews):
            return Answer(ok=False, code=ON_ITS_GRANT, message="a neighbour takes no commands")
        views = (
            ViewAnswer(camera=wanted.camera, status=ViewStatus.READY, code=ON_ITS_GRANT)
            for wanted in command.views
        )
        return Answer(ok=True, views=tuple(views))

    async def _renew(self) -> None:
        while True:
            await self._parts.clock.sleep(RENEW_EVERY_S)
            await self._responder.renew()

    # who is here

    async def _hear_hub(self, _: str, data: bytes) -> None:
        beat = decode(data, Beat)
        self._parts.concern.hear_hub(beat.epoch, beat.head)
        self._note(self._owners.directory.hear(beat, self._parts.clock.monotonic_s()))

    async def _watch(self) -> None:
        """Its own gateway and the neighbours', by what is known; the hub by its silence."""
        while True:
            now_s = self._parts.clock.monotonic_s()
            directory = self._owners.directory
            own = _beat(self._own, self._parts.gateway(), len(self._parts.node.catalogue))
            self._note(directory.hear(own, now_s))
            for one in self._neighbours.list_all():
                beat = _beat(one.node, one.gateway, len(one.cameras or ()))
                self._note(directory.hear(beat, now_s))
            for standing in directory.tick(now_s):
                self._note(standing)
            await self._note_apart(now_s)
            await self._parts.clock.sleep(TICK_S)

    def _note(self, standing: Standing | None) -> None:
        if standing is None:
            return
        if self._desk.shows(standing.node):
            self._consoles.tell_all(NodeEvent(node=self._desk.view_node(standing)))
        if standing.can_show:
            self._responder.hand_again(standing.node)
            self._responder.take_back(standing.node)
            self._responder.fill_up()

    async def _read_apart(self) -> None:
        """It may have been apart when it stopped."""
        journal = self._parts.journal
        self._responder.apart = await journal.store.read(
            lambda conn: was_apart(conn, journal.node, _FOR_EVER, _FOR_EVER)
        )

    async def _note_apart(self, now_s: float) -> None:
        """Write down when the hub is not heard any more, and when it is heard again.

        A hub that was not heard since our start counts as away when its time is over.
        """
        apart = self._responder.apart
        presence = self._owners.directory.get(HUB).presence
        if presence is Presence.ABSENT:
            away = apart or now_s - self._began_s > AWAY_AFTER_S
        else:
            away = presence is Presence.AWAY
        if away == apart:
            return
        try:
            await self._parts.journal.append([apart_began() if away else apart_ended()])
        except SafetyNetError as error:
            log.error("desk.apart_unrecorded", of=self._own, code=error.code)
            return
        self._responder.apart = away
        log.warning("desk.apart" if away else "desk.together", of=self._own)

    def _show(self, response: Response) -> None:
        self._desk.show(response)


async def open_desk(
    own: DistrictSettings,
    settings: DeskSettings,
    *,
    bundle: Path,
    journal: Journal,
    node: DistrictNode,
    bus: Bus,
    concern: ConcernCopy,
    hearing: Hearing,
    gateway: Callable[[], str],
    clock: Clock,
    group: asyncio.TaskGroup,
    doors: AsyncExitStack,
) -> LocalDesk:
    """Open a district's desk; it serves when this returns."""
    data = Path(own.data)
    city = await asyncio.to_thread(load_city, bundle)
    vault = Vault(await doors.enter_async_context(open_keys_store(data, settings.keys_url)), clock)
    late = await carry_out(journal.store, own.node, vault)
    if late:
        log.warning("desk.keys_destroyed_late", of=own.node, keys=late)
    parts = DeskParts(
        settings=settings,
        bundle=bundle,
        data=data,
        city=city,
        journal=journal,
        vault=vault,
        key=open_node_key(data, own.node),
        node=node,
        bus=bus,
        concern=concern,
        hearing=hearing,
        gateway=gateway,
        clock=clock,
    )
    desk = LocalDesk(parts, group)
    await desk.start(doors)
    return desk


def _beat(node: NodeId, gateway: str, cameras: int) -> Beat:
    """A node as this one knows it without hearing it."""
    return Beat(node=node, boot="", epoch=0, head=0, cameras=cameras, catalogue="", gateway=gateway)
