"""A city goes to disk and comes back the same, and equal cities have equal versions."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

from safetynet.base.errors import InvalidError, NotFoundError
from safetynet.city.bundle import (
    FORMAT,
    Manifest,
    Source,
    Speeds,
    content_version,
    list_damaged,
    load_city,
    load_speeds,
    read_manifest,
    write_city,
)
from safetynet.city.model import City, Ground, Shapes, Zones
from safetynet.city.synth import small_city


def manifest_of(city: City) -> Manifest:
    return Manifest(
        name=city.name,
        title_ko=city.title_ko,
        title_en=city.title_en,
        built_at=datetime(2026, 1, 1, tzinfo=UTC),
        seed=7,
        scale=1.0,
        sources=(Source(name="synthetic", licence="Apache-2.0"),),
    )


def assert_same_table(a: object, b: object) -> None:
    for field in fields(a):  # type: ignore[arg-type]  # any of the city's tables
        x, y = getattr(a, field.name), getattr(b, field.name)
        if isinstance(x, Zones):
            assert_same_table(x, y)
        elif isinstance(x, Shapes):
            np.testing.assert_array_equal(x.xy, y.xy)
            np.testing.assert_array_equal(x.offset, y.offset)
        else:
            np.testing.assert_array_equal(x, y)


def test_a_city_comes_back_as_it_was_written(tmp_path: Path) -> None:
    city = small_city(3)
    speeds = Speeds(
        street=np.array([4], np.int32), forward=np.array([True]), kmh=np.full((1, 24), 31.5)
    )
    written = write_city(city, tmp_path, manifest_of(city), speeds)
    back = load_city(tmp_path)
    assert back.version == written.version == content_version(city, speeds)
    for name in ("cameras", "buildings", "streets"):
        assert_same_table(getattr(back, name), getattr(city, name))
    assert (back.districts, back.dongs, back.facilities) == (
        city.districts,
        city.dongs,
        city.facilities,
    )
    assert back.plane.origin == city.plane.origin
    np.testing.assert_array_equal(load_speeds(tmp_path).kmh, speeds.kmh)
    assert list_damaged(tmp_path) == []


def test_equal_seeds_make_equal_cities_and_others_do_not() -> None:
    assert small_city(1).version == small_city(1).version
    assert small_city(1).version != small_city(2).version
    city = small_city(1)
    moved = replace(city, cameras=replace(city.cameras, x=city.cameras.x + 0.01))
    assert content_version(moved) != city.version


def test_the_manifest_counts_what_is_inside(tmp_path: Path) -> None:
    city = small_city(3)
    write_city(city, tmp_path, manifest_of(city))
    coverage = read_manifest(tmp_path).coverage
    assert coverage["cameras"] == coverage["cameras_synthetic"] == 40
    assert coverage["buildings"] == len(city.buildings)


def test_damage_is_named(tmp_path: Path) -> None:
    city = small_city(3)
    write_city(city, tmp_path, manifest_of(city))
    (tmp_path / "places.json").write_bytes(b"{}")
    assert list_damaged(tmp_path) == ["places.json"]
    with pytest.raises(InvalidError) as e:
        load_city(tmp_path)
    assert e.value.code == "city.broken_bundle"


def test_an_empty_folder_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        load_city(tmp_path)


def with_optics(city: City) -> City:
    """The city with other values than the rules' in every optional column of its cameras."""
    c, n = city.cameras, len(city.cameras)
    cameras = replace(
        c,
        azimuth_origin=np.full(n, 4, np.uint8),
        height_origin=np.full(n, 1, np.uint8),
        roll_deg=np.linspace(-5, 5, n),
        width_px=np.full(n, 1920, np.int32),
        height_px=np.full(n, 1080, np.int32),
        declared_mpx=np.where(np.arange(n) % 2 == 0, np.nan, 2.0),
        all_round=np.arange(n) % 3 == 0,
        azimuth_sd_deg=np.linspace(0, 20, n),
        tilt_sd_deg=np.linspace(0, 10, n),
        position_sd_m=np.linspace(0, 5, n),
        night_range_m=np.linspace(10, 50, n),
        zones=Zones(
            camera=np.array([0, 3], np.int32),
            from_deg=np.array([350.0, 10.0]),
            to_deg=np.array([20.0, 30.0]),
            near_m=np.array([0.0, 5.0]),
            far_m=np.array([50.0, 25.0]),
        ),
    )
    heights = np.arange(12, dtype=np.float32).reshape(3, 4)
    return replace(city, cameras=cameras, ground=Ground(x0=-20, y0=-10, step_m=10, heights=heights))


def test_optics_zones_and_ground_come_back_as_they_were_written(tmp_path: Path) -> None:
    city = with_optics(small_city(3))
    write_city(city, tmp_path, manifest_of(city))
    back = load_city(tmp_path)
    assert_same_table(back.cameras, city.cameras)
    assert back.ground is not None
    assert city.ground is not None
    assert_same_table(back.ground, city.ground)
    assert back.ground.heights.dtype == np.float32
    assert back.version != small_city(3).version
    assert list_damaged(tmp_path) == []


def test_a_bundle_without_ground_leaves_none_of_the_bundle_before(tmp_path: Path) -> None:
    city = with_optics(small_city(3))
    write_city(city, tmp_path, manifest_of(city))
    level = replace(city, ground=None)
    write_city(level, tmp_path, manifest_of(level))
    assert load_city(tmp_path).ground is None
    assert not (tmp_path / "ground.npz").exists()


def as_format(folder: Path, number: int) -> None:
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest | {"format": number}))


def test_a_bundle_of_the_first_format_is_read_by_the_rules(tmp_path: Path) -> None:
    city = small_city(3)
    write_city(city, tmp_path, manifest_of(city))
    with np.load(tmp_path / "cameras.npz") as whole:
        first = {k: whole[k] for k in FIRST_COLUMNS}
    np.savez(tmp_path / "cameras.npz", **first)
    as_format(tmp_path, 1)
    assert_same_table(load_city(tmp_path).cameras, city.cameras)


FIRST_COLUMNS = (
    "district", "x", "y", "height_m", "azimuth_deg", "tilt_deg", "hfov_deg", "kind", "pole",
    "position_origin", "pose_origin",
)  # fmt: skip


def test_a_bundle_of_a_newer_format_asks_for_a_newer_set_up(tmp_path: Path) -> None:
    city = small_city(3)
    write_city(city, tmp_path, manifest_of(city))
    as_format(tmp_path, FORMAT + 1)
    with pytest.raises(InvalidError, match="newer") as e:
        load_city(tmp_path)
    assert e.value.code == "city.bundle_format"
