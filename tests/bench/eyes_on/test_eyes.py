"""The judge draws what a view shows; faults, the dark and motors count."""

import ast
import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from bench.eyes_on.ask import DWELL_S, View
from bench.eyes_on.eyes import PANS, START_S, Eyes
from bench.eyes_on.hidden import Hidden
from bench.eyes_on.scenario import Scenario, Staged, find_spec, plan_scenario
from bench.eyes_on.town import Town

from safetynet.base.ids import CameraId, NodeId
from safetynet.city.model import PTZ, CameraKind
from safetynet.sight.model import Aim, HealthState, Moving
from safetynet.sim.judge import Judge
from safetynet.sim.world import THING_SIZES, Thing, ThingKind


@pytest.fixture(scope="module")
def eyes(town: Town) -> Eyes:
    return Eyes(town)


@pytest.fixture(scope="module")
def scenario(town: Town) -> Scenario:
    return plan_scenario(find_spec("synthetic_0"), town, 3, 12)


def _seen(eyes: Eyes, town: Town, scenario: Scenario, kind: CameraKind) -> tuple[Staged, CameraId]:
    """An incident and a camera of that kind that shows it as the rule aims it."""
    for one in scenario.staged:
        for row in np.flatnonzero(town.truth.cameras.kind == kind).tolist():
            camera = town.truth.cameras.id[row]
            if eyes.look(scenario, one, one.moments[0], View(camera=camera)).shown:
                return one, camera
    raise AssertionError("nobody sees anything")


def test_the_search_finds_what_the_judge_finds(town: Town, eyes: Eyes, scenario: Scenario) -> None:
    judge = Judge(town.truth)
    for one in scenario.staged[:6]:
        here = one.moments[0]
        thing = Thing(
            id=one.asked.id,
            kind=one.kind,
            x=here.x,
            y=here.y,
            signature=0,
            since=_since(),
        )
        drawn = sorted(shown.seen.px for shown in judge.visible_views(thing))
        assert sorted(s.px for s in eyes.search(scenario, one, here)) == drawn


def test_what_counts_as_surely_hidden_is_hidden(town: Town, scenario: Scenario) -> None:
    hidden, judge, c = Hidden(town.truth), Judge(town.truth), town.truth.cameras
    sure = 0
    for one in scenario.staged[:4]:
        here, size = one.moments[0], THING_SIZES[one.kind]
        thing = Thing(id="x", kind=one.kind, x=here.x, y=here.y, signature=0, since=_since())
        for row in range(len(c)):
            lens = (float(c.x[row]), float(c.y[row]), float(c.height_m[row]))
            if hidden.is_hidden(lens, (here.x, here.y), size.width_m, size.height_m):
                sure += 1
                for kind in (one.kind, ThingKind.PERSON):
                    pose = judge.aim_at(c.id[row], kind, here.x, here.y)
                    assert judge.look(c.id[row], pose, thing).seen.px == 0
    assert sure > 20


def test_no_camera_shows_anything_that_is_ill_or_away(
    town: Town, eyes: Eyes, scenario: Scenario
) -> None:
    one, camera = _seen(eyes, town, scenario, CameraKind.PTZ)
    view, here = View(camera=camera), one.moments[0]
    ill = replace(scenario, ill={camera: HealthState.FROZEN})
    assert not eyes.look(ill, one, here, view).shown
    nodes = tuple(NodeId(d.node) for d in town.truth.districts)
    away = replace(one, asked=msgspec.structs.replace(one.asked, away=nodes))
    assert not eyes.look(scenario, away, here, view).shown
    assert eyes.search(scenario, away, here) == []
    assert not eyes.look(scenario, one, here, View(camera=CameraId("nobody"))).shown


def test_at_night_a_camera_sees_as_far_as_its_lamps(
    town: Town, eyes: Eyes, scenario: Scenario
) -> None:
    c = town.truth.cameras
    told = 0
    for one in scenario.staged:
        here = one.moments[0]
        night = replace(one, asked=msgspec.structs.replace(one.asked, night=True))
        for row, camera in enumerate(c.id):
            if eyes.look(scenario, one, here, View(camera=camera)).shown:
                far = math.hypot(c.x[row] - here.x, c.y[row] - here.y) > c.night_range_m[row]
                by_night = eyes.look(scenario, night, here, View(camera=camera)).shown
                assert by_night == (not far or one.kind is ThingKind.FIRE)
                told += far
    assert told


def test_a_fixed_camera_stays_and_a_ptz_obeys_within_its_reach(
    town: Town, eyes: Eyes, scenario: Scenario
) -> None:
    away = Aim(azimuth_deg=10.0, tilt_deg=-200.0, hfov_deg=0.001)
    one, fixed = _seen(eyes, town, scenario, CameraKind.FIXED)
    assert eyes.look(scenario, one, one.moments[0], View(camera=fixed, aim=away)).shown
    one, ptz = _seen(eyes, town, scenario, CameraKind.PTZ)
    assert not eyes.look(scenario, one, one.moments[0], View(camera=ptz, aim=away)).shown


