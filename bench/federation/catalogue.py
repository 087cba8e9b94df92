"""What catalogue sync costs with 170,000 cameras in 25 districts: bytes on the wire, time to the hub.

A hub's nats-server and one district's leaf node are real; hub and district share this process. The district's
journal is SQLite with full sync. A camera counts as known when the hub's own records and its table of sight
have it. Prints one JSON object; ``measure`` gives the same as a value.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import msgspec

from safetynet.app.cameras import records_of
from safetynet.app.district.inventory import Inventory
from safetynet.app.hub.eyes import Eyes
from safetynet.app.hub.joining import Joining
from safetynet.app.nats_server import find_nats_server
from safetynet.app.ports import find_free_ports
from safetynet.base.clock import SystemClock
from safetynet.base.errors import UnavailableError
from safetynet.base.geo import LonLat
from safetynet.base.ids import HUB, CameraId, NodeId
from safetynet.base.settling import settle
from safetynet.city.model import City
from safetynet.city.synth import small_city
from safetynet.federation import subjects
from safetynet.federation.bus import Answerer, Bus, Handler, NatsBus, connect_bus
from safetynet.federation.catalogue import Catalogue
from safetynet.federation.identity.city import create_city, create_node, list_members
from safetynet.federation.identity.node import open_identity
from safetynet.federation.inventory import CATALOGUE_FOLDS
from safetynet.federation.messages import Beat, CameraRecord, CatalogueRequest, decode, encode
from safetynet.federation.nats_config import (
    Address,
    DistrictServer,
    HubServer,
    write_district_config,
    write_hub_config,
)
from safetynet.federation.sync import sync_catalogue
from safetynet.journal.append import Journal
from safetynet.sight.model import Place, Request, TargetKind
from safetynet.store.store import Store

DISTRICTS, CAMERAS = 25, 170_000
CHANGES, ADDITIONS = 40, 8
WITHIN_S = 60.0
NOBODY: frozenset[NodeId] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What was measured; sizes are of messages, both ways, without NATS's own framing."""

    cameras: int
    cameras_of_district: int
    first_import_s: float
    """Some thousand cameras into an empty journal, on disk."""
    first_sync_s: float
    first_sync_bytes: int
    compare_bytes: int
    """A full compare of one district, nothing changed."""
    change_bytes: int
    """One camera changed: digests, and the block that it is in."""
    change_median_ms: float
    """From the owner's word to the hub's next question, the owner's journal on disk between."""
    change_most_ms: float
    added_median_ms: float
    """One camera more: a new table of all cameras."""
    added_most_ms: float
    question_median_ms: float
    """A question that came while such a table was made."""
    question_most_ms: float


class CountingBus:
    """A bus that counts the bytes of what was asked and answered."""

    def __init__(self, bus: NatsBus) -> None:
        self.bytes = 0
        self._bus = bus

    async def ask(self, subject: str, data: bytes, within_s: float) -> bytes:
        """As the bus."""
        reply = await self._bus.ask(subject, data, within_s)
        self.bytes += len(data) + len(reply)
        return reply

    async def publish(self, subject: str, data: bytes) -> None:
        """As the bus."""
        await self._bus.publish(subject, data)

    async def subscribe(self, subject: str, handler: Handler) -> None:
        """As the bus."""
        await self._bus.subscribe(subject, handler)

    async def answer(self, subject: str, answerer: Answerer) -> None:
        """As the bus."""
        await self._bus.answer(subject, answerer)


class Owner:
    """One district: its list, its journal, its beat."""

    def __init__(self, inventory: Inventory, bus: Bus) -> None:
        self.inventory = inventory
        self._bus = bus

    async def serve(self) -> None:
        """Answer for the catalogue."""

        async def answer(data: bytes) -> bytes:
            return encode(self.inventory.catalogue.part(decode(data, CatalogueRequest)))

        await self._bus.answer(subjects.catalogue(self.inventory.catalogue.node), answer)

    async def have(self, cameras: Sequence[CameraRecord]) -> None:
        """Take a list, and say so with a beat as the district's process does."""
        await self.inventory.take(cameras)
        own = self.inventory.catalogue
        beat = Beat(
            node=own.node,
            boot="b",
            epoch=1,
            head=0,
            cameras=len(own),
            catalogue=own.checksum,
            gateway="",
        )
        await self._bus.publish(subjects.beat(own.node), encode(beat))


