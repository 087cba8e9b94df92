"""A district process: opens its nodes one by one and serves them until it is asked to end."""

import asyncio
from collections.abc import Callable, Set
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from safetynet.access.authority import Authority
from safetynet.access.fold import ACCESS_FOLDS
from safetynet.access.keys import KeyRing, NodeJwk, open_node_key
from safetynet.access.lease import LeaseTable
from safetynet.access.policy import Policy
from safetynet.access.remember import end_left, remember_closed
from safetynet.app.district.hearing import Hearing
from safetynet.app.district.inventory import Inventory, follow_list, stamp_of, take_list
from safetynet.app.district.keeping import Keeper
from safetynet.app.district.line import WorkerLine
from safetynet.app.district.node import DistrictNode, OnHealth
from safetynet.app.keys import open_keys
from safetynet.app.orphan import run_until_asked
from safetynet.app.settings import (
    CameraAccess,
    DeskSettings,
    DistrictProcessSettings,
    DistrictSettings,
)
from safetynet.base.clock import Clock, SystemClock
from safetynet.base.errors import NotFoundError, UnavailableError
from safetynet.base.geo import LonLat
from safetynet.base.ids import HUB, CameraId, NodeId, new_id
from safetynet.base.log import configure_logging
from safetynet.base.settling import settle, share_time
from safetynet.city.kinds import CameraKind
from safetynet.federation import subjects
from safetynet.federation.bus import Bus, NatsBus, connect_bus
from safetynet.federation.catalogue import Catalogue, Change
from safetynet.federation.commands import CommandDoor
from safetynet.federation.concern import ConcernCopy
from safetynet.federation.directory import AWAY_AFTER_S, BEAT_EVERY_S
from safetynet.federation.health import HealthTeller
from safetynet.federation.inventory import CATALOGUE_FOLDS
from safetynet.federation.messages import Beat, CameraRecord, CatalogueRequest, decode, encode
from safetynet.federation.recall import resume
from safetynet.federation.replicate import Publisher
from safetynet.incident.fold import FOLDS as INCIDENT_FOLDS
from safetynet.journal.append import Journal
from safetynet.journal.mark import HeadMark
from safetynet.journal.rows import Folds, Head
from safetynet.journal.snapshot import keep_snapshots
from safetynet.sight.model import HealthState
from safetynet.store.duty import hold_duty
from safetynet.store.engines import sqlite_url
from safetynet.store.store import Store
from safetynet.video.ipc import Source, Turn
from safetynet.video.limits import Limits

if TYPE_CHECKING:
    from safetynet.app.district.desk import LocalDesk

TICK_S = 0.1
COMMANDS_AT_ONCE = 32
"""A still takes a moment; a close must not wait behind it."""
FOLDS: Folds = {**INCIDENT_FOLDS, **ACCESS_FOLDS, **CATALOGUE_FOLDS}

log = structlog.get_logger()


async def run_districts(settings: DistrictProcessSettings) -> None:
    """Serve these districts until SIGINT, SIGTERM or the parent's end."""
    await run_until_asked(_run(settings, SystemClock()))


async def _run(settings: DistrictProcessSettings, clock: Clock) -> None:
    bundled = await asyncio.to_thread(_read_bundle, settings)
    for own in settings.districts:
        _read_policy(own.policy_file)  # a mistake is told before anything is started
    limits = Limits(
        host=settings.gateway_host,
        port=settings.gateway_port,
        onvif=settings.cameras.onvif_url is not None,
    )
    line = WorkerLine(limits, clock)
    async with asyncio.TaskGroup() as group:
        group.create_task(line.run())
        for own in settings.districts:
            records = bundled.get(own.node, [])
            group.create_task(_run_district(settings, own, records, line, clock))


def _read_bundle(settings: DistrictProcessSettings) -> dict[NodeId, list[CameraRecord]]:
    """Cameras of the districts that keep no list of their own."""
    nodes = [own.node for own in settings.districts if own.cameras_file is None]
    if not nodes:
        return {}
    # Only now: a district that keeps its own list needs no city, and no NumPy.
    from safetynet.app.cameras import records_of
    from safetynet.city.bundle import load_city

    city = load_city(Path(settings.bundle))
    return {node: records_of(city, node) for node in nodes}


