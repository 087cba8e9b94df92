"""The hub process: wires the parts, serves until it is asked to end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import structlog
import uvicorn
from litestar import Litestar

from safetynet.access.destruction import carry_out
from safetynet.access.fold import ACCESS_FOLDS
from safetynet.access.keys import open_node_key
from safetynet.access.seal import Vault
from safetynet.app.hub.answering import Answering, HubParts, settings_view
from safetynet.app.hub.eyes import Eyes
from safetynet.app.hub.front import HubFront
from safetynet.app.hub.intake import Intake
from safetynet.app.hub.watch import Watch
from safetynet.app.keys import open_keys, open_keys_store
from safetynet.app.orphan import run_until_asked
from safetynet.app.settings import WALLS_FILE, HubSettings
from safetynet.base.clock import Clock, SystemClock
from safetynet.base.ids import HUB
from safetynet.base.log import configure_logging
from safetynet.base.settling import settle, share_time
from safetynet.city.bundle import TILES, load_city
from safetynet.city.lookup import Gazetteer
from safetynet.city.model import City
from safetynet.city.tiles import MapTiles
from safetynet.federation.bus import Bus, connect_bus
from safetynet.federation.directory import Directory
from safetynet.federation.inventory import CATALOGUE_FOLDS
from safetynet.federation.recall import resume
from safetynet.incident.fold import FOLDS as INCIDENT_FOLDS
from safetynet.incident.locate import Bounds
from safetynet.incident.state import Change
from safetynet.journal.append import Journal
from safetynet.journal.follow import Follower
from safetynet.journal.generation import begin_generation
from safetynet.journal.mark import HeadMark
from safetynet.journal.snapshot import keep_snapshots
from safetynet.links.ucp.server import open_ucp_server
from safetynet.store.duty import hold_duty
from safetynet.store.engines import sqlite_url
from safetynet.store.store import Store
from safetynet.web.app import Front, create_app, create_front

HEARD_ENTRIES = 16_384
"""Of other processes, that may wait to be heard; beyond it everything open is looked at."""

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
        self._city = city
        self._intake = Intake(
            journal, vault, Gazetteer(city), bounds_of(city), clock, self._note_moved
        )
        self._parts = HubParts(
            settings=settings,
            city=city,
            journal=journal,
            vault=vault,
            key=open_node_key(Path(settings.data), HUB),
            bus=bus,
            eyes=Eyes(city, assumed=settings.demo, walls=Path(settings.data) / WALLS_FILE),
            directory=Directory(tuple(d.node for d in city.districts), clock.monotonic_s()),
            follower=Follower(
                journal.store, clock, {**INCIDENT_FOLDS, **ACCESS_FOLDS, **CATALOGUE_FOLDS}
            ),
            intake=self._intake,
            clock=clock,
        )
        self._answering: Answering | None = None
        self._began = asyncio.Event()

    async def start(self, group: asyncio.TaskGroup, doors: AsyncExitStack) -> None:
        """Begin to serve; what runs belongs to the group, what is open to the stack.

        Every process of the hub takes reports, passes on what it does not answer, and knows the cameras;
        one at a time answers. Alone on its store it is that one, and opens no door before.
        """
        parts, store = self._parts, self._journal.store
        watch = Watch(
            bus=parts.bus,
            directory=parts.directory,
            eyes=parts.eyes,
            follower=parts.follower,
            clock=self._clock,
            group=group,
        )
        front = Front(await self._open_front(doors) if store.shared else None)
        answer = partial(self._answer, watch, front)
        for job in (
            self._journal.watch(),
            watch.run(),
            hold_duty(store.url, f"answer {HUB}", answer, self._clock),
            parts.eyes.prepare(self._clock),
            self._keep_snapshots(),
        ):
            group.create_task(job)
        if not store.shared:
            await self._began.wait()
        await doors.enter_async_context(
            open_ucp_server(
                host=self._settings.host,
                port=self._settings.ucp_port,
                accept=self._intake.accept,
                keep=self._intake.keep,
                clock=self._clock,
            )
        )
        await doors.enter_async_context(
            serve_web(front, self._settings.host, self._settings.http_port)
        )

    async def _open_front(self, doors: AsyncExitStack) -> Litestar:
        """The web of this process while another one answers."""
        from safetynet.web.front import passing_on  # only now: it loads httpx

        desk = HubFront(
            settings=settings_view(self._settings),
            journal=self._journal,
            intake=self._intake,
            city=self._city,
            tiles=MapTiles(Path(self._settings.bundle) / TILES),
            clock=self._clock,
            reached_at=self._settings.reached_at,
        )
        return create_front(desk, await doors.enter_async_context(passing_on(desk.get_answering)))

    async def _answer(self, watch: Watch, front: Front) -> None:
        """Be the one that answers, until this is cancelled: one generation."""
        mine = await begin_generation(
            self._journal.store, HUB, self._settings.reached_at, self._clock
        )
        log.info("hub.answers", generation=mine.generation)
        with self._journal.feed.subscribe(limit=HEARD_ENTRIES) as heard:
            await self._journal.wait_watched()
            async with asyncio.TaskGroup() as group:
                answering = Answering(self._parts, watch, mine.generation, group)
                await answering.take_up()
                try:
                    self._answering, front.answering = answering, create_app(answering.desk)
                    self._began.set()
                    await answering.run(heard)
                finally:
                    self._answering, front.answering = None, None

    def _note_moved(self, change: Change) -> None:
        """A report that this process took moved an incident; who answers elsewhere hears its entry."""
        if self._answering is not None:
            self._answering.responder.take(change)

    async def _keep_snapshots(self) -> None:
        store = self._journal.store
        keep = partial(keep_snapshots, store, self._clock)
        await hold_duty(store.url, f"snapshots {HUB}", keep, self._clock)


async def _open_hub(settings: HubSettings, city: City, clock: Clock, stack: AsyncExitStack) -> _Hub:
    data = Path(settings.data)
    data.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - once, before anything is served
    mark = stack.enter_context(HeadMark(data))
    store_url = settings.store_url or sqlite_url(data / "node.sqlite")
    store = await stack.enter_async_context(Store(store_url))
    keys = await stack.enter_async_context(open_keys_store(data, settings.keys_url))
    bus = await connect_bus(settings.nats_servers, HUB, open_keys(settings.keys, HUB, clock))
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
async def serve_web(app: Litestar | Front, host: str, port: int) -> AsyncIterator[None]:
    """Serve a desk's web while the context lasts."""
    config = uvicorn.Config(
        app,
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
