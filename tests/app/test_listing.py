"""A district's own list: read whole, or refused with the line and the column."""

import contextlib
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safetynet.app.district.listing import HEIGHT_M, HFOV_DEG, TILT_DEG, read_list
from safetynet.base.errors import InvalidError, NotFoundError
from safetynet.city.model import CameraKind, Origin
from safetynet.federation.messages import CameraRecord, ZoneRecord

HEAD = "id,name,lon,lat,height_m,azimuth_deg,tilt_deg,hfov_deg,kind,zones\n"
ROW = "mapo-1,합정역 앞,126.91,37.55,6.5,-90,20,75,PTZ,350 20 0 50; 90 95 1 9\n"


def read(tmp_path: Path, text: str | bytes) -> list[CameraRecord]:
    path = tmp_path / "cameras.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_list(path)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_row_is_a_camera_as_declared(tmp_path: Path, mark: str) -> None:
    (camera,) = read(tmp_path, mark + HEAD + ROW)
    assert (camera.id, camera.name, camera.lon, camera.lat) == (
        "mapo-1",
        "합정역 앞",
        126.91,
        37.55,
    )
    assert (camera.height_m, camera.azimuth_deg, camera.kind) == (6.5, 270.0, CameraKind.PTZ)
    assert {camera.pose_origin, camera.azimuth_origin, camera.height_origin} == {Origin.DECLARED}
    assert camera.zones == (ZoneRecord(350, 20, 0, 50), ZoneRecord(90, 95, 1, 9))


def test_what_a_list_leaves_out_is_not_known(tmp_path: Path) -> None:
    (camera,) = read(tmp_path, "lat,lon,id\r\n37.55,126.91,mapo-1\r\n")
    assert math.isnan(camera.azimuth_deg)
    assert (camera.height_m, camera.tilt_deg, camera.hfov_deg) == (HEIGHT_M, TILT_DEG, HFOV_DEG)
    assert {camera.pose_origin, camera.azimuth_origin, camera.height_origin} == {Origin.ASSUMED}
    assert (camera.name, camera.kind, camera.width_px) == ("mapo-1", CameraKind.FIXED, None)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("id,lon\na,1\n", 1, "lat"),
        (HEAD.replace("name", "nmae") + ROW, 1, "nmae"),
        (HEAD + ROW + ROW, 3, "id"),
        (HEAD + ROW.replace("126.91", "1269.1"), 2, "lon"),
        (HEAD + ROW.replace("126.91", ""), 2, "lon"),
        (HEAD + ROW.replace("6.5", "high"), 2, "height_m"),
        (HEAD + ROW.replace("6.5", "nan"), 2, "height_m"),
        (HEAD + ROW.replace("PTZ", "drone"), 2, "kind"),
        (HEAD + ROW.replace("mapo-1", ""), 2, "id"),
        (HEAD + ROW.replace("90 95 1 9", "90 95 1"), 2, "zones"),
        (HEAD + ROW + ROW[:20], 3, ""),
        (HEAD + ROW.strip() + ",more\n", 2, ""),
    ],
)
def test_a_list_with_one_bad_row_is_refused_whole(
    tmp_path: Path, text: str, line: int, column: str
) -> None:
    with pytest.raises(InvalidError) as refused:
        read(tmp_path, text)
    assert refused.value.code == "cameras.row"
    assert refused.value.fields == {"line": line, "column": column}


@pytest.mark.parametrize("text", [HEAD, ""])
def test_a_list_without_a_camera_is_no_list(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidError):
        read(tmp_path, text)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(NotFoundError):
            read_list(path)
    with pytest.raises(NotFoundError):
        read(tmp_path, "id,lon,lat,name\na,1,1,합정".encode("cp949"))


@given(st.text(max_size=300))
def test_whatever_stands_in_a_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    for head in ("", HEAD):
        with contextlib.suppress(InvalidError, NotFoundError):
            read(folder, (head + text).encode("utf-8", "surrogatepass"))