async def _run_district(
    settings: DistrictProcessSettings,
    own: DistrictSettings,
    bundled: list[CameraRecord],
    line: WorkerLine,
    clock: Clock,
) -> None:
    await clock.sleep(own.join_after_s)
    async with AsyncExitStack() as stack:
        data = Path(own.data)
        data.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - once, before anything is served
        mark = stack.enter_context(HeadMark(data))
        store_url = own.store_url or sqlite_url(data / "node.sqlite")
        store = await stack.enter_async_context(Store(store_url))
        journal = Journal(own.node, store, clock, FOLDS)
        bus = await connect_bus(own.nats_url, own.node, open_keys(own.keys, own.node, clock))
        stack.push_async_callback(bus.close)
        await resume(journal, bus, mark, clock, FOLDS, followed=True)
        # After that alone: reading the list may append.
        inventory = await Inventory.open(own.node, journal)
        path = Path(own.cameras_file) if own.cameras_file else None
        stamp = stamp_of(path) if path else None
        await (take_list(inventory, path) if path else inventory.take(bundled))
        district = _District(settings, own, inventory, journal, line, bus, clock)
        await remember_closed(store, own.node, district.node.leases, clock)
        await end_left(journal)
        line.add(district.node)
        stack.push_async_callback(district.node.stop)
        # The doors close first: a console that leaves still has its grants closed by the group.
        async with asyncio.TaskGroup() as group, AsyncExitStack() as doors:
            await district.start(group, doors)
            if path:
                group.create_task(follow_list(inventory, path, stamp, clock, district.change))
            await asyncio.Event().wait()


class _District:
    """The parts of one district in its process."""

    def __init__(
        self,
        settings: DistrictProcessSettings,
        own: DistrictSettings,
        inventory: Inventory,
        journal: Journal,
        line: WorkerLine,
        bus: NatsBus,
        clock: Clock,
    ) -> None:
        boot = new_id("boot", clock.now())
        self._settings = settings
        self._own = own
        self._journal = journal
        self._line = line
        self._bus = bus
        self._clock = clock
        self._desk: LocalDesk | None = None
        self._health = HealthTeller(own.node, boot, bus, clock)
        self.node = _make_node(settings, own, inventory, journal, line, self._note_health, clock)
        self._hearing = Hearing(self.node, journal.store, clock)
        self._concern = ConcernCopy(own.node, journal.store, bus, FOLDS, self._hearing.take)
        self._beat = _Beat(self.node, boot, journal, bus, line, self._health, clock, own.desk)

    async def start(self, group: asyncio.TaskGroup, doors: AsyncExitStack) -> None:
        """Begin to serve; what runs belongs to the group, what is open to the doors."""
        node, store, clock = self.node, self._journal.store, self._clock
        await node.keeper.open()
        await _answer(node, self._bus, clock, self._concern)
        publisher = Publisher(self._journal, self._bus)
        await publisher.answer()
        if self._own.desk is not None:
            self._desk = await self._open_desk(self._own.desk, group, doors)
        snapshots = partial(keep_snapshots, store, clock)
        settle()
        for job in (
            self._journal.watch(),
            hold_duty(store.url, f"relay {node.node}", publisher.run, clock),
            hold_duty(store.url, f"snapshots {node.node}", snapshots, clock),
            self._concern.run(),
            self._beat.run(),
            _tick(node, clock),
            self._line.serve(node.node),
            self._health.run(),
            node.keeper.tidy(),
        ):
            group.create_task(job)

    async def _open_desk(
        self, desk: DeskSettings, group: asyncio.TaskGroup, doors: AsyncExitStack
    ) -> "LocalDesk":
        # Here, and not above: a district without a desk does without its web and its sight.
        from safetynet.app.district.desk import open_desk

        return await open_desk(
            self._own,
            desk,
            bundle=Path(self._settings.bundle),
            journal=self._journal,
            node=self.node,
            bus=self._bus,
            concern=self._concern,
            hearing=self._hearing,
            gateway=lambda: self._line.gateway_of(self.node.node),
            clock=self._clock,
            group=group,
            doors=doors,
        )

    def _note_health(self, camera: CameraId, state: HealthState) -> None:
        self._health.note(camera, state)
        if self._desk is not None:
            self._desk.note_health(camera, state)

    async def change(self, catalogue: Catalogue, change: Change) -> None:
        """The list of cameras changed: sessions, the hub and the desk hear of it."""
        self.node.change_catalogue(catalogue, change)
        await self._beat.say()
        if self._desk is not None:
            await self._desk.change_catalogue(catalogue)


def _make_node(
    settings: DistrictProcessSettings,
    own: DistrictSettings,
    inventory: Inventory,
    journal: Journal,
    line: WorkerLine,
    on_health: OnHealth,
    clock: Clock,
) -> DistrictNode:
    policy = _read_policy(own.policy_file)
    believed = believed_keys(settings, own)
    issuers = {key.kid for key in believed}
    authority = Authority(
        own.node,
        keyring=KeyRing(believed),
        policy=policy,
        leases=LeaseTable(own.when_hub_is_away),
        owns=inventory.owns,
        at_border=_border_rule(Path(settings.bundle), inventory, issuers - {own.node}),
        clock=clock,
    )
    return DistrictNode(
        node=own.node,
        catalogue=inventory.catalogue,
        source_of=partial(source_of, settings.cameras),
        journal=journal,
        authority=authority,
        policy=policy,
        send=line.send,
        on_health=on_health,
        keeper=Keeper(
            own.node,
            Path(own.data),
            own.exports,
            journal=journal,
            policy=policy,
            send=line.send,
            clock=clock,
        ),
        clock=clock,
        probes_per_minute=settings.probes_per_minute,
        afar=issuers - {own.node},
    )


