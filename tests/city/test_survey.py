"""What somebody measured at cameras goes into the lists' cameras; rows that cannot be are told."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safetynet.base.geo import Plane
from safetynet.base.ids import CameraId
from safetynet.city.assume import assume_poses
from safetynet.city.borders import Borders
from safetynet.city.ingest.folder import read_folder
from safetynet.city.ingest.frame import Frame
from safetynet.city.ingest.report import Tally
from safetynet.city.ingest.survey import Survey, hfov_of, is_survey, read_survey
from safetynet.city.ingest.surveyed import ADDED, NO_CAMERA, merge_survey
from safetynet.city.ingest.text import Table, normalise, parse_table
from safetynet.city.model import PICTURE_PX, CameraKind, Cameras, Origin
from safetynet.city.synth import small_city

LIST = """gu,place,lat,lon,camera_count
마포구,하나,37.55631,126.91011,2
마포구,둘,37.55831,126.91211,1
"""
HEAD = (
    "id,lat,lon,azimuth_deg,tilt_deg,roll_deg,height_m,hfov_deg,focal_mm,sensor_mm,"
    "kind,night_range_m,zones,width_px,height_px,azimuth_sd_deg\n"
)
FULL = "mapo-00001,37.556315,126.910105,-90,12,1.5,5.2,,2.8,5.37,ptz,30,350-20:0-50;90-95:5-25,1920,1080,\n"


def nothing(step: str) -> None:
    """Nobody watches a test's progress."""


def read(frame: Frame, text: str) -> tuple[list[Survey], Tally]:
    table = parse_table("cameras-survey.csv", text.encode())
    assert is_survey(table)
    tally = Tally("cameras-survey.csv", "camera survey")
    return read_survey(table, tally, frame), tally


def build(
    tmp_path: Path, borders: Borders, plane: Plane, rows: str, cameras: str = LIST
) -> tuple[Cameras, dict[str, int]]:
    """The cameras of a folder with a list and a survey, and the reasons that the survey got."""
    (tmp_path / "cameras.csv").write_text(cameras, encoding="utf-8")
    (tmp_path / "cameras-survey.csv").write_text(HEAD + rows, encoding="utf-8")
    _, inputs = read_folder(tmp_path, borders, plane, nothing)
    assert inputs.cameras is not None
    (report,) = (s for s in inputs.report.sources if s.kind == "camera survey")
    return inputs.cameras, report.reasons


def test_everything_that_was_measured_is_taken(
    tmp_path: Path, borders: Borders, plane: Plane
) -> None:
    c, reasons = build(tmp_path, borders, plane, FULL)
    assert len(c) == 3
    assert reasons == {}
    i = c.id.index("mapo-00001")
    assert (c.azimuth_deg[i], c.tilt_deg[i], c.roll_deg[i], c.height_m[i]) == (270, 12, 1.5, 5.2)
    assert c.hfov_deg[i] == pytest.approx(2 * math.degrees(math.atan(5.37 / 5.6)))
    assert (c.width_px[i], c.height_px[i], c.night_range_m[i]) == (1920, 1080, 30)
    assert c.kind[i] == CameraKind.PTZ
    origins = (c.azimuth_origin, c.height_origin, c.pose_origin, c.position_origin)
    assert {int(o[i]) for o in origins} == {Origin.SURVEYED}
    assert (c.azimuth_sd_deg[i], c.tilt_sd_deg[i], c.position_sd_m[i]) == (1, 1, 0.5)
    assert plane.to_lonlat(c.x[i], c.y[i]) == pytest.approx((126.910105, 37.556315), abs=1e-9)
    assert c.zones.camera.tolist() == [i, i]
    assert (c.zones.from_deg.tolist(), c.zones.to_deg.tolist()) == ([350, 90], [20, 95])
    assert (c.zones.near_m.tolist(), c.zones.far_m.tolist()) == ([0, 5], [50, 25])
    others = np.arange(3) != i
    assert np.isnan(c.azimuth_deg[others]).all()
    assert (c.width_px[others] == PICTURE_PX[0]).all()


