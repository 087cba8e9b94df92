"""A whole city is built: by seed, to scale, from real lists, with its map."""

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from tests.city.test_ground import write_dem

from safetynet.app.city_command import build as build_command
from safetynet.app.city_command import render_origins
from safetynet.base.clock import ManualClock
from safetynet.base.errors import InvalidError, NotFoundError
from safetynet.base.geo import LonLat, Plane
from safetynet.city.build import ORIGIN, BuildOrder, Built, build_city
from safetynet.city.bundle import REPORT, TILES, list_damaged, load_city, read_manifest
from safetynet.city.facts import OFFICIAL_TOTAL, list_district_facts
from safetynet.city.lookup import find_district
from safetynet.city.model import City, Origin
from safetynet.city.tables import owners
from safetynet.city.tiles import MAX_ZOOM, MIN_ZOOM, MapTiles

CLOCK = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))


def nothing(step: str) -> None:
    """Nobody watches a test's progress."""


def build(out: Path, **changes: object) -> Built:
    order = BuildOrder(name="seoul", out=out, seed=5, scale=0.01)
    return build_city(_changed(order, changes), CLOCK, nothing)


def _changed(order: BuildOrder, changes: dict[str, object]) -> BuildOrder:
    import msgspec

    return msgspec.structs.replace(order, **changes)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundle")
    build(out)
    return out


@pytest.fixture(scope="module")
def city(bundle: Path) -> City:
    return load_city(bundle)


def test_the_official_table_adds_up() -> None:
    facts = list_district_facts()
    assert len(facts) == 25
    assert sum(f.official_cameras for f in facts) == OFFICIAL_TOTAL == 77_032


def test_each_district_keeps_its_share_inside_its_quarter(city: City) -> None:
    assert len(city.cameras) == 770
    for i, district in enumerate(city.districts):
        own = city.cameras.district == i
        assert abs(own.sum() - district.official_cameras * 0.01) <= 1
        assert district.quarter is not None
        ring = np.array(district.quarter)
        quarter = shapely.Polygon(np.column_stack(city.plane.to_xy(ring[:, 0], ring[:, 1])))
        xy = shapely.points(city.cameras.x[own], city.cameras.y[own])
        assert shapely.distance(quarter, xy).max(initial=0) < 1.0
        rings = [np.array(part) for part in district.border]
        whole = sum(
            shapely.Polygon(np.column_stack(city.plane.to_xy(r[:, 0], r[:, 1]))).area for r in rings
        )
        assert quarter.area == pytest.approx(whole * 0.01, rel=0.05)


def test_streets_are_drawn_everywhere_and_marked_where_there_are_cameras(city: City) -> None:
    covered = city.streets.in_coverage
    assert 0 < covered.sum() < 0.1 * len(covered)
    assert (city.streets.origin == Origin.SYNTHETIC).all()


def test_no_pole_is_inside_a_building(city: City) -> None:
    ring = city.buildings.ring
    lines = np.asarray(shapely.linearrings(ring.xy, indices=owners(ring)))
    tree = shapely.STRtree(np.asarray(shapely.polygons(lines)))
    poles = shapely.points(city.cameras.x, city.cameras.y)
    assert tree.query(poles, predicate="within").shape[1] == 0


def test_places_lie_where_they_are(city: City) -> None:
    assert len(city.districts) == 25
    assert len(city.dongs) == 467
    hall, beyond = LonLat(126.97796, 37.56654), LonLat(126.70, 37.45)
    district = find_district(city, hall)
    assert district is not None
    assert district.node == "jung"
    assert find_district(city, beyond) is None


def test_equal_orders_make_equal_bundles(bundle: Path, tmp_path: Path) -> None:
    again = build(tmp_path / "again")
    assert again.city.version == load_city(bundle).version
    assert (tmp_path / "again" / TILES).read_bytes() == (bundle / TILES).read_bytes()
    assert build(tmp_path / "other", seed=6).city.version != again.city.version
    assert list_damaged(bundle) == []
    assert read_manifest(bundle).built_at == CLOCK.now()