class Hub:
    """The hub's eyes, and its side of that district."""

    def __init__(self, city: City, bus: Bus, group: asyncio.TaskGroup, node: NodeId) -> None:
        self.eyes = Eyes(city, assumed=True)
        self._news = asyncio.Event()
        self._joining = Joining(
            node,
            bus=bus,
            eyes=self.eyes,
            clock=SystemClock(),
            group=group,
            on_health=_ignore,
            on_gone=_ignore,
            on_joined=self._note,
        )

    async def hear_beat(self, _: str, data: bytes) -> None:
        """A district's beat."""
        self._joining.hear_beat(decode(data, Beat))

    async def wait_for(self, known: Callable[[], bool]) -> None:
        """Until the hub knows it."""
        async with asyncio.timeout(WITHIN_S):
            while not known():
                self._news.clear()
                await self._news.wait()

    async def _note(self, _: NodeId) -> None:
        self._news.set()


async def _ignore(*_: object) -> None:
    return None


def make_city(cameras: int) -> tuple[City, dict[NodeId, list[CameraRecord]]]:
    """A city of 25 districts, and the cameras of each: the small city's, spread by seed."""
    small = small_city(7)
    nodes = [NodeId(f"district-{n:02d}") for n in range(DISTRICTS)]
    first = small.districts[0]
    city = replace(
        small, districts=tuple(msgspec.structs.replace(first, node=node) for node in nodes)
    )
    models = [r for d in small.districts for r in records_of(small, d.node)]
    chance = random.Random(7)
    found: dict[NodeId, list[CameraRecord]] = {node: [] for node in nodes}
    for n in range(cameras):
        model, node = models[n % len(models)], nodes[n % DISTRICTS]
        found[node].append(
            msgspec.structs.replace(
                model,
                id=CameraId(f"{node}-{n:06d}"),
                lon=model.lon + chance.uniform(-0.05, 0.05),
                lat=model.lat + chance.uniform(-0.05, 0.05),
            )
        )
    return city, found


async def measure(folder: Path, cameras: int = CAMERAS) -> Figures:
    """All figures; a minute."""
    city, records = make_city(cameras)
    node = next(iter(records))
    store = Store(f"sqlite:///{folder}/node.sqlite")
    async with store, _servers(folder, node) as (hub_bus, bus), asyncio.TaskGroup() as group:
        counting = CountingBus(hub_bus)
        inventory = await Inventory.open(node, Journal(node, store, SystemClock(), CATALOGUE_FOLDS))
        first_import_s = await _time_s(inventory.take(records[node]))
        owner, hub = Owner(inventory, bus), Hub(city, counting, group, node)
        await owner.serve()
        await _linked(hub_bus, node)
        for other, theirs in records.items():
            if other != node:
                await hub.eyes.join(Catalogue(other, theirs))
        first_sync_s = await _time_s(_sync(hub, counting, node))
        first_sync_bytes, counting.bytes = counting.bytes, 0
        await sync_catalogue(counting, node, inventory.catalogue)
        compare_bytes, counting.bytes = counting.bytes, 0
        await hub_bus.subscribe(subjects.ALL_BEATS, hub.hear_beat)
        await hub.eyes.choose(
            _question(city), NOBODY
        )  # as a hub that serves: its loops are loaded,
        settle()  # and what lives stays
        changes = await _change(owner, hub, records[node])
        change_bytes = counting.bytes // CHANGES
        additions, questions = await _add(owner, hub, city)
    return Figures(
        cameras=cameras,
        cameras_of_district=len(records[node]),
        first_import_s=round(first_import_s, 3),
        first_sync_s=round(first_sync_s, 3),
        first_sync_bytes=first_sync_bytes,
        compare_bytes=compare_bytes,
        change_bytes=change_bytes,
        change_median_ms=_ms(statistics.median(changes)),
        change_most_ms=_ms(max(changes)),
        added_median_ms=_ms(statistics.median(additions)),
        added_most_ms=_ms(max(additions)),
        question_median_ms=_ms(statistics.median(questions)),
        question_most_ms=_ms(max(questions)),
    )


