"""Camera lists of every family and encoding become cameras, row by row, with a report."""

from pathlib import Path

import numpy as np
import pyproj
import pytest

from safetynet.base.errors import InvalidError
from safetynet.city.assume import assume_poses
from safetynet.city.ingest.cctv import cameras_of, is_camera_list, join_sites, kind_of, read_sites
from safetynet.city.ingest.frame import Frame
from safetynet.city.ingest.repair import Reason
from safetynet.city.ingest.report import Tally
from safetynet.city.ingest.text import Table, parse_table, read_table
from safetynet.city.model import PICTURE_PX, CameraKind, Origin
from safetynet.city.synth import small_city

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "seoul"

OLD = """관리기관명,소재지도로명주소,소재지지번주소,설치목적구분,카메라대수,카메라화소수,촬영방면정보,보관일수,설치연월,관리기관전화번호,위도,경도,데이터기준일자
서울특별시 마포구청,서울특별시 마포구 월드컵로 1,,생활방범,3,200,360도전방면,30,2019-01,02-000-0000,37.5563,126.9101,2020-01-01
서울특별시 마포구청,서울특별시 마포구 월드컵로 2,,생활방범,1,200,360도전방면,30,2019-01,02-000-0000,126.9111,37.5573,2020-01-01
"""
NEW = """번호,관리기관명,소재지도로명주소,소재지지번주소,설치목적구분,카메라대수,카메라화소수,촬영방면정보,보관일수,설치연월,관리기관전화번호,WGS84위도,WGS84경도,데이터기준일자
1,서울특별시 서초구청,서울특별시 서초구 서초대로 1,,생활방범,2,200,360도전방면,30,2019-01,02-000-0000,37.4911,127.0101,2024-01-01
"""
LIST = """gu,place,lat,lon,camera_count,haengjeongdong
마포구,하나,37.5563,126.91011,1,서교동
마포구,하나,37.5563,126.91011,1,서교동
마포구,둘,37.5583,127.91011,2,서교동
마포구,셋,37.1,126.91011,2,서교동
중 구,넷,37.56012,126.99312,,필동
마포구,다섯,37.5583,126.91511,999,서교동
"""


def read(text: str, frame: Frame, encoding: str = "utf-8") -> tuple[Tally, int, Table]:
    table = parse_table("list.csv", text.encode(encoding))
    assert is_camera_list(table)
    tally = Tally("list.csv", kind_of(table))
    sites = read_sites(table, tally, frame)
    cameras = cameras_of(sites, frame)
    assert len(set(cameras.id)) == len(cameras)
    return tally, len(cameras), table


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_the_older_standard_is_read_in_every_encoding(frame: Frame, encoding: str) -> None:
    tally, cameras, _ = read(OLD, frame, encoding)
    assert (tally.kind, cameras) == ("cctv standard", 4)
    assert tally.reasons[Reason.SWAPPED] == 1
    assert tally.inside == 1.0


def test_the_newer_standard_is_read(frame: Frame) -> None:
    tally, cameras, _ = read(NEW, frame, "cp949")
    assert (tally.kind, cameras) == ("cctv standard 2", 2)


def test_every_row_of_a_list_is_accounted_for(frame: Frame) -> None:
    tally, cameras, _ = read(LIST, frame)
    report = tally.finish()
    assert report.rows_read == 6 == report.kept + report.merged + report.refused
    assert (report.merged, report.refused, cameras) == (1, 2, 4)
    assert report.reasons[Reason.WHOLE_DEGREE] == 1
    assert report.reasons[Reason.ABSURD_COUNT] == 1
    assert report.reasons[Reason.FAR_OFF] == 1


def test_a_title_and_a_second_header_line_are_skipped(frame: Frame) -> None:
    _, cameras, table = read("서울시 CCTV 현황,,,,,\n" + LIST, frame)
    assert cameras == 4
    assert table.columns[0] == "gu"


@pytest.mark.parametrize("system", ["EPSG:5186", "EPSG:5181", "EPSG:5179"])
def test_projected_coordinates_are_recognised_without_a_label(frame: Frame, system: str) -> None:
    to = pyproj.Transformer.from_crs("EPSG:4326", system, always_xy=True)
    x, y = to.transform(126.9101, 37.5563)
    table = parse_table(
        "a.csv",
        f"gu,place,y,x,camera_count\n마포구,하나,{y:,.3f},{x},2\n".replace(
            f"{y:,.3f}", f'"{y:,.3f}"'
        ).encode(),
    )
    tally = Tally("a.csv", "")
    (site,) = read_sites(table, tally, frame)
    assert tally.reasons[Reason.PROJECTED] == 1
    assert abs(site.lon - 126.9101) < 1e-5
    assert abs(site.lat - 37.5563) < 1e-5


