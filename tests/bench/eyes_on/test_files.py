"""Anybody's chooser can be tried: a folder out, answers in, the truth kept back."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from bench.eyes_on.ask import Answer, Answers, Key, Sheet, View
from bench.eyes_on.files import Opened, export, open_town, read_answers, read_sheet
from bench.eyes_on.simple import nearest_four
from bench.eyes_on.town import Town
from bench.eyes_on.trial import try_all, try_one
from bench.eyes_on.witness import say

from safetynet.base.ids import CameraId


def opened(town: Town, scenario: str) -> Opened:
    return open_town(Key(scenario=scenario, seed=3, count=6, past_count=60), "v1", town)


def test_what_is_written_comes_back(town: Town, tmp_path: Path) -> None:
    sheet = export(opened(town, "synthetic_faults"), tmp_path)
    assert read_sheet(tmp_path) == sheet
    assert sheet.health
    roofs = msgspec.json.decode((tmp_path / sheet.buildings).read_bytes())["features"]
    assert len(roofs) == len(town.truth.buildings)
    ring = roofs[0]["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]


def test_a_folder_of_hidden_poses_holds_none(town: Town, tmp_path: Path) -> None:
    sheet = export(opened(town, "songpa_20"), tmp_path)
    for camera in sheet.cameras:
        numbers = (camera.height_m, camera.azimuth_deg, camera.tilt_deg, camera.hfov_deg)
        assert {*numbers, camera.kind, camera.night_range_m} == {None}
    assert all(camera.kind for camera in export(opened(town, "songpa_kinds_20"), tmp_path).cameras)
    told = export(opened(town, "synthetic_20"), tmp_path).cameras
    assert [c.azimuth_deg for c in told] == [
        round(float(a), 3) for a in town.truth.cameras.azimuth_deg
    ]


def test_a_foreign_chooser_scores_as_the_same_one_within(town: Town, tmp_path: Path) -> None:
    world = opened(town, "synthetic_20")
    choose = nearest_four(town.truth)
    answers = Answers(
        chooser="theirs",
        answers=tuple(
            Answer(incident=one.asked.id, views=tuple(choose(one.asked)))
            for one in world.scenario.staged
        ),
    )
    file = tmp_path / "answers.json"
    file.write_bytes(msgspec.json.encode(answers))
    name, found = read_answers(file, world.scenario, town)
    assert name == "theirs"
    foreign = [
        t.hits
        for one in world.scenario.staged
        for t in try_one(world.scenario, world.eyes, one, {name: found[one.asked.id]})
        if t.strategy == name
    ]
    own = try_all(world.scenario, world.eyes, {"own": choose})
    assert foreign == [t.hits for t in own if t.strategy == "own"]
    assert any(map(any, foreign))


def test_the_chooser_of_the_guide_runs(town: Town, tmp_path: Path) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "guide" / "eyes-on.md").read_text("utf-8")
    program = tmp_path / "chooser.py"
    program.write_text(guide.split("```python\n")[1].split("```")[0], encoding="utf-8")
    world = opened(town, "synthetic_faults")
    sheet = export(world, tmp_path)
    run = subprocess.run(
        [sys.executable, str(program), str(tmp_path)], capture_output=True, check=True, timeout=60
    )
    (tmp_path / "answers.json").write_bytes(run.stdout)
    name, found = read_answers(tmp_path / "answers.json", world.scenario, town)
    assert name == "nearest that work"
    assert [len(views) for views in found.values()] == [4] * 6
    assert not {view.camera for views in found.values() for view in views} & set(sheet.health)


BAD = [
    '{"format":"eyes-on/9","answers":[]}',
    '{"answers":[{"incident":"i99999","views":[]}]}',
    '{"answers":[{"incident":"i00000","views":[]},{"incident":"i00000","views":[]}]}',
    '{"answers":[{"incident":"i00000","views":[{"camera":"nobody"}]}]}',
    '{"answers":[{"incident":"i00000","views":[{"camera":"mapo-00001"},{"camera":"mapo-00001"}]}]}',
    '{"answers":[{"incident":"i00000","views":[{"camera":"mapo-00001","aim":{"azimuth_deg":1,"tilt_deg":1,"hfov_deg":200}}]}]}',
    '{"answers":[{"incident":"i00000"}]}',
]


@pytest.mark.parametrize("text", BAD)
def test_answers_that_make_no_sense_are_refused(town: Town, tmp_path: Path, text: str) -> None:
    file = tmp_path / "answers.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"."):
        read_answers(file, opened(town, "synthetic_20").scenario, town)


def test_the_witness_errs_once_in_twenty_and_says_the_same_again(town: Town) -> None:
    world = opened(town, "synthetic_20")
    choose = nearest_four(town.truth)
    wrong = total = 0
    for one in world.past.staged:
        views = choose(one.asked)
        said = say(world.past, world.eyes, one, views)
        assert said == say(world.past, world.eyes, one, views)
        truth = [world.eyes.look(world.past, one, one.moments[0], v).shown for v in views]
        wrong += sum(s.shown != t for s, t in zip(said, truth, strict=True))
        total += len(said)
    assert total == 240
    assert 2 <= wrong <= 26
    none = View(camera=CameraId("nobody"))
    assert isinstance(say(world.past, world.eyes, world.past.staged[0], [none])[0].shown, bool)


def test_a_sheet_of_another_format_is_refused(town: Town, tmp_path: Path) -> None:
    sheet = export(opened(town, "synthetic_20"), tmp_path)
    other = msgspec.structs.replace(sheet, format="eyes-on/0")
    (tmp_path / "scenario.json").write_bytes(msgspec.json.encode(other))
    with pytest.raises(ValueError, match="format"):
        read_sheet(tmp_path)
    assert isinstance(other, Sheet)