async def _sync(hub: Hub, bus: Bus, node: NodeId) -> None:
    await hub.eyes.join(await sync_catalogue(bus, node))


async def _change(owner: Owner, hub: Hub, cameras: Sequence[CameraRecord]) -> list[float]:
    """One camera after another is turned; the seconds until a question knows it."""
    times: list[float] = []
    for n in range(CHANGES):
        now = list(owner.inventory.catalogue.cameras)
        row = n * len(now) // CHANGES
        turned = msgspec.structs.replace(now[row], azimuth_deg=float(n + 1))
        now[row] = turned
        started = time.perf_counter()
        await owner.have(now)
        await hub.wait_for(lambda one=turned: hub.eyes.roll.get_record(one.id) == one)  # type: ignore[misc]  # mypy cannot type a lambda's default
        times.append(time.perf_counter() - started)
    return times


async def _add(owner: Owner, hub: Hub, city: City) -> tuple[list[float], list[float]]:
    """Cameras come one by one; the seconds until each is known, and of questions meanwhile."""
    times: list[float] = []
    questions: list[float] = []
    request = _question(city)
    for n in range(ADDITIONS):
        now = owner.inventory.catalogue.cameras
        new = msgspec.structs.replace(
            now[n], id=CameraId(f"{owner.inventory.catalogue.node}-new-{n}")
        )
        started = time.perf_counter()
        await owner.have([*now, new])
        joined = asyncio.create_task(
            hub.wait_for(lambda one=new: hub.eyes.roll.find_owner(one.id) is not None)  # type: ignore[misc]  # as above
        )
        while not joined.done():
            questions.append(await _time_s(hub.eyes.choose(request, NOBODY)))
        times.append(time.perf_counter() - started)
    return times, questions


def _question(city: City) -> Request:
    lon, lat = city.plane.to_lonlat(*(float(v) for v in (0.0, 0.0)))
    place = Place(at=LonLat(float(lon), float(lat)), error_m=10.0)
    return Request(place=place, target=TargetKind.PERSON, min_px_per_m=20.0)


async def _time_s(work: Coroutine[Any, Any, object]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


@asynccontextmanager
async def _servers(folder: Path, node: NodeId) -> AsyncIterator[tuple[NatsBus, NatsBus]]:
    """The hub's server and the district's leaf node, and a connection to each."""
    hub_port, leaf_port, own_port = find_free_ports(3)
    hub_conf, own_conf = folder / "hub.conf", folder / "own.conf"
    city, now = folder / "city", SystemClock().now()
    create_city(city, "bench", now)
    for one in (HUB, node):
        create_node(city, folder / "keys" / one, one, (), now)
    hub_keys, own_keys = (open_identity(folder / "keys" / one, one) for one in (HUB, node))
    hub = HubServer(
        identity=hub_keys, members=list_members(city), client_port=hub_port, leaf_port=leaf_port
    )
    write_hub_config(hub, hub_conf)
    own = DistrictServer(
        identity=own_keys, client_port=own_port, hub=[Address(host="127.0.0.1", port=leaf_port)]
    )
    write_district_config(own, own_conf)
    with _running(hub_conf), _running(own_conf):
        hub_bus = await connect_bus(f"tls://127.0.0.1:{hub_port}", HUB, hub_keys)
        bus = await connect_bus(f"tls://127.0.0.1:{own_port}", node, own_keys)
        try:
            yield hub_bus, bus
        finally:
            await bus.close()
            await hub_bus.close()


@contextmanager
def _running(config: Path) -> Iterator[None]:
    server = Popen([find_nats_server(), "--config", str(config)], stdout=DEVNULL, stderr=DEVNULL)
    try:
        yield
    finally:
        server.kill()
        server.wait()


async def _linked(bus: Bus, node: NodeId) -> None:
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                await bus.ask(subjects.catalogue(node), encode(CatalogueRequest()), 1.0)
            except UnavailableError:
                await asyncio.sleep(0.05)
            else:
                return


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=CAMERAS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), arguments.cameras))
    print(json.dumps(asdict(figures), indent=2))


if __name__ == "__main__":
    main()