def test_what_was_not_measured_stays_as_it_was(
    tmp_path: Path, borders: Borders, plane: Plane
) -> None:
    c, _ = build(tmp_path, borders, plane, "mapo-00002,,,200,,,,,,,,,,,,7.5\n")
    i = c.id.index("mapo-00002")
    assert (c.azimuth_deg[i], c.azimuth_origin[i], c.azimuth_sd_deg[i]) == (200, 0, 7.5)
    assert c.pose_origin[i] == c.height_origin[i] == Origin.ASSUMED
    assert c.position_origin[i] == Origin.DECLARED
    assert np.isnan(c.tilt_deg[i])
    city = small_city()
    posed = assume_poses(c, city.streets, city.buildings, np.random.default_rng(1))
    assert (posed.azimuth_deg[i], posed.azimuth_origin[i]) == (200, Origin.SURVEYED)
    assert posed.kind[i] == CameraKind.FIXED
    assert np.isfinite(posed.tilt_deg).all()


def test_a_row_without_an_id_takes_the_nearest_camera_that_is_left(
    tmp_path: Path, borders: Borders, plane: Plane
) -> None:
    row = ",37.55632,126.91012,{},12,,5,80,,,,,,,,\n"
    c, reasons = build(tmp_path, borders, plane, "".join(row.format(a) for a in (10, 20, 30)))
    pole = np.hypot(*(np.array([c.x, c.y]).T - [c.x[0], c.y[0]]).T) < 5
    assert sorted(c.azimuth_deg[pole].tolist()) == [10, 20, 30]
    assert reasons == {ADDED: 1}, "the list has two cameras at this pole; the third is new"
    assert len(c) == 4
    assert len(set(c.id)) == 4
    assert (c.pose_origin[pole] == Origin.SURVEYED).all()


def test_cameras_that_no_list_has_are_added_where_they_lie(
    tmp_path: Path, borders: Borders, plane: Plane
) -> None:
    rows = "own-7,37.5701,126.9801,10,12,,5,80,,,,,,,,\nown-8,,,10,12,,5,80,,,,,,,,\n"
    c, reasons = build(tmp_path, borders, plane, rows)
    assert reasons == {ADDED: 1, NO_CAMERA: 1}
    i = c.id.index("own-7")
    assert borders.facts[c.district[i]].node == "jongno"
    assert c.position_origin[i] == Origin.SURVEYED


def test_a_surveyed_camera_stays_where_it_was_surveyed(frame: Frame) -> None:
    city = small_city()
    house = city.buildings.ring[0].mean(axis=0)
    rows, tally = read(frame, HEAD + ",37.5563,126.9101,10,12,,5,80,,,,,,,,\n")
    cameras = merge_survey(None, rows, tally, frame)
    assert cameras is not None
    cameras.x[:], cameras.y[:] = house
    posed = assume_poses(cameras, city.streets, city.buildings, np.random.default_rng(1))
    assert (posed.x[0], posed.y[0]) == tuple(house)
    assert posed.position_origin[0] == Origin.SURVEYED


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("mapo-00001,,,400,,,,,,,,,,,,", "impossible azimuth_deg"),
        ("mapo-00001,,,nan,,,,,,,,,,,,", "impossible azimuth_deg"),
        ("mapo-00001,,,north,,,,,,,,,,,,", "impossible azimuth_deg"),
        ("mapo-00001,,,1,95,,,,,,,,,,,", "impossible tilt_deg"),
        ("mapo-00001,,,1,,,0,,,,,,,,,", "impossible height_m"),
        ("mapo-00001,,,1,,,,0,,,,,,,,", "impossible hfov_deg"),
        ("mapo-00001,,,1,,,,,2.8,,,,,,,", "only together"),
        ("mapo-00001,,,1,,,,,,,,,,1920,,", "only together"),
        ("mapo-00001,,,1,,,,,,,maybe,,,,,", "unknown kind"),
        ("mapo-00001,,,,12,,,,,,ptz,,,,,", "without an azimuth"),
        ("mapo-00001,,,1,,,,,,,,,10-20,,,", "unreadable zones"),
        ("mapo-00001,,,1,,,,,,,,,10-400:0-5,,,", "impossible zones"),
        ("mapo-00001,,,,,,,,,,,,,,,", "nothing measured"),
        (",,,1,,,,,,,,,,,,", "neither a camera nor a position"),
        (",35.1,129.0,1,,,,,,,,,,,,", "far from the city"),
        (",37.5x,126.9,1,,,,,,,,,,,,", "far from the city"),
    ],
)
def test_a_bad_row_is_refused_and_the_next_is_read(frame: Frame, row: str, why: str) -> None:
    rows, tally = read(frame, HEAD + row + "\nmapo-00009,,,1,,,,,,,,,,,,\n")
    assert [r.id for r in rows] == ["mapo-00009"]
    report = tally.finish()
    assert (report.rows_read, report.kept, report.refused) == (2, 1, 1)
    (reason,) = report.reasons
    assert why in reason


