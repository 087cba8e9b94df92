"""OpenStreetMap, TOPIS, facilities and borders are known by their content and read as they are."""

import gzip
import json
from pathlib import Path

import numpy as np
import osmium
import pytest
import shapely

from safetynet.base.errors import InvalidError
from safetynet.base.geo import Plane
from safetynet.city.borders import Borders
from safetynet.city.ingest.facilities import find_family, merge_facilities, read_facilities
from safetynet.city.ingest.folder import read_folder
from safetynet.city.ingest.frame import Frame
from safetynet.city.ingest.osm import (
    assume_height,
    buildings_of_ways,
    read_ways,
    streets_of_ways,
)
from safetynet.city.ingest.report import Tally
from safetynet.city.ingest.shift import measure_shift, warn_of_shift
from safetynet.city.ingest.text import parse_table
from safetynet.city.ingest.topis import is_topis, read_topis
from safetynet.city.model import Origin, StreetClass

OSM = """<?xml version="1.0" encoding="UTF-8"?>
<osm version="0.6">
  <note>made for a test</note>
  <node id="1" lat="37.5100" lon="127.1000"/>
  <node id="2" lat="37.5100" lon="127.1010"/>
  <node id="3" lat="37.5100" lon="127.1020"/>
  <node id="4" lat="37.5110" lon="127.1010"/>
  <way id="10"><nd ref="1"/><nd ref="2"/><nd ref="3"/><tag k="highway" v="residential"/><tag k="name" v="시험로"/></way>
  <way id="11"><nd ref="2"/><nd ref="4"/><tag k="highway" v="secondary"/><tag k="lanes" v="4"/></way>
  <way id="12"><nd ref="5" lat="37.5112" lon="127.1000"/><nd ref="6" lat="37.5114" lon="127.1000"/>
    <nd ref="7" lat="37.5114" lon="127.1002"/><nd ref="8" lat="37.5112" lon="127.1002"/>
    <nd ref="5" lat="37.5112" lon="127.1000"/><tag k="building" v="yes"/><tag k="building:levels" v="5"/></way>
  <relation id="20"><member type="way" ref="99" role="outer"><nd lat="37.5" lon="127.1"/></member></relation>
</osm>
"""


def nothing(step: str) -> None:
    """Nobody watches a test's progress."""


def osm_file(folder: Path, kind: str) -> Path:
    path = folder / f"map.{kind}"
    if kind == "osm":
        path.write_text(OSM, encoding="utf-8")
    elif kind == "osm.gz":
        path.write_bytes(gzip.compress(OSM.encode()))
    else:
        plain = folder / "plain.osm"
        nodes = "".join(
            f'<node id="{i}" version="1" lat="{lat}" lon="{lon}"/>'
            for i, lat, lon in (
                (5, 37.5112, 127.1), (6, 37.5114, 127.1), (7, 37.5114, 127.1002), (8, 37.5112, 127.1002)
            )
        )  # fmt: skip
        text = OSM[: OSM.index("  <relation")] + "</osm>"
        text = text.replace('<way id="10">', nodes + '<way id="10">').replace(
            "  <note>made for a test</note>\n", ""
        )
        plain.write_text(text, encoding="utf-8")
        with osmium.SimpleWriter(str(path)) as writer:
            for thing in osmium.FileProcessor(str(plain)):
                writer.add(thing)
        plain.unlink()
    return path


@pytest.mark.parametrize("kind", ["osm", "osm.gz", "osm.pbf"])
def test_openstreetmap_is_read_in_every_form(tmp_path: Path, plane: Plane, kind: str) -> None:
    ways = read_ways(osm_file(tmp_path, kind))
    tally = Tally("map", "osm")
    streets = streets_of_ways(ways, plane, tally)
    assert len(streets) == 3, "the residential street is split where the other one meets it"
    assert sorted(streets.rank.tolist()) == [
        StreetClass.ARTERIAL,
        StreetClass.LOCAL,
        StreetClass.LOCAL,
    ]
    assert "시험로" in streets.name
    assert 13.0 in streets.width_m
    buildings = buildings_of_ways(ways, plane, tally)
    assert buildings.height_m.tolist() == [16.0]
    assert buildings.height_origin.tolist() == [Origin.ASSUMED]
    assert len(buildings.ring[0]) == 4


@pytest.mark.parametrize("text", ["<html></html>", "no xml", "<osm><node id='1'"])
def test_what_is_not_openstreetmap_stops_with_a_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "map.osm"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidError) as e:
        read_ways(path)
    assert e.value.code == "city.not_what_it_claims"


def test_heights_follow_the_stated_rule() -> None:
    assert assume_height({"height": "12.5 m"}, 100) == (12.5, Origin.DECLARED)
    assert assume_height({"building:levels": "10"}, 100) == (32.0, Origin.ASSUMED)
    assert assume_height({"building": "garage"}, 5000)[0] == pytest.approx(3.2)
    assert assume_height({"building": "yes"}, 50)[0] < assume_height({"building": "yes"}, 900)[0]
    assert assume_height({"height": "9999", "building:levels": "x"}, 50)[1] is Origin.ASSUMED


