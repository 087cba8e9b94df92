"""What the hub learns of cameras whose direction nobody told, from what viewers say of views."""

import asyncio
import math
import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

from safetynet.app.cameras import records_of
from safetynet.app.hub.eyes import QUIET_S, Eyes
from safetynet.base.clock import ManualClock
from safetynet.base.geo import LonLat
from safetynet.base.ids import CameraId, IncidentId, NodeId, ViewerId
from safetynet.city.model import CameraKind, City, Origin
from safetynet.city.synth import small_city
from safetynet.federation.catalogue import Catalogue, Change
from safetynet.incident.entries import PlaceBody
from safetynet.incident.model import PlaceOrigin
from safetynet.incident.moment import AimBody
from safetynet.incident.showing import FoundBody, JudgedBody
from safetynet.sight.kernels.walls import Rows
from safetynet.sight.model import Choice, Place, Reason, ReasonCode, Request, TargetKind
from safetynet.sight.profiles import WallProfiles

NOBODY: frozenset[NodeId] = frozenset()
MAPO = NodeId("mapo")


@pytest.fixture(scope="module")
def city() -> City:
    return small_city(7)


def untold(city: City, node: NodeId) -> Catalogue:
    """A district's cameras as public lists have them: where they hang, and no more."""
    records = [
        msgspec.structs.replace(
            record,
            azimuth_deg=math.nan,
            kind=int(CameraKind.FIXED),
            pose_origin=int(Origin.ASSUMED),
            azimuth_origin=int(Origin.ASSUMED),
            azimuth_sd_deg=180.0,
        )
        for record in records_of(city, node)
    ]
    return Catalogue(node, records)


def seen_place(city: City) -> tuple[CameraId, LonLat]:
    """A camera of 마포, and a place 20 m before it that nothing hides."""
    c = city.cameras
    mapo = city.districts.index(next(d for d in city.districts if d.node == MAPO))
    row = int(np.flatnonzero((c.district == mapo) & (c.kind == CameraKind.FIXED))[0])
    a = math.radians(float(c.azimuth_deg[row]))
    x, y = float(c.x[row]) + 20 * math.sin(a), float(c.y[row]) + 20 * math.cos(a)
    return c.id[row], LonLat(*city.plane.to_lonlat(x, y))


def word(camera: CameraId, at: LonLat, shown: bool, *, viewer: int = 0) -> JudgedBody:
    place = PlaceBody(
        lon_e7=round(at.lon * 1e7),
        lat_e7=round(at.lat * 1e7),
        error_mm=5000,
        origin=PlaceOrigin.REPORTED,
        dong_code="",
    )
    return JudgedBody(
        incident=IncidentId("inc_1"),
        camera=camera,
        viewer=ViewerId(f"view_{viewer}"),
        at="2026-03-01T04:05:06.000000Z",
        shown=shown,
        place=place,
        target="person",
        aim=None,
        drill=False,
    )


async def ask(eyes: Eyes, at: LonLat) -> Choice:
    """Every view of a place that is worth anything."""
    place = Place(at=at, error_m=5.0)
    request = Request(place=place, target=TargetKind.PERSON, min_px_per_m=20.0, count=64)
    return await eyes.choose(request, NOBODY)


async def chance(eyes: Eyes, camera: CameraId, at: LonLat) -> float:
    """That this camera shows the place; 0 where it is no view worth choosing."""
    views = (await ask(eyes, at)).views
    return next((v.chance for v in views if v.camera == camera), 0.0)


