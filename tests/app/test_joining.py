"""A district's cameras and their health are at the hub soon after they change, whatever is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import msgspec
import pytest

from safetynet.app.cameras import records_of
from safetynet.app.hub.eyes import Eyes
from safetynet.app.hub.joining import REFUSED_FOR_S, Joining, read_state
from safetynet.base.clock import ManualClock
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.model import City
from safetynet.city.synth import small_city
from safetynet.federation import subjects
from safetynet.federation.bus import Bus
from safetynet.federation.catalogue import Catalogue, Change
from safetynet.federation.health import HealthTeller
from safetynet.federation.messages import (
    Beat,
    CatalogueRequest,
    HealthNotes,
    decode,
    encode,
)
from safetynet.sight.model import HealthState
from tests.federation.conftest import MAPO, Buses, buses, servers
from tests.support import eventually

CLOCK = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
__all__ = ["buses", "servers"]  # fixtures: the federation's two servers


@pytest.fixture(scope="module")
def city() -> City:
    return small_city(7)


class District:
    """A district on its own server: answers, beats and tells."""

    def __init__(self, bus: Bus, own: Catalogue) -> None:
        self.own = own
        self.lie = ""
        self.asked: list[CatalogueRequest] = []
        self.teller = HealthTeller(MAPO, "b1", bus, CLOCK)
        self._bus = bus

    async def answer(self, data: bytes) -> bytes:
        """Answer for the catalogue."""
        self.asked.append(decode(data, CatalogueRequest))
        part = self.own.part(self.asked[-1])
        return encode(msgspec.structs.replace(part, catalogue=self.checksum))

    @property
    def checksum(self) -> str:
        """What it says it is."""
        return self.lie or self.own.checksum

    def beat(self) -> Beat:
        """As of now."""
        return Beat(
            node=MAPO,
            boot="b1",
            epoch=1,
            head=0,
            cameras=len(self.own),
            catalogue=self.checksum,
            gateway="",
            health=self.teller.number,
        )


class Hub:
    """The hub's side of that district, and what it heard."""

    def __init__(self, city: City, bus: Bus, group: asyncio.TaskGroup) -> None:
        self.eyes = Eyes(city, assumed=True)
        self.clock = CLOCK
        self.states: dict[CameraId, HealthState] = {}
        self.gone: list[CameraId] = []
        self.joined: list[NodeId] = []
        self.deaf = False
        self.joining = Joining(
            MAPO,
            bus=bus,
            eyes=self.eyes,
            clock=self.clock,
            group=group,
            on_health=self._note,
            on_gone=self._lose,
            on_joined=self._join,
        )

    async def hear_health(self, _: str, data: bytes) -> None:
        """A published message."""
        if not self.deaf:
            await self.joining.hear_health(decode(data, HealthNotes))

    async def _note(self, camera: CameraId, state: HealthState) -> None:
        self.states[camera] = state

    async def _lose(self, camera: CameraId) -> None:
        self.gone.append(camera)

    async def _join(self, node: NodeId) -> None:
        self.joined.append(node)


class Both:
    """The two of them, joined by their servers."""

    def __init__(self, hub: Hub, district: District) -> None:
        self.hub = hub
        self.district = district

    async def synced(self) -> None:
        """Beat until the hub has the district's catalogue."""

        def look() -> bool:
            self.hub.joining.hear_beat(self.district.beat())
            known = self.hub.eyes.roll.find_catalogue(MAPO)
            return known is not None and known.checksum == self.district.own.checksum

        await eventually(look)


@pytest.fixture
async def both(city: City, buses: Buses) -> AsyncIterator[Both]:
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        district = District(buses.mapo, Catalogue(MAPO, records_of(city, MAPO)))
        hub = Hub(city, buses.hub, group)
        await buses.mapo.answer(subjects.catalogue(MAPO), district.answer)
        await buses.hub.subscribe(subjects.ALL_HEALTH, hub.hear_health)
        await buses.linked()
        telling = group.create_task(district.teller.run())
        stack.callback(telling.cancel)
        yield Both(hub, district)
        telling.cancel()


async def test_a_changed_camera_comes_alone_and_one_that_went_is_lost(both: Both) -> None:
    hub, district = both.hub, both.district
    await both.synced()
    first, other, *_ = district.own.cameras
    turned = msgspec.structs.replace(first, azimuth_deg=(first.azimuth_deg + 90) % 360)
    district.asked.clear()
    district.own = district.own.changed(Change(put=(turned,), removed=(other.id,)))
    await both.synced()
    assert hub.eyes.roll.get_record(first.id) == turned
    assert hub.eyes.roll.find_owner(other.id) is None
    await eventually(lambda: hub.gone == [other.id])
    assert sum(len(r.blocks) for r in district.asked) <= 2


async def test_health_said_before_its_camera_joined_counts_and_a_lost_note_heals(
    both: Both,
) -> None:
    hub, district = both.hub, both.district
    first, other, *_ = (c.id for c in district.own.cameras)
    district.teller.note(first, "dead")
    await eventually(lambda: district.teller.number == 1)
    await both.synced()
    await eventually(lambda: hub.states.get(first) is HealthState.DEAD)
    hub.deaf = True
    district.teller.note(first, "ok")
    district.teller.note(other, "obstructed")
    await eventually(lambda: district.teller.number >= 2)

    def healed() -> bool:
        hub.joining.hear_beat(district.beat())
        return hub.states.get(first) is HealthState.OK

    await eventually(healed)
    assert hub.states[other] is HealthState.OBSTRUCTED


async def test_a_district_that_lies_is_left_alone_until_it_changes_or_a_while_passed(
    both: Both,
) -> None:
    hub, district = both.hub, both.district
    district.lie = "f" * 64
    lie = district.beat()
    hub.joining.hear_beat(lie)
    await eventually(lambda: district.asked and not hub.joining.hear_beat(lie))
    asked = len(district.asked)
    for _ in range(10):
        assert not hub.joining.hear_beat(lie)
    assert len(district.asked) == asked
    hub.clock.advance(REFUSED_FOR_S + 1)
    hub.joining.hear_beat(lie)
    await eventually(lambda: len(district.asked) > asked)
    assert hub.eyes.roll.find_catalogue(MAPO) is None
    district.lie = ""
    await both.synced()
    assert hub.eyes.roll.count(MAPO) == len(district.own)


@pytest.mark.parametrize("word", ["dead", "frozen", "obstructed", "ok", "stale"])
def test_a_word_for_a_cameras_state_is_read(word: str) -> None:
    assert read_state(word).value == word


@pytest.mark.parametrize("word", ["smeared", "busy", "owner_away", ""])
def test_a_word_of_a_newer_program_means_that_nobody_knows(word: str) -> None:
    assert read_state(word) is HealthState.STALE