def test_time_to_eyes_is_the_start_and_the_slowest_motor(
    town: Town, eyes: Eyes, scenario: Scenario
) -> None:
    one, fixed = _seen(eyes, town, scenario, CameraKind.FIXED)
    assert eyes.look(scenario, one, one.moments[0], View(camera=fixed)).eyes_s == START_S
    one, ptz = _seen(eyes, town, scenario, CameraKind.PTZ)
    took = eyes.look(scenario, one, one.moments[0], View(camera=ptz)).eyes_s
    assert START_S < took <= START_S + max(180 / PTZ.pan_dps, 100 / PTZ.tilt_dps, 1.0)


def test_a_sweep_counts_stop_by_stop_with_the_time_until_there(
    town: Town, eyes: Eyes, scenario: Scenario
) -> None:
    one, ptz = _seen(eyes, town, scenario, CameraKind.PTZ)
    here, row = one.moments[0], town.truth.cameras.id.index(ptz)
    pose = Judge(town.truth).aim_at(ptz, one.kind, here.x, here.y)
    aim = Aim(azimuth_deg=pose.azimuth_deg, tilt_deg=pose.tilt_deg, hfov_deg=pose.hfov_deg)
    past = msgspec.structs.replace(aim, azimuth_deg=(aim.azimuth_deg + 90) % 360)
    alone = eyes.look(scenario, one, here, View(camera=ptz, aim=aim))
    assert alone.shown
    first = eyes.look(scenario, one, here, View(camera=ptz, aim=aim, sweep=(aim, past)))
    assert first == alone
    before_s = eyes.look(scenario, one, here, View(camera=ptz, aim=past)).eyes_s
    assert before_s == math.inf
    second = eyes.look(scenario, one, here, View(camera=ptz, aim=past, sweep=(past, aim)))
    assert second.px == alone.px
    home = float(town.truth.cameras.azimuth_deg[row])
    turn_s = abs((past.azimuth_deg - home + 180) % 360 - 180) / PTZ.pan_dps
    assert second.eyes_s >= START_S + turn_s + DWELL_S + 90 / PTZ.pan_dps - 1e-6
    late = (past, past, past, past, past, aim)
    assert not eyes.look(scenario, one, here, View(camera=ptz, aim=past, sweep=late)).shown


def test_what_moves_counts_at_the_first_stop_alone(
    town: Town, eyes: Eyes, scenario: Scenario
) -> None:
    one, ptz = _seen(eyes, town, scenario, CameraKind.PTZ)
    here = one.moments[0]
    pose = Judge(town.truth).aim_at(ptz, one.kind, here.x, here.y)
    aim = Aim(azimuth_deg=pose.azimuth_deg, tilt_deg=pose.tilt_deg, hfov_deg=pose.hfov_deg)
    past = msgspec.structs.replace(aim, azimuth_deg=(aim.azimuth_deg + 90) % 360)
    moving = Moving(at=one.asked.place.at, error_m=0.0, speed_mps=3.0)
    on = replace(one, asked=msgspec.structs.replace(one.asked, place=moving))
    assert not eyes.look(scenario, on, here, View(camera=ptz, aim=past, sweep=(past, aim))).shown


def test_the_rule_sweeps_what_no_picture_holds_in_equal_pans(town: Town, eyes: Eyes) -> None:
    wide = plan_scenario(find_spec("synthetic_100"), town, 3, 4).staged[0]
    known = plan_scenario(find_spec("synthetic_20"), town, 3, 4).staged[0]
    c = town.truth.cameras
    swept = 0
    for row in range(len(c)):
        poses = eyes.by_rule(row, wide)
        assert len(eyes.by_rule(row, known)) == 1
        if c.kind[row] != CameraKind.PTZ:
            assert len(poses) == 1
            continue
        assert len(poses) <= PANS
        swept += len(poses) > 1
        if len(poses) == PANS:
            turns = [(pose.azimuth_deg - poses[0].azimuth_deg + 180) % 360 - 180 for pose in poses]
            assert turns[0] == 0
            assert turns[1] == pytest.approx(-turns[2])
            assert 0 < turns[1] <= poses[0].hfov_deg + 1e-9
        assert all(PTZ.min_tilt_deg <= pose.tilt_deg <= PTZ.max_tilt_deg for pose in poses)
    assert swept


def test_only_our_chooser_knows_sight() -> None:
    folder = Path(__file__).parents[3] / "bench" / "eyes_on"
    for path in folder.glob("*.py"):
        names = {
            node.module or ""
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom)
        }
        sight = {n for n in names if n.startswith("safetynet.sight")} - {"safetynet.sight.model"}
        assert not sight or path.name == "ours.py", f"{path.name} imports {sorted(sight)}"


def _since() -> datetime:
    return datetime(2025, 6, 1, tzinfo=UTC)
