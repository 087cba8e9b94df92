"""A district process: opens its nodes one by one and serves them until it is asked to end."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import structlog

from safetynet.access.authority import Authority
from safetynet.access.fold import ACCESS_FOLDS
from safetynet.access.keys import KeyRing
from safetynet.access.lease import LeaseTable
from safetynet.access.policy import Policy
from safetynet.access.remember import remember_closed
from safetynet.app.cameras import records_of
from safetynet.app.district.line import WorkerLine
from safetynet.app.district.node import DistrictNode
from safetynet.app.orphan import run_until_asked
from safetynet.app.settings import CameraAccess, DistrictProcessSettings, DistrictSettings
from safetynet.base.clock import Clock, SystemClock
from safetynet.base.errors import NotFoundError, UnavailableError
from safetynet.base.ids import HUB, CameraId, NodeId, new_id
from safetynet.base.log import configure_logging
from safetynet.city.bundle import load_city
from safetynet.city.model import CameraKind
from safetynet.federation import subjects
from safetynet.federation.bus import Bus, connect_bus
from safetynet.federation.catalogue import Catalogue
from safetynet.federation.commands import CommandDoor
from safetynet.federation.directory import AWAY_AFTER_S, BEAT_EVERY_S
from safetynet.federation.messages import (
    Beat,
    CameraRecord,
    CatalogueRequest,
    HealthNote,
    HealthNotes,
    decode,
    encode,
)
from safetynet.federation.replicate import Publisher
from safetynet.journal.append import Journal
from safetynet.journal.rows import Head
from safetynet.sight.model import HealthState
from safetynet.store.engines import sqlite_url
from safetynet.store.store import Store
from safetynet.video.ipc import Source, Turn
from safetynet.video.limits import Limits

TICK_S = 0.1
HEALTH_WAITING = 256
"""Health notes that may wait. Full policy: the newest is dropped; it is said again when it changes."""

log = structlog.get_logger()


async def run_districts(settings: DistrictProcessSettings) -> None:
    """Serve these districts until SIGINT, SIGTERM or the parent's end."""
    await run_until_asked(_run(settings, SystemClock()))


async def _run(settings: DistrictProcessSettings, clock: Clock) -> None:
    catalogues = await asyncio.to_thread(_read_catalogues, settings)
    for own in settings.districts:
        _read_policy(own.policy_file)  # a mistake is told before anything is started
    limits = Limits(host=settings.gateway_host, port=settings.gateway_port)
    line = WorkerLine(limits, clock)
    async with asyncio.TaskGroup() as group:
        group.create_task(line.run())
        for district in settings.districts:
            group.create_task(_run_district(settings, district, catalogues, line, clock))


def _read_catalogues(settings: DistrictProcessSettings) -> dict[NodeId, Catalogue]:
    city = load_city(Path(settings.bundle))
    return {d.node: Catalogue(d.node, records_of(city, d.node)) for d in settings.districts}


async def _run_district(
    settings: DistrictProcessSettings,
    own: DistrictSettings,
    catalogues: dict[NodeId, Catalogue],
    line: WorkerLine,
    clock: Clock,
) -> None:
    await clock.sleep(own.join_after_s)
    async with AsyncExitStack() as stack:
        data = Path(own.data)
        data.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - once, before anything is served
        store_url = own.store_url or sqlite_url(data / "node.sqlite")
        store = await stack.enter_async_context(Store(store_url))
        journal = Journal(own.node, store, clock, ACCESS_FOLDS)
        bus = await connect_bus(own.nats_url, own.node)
        stack.push_async_callback(bus.close)
        health = _Health(own.node, bus)
        node = _make_node(settings, own, catalogues[own.node], journal, line, health, clock)
        await remember_closed(store, own.node, node.leases, clock)
        line.add(node)
        stack.push_async_callback(node.stop)
        await _serve(node, journal, bus, line, health, clock)