def believed_keys(settings: DistrictProcessSettings, own: DistrictSettings) -> list[NodeJwk]:
    """Keys whose grants are honoured: all that the settings name, of one issuer perhaps two, and the
    district's own where it has a desk."""
    if own.desk is None:
        return list(settings.issuers)
    return [*settings.issuers, open_node_key(Path(own.data), own.node).jwk()]


def _border_rule(
    bundle: Path, inventory: Inventory, issuers: Set[NodeId]
) -> Callable[[NodeId, CameraId], bool]:
    """Whether a camera stands at the border of the district that issued a grant for it."""
    around = None
    if issuers - {HUB}:
        from safetynet.city.near import read_surroundings  # only now: it needs NumPy

        around = read_surroundings(bundle)

    def at_border(issuer: NodeId, camera: CameraId) -> bool:
        record = inventory.catalogue.find(camera)
        if around is None or record is None:
            return False
        return around.is_near(issuer, LonLat(record.lon, record.lat))

    return at_border


def _read_policy(path: str | None) -> Policy:
    if path is None:
        return Policy.default()
    try:
        return Policy(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise NotFoundError("policy.unreadable", str(error), path=path) from error


def source_of(access: CameraAccess, record: CameraRecord) -> Source:
    """How one camera is reached."""
    home = Turn(azimuth_deg=record.azimuth_deg, tilt_deg=record.tilt_deg, hfov_deg=record.hfov_deg)
    onvif = access.onvif_url
    return Source(
        rtsp_url=access.rtsp_url.format(camera=record.id),
        onvif_url=onvif.format(camera=record.id) if onvif else None,
        user=access.user,
        password=access.password,
        home=home if record.kind == CameraKind.PTZ else None,
    )


async def _answer(node: DistrictNode, bus: NatsBus, clock: Clock, concern: ConcernCopy) -> None:
    door = CommandDoor(node.execute, clock)

    async def answer_catalogue(data: bytes) -> bytes:
        return encode(node.catalogue.part(decode(data, CatalogueRequest)))

    async def hear_hub(_: str, data: bytes) -> None:
        node.hear_hub()
        beat = decode(data, Beat)
        concern.hear_hub(beat.epoch, beat.head)
        if beat.sent_s is not None:
            door.hear(beat.generation, beat.sent_s)

    await bus.answer(subjects.catalogue(node.node), answer_catalogue)
    await bus.answer(subjects.command(node.node), door.answer, at_once=COMMANDS_AT_ONCE)
    await bus.subscribe(subjects.beat(HUB), hear_hub)
    log.info("district.joined", of=node.node, cameras=len(node.catalogue))


class _Beat:
    """Says that a district is alive, and how far its journal, its catalogue and its news are."""

    def __init__(
        self,
        node: DistrictNode,
        boot: str,
        journal: Journal,
        bus: Bus,
        line: WorkerLine,
        health: HealthTeller,
        clock: Clock,
        desk: DeskSettings | None,
    ) -> None:
        self._desk = f"http://{desk.host}:{desk.http_port}/" if desk else ""
        self._node = node
        self._boot = boot
        self._journal = journal
        self._bus = bus
        self._line = line
        self._health = health
        self._clock = clock
        self._head = Head()

    async def run(self) -> None:
        """Each half second, until cancelled."""
        while True:
            await self.say()
            await self._clock.sleep(BEAT_EVERY_S)

    async def say(self) -> None:
        """Now: a change need not wait for the next beat."""
        node = self._node
        try:
            self._head = await self._journal.head()
        except UnavailableError as error:
            log.info("district.head_unread", of=node.node, code=error.code)  # we live all the same
        head = self._head
        beat = Beat(
            node=node.node,
            boot=self._boot,
            epoch=head.epoch,
            head=head.seq,
            cameras=len(node.catalogue),
            catalogue=node.catalogue.checksum,
            gateway=self._line.gateway_of(node.node),
            health=self._health.number,
            desk=self._desk,
        )
        await _try_publish(self._bus, subjects.beat(node.node), encode(beat))


async def _tick(node: DistrictNode, clock: Clock) -> None:
    while True:
        node.tick(AWAY_AFTER_S)
        await clock.sleep(TICK_S)


async def _try_publish(bus: Bus, subject: str, data: bytes) -> None:
    try:
        await bus.publish(subject, data)
    except UnavailableError as error:
        log.info("district.not_heard", subject=subject, code=error.code)


def main(settings: DistrictProcessSettings) -> None:
    """Run the process."""
    import uvloop

    name = settings.districts[0].node if len(settings.districts) == 1 else "districts"
    configure_logging(node=name, level=settings.log_level)
    share_time()
    uvloop.run(run_districts(settings))
