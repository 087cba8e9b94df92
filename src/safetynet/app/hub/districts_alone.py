"""What the hub does for districts that can go on alone: it tells them what concerns them while it is here,
and takes in afterwards what they decided (docs/design/0019)."""

import asyncio
from functools import partial

from safetynet.app.hub.border import BorderDoor
from safetynet.app.hub.carrying import Carrier
from safetynet.app.hub.concern import CONCERNING, concerned_by
from safetynet.app.hub.elsewhere import Elsewhere
from safetynet.app.hub.eyes import Eyes
from safetynet.app.hub.intake import Intake
from safetynet.app.hub.owners import Owners
from safetynet.app.hub.twins import Twins
from safetynet.base.clock import Clock
from safetynet.city.model import City
from safetynet.city.near import Surroundings
from safetynet.federation.bus import Bus
from safetynet.federation.concern import ConcernTeller
from safetynet.journal.append import Journal
from safetynet.journal.feed import Feed
from safetynet.store.duty import hold_duty


class DistrictsAlone:
    """Opened with the hub's doors; ``run`` works until it is cancelled."""

    def __init__(
        self,
        *,
        city: City,
        journal: Journal,
        bus: Bus,
        eyes: Eyes,
        owners: Owners,
        intake: Intake,
        elsewhere: Elsewhere,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._elsewhere = elsewhere
        self._districts = [d.node for d in city.districts]
        around = Surroundings(city.districts, city.plane)
        self._border = BorderDoor(bus, eyes, owners, around)
        self._teller = ConcernTeller(
            journal,
            bus,
            self._districts,
            kinds=CONCERNING,
            concerned=concerned_by(around),
            clock=clock,
        )
        self._twins = Twins(journal, intake, clock)
        self._carrier = Carrier(journal.store, owners, clock)

    async def run(self, followed: Feed) -> None:
        """Serve and follow; ``followed`` has the districts' entries."""
        await self._teller.answer()
        await self._border.open(self._districts)
        store, node = self._journal.store, self._journal.node
        tell = partial(hold_duty, store.url, f"telling {node}", self._teller.run, self._clock)
        async with asyncio.TaskGroup() as group:
            group.create_task(tell())
            group.create_task(self._elsewhere.run(followed))
            group.create_task(self._twins.run(followed))
            group.create_task(self._carrier.run(followed))

    async def renew(self) -> None:
        """Let grants across borders go on, with the hub's own."""
        await self._carrier.renew()
