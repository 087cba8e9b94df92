"""A recorded decision, asked again in its own moment, is the same; in another moment it is not."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from safetynet.app.cameras import records_of
from safetynet.app.hub.eyes import Eyes
from safetynet.app.hub.moment import MOST_NAMED, asked_of, read_asked
from safetynet.app.hub.response import body_of_aim, body_of_passed, body_of_view
from safetynet.app.replay.ask import Replayed, Replayer, Verdict
from safetynet.app.replay.command import replay_text, run_replay
from safetynet.app.replay.past import read_past
from safetynet.base.clock import ManualClock
from safetynet.base.geo import LonLat
from safetynet.base.ids import HUB, CameraId, IncidentId, NodeId
from safetynet.city.bundle import load_city
from safetynet.city.model import CameraKind, City, Origin
from safetynet.federation.catalogue import Catalogue, Change
from safetynet.federation.inventory import CATALOGUE_FOLDS, as_journalled, drafts_of
from safetynet.federation.messages import CameraRecord
from safetynet.incident.fold import FOLDS
from safetynet.incident.moment import MomentBody
from safetynet.incident.showing import ChoiceBody, FoundBody, JudgedBody, choice_made, view_judged
from safetynet.journal.append import Journal
from safetynet.journal.entry import time_text
from safetynet.journal.read import read_kinds
from safetynet.sight.model import Aim, ChosenView, HealthState, Place, Request, TargetKind
from safetynet.store.engines import sqlite_url
from safetynet.store.store import Store
from tests.app.conftest import make_bundle
from tests.app.test_eyes import word

MAPO, SEOCHO = NodeId("mapo"), NodeId("seocho")
NODES = (MAPO, SEOCHO)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("replay") / "bundle")


@pytest.fixture(scope="module")
def city(bundle: Path) -> City:
    return load_city(bundle)


def half_told(record: CameraRecord) -> CameraRecord:
    """A record as its owner would list it that does not know where every other fixed camera looks."""
    if record.kind == CameraKind.PTZ or int(record.id[-1]) % 2:
        return record
    return msgspec.structs.replace(
        record,
        azimuth_deg=math.nan,
        pose_origin=int(Origin.ASSUMED),
        azimuth_origin=int(Origin.ASSUMED),
        azimuth_sd_deg=180.0,
    )


class Hub:
    """Eyes and journals as a hub has them: its own, and copies of its districts'."""

    def __init__(self, city: City, store: Store) -> None:
        self.clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
        self.city = city
        self.store = store
        self.eyes = Eyes(city, assumed=False)
        self.journal = Journal(HUB, store, self.clock, FOLDS)
        self._copies = {n: Journal(n, store, self.clock, CATALOGUE_FOLDS) for n in NODES}
        self.catalogues = {n: Catalogue(n) for n in NODES}
        self.choices = 0

    async def list_anew(self, node: NodeId, change: Change) -> None:
        """A district's list changes: its journal first, then the hub's copy of its catalogue."""
        self.clock.advance(1.0)
        await self._copies[node].append(drafts_of(change))
        put = tuple(as_journalled(record) for record in change.put)
        self.catalogues[node] = self.catalogues[node].changed(
            Change(put=put, removed=change.removed)
        )
        await self.eyes.join(self.catalogues[node])

    def record(self, camera: CameraId) -> CameraRecord:
        """A camera as its owner lists it now."""
        return self.eyes.roll.get_record(camera)

    async def decide(
        self,
        at: LonLat,
        *,
        away: Sequence[NodeId] = (),
        lost: Sequence[CameraId] = (),
        held: dict[CameraId, Aim] | None = None,
    ) -> tuple[ChosenView, ...]:
        """Choose for an incident, and write it down."""
        self.clock.advance(1.0)
        self.choices += 1
        request = Request(
            place=Place(at=at, error_m=17.3), target=TargetKind.PERSON, min_px_per_m=62.5
        )
        one = await self.eyes.decide(request, frozenset(away), frozenset(lost), held or {})
        draft = choice_made(
            IncidentId(f"inc_{self.choices}"),
            decided_at=self.clock.now(),
            decided_ms=3,
            service="119UC001",
            target="person",
            min_px_per_m=62.5,
            views=[body_of_view(view) for view in one.choice.views],
            passed_over=[body_of_passed(passed) for passed in one.choice.passed_over],
            moment=one.moment,
        )
        await self.journal.append([draft])
        return one.choice.views

    async def say(self, *words: JudgedBody) -> None:
        """A viewer says something: on disk, then learned."""
        for one in words:
            self.clock.advance(1.0)
            body = msgspec.structs.replace(one, at=time_text(self.clock.now()))
            await self.journal.append([view_judged(body)])
            await self.eyes.learn([body])