async def test_words_are_learned_and_a_viewers_change_of_mind_undoes_the_first(city: City) -> None:
    camera, at = seen_place(city)
    eyes = Eyes(city, assumed=False)
    await eyes.join(untold(city, MAPO))
    before = await chance(eyes, camera, at)
    for viewer in range(3):
        await eyes.learn([word(camera, at, True, viewer=viewer)])
    sure = await chance(eyes, camera, at)
    assert sure > max(0.8, before + 0.1)
    shown = next(v for v in (await ask(eyes, at)).views if v.camera == camera)
    assert ReasonCode.LEARNED in {r.code for r in shown.reasons if isinstance(r, Reason)}
    for viewer in range(3):
        await eyes.learn([word(camera, at, False, viewer=viewer)])
    undone = await chance(eyes, camera, at)

    other = Eyes(city, assumed=False)
    await other.join(untold(city, MAPO))
    for viewer in range(3):
        await other.learn([word(camera, at, False, viewer=viewer)])
    assert undone == await chance(other, camera, at) < before


async def test_a_hub_that_starts_again_has_learned_the_same_whoever_joins_when(city: City) -> None:
    camera, at = seen_place(city)
    words = [word(camera, at, viewer % 3 > 0, viewer=viewer) for viewer in range(6)]
    first, again = Eyes(city, assumed=False), Eyes(city, assumed=False)
    await first.join(untold(city, MAPO))
    for one in words:
        await first.learn([one])
    await again.learn(words)
    await again.join(untold(city, NodeId("seocho")))
    await again.join(untold(city, MAPO))
    await first.join(untold(city, NodeId("seocho")))
    assert await ask(again, at) == await ask(first, at)
    assert await chance(again, camera, at) > 0


async def test_where_a_turned_camera_found_the_scene_counts_when_its_owner_lists_it(
    city: City,
) -> None:
    camera, at = seen_place(city)
    full = untold(city, MAPO)
    turns = next(r for r in records_of(city, MAPO) if r.kind == CameraKind.PTZ)
    beside = msgspec.structs.replace(turns, lon=at.lon, lat=at.lat + 0.0002)
    known = full.changed(Change(put=(beside,)))
    aim = AimBody.of(azimuth_deg=180.0, tilt_deg=20.0, hfov_deg=20.0)
    found = (FoundBody(camera=beside.id, aim=aim),)
    wide = msgspec.structs.replace(word(camera, at, True).place, error_mm=60_000)
    plain = msgspec.structs.replace(word(camera, at, True), place=wide)
    said = msgspec.structs.replace(plain, found=found)

    async def sure_of(*steps: Catalogue | JudgedBody) -> float:
        eyes = Eyes(city, assumed=False)
        for step in steps:
            if isinstance(step, Catalogue):
                await eyes.join(step)
            else:
                await eyes.learn([step])
        return await chance(eyes, camera, at)

    at_once = await sure_of(known, said)
    without = known.changed(Change(removed=(beside.id,)))
    assert at_once == await sure_of(said, known) == await sure_of(without, said, known)
    alone = await sure_of(without, said)
    assert alone == await sure_of(without, plain) == await sure_of(known, said, without)
    assert at_once > await sure_of(known, plain)
    turned = known.changed(Change(put=(msgspec.structs.replace(beside, height_m=9.0),)))
    assert await sure_of(known, said, turned) == await sure_of(turned, plain)


async def test_a_moved_camera_is_known_to_the_next_question_and_its_words_are_forgotten(
    city: City,
) -> None:
    camera, at = seen_place(city)
    eyes = Eyes(city, assumed=True)
    own = Catalogue(MAPO, records_of(city, MAPO))
    await eyes.join(own)
    assert await chance(eyes, camera, at) > 0
    record = eyes.roll.get_record(camera)
    turned = msgspec.structs.replace(record, azimuth_deg=(record.azimuth_deg + 180) % 360)
    change = await eyes.join(own.changed(Change(put=(turned,))))
    assert change.put == (turned,)
    assert await chance(eyes, camera, at) == 0
    await eyes.join(own)
    assert await chance(eyes, camera, at) > 0


