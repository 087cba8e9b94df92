"""Cameras travel from a bundle as records and arrive as the columns that they were."""

import math
import warnings
from dataclasses import fields, replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safetynet.app.cameras import cameras_of, join_cameras, records_of
from safetynet.base.errors import InvalidError
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.model import PICTURE_PX, UNCERTAINTY, Cameras, City, Origin, Zones
from safetynet.city.synth import small_city
from safetynet.federation.catalogue import Catalogue, block_of, read_block
from safetynet.federation.inventory import as_journalled
from safetynet.federation.messages import (
    CameraRecord,
    CatalogueBlock,
    ZoneRecord,
    decode,
    encode,
)
from safetynet.sight.service import Sight

MAPO = NodeId("mapo")


def city_with_optics() -> City:
    """A small city whose cameras have other values than the rules' everywhere."""
    city = small_city(4)
    n = len(city.cameras)
    own = np.flatnonzero(city.cameras.district == 0)
    cameras = replace(
        city.cameras,
        pose_origin=np.full(n, Origin.DECLARED, np.uint8),
        azimuth_origin=np.full(n, Origin.LEARNED, np.uint8),
        height_origin=np.full(n, Origin.SURVEYED, np.uint8),
        roll_deg=np.linspace(-5, 5, n),
        width_px=np.full(n, 1920, np.int32),
        height_px=np.full(n, 1080, np.int32),
        declared_mpx=np.where(np.arange(n) % 2 == 0, np.nan, 2.0),
        all_round=np.arange(n) % 3 == 0,
        azimuth_sd_deg=np.linspace(0, 20, n),
        tilt_sd_deg=np.linspace(0, 10, n),
        position_sd_m=np.linspace(0, 5, n),
        night_range_m=np.where(np.arange(n) % 2 == 1, np.nan, 30.0),
        zones=Zones(
            camera=own[[0, 5, 5]].astype(np.int32),
            from_deg=np.array([350.0, 10.0, 90.0]),
            to_deg=np.array([20.0, 30.0, 95.0]),
            near_m=np.array([0.0, 5.0, 1.0]),
            far_m=np.array([50.0, 25.0, 9.0]),
        ),
    )
    return replace(city, cameras=cameras)


def assert_same(a: object, b: object) -> None:
    for field in fields(a):  # type: ignore[arg-type]  # Cameras or Zones
        x, y = getattr(a, field.name), getattr(b, field.name)
        if isinstance(x, Zones):
            assert_same(x, y)
        elif isinstance(x, np.ndarray) and x.dtype.kind == "f":
            np.testing.assert_allclose(x, y, atol=1e-6)
        else:
            np.testing.assert_array_equal(x, y)


def test_records_of_all_districts_are_the_bundle_again() -> None:
    city = city_with_optics()
    nodes = [d.node for d in city.districts]
    records = [r for node in nodes for r in records_of(city, node)]
    owners = [node for node in nodes for _ in records_of(city, node)]
    travelled = [decode(encode(r), CameraRecord) for r in records]
    assert travelled == records
    back = cameras_of(travelled, owners, city)
    assert_same(back, city.cameras)
    for field in fields(Cameras):
        if isinstance(value := getattr(city.cameras, field.name), np.ndarray):
            assert getattr(back, field.name).dtype == value.dtype, field.name


def test_a_record_of_an_older_district_is_read_by_the_rules() -> None:
    old = ["mapo-00001", "합정", 126.98, 37.53, 5.0, 90.0, 15.0, 60.0, 0, 7, 1, 2]
    record = msgspec.msgpack.decode(msgspec.msgpack.encode(old), type=CameraRecord)
    cameras = cameras_of([record], [MAPO], small_city())
    assert cameras.azimuth_origin.tolist() == cameras.height_origin.tolist() == [Origin.ASSUMED]
    assert cameras.azimuth_sd_deg.tolist() == [UNCERTAINTY[Origin.ASSUMED, 0]]
    assert cameras.position_sd_m.tolist() == [UNCERTAINTY[Origin.DECLARED, 2]]
    assert (cameras.width_px[0], cameras.height_px[0]) == PICTURE_PX
    assert np.isnan(cameras.night_range_m).all()
    assert len(cameras.zones) == 0


@pytest.mark.parametrize("origin", [-1, 9, 300])
def test_an_origin_that_nobody_here_knows_counts_as_assumed(origin: int) -> None:
    record = CameraRecord(CameraId("a"), "a", 127.0, 37.5, 5, 0, 15, 60, 0, 0, origin, origin)
    cameras = cameras_of([record], [MAPO], small_city())
    assert cameras.position_origin.tolist() == cameras.azimuth_origin.tolist() == [Origin.ASSUMED]