@pytest.fixture
async def hub(city: City, tmp_path: Path) -> AsyncIterator[Hub]:
    async with Store(sqlite_url(tmp_path / "node.sqlite")) as store:
        hub = Hub(city, store)
        for node in NODES:
            put = tuple(half_told(record) for record in records_of(city, node))
            await hub.list_anew(node, Change(put=put))
        yield hub


async def busy_corner(hub: Hub) -> LonLat:
    """A place that a PTZ, a camera of unknown direction and a plain one would show."""
    xy = hub.city.streets.line.xy
    lon, lat = hub.city.plane.to_lonlat(xy[:, 0], xy[:, 1])
    for k in range(len(lon)):
        at = LonLat(float(lon[k]), float(lat[k]))
        place = Place(at=at, error_m=17.3)
        asked = Request(place=place, target=TargetKind.PERSON, min_px_per_m=62.5)
        views = (await hub.eyes.choose(asked, frozenset())).views
        records = [hub.record(v.camera) for v in views]
        unknown = [r for r in records if math.isnan(r.azimuth_deg)]
        if len(views) == 4 and any(v.aim for v in views) and unknown:
            return at
    raise AssertionError("no such place in the small city")


async def a_busy_day(hub: Hub) -> None:
    """Decisions on one place, each in another moment, and each another answer."""
    at = await busy_corner(hub)
    first = await hub.decide(at)
    answers = [first]
    turned = next(v for v in first if v.aim is not None)
    (one, other, *_) = [v for v in first if v is not turned]
    elsewhere = Aim(azimuth_deg=151.23456, tilt_deg=7.7, hfov_deg=31.98765)
    answers.append(await hub.decide(at, held={turned.camera: elsewhere}))
    hub.eyes.note_health(one.camera, HealthState.FROZEN)
    answers.append(await hub.decide(at))
    hub.eyes.note_health(one.camera, HealthState.OK)
    answers.append(await hub.decide(at, away=[turned.owner]))
    answers.append(await hub.decide(at, lost=[other.camera]))
    unknown = next(v for v in first if math.isnan(hub.record(v.camera).azimuth_deg))
    await hub.say(*(word(unknown.camera, at, n != 1, viewer=n) for n in range(4)))
    answers.append(await hub.decide(at))
    await hub.say(word(unknown.camera, at, False, viewer=0))
    answers.append(await hub.decide(at))
    assert turned.aim is not None
    found = FoundBody(camera=turned.camera, aim=body_of_aim(turned.aim))
    said = word(unknown.camera, at, True, viewer=5)
    await hub.say(msgspec.structs.replace(said, found=(found,)))
    answers.append(await hub.decide(at))
    raised = msgspec.structs.replace(hub.record(turned.camera), height_m=11.5)
    await hub.list_anew(turned.owner, Change(put=(raised,)))
    answers.append(await hub.decide(at))
    moved = msgspec.structs.replace(hub.record(unknown.camera), height_m=9.0)
    await hub.list_anew(unknown.owner, Change(put=(moved,)))
    await hub.list_anew(turned.owner, Change(removed=(turned.camera,)))
    answers.append(await hub.decide(at))
    await hub.say(*(word(unknown.camera, at, True, viewer=n) for n in range(7, 10)))
    answers.append(await hub.decide(at))
    assert all(before != after for before, after in pairwise(answers))


async def ask_again(hub: Hub, city: City) -> list[Replayed]:
    past = await read_past(hub.store)
    replayer = Replayer(city, past)
    return [replayer.replay(one) for one in past.decided]


async def test_every_decision_of_a_busy_day_is_the_same_when_it_is_asked_again(
    hub: Hub, city: City
) -> None:
    await a_busy_day(hub)
    replayed = await ask_again(hub, city)
    assert [(one.verdict, one.where) for one in replayed] == [(Verdict.SAME, ())] * hub.choices


type Tampering = Callable[[MomentBody], dict[str, Any]]