async def test_words_on_a_camera_before_it_was_moved_do_not_count(city: City) -> None:
    camera, at = seen_place(city)
    own = untold(city, MAPO)
    eyes, other = Eyes(city, assumed=False), Eyes(city, assumed=False)
    await eyes.join(own)
    await eyes.learn([word(camera, at, False, viewer=n) for n in range(3)])
    raised = msgspec.structs.replace(eyes.roll.get_record(camera), height_m=6.5)
    await eyes.join(own.changed(Change(put=(raised,))))
    await other.join(own.changed(Change(put=(raised,))))
    await eyes.learn([word(camera, at, True, viewer=9)])
    await other.learn([word(camera, at, True, viewer=9)])
    assert await ask(eyes, at) == await ask(other, at)


async def test_cameras_come_and_go_while_questions_are_answered(city: City) -> None:
    camera, at = seen_place(city)
    eyes = Eyes(city, assumed=True)
    own = Catalogue(MAPO, records_of(city, MAPO))
    await eyes.join(own.changed(Change(removed=(camera,))))
    assert eyes.roll.find_owner(camera) is None
    assert await chance(eyes, camera, at) == 0
    asking = [asyncio.ensure_future(ask(eyes, at)) for _ in range(3)]
    joining = asyncio.ensure_future(eyes.join(own))
    asking += [asyncio.ensure_future(ask(eyes, at)) for _ in range(3)]
    await asyncio.gather(*asking, joining)
    assert await chance(eyes, camera, at) > 0
    await eyes.join(own.changed(Change(removed=(camera,))))
    assert await chance(eyes, camera, at) == 0
    assert camera not in {r.id for _, r in eyes.roll.list_records(None)}


async def test_step_by_step_is_the_same_as_at_once(city: City) -> None:
    """Whatever way a catalogue came about, answers are those of the catalogue alone."""
    _, at = seen_place(city)
    chance = random.Random(11)
    stepwise, whole = Eyes(city, assumed=True), Eyes(city, assumed=True)
    everything = {r.id: r for r in records_of(city, MAPO)}
    now = Catalogue(MAPO, everything.values())
    for _ in range(12):
        put = [
            msgspec.structs.replace(r, azimuth_deg=float(chance.randrange(360)), name="새 이름")
            for r in chance.sample(list(everything.values()), 2)
        ]
        gone = chance.sample([c.id for c in now.cameras], chance.randrange(2))
        kept = tuple(c for c in gone if c not in {r.id for r in put})
        now = now.changed(Change(put=tuple(put), removed=kept))
        await stepwise.join(now)
    await whole.join(Catalogue(MAPO, now.cameras))
    assert await ask(stepwise, at) == await ask(whole, at)


async def test_a_camera_of_another_district_stays_its_owners(city: City) -> None:
    camera, _ = seen_place(city)
    eyes = Eyes(city, assumed=True)
    await eyes.join(Catalogue(MAPO, records_of(city, MAPO)))
    own = records_of(city, NodeId("seocho"))
    stolen = msgspec.structs.replace(eyes.roll.get_record(camera), height_m=99.0)
    await eyes.join(Catalogue(NodeId("seocho"), [*own, stolen]))
    assert eyes.roll.find_owner(camera) == MAPO
    assert eyes.roll.get_record(camera).height_m != 99.0
    listed = [(node, r.id) for node, r in eyes.roll.list_records(None)]
    assert listed.count((MAPO, camera)) == 1
    assert (NodeId("seocho"), camera) not in listed
    await eyes.join(Catalogue(NodeId("seocho"), own))
    assert eyes.roll.find_owner(camera) == MAPO
    await eyes.join(Catalogue(MAPO, []))
    await eyes.join(Catalogue(NodeId("seocho"), [*own, stolen]))
    assert eyes.roll.find_owner(camera) == "seocho", "given up by the one, it may be the other's"


