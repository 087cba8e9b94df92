"""What ``safetynet see`` prints, writes and refuses."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from safetynet.app.cli import main
from safetynet.app.see.command import credit_of
from safetynet.app.see.where import Asked, read_where
from safetynet.app.see.words import reason_words
from safetynet.base.geo import LonLat
from safetynet.city.bundle import Manifest, Source
from safetynet.city.model import City
from safetynet.sight.model import Choice, Place, Stretch


def at(choice: Choice) -> LonLat:
    """The place that the choice is about."""
    assert isinstance(choice.request.place, Place)
    return choice.request.place.at


def see(bundle: Path, choice: Choice, *more: str) -> int:
    """Ask the same on the command line."""
    place = [repr(at(choice).lon), repr(at(choice).lat), "--error", "20"]
    return main(["see", *place, "--city", str(bundle), *more])


def test_the_views_stand_in_order_with_their_figures_and_reasons(
    bundle: Path, choice: Choice, capsys: pytest.CaptureFixture[str]
) -> None:
    assert see(bundle, choice) == 0
    told = capsys.readouterr().out.splitlines()
    start = next(i for i, line in enumerate(told) if line.startswith("#"))
    rows = told[start + 1 :]
    assert [row.split()[1] for row in rows] == [v.camera for v in choice.views]
    for view, row in zip(choice.views, rows, strict=True):
        assert all(reason_words(r) in row for r in view.reasons)
        assert ("PTZ" in row) == (view.aim is not None)
    assert not any(p.camera in "\n".join(told) for p in choice.passed_over)


def test_why_tells_of_every_camera_passed_over(
    bundle: Path, choice: Choice, capsys: pytest.CaptureFixture[str]
) -> None:
    assert see(bundle, choice, "--why") == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    for passed in choice.passed_over:
        assert all(reason_words(r) in lines[passed.camera] for r in passed.reasons)


def test_the_columns_stand_under_their_heads(
    bundle: Path, choice: Choice, capsys: pytest.CaptureFixture[str]
) -> None:
    see(bundle, choice)
    told = capsys.readouterr().out.splitlines()
    head = next(line for line in told if line.startswith("#"))
    rows = told[told.index(head) + 1 :]
    assert {row.index(v.owner, 5) for row, v in zip(rows, choice.views, strict=True)} >= {
        head.index("owner")
    }


def test_the_picture_is_written(
    bundle: Path, choice: Choice, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "place.png"
    assert see(bundle, choice, "--png", str(file)) == 0
    assert str(file) in capsys.readouterr().err
    with Image.open(file) as picture:
        assert (picture.format, picture.size) == ("PNG", (1760, 1120))


def test_a_place_that_nobody_sees_is_an_answer(
    bundle: Path, choice: Choice, capsys: pytest.CaptureFixture[str]
) -> None:
    assert see(bundle, choice, "--quality", "90000", "--why") == 0
    assert capsys.readouterr().out


def test_what_moves_is_told_when_to_ask_anew(
    bundle: Path, choice: Choice, capsys: pytest.CaptureFixture[str]
) -> None:
    assert see(bundle, choice, "--speed", "8", "--heading", "90", "--ahead", "12") == 0
    told = capsys.readouterr().out
    assert "moving at 8.0 m/s" in told
    assert "ask anew after" in told.splitlines()[-2]
    assert told.splitlines()[-1].startswith("1 ")


def test_a_range_of_addresses_is_a_stretch_of_its_street(city: City) -> None:
    names = ("시험로", *city.streets.name[1:])
    named = replace(city, streets=replace(city.streets, name=names))
    found = read_where(Asked(address="서울 시험로 1~9"), named)
    assert isinstance(found, Stretch)
    assert len(found.line) >= 2


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["127.5", "37.53"], "see.outside"),
        (["37.53", "126.98"], "see.outside"),
        (["nan", "37.53"], "see.outside"),
        (["126.98", "37.53", "--error", "-1"], "sight.error_m"),
        (["126.98", "37.53", "--error", "nan"], "sight.error_m"),
        (["126.98", "37.53", "--count", "0"], "sight.count"),
        (["126.98", "37.53", "--quality", "-5"], "sight.min_px_per_m"),
        (["126.98"], "see.place"),
        ([], "see.place"),
        (["--address", "nowhere"], "city.address"),
        (["--address", "없는길 1~9"], "city.no_such_street"),
        (["126.98", "37.53", "--address", "충정로 10~36"], "see.place"),
        (["126.98", "37.53", "--heading", "90"], "see.place"),
        (["126.98", "37.53", "--speed", "-1"], "sight.speed_mps"),
        (["126.98", "37.53", "--png", "/nowhere/at/all.png"], "see.png"),
        (["126.98", "37.53", "--png", "picture.jpg"], "see.png"),
    ],
)
def test_nonsense_is_refused_with_its_code(
    bundle: Path, words: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["see", *words, "--city", str(bundle)]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("safetynet: ")
    assert f"[{code}]" in told.err
    assert told.out == ""


def test_exchanged_coordinates_are_pointed_out(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["see", "37.53", "126.98", "--city", str(bundle)])
    assert "longitude comes first" in capsys.readouterr().err


def test_a_bundle_that_is_not_there_is_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["see", "126.98", "37.53", "--city", str(tmp_path)]) == 2
    assert "[city.no_bundle]" in capsys.readouterr().err


def test_what_is_no_number_is_refused_by_the_parser(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["see", "here", "37.53"])
    assert ended.value.code == 2
    assert "LON" in capsys.readouterr().err


def test_a_picture_names_whose_data_it_shows() -> None:
    def source(licence: str) -> Source:
        return Source(name="list", licence=licence)

    theirs = "ODbL 1.0, © OpenStreetMap contributors"
    manifest = Manifest(
        name="small",
        title_ko="",
        title_en="",
        built_at=datetime(2026, 3, 1, tzinfo=UTC),
        seed=7,
        scale=1.0,
        sources=tuple(map(source, ("공공누리; see its publisher", theirs, theirs, "Apache-2.0"))),
    )
    assert credit_of(manifest) == f"공공누리 · {theirs}"