def test_zones_alone_or_a_better_position_alone_are_enough(
    tmp_path: Path, borders: Borders, plane: Plane
) -> None:
    rows = "mapo-00001,,,,,,,,,,,,10-20:0-5,,,\nmapo-00003,37.55832,126.91212,,,,,,,,,,,,,\n"
    c, reasons = build(tmp_path, borders, plane, rows)
    assert reasons == {}
    first, third = (c.id.index(CameraId(f"mapo-0000{k}")) for k in (1, 3))
    assert c.zones.camera.tolist() == [first]
    assert np.isnan(c.azimuth_deg).all()
    assert c.position_origin[third] == Origin.SURVEYED
    assert plane.to_lonlat(c.x[third], c.y[third])[0] == pytest.approx(126.91212, abs=1e-9)


def test_a_camera_is_surveyed_once(frame: Frame) -> None:
    rows, tally = read(frame, HEAD + 2 * "mapo-00001,,,1,,,,,,,,,,,,\n")
    assert len(rows) == 1
    assert tally.refused == 1


def test_an_id_of_another_district_is_not_given_away(frame: Frame) -> None:
    rows, tally = read(frame, HEAD + "gangnam-00001,37.5563,126.9101,1,,,,,,,,,,,,\n")
    assert merge_survey(None, rows, tally, frame) is None
    assert tally.refused == 1


def test_the_field_of_view_follows_from_focal_length_and_sensor() -> None:
    assert hfov_of(5.0, 10.0) == pytest.approx(90.0)
    assert hfov_of(50.0, 36.0) == pytest.approx(39.6, abs=0.05)


CELL = st.sampled_from(
    ["", "0", "-0", "1e308", "nan", "inf", "12,5", "90°", "ptz", "1-2:3-4;", ";-:"]
)


@given(rows=st.lists(st.lists(CELL | st.text(max_size=8), max_size=18), max_size=6))
@settings(max_examples=60, deadline=None)
def test_no_row_escapes_the_count(frame: Frame, rows: list[list[str]]) -> None:
    head = HEAD.strip().split(",")
    columns = tuple(normalise(c) for c in head)
    table = Table(file="s.csv", columns=columns, rows=list(enumerate(rows, 2)))
    tally = Tally("s.csv", "camera survey")
    cameras = merge_survey(None, read_survey(table, tally, frame), tally, frame)
    report = tally.finish()
    assert report.rows_read == len(rows) == report.kept + report.refused
    assert report.yields == report.kept == (0 if cameras is None else len(cameras))
    if cameras is not None:
        known = cameras.azimuth_deg[~np.isnan(cameras.azimuth_deg)]
        assert ((known >= 0) & (known < 360)).all()