def test_no_records_are_no_cameras() -> None:
    cameras = cameras_of([], [], small_city())
    assert len(cameras) == len(cameras.zones) == len(cameras.azimuth_sd_deg) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"roll_deg": 1.0},
        {"width_px": 640},
        {"azimuth_sd_deg": 1.0},
        {"night_range_m": 20.0},
        {"zones": ()},
        {"azimuth_origin": int(Origin.DECLARED)},
        {"declared_mpx": 8.0},
    ],
)
def test_the_checksum_covers_optics(change: dict[str, object]) -> None:
    record = records_of(city_with_optics(), MAPO)[0]
    changed = msgspec.structs.replace(record, **change)
    assert Catalogue(MAPO, [record]).checksum != Catalogue(MAPO, [changed]).checksum


def test_a_camera_comes_back_from_the_journal_as_it_was_to_a_thousandth() -> None:
    for record in records_of(city_with_optics(), MAPO):
        back = as_journalled(record)
        assert as_journalled(back) == back
        for name in record.__struct_fields__:
            assert getattr(back, name) == pytest.approx(getattr(record, name), abs=6e-4), name


def test_what_nobody_knows_stays_unknown_in_the_journal() -> None:
    record = records_of(city_with_optics(), MAPO)[0]
    unknown = msgspec.structs.replace(
        record,
        azimuth_deg=math.nan,
        tilt_deg=math.inf,
        night_range_m=None,
        width_px=None,
        azimuth_sd_deg=None,
        zones=(ZoneRecord(0.0, 359.0, 0.0, math.inf),),
    )
    back = as_journalled(unknown)
    assert math.isnan(back.azimuth_deg)
    assert math.isnan(back.tilt_deg)
    assert (back.night_range_m, back.width_px, back.azimuth_sd_deg) == (None, None, None)
    assert back.zones[0].far_m >= 1e6, "a zone hides no less than it was to hide"


def test_columns_of_districts_joined_are_those_of_all_cameras() -> None:
    city = city_with_optics()
    nodes = [d.node for d in city.districts]
    parts = [cameras_of(r := records_of(city, node), [node] * len(r), city) for node in nodes]
    assert_same(join_cameras([cameras_of([], [], city), *parts]), city.cameras)


def test_a_district_that_the_bundle_lacks_is_told() -> None:
    with pytest.raises(InvalidError) as e:
        records_of(small_city(), NodeId("jongno"))
    assert e.value.code == "district.unknown"


NUMBER = st.floats() | st.integers(-(10**4), 10**4).map(float)
SMALL = st.integers(0, 255)
CODE = SMALL | SMALL | SMALL | SMALL | st.integers(-(2**63), 2**63)
KNOWN = NUMBER | st.none()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.builds(
            CameraRecord,
            st.text(max_size=70).map(CameraId),
            st.text(max_size=5),
            NUMBER,
            NUMBER,
            NUMBER,
            NUMBER,
            NUMBER,
            NUMBER,
            CODE,
            CODE,
            CODE,
            CODE,
            CODE | st.none(),
            CODE | st.none(),
            NUMBER,
            CODE | st.none(),
            CODE | st.none(),
            KNOWN,
            st.booleans(),
            KNOWN,
            KNOWN,
            KNOWN,
            KNOWN,
            CODE,
            st.lists(st.builds(ZoneRecord, NUMBER, NUMBER, NUMBER, NUMBER), max_size=2).map(tuple),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_a_district_says_of_its_cameras_is_refused_or_makes_a_table(
    cameras: list[CameraRecord],
) -> None:
    """One district's nonsense must not end the hub."""
    taken: dict[CameraId, CameraRecord] = {}
    for one in cameras:
        try:
            block = CatalogueBlock(number=block_of(one.id), cameras=encode((one,)))
            taken |= {c.id: c for c in read_block(block).cameras}
        except InvalidError:
            continue
    city = small_city(4)
    sight = Sight(replace(city, cameras=cameras_of([], [], city)), assumed=False)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numbers beyond all bounds
        made = cameras_of(list(taken.values()), [MAPO] * len(taken), city)
        sight = sight.with_cameras(made)
        for camera, record in taken.items():
            sight.update(camera, cameras_of([record], [MAPO], city))
    assert len(made) == len(taken)