def _make_node(
    settings: DistrictProcessSettings,
    own: DistrictSettings,
    catalogue: Catalogue,
    journal: Journal,
    line: WorkerLine,
    health: "_Health",
    clock: Clock,
) -> DistrictNode:
    policy = _read_policy(own.policy_file)
    mine = {record.id for record in catalogue.cameras}
    authority = Authority(
        own.node,
        keyring=KeyRing(settings.issuers),
        policy=policy,
        leases=LeaseTable(own.when_hub_is_away),
        owns=mine.__contains__,
        clock=clock,
    )
    return DistrictNode(
        node=own.node,
        catalogue=catalogue,
        source_of=partial(source_of, settings.cameras),
        journal=journal,
        authority=authority,
        policy=policy,
        send=line.send,
        on_health=health.note,
        clock=clock,
    )


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


async def _serve(
    node: DistrictNode,
    journal: Journal,
    bus: Bus,
    line: WorkerLine,
    health: "_Health",
    clock: Clock,
) -> None:
    async def answer_catalogue(data: bytes) -> bytes:
        return encode(node.catalogue.block(decode(data, CatalogueRequest)))

    async def hear_hub(_: str, __: bytes) -> None:
        node.hear_hub()

    await bus.answer(subjects.catalogue(node.node), answer_catalogue)
    await bus.answer(subjects.command(node.node), CommandDoor(node.execute).answer)
    await bus.subscribe(subjects.beat(HUB), hear_hub)
    log.info("district.joined", of=node.node, cameras=len(node.catalogue.cameras))
    async with asyncio.TaskGroup() as group:
        group.create_task(journal.watch())
        group.create_task(Publisher(journal, bus).run())
        group.create_task(_beat(node, journal, bus, line, clock))
        group.create_task(_tick(node, clock))
        group.create_task(line.serve(node.node))
        group.create_task(health.run())


async def _beat(
    node: DistrictNode, journal: Journal, bus: Bus, line: WorkerLine, clock: Clock
) -> None:
    boot, head = new_id("boot", clock.now()), Head()
    while True:
        try:
            head = await journal.head()
        except UnavailableError as error:
            log.info("district.head_unread", of=node.node, code=error.code)  # we live all the same
        beat = Beat(
            node=node.node,
            boot=boot,
            epoch=head.epoch,
            head=head.seq,
            cameras=len(node.catalogue.cameras),
            catalogue=node.catalogue.checksum,
            gateway=line.gateway_of(node.node),
        )
        await _try_publish(bus, subjects.beat(node.node), encode(beat))
        await clock.sleep(BEAT_EVERY_S)


async def _tick(node: DistrictNode, clock: Clock) -> None:
    while True:
        node.tick(AWAY_AFTER_S)
        await clock.sleep(TICK_S)


async def _try_publish(bus: Bus, subject: str, data: bytes) -> None:
    try:
        await bus.publish(subject, data)
    except UnavailableError as error:
        log.info("district.not_heard", subject=subject, code=error.code)


class _Health:
    """Tells the hub which cameras fell ill or recovered."""

    def __init__(self, node: NodeId, bus: Bus) -> None:
        self._node = node
        self._bus = bus
        self._ill: dict[CameraId, HealthState] = {}
        self._notes: asyncio.Queue[HealthNote] = asyncio.Queue(HEALTH_WAITING)

    def note(self, camera: CameraId, state: HealthState) -> None:
        """A camera's state as seen now; only changes are told. Never waits."""
        if self._ill.get(camera, HealthState.OK) is state or self._notes.full():
            return
        self._ill[camera] = state
        self._notes.put_nowait(HealthNote(camera=camera, state=state.value))

    async def run(self) -> None:
        """Publish what was noted, until cancelled."""
        while True:
            notes = [await self._notes.get()]
            while not self._notes.empty():
                notes.append(self._notes.get_nowait())
            message = HealthNotes(node=self._node, whole=False, notes=tuple(notes))
            await _try_publish(self._bus, subjects.health(self._node), encode(message))


def main(settings: DistrictProcessSettings) -> None:
    """Run the process."""
    import uvloop

    name = settings.districts[0].node if len(settings.districts) == 1 else "districts"
    configure_logging(node=name, level=settings.log_level)
    uvloop.run(run_districts(settings))
