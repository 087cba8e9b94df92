"""What stands at whose border, and which of the hub's entries concern whom."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safetynet.access.entries import closed, issued
from safetynet.access.fold import ACCESS_FOLDS
from safetynet.access.model import Grant, ViewerKey
from safetynet.app.border import border_part
from safetynet.app.cameras import records_of
from safetynet.app.hub.carrying import Carrier
from safetynet.app.hub.concern import CONCERNING, concerned_by
from safetynet.app.hub.owners import Owners
from safetynet.base.clock import ManualClock
from safetynet.base.geo import LonLat
from safetynet.base.ids import HUB, CameraId, GrantId, IncidentId, NodeId, ReportId, ViewerId
from safetynet.city.model import CameraKind
from safetynet.city.near import BORDER_M, Surroundings, read_surroundings
from safetynet.city.synth import small_city
from safetynet.federation.catalogue import Catalogue
from safetynet.federation.directory import Directory
from safetynet.federation.messages import Answer, Beat, CloseViews, Command, RenewLeases
from safetynet.incident.entries import incident_joined, incident_moved
from safetynet.incident.fold import FOLDS as INCIDENT_FOLDS
from safetynet.incident.model import (
    IncidentKind,
    IncidentPlace,
    PlaceOrigin,
    Progress,
    Report,
)
from safetynet.incident.state import Change, apply_report
from safetynet.journal.append import Journal
from safetynet.journal.entry import Draft, Entry
from safetynet.journal.follow import Follower
from safetynet.store.store import Store
from tests.app.conftest import make_bundle
from tests.support import eventually

MAPO, SEOCHO = NodeId("mapo"), NodeId("seocho")
CITY = small_city(7)
AROUND = Surroundings(CITY.districts, CITY.plane)
NOW = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
FOLDS = {**INCIDENT_FOLDS, **ACCESS_FOLDS}


def spot(east_m: float) -> LonLat:
    """A place this far east of the border between 마포 (west) and 서초, which are 640 m wide each."""
    lon, lat = CITY.plane.to_lonlat(east_m, 0.0)
    return LonLat(lon, lat)


@pytest.mark.parametrize(
    ("east_m", "near"),
    [
        (-600, {MAPO}),
        (-310, {MAPO}),
        (-290, {MAPO, SEOCHO}),
        (0, {MAPO, SEOCHO}),
        (290, {MAPO, SEOCHO}),
        (310, {SEOCHO}),
        (900, {SEOCHO}),
        (2000, set()),
    ],
)
def test_who_is_near_a_place(east_m: float, near: set[NodeId]) -> None:
    assert AROUND.list_near(spot(east_m)) == near
    assert {n for n in (MAPO, SEOCHO) if AROUND.is_near(n, spot(east_m))} == near


@given(st.lists(st.tuples(st.floats(-3000, 3000), st.floats(-3000, 3000)), max_size=20))
def test_many_places_at_once_are_as_one_by_one(places: list[tuple[float, float]]) -> None:
    x, y = np.array(places, np.float64).reshape(-1, 2).T
    lon, lat = CITY.plane.to_lonlat(x, y)
    for node in (MAPO, SEOCHO, NodeId("nowhere")):
        found = AROUND.which_near(node, lon, lat)
        one_by_one = [
            AROUND.is_near(node, LonLat(float(a), float(b))) for a, b in zip(lon, lat, strict=True)
        ]
        assert found.tolist() == one_by_one


@given(st.floats(-3000, 3000), st.floats(-3000, 3000))
def test_a_cell_says_what_its_places_say(x: float, y: float) -> None:
    lon, lat = CITY.plane.to_lonlat(x, y)
    at = LonLat(lon, lat)
    assert AROUND.list_near(at) == {n for n in (MAPO, SEOCHO) if AROUND.is_near(n, at)}


def test_the_border_part_has_what_is_near_and_turns_nothing(tmp_path: Path) -> None:
    whole = Catalogue(SEOCHO, records_of(CITY, SEOCHO))
    part = border_part(whole, MAPO, read_surroundings(make_bundle(tmp_path)))
    near = [r.id for r in whole.cameras if CITY.plane.to_xy(r.lon, r.lat)[0] <= BORDER_M]
    assert [r.id for r in part.cameras] == near
    assert 0 < len(part) < len(whole)
    assert any(r.kind == CameraKind.PTZ for r in whole.cameras if r.id in near)
    assert all(r.kind == CameraKind.FIXED for r in part.cameras)


def begun(at: LonLat, name: str, before: Change | None = None, **fields: object) -> Change:
    """An incident there, or what a later report makes of one."""
    report = Report(
        id=ReportId(f"rep_{name}"),
        sender="119",
        key="T1",
        format="http",
        progress=Progress.OCCURRED,
        kind=IncidentKind.FIRE,
        grade="",
        detail="",
        at=at,
        error_m=None,
        address="",
        dong_code="",
        occurred_at=NOW,
        received_at=NOW,
        drill=False,
        raw=b"",
    )
    report = msgspec.structs.replace(report, **fields)
    place = IncidentPlace(at=at, error_m=20, origin=PlaceOrigin.REPORTED, address="", dong_code="")
    return apply_report(before.after if before else None, report, place, NOW)


def moved(change: Change) -> Draft:
    draft = incident_moved(change, words=None)
    assert draft is not None
    return draft


def grant(issuer: NodeId, owner: NodeId, name: str = "grant_1", *, hours: float = 1) -> Grant:
    return Grant(
        id=GrantId(name),
        issuer=issuer,
        audience=owner,
        incident=IncidentId("inc_1"),
        camera=CameraId(f"{owner}-00001"),
        viewer=ViewerId("view_1"),
        viewer_key=ViewerKey(kty="EC", crv="P-256", x="x", y="y"),
        agency="control",
        service="119UC001",
        purpose="fire",
        basis="법",
        drill=False,
        issued_at=NOW,
        hard_end=NOW + timedelta(hours=hours),
        lease_s=15,
    )


class World:
    """A hub's store, and what owners were asked."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.clock = ManualClock(NOW)
        self.store = store
        self.folder = folder
        self.hub = Journal(HUB, store, self.clock, FOLDS)
        self.follower = Follower(store, self.clock, FOLDS)
        self.asked: list[tuple[NodeId, Command]] = []
        self.directory = Directory((MAPO, SEOCHO), 0.0)
        self.owners = Owners(self._ask, self.directory, self.clock)
        self.beat(MAPO)
        self.beat(SEOCHO)

    async def _ask(self, owner: NodeId, command: Command, _: float) -> Answer:
        self.asked.append((owner, command))
        return Answer(ok=True)

    def beat(self, node: NodeId) -> None:
        beat = Beat(node=node, boot="b", epoch=1, head=0, cameras=0, catalogue="", gateway="ws://x")
        self.directory.hear(beat, self.clock.monotonic_s())

    async def whom(self, draft: Draft) -> set[NodeId]:
        """Whom an entry concerns, once it stands in the hub's journal."""
        (entry,) = await self.hub.append([draft])
        assert entry.kind in CONCERNING
        return set(await self.store.read(lambda conn: concerned_by(AROUND)(conn, entry)))

    async def follow(self, node: NodeId, *drafts: Draft) -> list[Entry]:
        """A district commits and the hub hears it."""
        async with Store(f"sqlite:///{self.folder}/{node}.sqlite") as own:
            entries = await Journal(node, own, self.clock, FOLDS).append(drafts)
        await self.follower.apply(node, [e.line for e in entries])
        return entries


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with Store(f"sqlite:///{tmp_path}/hub.sqlite") as store:
        yield World(store, tmp_path)


