"""The hub process: wires the parts, serves until it is asked to end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import structlog
import uvicorn

from safetynet import __version__
from safetynet.access.destruction import carry_out
from safetynet.access.fold import ACCESS_FOLDS
from safetynet.access.keys import open_node_key
from safetynet.access.seal import Vault
from safetynet.app.hub.consoles import Consoles
from safetynet.app.hub.desk import HubDesk
from safetynet.app.hub.destroying import Destroyer
from safetynet.app.hub.districts_alone import DistrictsAlone
from safetynet.app.hub.elsewhere import Elsewhere, Taken
from safetynet.app.hub.eyes import Eyes
from safetynet.app.hub.intake import Intake
from safetynet.app.hub.owners import Owners
from safetynet.app.hub.responder import Responder
from safetynet.app.hub.response import Response
from safetynet.app.hub.taking import Takings
from safetynet.app.hub.taking_up import take_up
from safetynet.app.hub.watch import Watch
from safetynet.app.keys import open_keys, open_keys_store
from safetynet.app.orphan import run_until_asked
from safetynet.app.settings import HubSettings
from safetynet.base.clock import Clock, SystemClock
from safetynet.base.errors import UnavailableError
from safetynet.base.ids import HUB, new_id
from safetynet.base.log import configure_logging
from safetynet.base.settling import settle, share_time
from safetynet.city.bundle import TILES, load_city
from safetynet.city.lookup import Gazetteer
from safetynet.city.model import City
from safetynet.city.tiles import MapTiles
from safetynet.federation import subjects
from safetynet.federation.bus import Bus, connect_bus
from safetynet.federation.commands import ask_owner
from safetynet.federation.directory import BEAT_EVERY_S, Directory, Standing
from safetynet.federation.inventory import CATALOGUE_FOLDS
from safetynet.federation.messages import Beat, encode
from safetynet.federation.recall import resume
from safetynet.incident.fold import FOLDS as INCIDENT_FOLDS
from safetynet.incident.locate import Bounds
from safetynet.journal.append import Journal
from safetynet.journal.follow import Follower
from safetynet.journal.mark import HeadMark
from safetynet.journal.rows import Head
from safetynet.journal.snapshot import keep_snapshots
from safetynet.links.ucp.server import open_ucp_server
from safetynet.store.duty import hold_duty
from safetynet.store.engines import sqlite_url
from safetynet.store.store import Store
from safetynet.web.app import create_app
from safetynet.web.types import NodeEvent, SettingsView

RENEW_EVERY_S = 5.0

log = structlog.get_logger()


async def run_hub(settings: HubSettings) -> None:
    """Serve until SIGINT, SIGTERM or the parent's end."""
    await run_until_asked(_serve(settings, SystemClock()))


async def _serve(settings: HubSettings, clock: Clock) -> None:
    city = await asyncio.to_thread(load_city, Path(settings.bundle))
    async with AsyncExitStack() as stack:
        hub = await _open_hub(settings, city, clock, stack)
        # The doors close first: a console that leaves still has its grants closed by the group.
        async with asyncio.TaskGroup() as group, AsyncExitStack() as doors:
            await hub.start(group, doors)
            settle()
            await asyncio.Event().wait()


