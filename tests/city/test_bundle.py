"""A city goes to disk and comes back the same, and equal cities have equal versions."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from safetynet.base.errors import InvalidError, NotFoundError
from safetynet.city.bundle import (
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
from safetynet.city.model import City, Shapes
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
        if isinstance(x, Shapes):
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