async def test_an_incident_concerns_whom_it_is_near_and_whoever_knew_of_it(world: World) -> None:
    opened = begun(spot(-600), "a")
    assert await world.whom(moved(opened)) == {MAPO}
    later = NOW + timedelta(minutes=1)
    east = begun(
        spot(600), "b", opened, progress=Progress.CHANGED, told_at=later, received_at=later
    )
    assert await world.whom(moved(east)) == {MAPO, SEOCHO}
    ended = begun(spot(600), "c", east, progress=Progress.ENDED, received_at=later)
    assert await world.whom(moved(ended)) == {MAPO, SEOCHO}


async def test_an_incident_at_the_border_concerns_both_and_one_nowhere_nobody(world: World) -> None:
    assert await world.whom(moved(begun(spot(-100), "a"))) == {MAPO, SEOCHO}
    far = begun(spot(5000), "b", key="T2")
    assert await world.whom(moved(far)) == set()


async def test_grants_and_their_ends_concern_the_owner_alone(world: World) -> None:
    given = grant(HUB, SEOCHO)
    assert await world.whom(issued(given, generation="g")) == {SEOCHO}
    assert await world.whom(closed(given.id, given.incident, "ended")) == {SEOCHO}
    assert await world.whom(closed(GrantId("grant_0"), given.incident, "ended")) == set()


async def test_what_was_joined_concerns_whose_incident_it_is(world: World) -> None:
    own, other = begun(spot(-600), "a").after, begun(spot(-600), "b").after
    assert await world.whom(incident_joined(own, other, MAPO)) == {MAPO}


async def test_the_hub_carries_a_districts_word_across_the_border(world: World) -> None:
    across, own = grant(MAPO, SEOCHO), grant(MAPO, MAPO, "grant_2")
    carrier = Carrier(world.store, world.owners, world.clock)
    carrying = asyncio.create_task(carrier.run(world.follower.feed))
    try:
        await asyncio.sleep(0)
        await world.follow(MAPO, issued(across, generation="g"), issued(own, generation="g"))

        async def renewed() -> bool:
            await carrier.renew()
            return bool(world.asked)

        await eventually(renewed)
        owner, command = world.asked[-1]
        assert isinstance(command, RenewLeases)
        assert (owner, command.grants) == (SEOCHO, (across.id,))
        # An issuer that is away is not spoken for: the owner's policy decides.
        world.clock.advance(10)
        world.directory.tick(world.clock.monotonic_s())
        world.asked.clear()
        await carrier.renew()
        assert world.asked == []
        world.beat(MAPO)
        world.beat(SEOCHO)
        await world.follow(MAPO, closed(across.id, across.incident, "ended"))
        await eventually(lambda: [c for _, c in world.asked if isinstance(c, CloseViews)])
        owner, command = world.asked[-1]
        assert isinstance(command, CloseViews)
        assert (owner, command.grants, command.incident_over) == (SEOCHO, (across.id,), False)
        world.asked.clear()
        await carrier.renew()
        assert world.asked == []
    finally:
        carrying.cancel()


async def test_a_close_that_nobody_could_carry_is_carried_when_the_hub_is_back(
    world: World,
) -> None:
    across = grant(MAPO, SEOCHO)
    await world.follow(
        MAPO, issued(across, generation="g"), closed(across.id, across.incident, "ended")
    )
    carrier = Carrier(world.store, world.owners, world.clock)
    carrying = asyncio.create_task(carrier.run(world.follower.feed))
    try:
        (asked,) = await eventually(lambda: world.asked)
        assert isinstance(asked[1], CloseViews)
        assert (asked[0], asked[1].grants) == (SEOCHO, (across.id,))
    finally:
        carrying.cancel()