def test_the_map_shows_every_layer(bundle: Path, city: City) -> None:
    tiles = MapTiles(bundle / TILES)
    metadata = tiles.get_metadata()
    assert (metadata["minzoom"], metadata["maxzoom"]) == (str(MIN_ZOOM), str(MAX_ZOOM))
    lon, lat = city.plane.to_lonlat(city.cameras.x[0], city.cameras.y[0])
    n = 1 << 14
    x = int((lon / 360 + 0.5) * n)
    y = int((0.5 - np.arcsinh(np.tan(np.radians(lat))) / (2 * np.pi)) * n)
    data = tiles.get_tile(14, x, y)
    assert data is not None
    layers = mapbox_vector_tile.decode(gzip.decompress(data))
    assert {"district", "building", "street", "camera", "quarter"} <= set(layers)
    ids = {f["properties"]["id"] for f in layers["camera"]["features"]}
    assert city.cameras.id[0] in ids
    for feature in layers["building"]["features"]:
        assert feature["properties"]["synthetic"] is True
        assert shapely.geometry.shape(feature["geometry"]).area > 0
    assert tiles.get_tile(14, 0, 0) is None
    assert tiles.get_tile(9, 0, 1 << 9) is None
    tiles.close()


def test_a_real_list_is_kept_and_its_gap_reported_not_filled(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    rows = "".join(
        f"마포구,자리 {k},{37.55 + k * 1e-4:.5f},{126.91 + k * 1e-4:.5f},2,\n" for k in range(50)
    )
    text = "gu,place,lat,lon,camera_count,dong\n" + rows
    (folder / "cctv.csv").write_text(text, encoding="cp949")
    built = build(tmp_path / "out", folder=folder)
    assert built.report.camera_gap == {"mapo": (100, 2421)}
    cameras = built.city.cameras
    mapo = [str(d.node) for d in built.city.districts].index("mapo")
    own = cameras.district == mapo
    assert 0 < own.sum() <= 100
    assert set(cameras.position_origin[own]) <= {Origin.DECLARED, Origin.ASSUMED}
    assert set(cameras.pose_origin[own]) == {Origin.ASSUMED}
    assert (cameras.position_origin[~own] == Origin.SYNTHETIC).all()
    assert not np.isnan(cameras.azimuth_deg).any()
    report = json.loads((tmp_path / "out" / REPORT).read_bytes())
    assert report["sources"][0]["rows_read"] == 50


def test_a_folder_with_a_survey_and_heights_makes_a_bundle_that_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    sites = [f"마포구,자리 {k},{37.55 + k * 1e-4:.5f},126.91,1\n" for k in range(50)]
    text = "gu,place,lat,lon,camera_count\n" + "".join(sites)
    (folder / "cctv.csv").write_text(text, encoding="utf-8")
    rows = [f"mapo-{k:05d},{k},12,70,5,{k}-90:0-30\n" for k in range(1, 51, 2)]
    text = "id,azimuth_deg,tilt_deg,hfov_deg,height_m,zones\n" + "".join(rows)
    (folder / "cameras-survey.csv").write_text(text, encoding="utf-8")
    write_dem(folder / "dem.tif", Plane(ORIGIN), half_m=40_000, cell_m=200)
    build(tmp_path / "out", folder=folder, scale=0.1, cameras=0)
    city = load_city(tmp_path / "out")
    c = city.cameras
    number = np.array([int(i[-5:]) for i in c.id])
    odd = number % 2 == 1
    assert 3 <= len(c) < 50, "the quarter holds a part of the list"
    assert (c.azimuth_deg[odd] == number[odd]).all()
    assert (c.pose_origin == np.where(odd, Origin.SURVEYED, Origin.ASSUMED)).all()
    assert number[c.zones.camera].tolist() == c.zones.from_deg.tolist() == number[odd].tolist()
    told = render_origins(city)
    assert f"directions that nobody knows: {(~odd).sum()} of {len(c)} cameras" in told
    assert "nodes every 10 m" in told
    assert "level" in render_origins(replace(city, ground=None))
    ground = city.ground
    assert ground is not None
    assert abs(float(ground.height_at(900.0, -400.0)) - 167.0) < 0.2
    corners = np.concatenate([np.array(ring) for d in city.districts for ring in d.border])
    x, y = city.plane.to_xy(corners[:, 0], corners[:, 1])
    assert ground.x0 < x.min()
    assert ground.y0 < y.min()
    assert ground.x0 + 10 * (ground.heights.shape[1] - 1) > x.max()
    assert ground.y0 + 10 * (ground.heights.shape[0] - 1) > y.max()


def test_an_impossible_order_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidError):
        build(tmp_path, scale=0.0)
    with pytest.raises(InvalidError):
        build(tmp_path, cameras=-1)
    with pytest.raises(NotFoundError):
        build(tmp_path, folder=tmp_path / "absent")


def test_the_command_says_why_it_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cctv.csv").write_bytes(b"\0\1\2")
    assert build_command("seoul", out=tmp_path / "out", folder=tmp_path) == 2
    assert "cctv.csv" in capsys.readouterr().err