async def test_what_changed_in_one_district_stays_so_when_another_joins(city: City) -> None:
    camera, at = seen_place(city)
    eyes, other = Eyes(city, assumed=True), Eyes(city, assumed=True)
    own = Catalogue(MAPO, records_of(city, MAPO))
    await eyes.join(own)
    known = eyes.roll.get_record(camera)
    turned = msgspec.structs.replace(known, azimuth_deg=(known.azimuth_deg + 180) % 360)
    now = own.changed(Change(put=(turned,)))
    await eyes.join(now)
    seocho = Catalogue(NodeId("seocho"), records_of(city, NodeId("seocho")))
    await eyes.join(seocho)
    changes = await asyncio.gather(other.join(now), other.join(seocho))
    assert [len(c.put) for c in changes] == [len(now), len(seocho)]
    assert await chance(eyes, camera, at) == 0
    assert await ask(eyes, at) == await ask(other, at)


async def test_words_on_cameras_whose_direction_is_known_change_nothing(city: City) -> None:
    camera, at = seen_place(city)
    eyes = Eyes(city, assumed=False)
    await eyes.join(Catalogue(MAPO, records_of(city, MAPO)))
    before = await ask(eyes, at)
    await eyes.learn([word(camera, at, False), word(CameraId("nobody-1"), at, False)])
    assert await ask(eyes, at) == before


class Resting(ManualClock):
    """Tells when somebody really waits."""

    def __init__(self) -> None:
        super().__init__(datetime(2026, 3, 1, tzinfo=UTC))
        self.rests = asyncio.Event()

    async def sleep(self, duration_s: float) -> None:
        if duration_s > 0:
            self.rests.set()
        await super().sleep(duration_s)


async def prepare(city: City, file: Path, node: NodeId = MAPO) -> None:
    """A start with one district, until there is nothing left to prepare."""
    clock, eyes = Resting(), Eyes(city, assumed=True, walls=file)
    await eyes.join(Catalogue(node, records_of(city, node)))
    work = asyncio.create_task(eyes.prepare(clock))
    await clock.rests.wait()
    work.cancel()


async def test_what_walls_hide_is_found_once_and_read_at_the_next_start(
    city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []
    find = WallProfiles.find

    def note(self: WallProfiles, rows: Rows) -> None:
        found.extend(rows.tolist())
        find(self, rows)

    monkeypatch.setattr(WallProfiles, "find", note)
    file = tmp_path / "data" / "walls.npz"
    await prepare(city, file)
    assert found
    found.clear()
    await prepare(city, file)
    assert not found
    await prepare(city, file, NodeId("seocho"))
    assert found
    found.clear()
    file.write_bytes(file.read_bytes()[:-100])
    await prepare(city, file)
    assert found, "a torn file is no reason not to start"
    found.clear()
    await prepare(city, file)
    assert not found, "and is replaced"
    await prepare(replace(city, version="another"), file)
    assert found


class Busy(ManualClock):
    """A city in which an incident comes in every rest, until it is told to be quiet."""

    def __init__(self, eyes: Eyes, request: Request) -> None:
        super().__init__(datetime(2026, 3, 1, tzinfo=UTC))
        self.eyes, self.request = eyes, request
        self.left = 2
        self.rests: list[float] = []
        self.quiet = asyncio.Event()

    async def sleep(self, duration_s: float) -> None:
        if self.left == 0 and duration_s != QUIET_S:
            self.quiet.set()
            await super().sleep(duration_s)
            return
        self.rests.append(duration_s)
        if self.left:
            self.left -= 1
            await self.eyes.decide(self.request, NOBODY)


async def test_finding_walls_gives_way_while_incidents_are_answered(city: City) -> None:
    eyes = Eyes(city, assumed=True)
    await eyes.join(Catalogue(MAPO, records_of(city, MAPO)))
    _, at = seen_place(city)
    request = Request(place=Place(at=at, error_m=5.0), target=TargetKind.PERSON, min_px_per_m=20.0)
    clock = Busy(eyes, request)
    work = asyncio.create_task(eyes.prepare(clock))
    await clock.quiet.wait()
    work.cancel()
    first, *after = clock.rests
    assert first != QUIET_S
    assert after == [QUIET_S, QUIET_S], "once after each of two incidents"