async def tampered(hub: Hub, change: Tampering, number: int) -> ChoiceBody:
    """A decision of the day, written down once more with another moment."""
    kept = [e.read(ChoiceBody) for e in await read_kinds(hub.store, ["choice.made/1"])]
    one = next(body for body in kept if body.incident == f"inc_{number}")
    assert one.moment is not None
    other = msgspec.structs.replace(one.moment, **change(one.moment))
    return msgspec.structs.replace(one, incident=IncidentId("inc_tampered"), moment=other)


TAMPERED: list[tuple[int, Tampering]] = [
    (2, lambda m: {"held": ()}),
    (3, lambda m: {"unwell": ()}),
    (4, lambda m: {"away": ()}),
    (5, lambda m: {"lost": ()}),
    (6, lambda m: {"beliefs": "0" * 64}),
    (1, lambda m: {"asked": msgspec.structs.replace(m.asked, lon_e7=m.asked.lon_e7 + 900)}),
    (1, lambda m: {"asked": msgspec.structs.replace(m.asked, count=3)}),
    (1, lambda m: {"asked": msgspec.structs.replace(m.asked, target="dragon")}),
]
"""Number of a decision of the day, and what is false in its moment."""


async def test_a_moment_that_was_tampered_with_gives_another_answer(hub: Hub, city: City) -> None:
    await a_busy_day(hub)
    past = await read_past(hub.store)
    replayer = Replayer(city, past)
    for number, change in TAMPERED:
        one = next(d for d in past.decided if d.body.incident == f"inc_{number}")
        found = replayer.replay(replace(one, body=await tampered(hub, change, number)))
        assert found.verdict is Verdict.DIFFERS, number
        assert found.where
        assert "differs" in replay_text([found])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda m: {"bundle": "000000000000"}, "bundle"),
        (lambda m: {"left_out": 7}, "too many"),
        (
            lambda m: {
                "catalogues": (msgspec.structs.replace(m.catalogues[0], catalogue="0" * 64),)
            },
            "catalogue of mapo",
        ),
    ],
)
async def test_what_cannot_be_asked_again_says_why(
    hub: Hub, city: City, change: Tampering, why: str
) -> None:
    await hub.decide(await busy_corner(hub))
    past = await read_past(hub.store)
    false = replace(past.decided[0], body=await tampered(hub, change, 1))
    found = Replayer(city, past).replay(false)
    assert found.verdict is Verdict.NOT_REPLAYED
    assert why in found.where[0]


async def test_an_entry_of_before_is_readable_and_is_called_older(hub: Hub, city: City) -> None:
    old = choice_made(
        IncidentId("inc_old"),
        decided_at=hub.clock.now(),
        decided_ms=1,
        service="119UC001",
        target="fire",
        min_px_per_m=20.0,
        views=[],
        passed_over=[],
    )
    (entry,) = await hub.journal.append([old])
    assert b"moment" not in entry.line
    assert [one.verdict for one in await ask_again(hub, city)] == [Verdict.OLDER]


async def test_the_command_tells_all_decisions_or_those_on_one_incident(
    hub: Hub, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = await busy_corner(hub)
    await hub.decide(at)
    await hub.decide(at, away=[MAPO])
    assert await asyncio.to_thread(run_replay, str(tmp_path), None, city=bundle) == 0
    told = capsys.readouterr().out
    assert "inc_1" in told and "inc_2" in told and "2 same" in told
    assert await asyncio.to_thread(run_replay, str(tmp_path), "inc_2", city=bundle) == 0
    assert "inc_1" not in capsys.readouterr().out


async def test_a_moment_is_bounded(hub: Hub) -> None:
    """However many cameras are ill, an entry holds so many; and says how many it does not hold."""
    at = await busy_corner(hub)
    for _, record in hub.eyes.roll.list_records(None):
        hub.eyes.note_health(record.id, HealthState.STALE)
    await hub.decide(at)
    (entry,) = await read_kinds(hub.store, ["choice.made/1"])
    moment = entry.read(ChoiceBody).moment
    assert moment is not None
    near = hub.eyes.roll.count(MAPO) + hub.eyes.roll.count(SEOCHO)
    assert len(moment.unwell) + moment.left_out <= near
    assert len(moment.unwell) <= MOST_NAMED


def test_a_question_comes_back_from_an_entry_as_it_was_asked() -> None:
    place = Place(at=LonLat(126.912345678, 37.5), error_m=12.34567)
    request = Request(place=place, target=TargetKind.FIRE, min_px_per_m=62.5, night=True)
    once = read_asked(asked_of(request))
    assert read_asked(asked_of(once)) == once
    assert once.place == Place(at=LonLat(126.9123457, 37.5), error_m=12.346)