LOOKING = """관리기관명,설치목적구분,카메라대수,카메라화소수,촬영방면정보,위도,경도
서울특별시 마포구청,생활방범,1,130,북동,37.55631,126.91011
서울특별시 마포구청,생활방범,2,200만,"동,서",37.55731,126.91111
서울특별시 마포구청,생활방범,2,41,남쪽,37.55831,126.91211
서울특별시 마포구청,생활방범,1,x,360도전방면,37.55931,126.91311
서울특별시 마포구청,생활방범,1,2000000,망원동 방면,37.56031,126.91411
"""


def test_a_list_declares_directions_and_picture_elements(frame: Frame) -> None:
    table = parse_table("a.csv", LOOKING.encode())
    tally = Tally("a.csv", "")
    cameras = cameras_of(read_sites(table, tally, frame), frame)
    nan, declared, assumed = np.nan, Origin.DECLARED, Origin.ASSUMED
    np.testing.assert_array_equal(cameras.azimuth_deg, [45, 90, 270, nan, nan, nan, nan])
    assert cameras.azimuth_origin.tolist() == [declared] * 3 + [assumed] * 4
    assert cameras.azimuth_sd_deg.tolist() == [13, 26, 26, 180, 180, 180, 180]
    np.testing.assert_array_equal(cameras.declared_mpx, [1.3, 2, 2, 0.41, 0.41, nan, 2])
    assert cameras.all_round.tolist() == [False] * 5 + [True, False]
    assert (cameras.width_px == PICTURE_PX[0]).all()
    assert (cameras.pose_origin == assumed).all()
    assert tally.reasons[Reason.OTHER_DIRECTIONS] == 1
    assert tally.finish().kept == 5


def test_poses_are_assumed_only_where_the_list_is_silent(frame: Frame) -> None:
    sites = read_sites(parse_table("a.csv", LOOKING.encode()), Tally("a.csv", ""), frame)
    listed = cameras_of(sites, frame)
    city = small_city()
    posed = assume_poses(listed, city.streets, city.buildings, np.random.default_rng(1))
    named = ~np.isnan(listed.azimuth_deg)
    np.testing.assert_array_equal(posed.azimuth_deg[named], listed.azimuth_deg[named])
    assert (posed.kind[named] == CameraKind.FIXED).all()
    for column in (posed.azimuth_deg, posed.tilt_deg, posed.hfov_deg, posed.height_m):
        assert np.isfinite(column).all()
    assert posed.azimuth_sd_deg.tolist() == listed.azimuth_sd_deg.tolist()


def test_a_second_list_does_not_count_the_same_pole_again(frame: Frame) -> None:
    lists = []
    for text in (LIST, OLD):
        table = parse_table("a.csv", text.encode())
        tally = Tally("a.csv", "")
        lists.append((tally, read_sites(table, tally, frame)))
    joined = join_sites(lists, frame)
    assert len(joined) == 4
    told = [s.declared_mpx for s in joined if s.facing.all_round]
    assert told == [2.0, 2.0], "the pole that both know has what only the second list says"
    assert lists[1][0].reasons[Reason.OTHER_LIST] == 1


def test_a_row_with_a_count_is_that_many_cameras_on_one_pole(frame: Frame) -> None:
    table = parse_table("a.csv", OLD.encode())
    cameras = cameras_of(read_sites(table, Tally("a.csv", ""), frame), frame)
    assert np.bincount(cameras.pole).tolist() in ([3, 1], [1, 3])
    assert all(i.startswith("mapo-") for i in cameras.id)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04\x00\x00", b"\xff\xfe\x81\x00"])
def test_a_file_that_is_no_table_stops_with_a_clear_error(data: bytes) -> None:
    with pytest.raises(InvalidError) as e:
        parse_table("cctv.csv", data)
    assert e.value.code == "city.not_what_it_claims"
    assert "cctv.csv" in str(e.value)


def test_a_file_named_gzip_must_be_gzip(tmp_path: Path) -> None:
    path = tmp_path / "cctv.csv.gz"
    path.write_text(LIST, encoding="utf-8")
    with pytest.raises(InvalidError):
        read_table(path)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample data folder is absent")
def test_the_sample_list_is_read_as_it_is_described(frame: Frame) -> None:
    table = read_table(SAMPLES / "cctv" / "seoul_ansimi_cctv_2021.csv.gz")
    tally = Tally("sample", kind_of(table))
    read_sites(table, tally, frame)
    report = tally.finish()
    assert (report.rows_read, report.merged) == (37_340, 407)
    assert report.reasons[Reason.SWAPPED] == 110
    odd = (
        Reason.WHOLE_DEGREE,
        Reason.DRAGGED,
        Reason.FAR_OFF,
        Reason.LATITUDE_TWICE,
        Reason.OTHER_DISTRICT,
    )
    assert sum(report.reasons[r] for r in odd) == 17
    assert report.inside_declared_district is not None
    assert report.inside_declared_district > 0.99