class _Hub:
    """The parts of one hub process."""

    def __init__(
        self,
        settings: HubSettings,
        city: City,
        clock: Clock,
        journal: Journal,
        vault: Vault,
        bus: Bus,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._journal = journal
        self._vault = vault
        self._bus = bus
        self._city = city
        self._gazetteer = Gazetteer(city)
        expected = tuple(d.node for d in city.districts)
        self._eyes = Eyes(city, assumed=settings.demo)
        self._consoles = Consoles()
        directory = Directory(expected, clock.monotonic_s())
        self._owners = Owners(partial(ask_owner, bus), directory, clock)
        self._elsewhere = Elsewhere(journal.store, HUB, self._show_taken)

    async def start(self, group: asyncio.TaskGroup, stack: AsyncExitStack) -> None:
        """Begin to serve; what runs belongs to the group, what is open to the stack."""
        responder = Responder(
            journal=self._journal,
            key=open_node_key(Path(self._settings.data), HUB),
            eyes=self._eyes,
            owners=self._owners,
            consoles=self._consoles,
            clock=self._clock,
            show=self._show,
            group=group,
        )
        intake = Intake(
            self._journal,
            self._vault,
            self._gazetteer,
            bounds_of(self._city),
            self._clock,
            responder.take,
        )
        responder.turns.reports_pending = lambda: intake.pending
        self._desk = self._make_desk(intake, responder)
        folds = {**INCIDENT_FOLDS, **ACCESS_FOLDS, **CATALOGUE_FOLDS}
        follower = Follower(self._journal.store, self._clock, folds)
        watch = self._make_watch(responder, follower, group)
        self._alone = self._make_alone(intake)
        await take_up(self._journal, intake, responder, self._eyes)
        await stack.enter_async_context(
            open_ucp_server(
                host=self._settings.host,
                port=self._settings.ucp_port,
                accept=intake.accept,
                keep=intake.keep,
                clock=self._clock,
            )
        )
        await stack.enter_async_context(
            serve_web(self._desk, self._settings.host, self._settings.http_port)
        )
        for job in (
            watch.run(),
            self._alone.run(follower.feed),
            self._renew(responder),
            self._beat(),
            self._eyes.prepare(self._clock),
            self._keep_snapshots(),
        ):
            group.create_task(job)

    def _make_watch(
        self, responder: Responder, follower: Follower, group: asyncio.TaskGroup
    ) -> Watch:
        return Watch(
            bus=self._bus,
            owners=self._owners,
            eyes=self._eyes,
            responder=responder,
            follower=follower,
            clock=self._clock,
            group=group,
            tell=self._tell,
        )

    def _make_alone(self, intake: Intake) -> DistrictsAlone:
        return DistrictsAlone(
            city=self._city,
            journal=self._journal,
            bus=self._bus,
            eyes=self._eyes,
            owners=self._owners,
            intake=intake,
            elsewhere=self._elsewhere,
            clock=self._clock,
        )

    def _make_desk(self, intake: Intake, responder: Responder) -> HubDesk:
        return HubDesk(
            settings=SettingsView(
                version=__version__, demo=self._settings.demo, staging=self._settings.staging
            ),
            journal=self._journal,
            intake=intake,
            responder=responder,
            eyes=self._eyes,
            owners=self._owners,
            consoles=self._consoles,
            gazetteer=self._gazetteer,
            takings=Takings(responder, self._owners, self._journal.store),
            destroyer=Destroyer(self._journal, self._vault, self._clock, responder.forget),
            tiles=MapTiles(Path(self._settings.bundle) / TILES),
            elsewhere=self._elsewhere,
            clock=self._clock,
        )

    def _show(self, response: Response) -> None:
        self._desk.show(response)

    def _show_taken(self, taken: Taken) -> None:
        self._desk.show_taken(taken)

    def _tell(self, standing: Standing) -> None:
        self._consoles.tell_all(NodeEvent(node=self._desk.view_node(standing)))

    async def _keep_snapshots(self) -> None:
        store = self._journal.store
        keep = partial(keep_snapshots, store, self._clock)
        await hold_duty(store.url, f"snapshots {HUB}", keep, self._clock)

    async def _renew(self, responder: Responder) -> None:
        while True:
            await self._clock.sleep(RENEW_EVERY_S)
            await responder.renew()
            await self._alone.renew()

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
                await self._bus.publish(subjects.beat(HUB), encode(beat))
            except UnavailableError as error:
                log.info("hub.not_heard", code=error.code)
            await self._clock.sleep(BEAT_EVERY_S)


async def _open_hub(settings: HubSettings, city: City, clock: Clock, stack: AsyncExitStack) -> _Hub:
    data = Path(settings.data)
    data.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - once, before anything is served
    mark = stack.enter_context(HeadMark(data))
    store_url = settings.store_url or sqlite_url(data / "node.sqlite")
    store = await stack.enter_async_context(Store(store_url))
    keys = await stack.enter_async_context(open_keys_store(data, settings.keys_url))
    bus = await connect_bus(settings.nats_url, HUB, open_keys(settings.keys, HUB, clock))
    stack.push_async_callback(bus.close)
    folds = {**INCIDENT_FOLDS, **ACCESS_FOLDS}
    journal = Journal(HUB, store, clock, folds)
    await resume(journal, bus, mark, clock, folds, followed=False)
    vault = Vault(keys, clock)
    # Before anything is served: the keys may come from a backup, or we died before we were done.
    late = await carry_out(store, HUB, vault)
    if late:
        log.warning("hub.keys_destroyed_late", keys=late)
    return _Hub(settings, city, clock, journal, vault, bus)


def bounds_of(city: City) -> Bounds:
    """The box around all districts."""
    lons = [lon for d in city.districts for ring in d.border for lon, _ in ring]
    lats = [lat for d in city.districts for ring in d.border for _, lat in ring]
    return Bounds(west=min(lons), south=min(lats), east=max(lons), north=max(lats))


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handlers: this process has its own."""

    def capture_signals(self) -> "_NoSignals":  # type: ignore[override]  # uvicorn's is a generator
        return _NoSignals()


class _NoSignals:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


@asynccontextmanager
async def serve_web(desk: HubDesk, host: str, port: int) -> AsyncIterator[None]:
    """Serve a desk's web while the context lasts."""
    config = uvicorn.Config(
        create_app(desk),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws_max_size=1 << 16,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await task


def main(settings: HubSettings) -> None:
    """Run the process."""
    import uvloop

    configure_logging(node=HUB, level=settings.log_level)
    share_time()
    uvloop.run(run_hub(settings))
