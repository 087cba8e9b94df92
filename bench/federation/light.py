"""A district without pictures, in this process: its journal, its beats, its cameras and its command door are the
product's; what it is told to do it notes and does not do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from safetynet.access.entries import closed
from safetynet.access.fold import ACCESS_FOLDS
from safetynet.app.cameras import records_of
from safetynet.app.district.inventory import Inventory
from safetynet.base.clock import Clock, SystemClock
from safetynet.base.ids import GrantId, IncidentId, NodeId, new_id
from safetynet.city.model import City
from safetynet.federation import subjects
from safetynet.federation.bus import Bus
from safetynet.federation.commands import CommandDoor
from safetynet.federation.directory import BEAT_EVERY_S
from safetynet.federation.health import HealthTeller
from safetynet.federation.inventory import CATALOGUE_FOLDS
from safetynet.federation.messages import (
    Answer,
    Beat,
    CatalogueRequest,
    Command,
    OpenViews,
    ViewAnswer,
    ViewStatus,
    decode,
    encode,
)
from safetynet.federation.replicate import Publisher
from safetynet.journal.append import Journal
from safetynet.journal.entry import Entry
from safetynet.store.engines import sqlite_url
from safetynet.store.store import Store


class LightDistrict:
    """One district."""

    def __init__(self, inventory: Inventory, journal: Journal, bus: Bus, clock: Clock) -> None:
        self.node = journal.node
        self.commands: list[Command] = []
        """That were carried out, in order."""
        self.written: list[Entry] = []
        self._bus = bus
        self._clock = clock
        self._boot = new_id("boot", clock.now())
        self._journal = journal
        self._catalogue = inventory.catalogue
        self._health = HealthTeller(self.node, self._boot, bus, clock)

    async def write(self) -> Entry:
        """One more entry in its journal."""
        number = f"{self.node}_{len(self.written)}"
        draft = closed(GrantId(f"gr_{number}"), IncidentId(f"inc_{number}"), "bench")
        (entry,) = await self._journal.append([draft])
        self.written.append(entry)
        return entry

    async def run(self) -> None:
        """Live, until cancelled."""
        publisher = Publisher(self._journal, self._bus)
        await publisher.answer()
        await self._bus.answer(subjects.catalogue(self.node), self._answer_catalogue)
        await self._bus.answer(
            subjects.command(self.node), CommandDoor(self._execute, self._clock).answer
        )
        async with asyncio.TaskGroup() as group:
            for job in (publisher.run(), self._health.run(), self._beat()):
                group.create_task(job)

    async def _answer_catalogue(self, data: bytes) -> bytes:
        return encode(self._catalogue.part(decode(data, CatalogueRequest)))

    async def _execute(self, command: Command) -> Answer:
        self.commands.append(command)
        if not isinstance(command, OpenViews):
            return Answer(ok=True)
        views = tuple(ViewAnswer(camera=v.camera, status=ViewStatus.READY) for v in command.views)
        return Answer(ok=True, views=views)

    async def _beat(self) -> None:
        while True:
            head = await self._journal.head()
            beat = Beat(
                node=self.node,
                boot=self._boot,
                epoch=head.epoch,
                head=head.seq,
                cameras=len(self._catalogue),
                catalogue=self._catalogue.checksum,
                gateway="ws://127.0.0.1:9/view",
                health=self._health.number,
            )
            await self._bus.publish(subjects.beat(self.node), encode(beat))
            await self._clock.sleep(BEAT_EVERY_S)


@asynccontextmanager
async def living(node: NodeId, city: City, folder: Path, bus: Bus) -> AsyncIterator[LightDistrict]:
    """A district while the block lasts."""
    clock = SystemClock()
    async with Store(sqlite_url(folder / f"{node}.sqlite")) as store:
        journal = Journal(node, store, clock, {**ACCESS_FOLDS, **CATALOGUE_FOLDS})
        inventory = await Inventory.open(node, journal)
        await inventory.take(records_of(city, node))
        district = LightDistrict(inventory, journal, bus, clock)
        task = asyncio.create_task(district.run())
        try:
            yield district
        finally:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled() and (error := task.exception()):
                raise error
