"""Stills, turns and clips at their owner: by its policy, in its journal, once for each key."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest

from safetynet.access.ledger import read_ledger
from safetynet.access.policy import Policy
from safetynet.access.takings import MadeBody, RefusedBody, StillBody
from safetynet.app.check_exports import check_exports
from safetynet.app.district.keeping import Keeper, file_of
from safetynet.app.settings import ExportSettings
from safetynet.base.errors import InvalidError, RefusedError, UnavailableError
from safetynet.base.ids import CameraId, GrantId, IncidentId, SessionId, ViewerId
from safetynet.federation.messages import (
    Answer,
    ExportClip,
    Right,
    TakeStill,
    TurnView,
    WantedTurn,
)
from safetynet.journal.read import read_range
from safetynet.video import ipc
from tests.app import test_district
from tests.app.test_district import FIXED, INCIDENT, MAPO, NO_ONE, PTZ, District, with_will
from tests.support import eventually

district = test_district.district
RIGHT = Right(
    grant=GrantId("grant_1"),
    viewer=ViewerId("view_1"),
    agency="119",
    service="119UC001",
    purpose="fire",
    basis="개인정보 보호법 제18조제2항제3호",
    drill=False,
)
TURN = WantedTurn(azimuth_deg=200, tilt_deg=10, hfov_deg=20)


def still(key: str = "k1", camera: CameraId = FIXED) -> TakeStill:
    return TakeStill(key=key, generation="g1", incident=INCIDENT, camera=camera, right=RIGHT)


def turn(camera: CameraId, incident: IncidentId = INCIDENT) -> TurnView:
    return TurnView(
        key="k2", generation="g1", incident=incident, camera=camera, right=RIGHT, turn=TURN
    )


def clip(key: str = "k3", *, seconds: float = 10, approved_by: str = "control") -> ExportClip:
    return ExportClip(
        key=key,
        generation="g1",
        incident=INCIDENT,
        camera=FIXED,
        right=RIGHT,
        seconds=seconds,
        approved_by=approved_by,
    )


async def ask_still(district: District, command: TakeStill, jpeg: bytes = b"\xff\xd8") -> Answer:
    """Ask, and be the worker that answers."""
    before = len(district.sent(ipc.TakeStill))
    asking = asyncio.create_task(district.node.execute(command))
    (asked, *_) = await eventually(lambda: district.sent(ipc.TakeStill)[before:])
    district.node.keeper.note_still(
        ipc.StillTaken(
            camera=command.camera,
            still=asked.still,
            captured_us=1_772_338_000_000_000,
            octets=300_000 if not jpeg else len(jpeg),
            sha256="ab" * 32,
            jpeg=jpeg,
        )
    )
    return await asking


async def record(district: District, command: ExportClip, data: bytes = b"mp4") -> Path:
    """Ask for a clip, and be the worker that made it."""
    answer = await district.node.execute(command)
    assert answer.ok
    asked = district.sent(ipc.Record)[-1]
    path = Path(asked.path)
    await asyncio.to_thread(path.write_bytes, data)
    await district.node.keeper.note_clip(
        ipc.Recorded(
            camera=asked.camera,
            clip=asked.clip,
            first_us=1_772_338_000_000_000,
            last_us=1_772_338_010_000_000,
            frames=100,
            octets=len(data),
            sha256="cd" * 32,
        )
    )
    return path


async def refusals(district: District) -> list[tuple[str, str]]:
    entries = await read_range(district.journal.store, MAPO)
    bodies = [e.read(RefusedBody) for e in entries if e.kind == "taking.refused/1"]
    return [(b.what, b.code) for b in bodies]


async def test_a_still_is_in_the_journal_before_it_is_handed_out(district: District) -> None:
    await district.open(FIXED)
    answer = await ask_still(district, still())
    assert answer.still is not None
    assert answer.still.jpeg == b"\xff\xd8"
    (entry,) = await read_range(district.journal.store, MAPO)
    body = entry.read(StillBody)
    assert (entry.kind, body.id, body.by.agency) == ("still.taken/1", answer.still.id, "119")
    assert (body.kept, body.sha256, body.rules) == (False, "ab" * 32, ("dispatch-119",))
    (line,) = await read_ledger(district.journal.store)
    assert (line.ledger.division.value, line.ledger.third_party) == ("제공", "119")


async def test_a_large_still_waits_at_the_gateway(district: District) -> None:
    await district.open(FIXED)
    answer = await ask_still(district, still(), jpeg=b"")
    assert answer.still is not None
    assert answer.still.jpeg == b""
    assert district.node.keeper.find_file(answer.still.id) is not None


async def test_nothing_is_taken_of_a_view_that_is_not_open(district: District) -> None:
    for command in (still(), turn(PTZ), clip()):
        with pytest.raises(RefusedError) as refused:
            await district.node.execute(command)
        assert refused.value.code == "view.not_open"
    await district.open(FIXED)
    await district.close(RIGHT.grant, over=False)
    with pytest.raises(RefusedError):
        await district.node.execute(still())
    codes = await refusals(district)
    assert codes == [
        ("still", "view.not_open"),
        ("turn", "view.not_open"),
        ("export", "view.not_open"),
        ("still", "view.not_open"),
    ]


async def test_a_recording_that_no_office_approved_is_refused_and_written_down(
    district: District,
) -> None:
    await district.open(FIXED)
    with pytest.raises(RefusedError) as refused:
        await district.node.execute(clip(approved_by=""))
    assert refused.value.code == "policy.denied"
    assert await refusals(district) == [("export", "policy.denied")]
    assert district.sent(ipc.Record) == []


async def test_a_clip_is_asked_made_and_a_line_of_the_ledger(district: District) -> None:
    await district.open(FIXED)
    await record(district, clip())
    asked, made = await read_range(district.journal.store, MAPO)
    assert (asked.kind, made.kind) == ("export.asked/1", "export.made/1")
    body = made.read(MadeBody)
    assert (body.approved_by, body.by.basis, body.frames) == ("control", RIGHT.basis, 100)
    (line,) = await read_ledger(district.journal.store)
    assert "녹화영상" in line.ledger.file
    assert "승인 control" in line.ledger.form


async def test_the_same_key_is_the_same_clip_also_after_a_restart(district: District) -> None:
    await district.open(FIXED)
    await record(district, clip())
    first = await district.node.execute(clip())
    again = keeper(district)
    await again.open()
    assert await again.export(clip(), (), lambda: True) == first
    assert len(district.sent(ipc.Record)) == 1
    assert await district.kinds() == ["export.asked/1", "export.made/1"]


def keeper(district: District, **limits: float) -> Keeper:
    """The keeper of a process that starts again."""
    before = district.node.keeper
    return Keeper(
        MAPO,
        before._folder.parent,
        ExportSettings(**limits),  # type: ignore[arg-type]  # numbers by name
        journal=district.journal,
        policy=Policy.default(),
        send=district.said.append,
        clock=district.clock,
    )


async def test_a_clip_that_a_restart_cut_off_is_over_and_its_part_is_removed(
    district: District,
) -> None:
    await district.open(FIXED)
    await district.node.execute(clip())
    part = Path(district.sent(ipc.Record)[-1].path).with_suffix(".part")
    part.write_bytes(b"half")
    again = keeper(district)
    await again.open()
    assert await district.kinds() == ["export.asked/1", "export.failed/1"]
    assert not part.exists()


async def test_a_clip_has_a_bounded_length_and_a_bounded_disk(district: District) -> None:
    await district.open(FIXED)
    with pytest.raises(InvalidError) as long:
        await district.node.execute(clip(seconds=61))
    assert long.value.code == "export.length"
    small = keeper(district, disk_mb=100)
    await small.open()
    for key in ("a", "b"):
        await small.export(clip(key, seconds=20), (), lambda: True)
    with pytest.raises(UnavailableError) as full:
        await small.export(clip("c", seconds=20), (), lambda: True)
    assert full.value.code == "export.full"


async def test_a_recording_ends_with_its_grant_its_view_and_its_incident(
    district: District,
) -> None:
    file = file_of("clip", "k3")
    await district.open(FIXED)
    await district.node.execute(clip())
    await district.close(GrantId("grant_other"), over=False, cameras=(PTZ,))
    assert district.sent(ipc.EndClip) == []
    await district.close(RIGHT.grant, over=False)
    await district.close(over=False, cameras=(FIXED,))
    await district.close(over=True)
    assert {e.clip for e in district.sent(ipc.EndClip)} == {file}
    assert len(district.sent(ipc.EndClip)) == 3


async def test_a_file_is_fetched_with_a_grant_of_its_own_view_alone(district: District) -> None:
    await district.open(FIXED, PTZ)
    path = await record(district, clip())
    file = path.stem

    async def fetch(grant_of: CameraId, name: str, wanted: str) -> ipc.Verdict:
        grant = district.grant(grant_of, name)
        return await district.present(grant, SessionId(f"ses_{name}"), file=wanted)

    good = await fetch(FIXED, "grant_1", file)
    assert (good.accepted, good.path) == (True, str(path))
    other = await fetch(PTZ, "grant_2", file)
    assert (other.accepted, other.code) == (False, "export.other")
    none = await fetch(FIXED, "grant_3", "clip_none")
    assert (none.accepted, none.code) == (False, "export.unknown")
    prepared = [p for p in district.sent(ipc.Prepare) if p.lock.startswith("ses_")]
    assert prepared == [], "a file needs no stream"


async def test_files_are_destroyed_when_their_time_is_over(district: District) -> None:
    await district.open(FIXED)
    path = await record(district, clip())
    tidying = asyncio.create_task(district.node.keeper.tidy())
    await asyncio.sleep(0)
    district.clock.set_wall(district.clock.now() + timedelta(days=31))
    while path.exists():
        district.clock.advance(600)
        await asyncio.sleep(0.01)
    tidying.cancel()
    assert (await district.kinds())[-1] == "export.destroyed/1"
    lines = await read_ledger(district.journal.store)
    assert [line.ledger.division.value for line in lines] == ["제공", "파기"]
    verdict = await district.present(district.grant(), file=path.stem)
    assert (verdict.accepted, verdict.code) == (False, "export.unknown")


async def test_an_operator_turns_an_open_view_and_the_journal_says_for_whom(
    district: District,
) -> None:
    await district.open(FIXED, PTZ)
    assert (await district.node.execute(turn(PTZ))).ok
    prepared = district.sent(ipc.Prepare)[-1]
    assert (prepared.camera, prepared.lock) == (PTZ, INCIDENT)
    assert prepared.turn == ipc.Turn(azimuth_deg=200, tilt_deg=10, hfov_deg=20)
    await district.node.note_turn(
        ipc.Turned(camera=PTZ, lock=INCIDENT, to=prepared.turn, took_s=1.0)
    )
    (moved,) = await read_range(district.journal.store, MAPO)
    assert (moved.kind, moved.read(dict[str, object])["by"]) == ("ptz.moved/1", "119")
    assert (await district.node.execute(turn(FIXED))).code == "view.fixed"


@with_will(policy=NO_ONE)
async def test_the_owners_policy_is_asked_for_each_of_them(district: District) -> None:
    keeper_ = district.node.keeper
    for command in (still(), turn(PTZ), clip()):
        with pytest.raises(RefusedError) as refused:
            await keeper_.allow(command, is_open=True)
        assert refused.value.code == "policy.denied"


async def test_check_knows_files_that_are_gone_changed_or_of_nobody(district: District) -> None:
    await district.open(FIXED)
    data = b"a clip"
    path = await record(district, clip(), data)
    store, folder = district.journal.store, path.parent.parent
    assert await check_exports(folder, store) == (f"{path.name} was changed",), (
        "its hash is another"
    )
    path.unlink()
    assert await check_exports(folder, store) == (f"{path.name} is missing",)
    stranger = path.with_name("clip_of_nobody.mp4")
    stranger.touch()
    assert await check_exports(folder, store) == (f"{path.name} is missing",), (
        "it may be on its way"
    )
    os.utime(stranger, (0, 0))
    assert "clip_of_nobody.mp4 is in no journal" in await check_exports(folder, store)
    assert await check_exports(folder / "elsewhere", store) == ()