def topis() -> dict[str, object]:
    there = [[126.99, 37.55], [127.0, 37.55]]
    back = [[127.0, 37.5501], [126.99, 37.5501]]

    def link(
        id_: int, line: list[list[float]], ends: tuple[str, str], kmh: float
    ) -> dict[str, object]:
        properties = {"link_id": id_, "road": "시험대로", "from": ends[0], "to": ends[1], "lanes": 3.0,
                      "roadtype": "주간선도로", "speed_kmh_01_24": [kmh] * 23 + [None]}  # fmt: skip
        geometry = {"type": "LineString", "coordinates": line}
        return {"type": "Feature", "properties": properties, "geometry": geometry}

    features = [link(1, there, ("가", "나"), 30.0), link(2, back, ("나", "가"), 40.0)]
    return {"type": "FeatureCollection", "features": features}


def test_the_two_directions_of_a_link_are_one_street_with_two_speeds(plane: Plane) -> None:
    tally = Tally("topis", "topis")
    assert is_topis(topis())
    streets, speeds = read_topis(topis(), plane, tally)
    assert len(streets) == 1
    assert streets.name == ("시험대로",)
    assert speeds.street.tolist() == [0, 0]
    assert speeds.forward.tolist() == [True, False]
    assert speeds.kmh[:, 0].tolist() == [30.0, 40.0]
    assert np.isnan(speeds.kmh[:, 23]).all()


HYDRANTS = "순번,수리번호,용수형식,용수구분,사용구분,경위도X,경위도Y\n1,1,지상식,소화전,양호,127.105,37.5132\n2,2,지상식,소화전,고장(사용불),127.1051,37.5133\n"
POLICE = "gu,name,lon,lat,haengjeongdong\n강남구,논현1파출소,127.0293161,37.5137912,논현1동\n"
BELLS = "번호,안전비상벨관리번호,설치목적,설치위치,WGS84위도,WGS84경도\n1,A1,방범용,공원,37.4847,126.9448\n"
FIRE = "연번,서ㆍ센터ID,서ㆍ센터명,유형구분명,위도,경도,구\n1,1,관악소방서,소방서,37.4739,126.9523,관악구\n2,2,영동119안전센터,안전센터/구조대,37.5221,127.0369,강남구\n"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (HYDRANTS, ["hydrant", "hydrant"]),
        (POLICE, ["police"]),
        (BELLS, ["bell"]),
        (FIRE, ["fire_station", "fire_centre"]),
    ],
)
def test_facilities_are_known_by_their_columns(frame: Frame, text: str, kinds: list[str]) -> None:
    table = parse_table("x.csv", text.encode("cp949"))
    family = find_family(table)
    assert family is not None
    tally = Tally("x.csv", family.kind)
    found = merge_facilities([(tally, read_facilities(table, family, tally, frame))])
    assert [f.kind for f in found] == kinds
    assert all(f.name and f.district for f in found)
    if kinds[0] == "hydrant":
        assert [f.in_service for f in found] == [True, False]


def collection(borders: Borders, plane: Plane, east_m: float) -> dict[str, object]:
    features = []
    for area in borders.districts:
        ring = shapely.get_coordinates(area.shape.simplify(50).convex_hull)
        lon, lat = plane.to_lonlat(ring[:, 0] + east_m, ring[:, 1])
        coordinates = [list(zip(lon.tolist(), lat.tolist(), strict=True))]
        properties = {"code": area.code, "sigungu": area.name_ko}
        geometry = {"type": "Polygon", "coordinates": coordinates}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    return {"type": "FeatureCollection", "features": features}


def test_borders_of_an_old_datum_are_noticed_and_not_used(
    tmp_path: Path, borders: Borders, plane: Plane
) -> None:
    (tmp_path / "gu.geojson").write_text(json.dumps(collection(borders, plane, 380.0)))
    used, inputs = read_folder(tmp_path, borders, plane, nothing)
    assert used is borders
    (warning,) = inputs.report.warnings
    assert "shifted" in warning
    assert measure_shift(borders, borders) == (0.0, 0.0)
    assert warn_of_shift(borders, borders) is None


def test_a_folder_is_sorted_out_by_content(tmp_path: Path, borders: Borders, plane: Plane) -> None:
    (tmp_path / "a.csv").write_bytes(HYDRANTS.encode("cp949"))
    (tmp_path / "b.geojson").write_text(json.dumps(topis()), encoding="utf-8")
    (tmp_path / "c.csv").write_text("이름,값\n가,1\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("?", encoding="utf-8")
    (tmp_path / "deep").mkdir()
    osm_file(tmp_path / "deep", "osm.gz")
    _, inputs = read_folder(tmp_path, borders, plane, nothing)
    assert sorted(s.kind for s in inputs.report.sources) == ["hydrant", "osm", "topis"]
    assert set(inputs.report.ignored) == {"c.csv", "notes.txt"}
    assert inputs.buildings is not None
    assert inputs.arterials is not None
    assert len(inputs.facilities) == 2
    assert all(s.sha256 for s in inputs.sources)


def test_a_geojson_that_is_none_stops_the_import(
    tmp_path: Path, borders: Borders, plane: Plane
) -> None:
    (tmp_path / "b.geojson").write_text("[]", encoding="utf-8")
    with pytest.raises(InvalidError):
        read_folder(tmp_path, borders, plane, nothing)
