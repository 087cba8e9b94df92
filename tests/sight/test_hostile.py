"""Odd and hostile inputs get a clear error or a sensible answer."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from safetynet.base.errors import InvalidError, NotFoundError, SafetyNetError
from safetynet.base.geo import LonLat
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.model import Cameras, City, Zones
from safetynet.city.synth import small_city
from safetynet.sight.model import (
    Aim,
    Area,
    CameraNow,
    Choice,
    Disc,
    HealthState,
    Moving,
    Observation,
    Place,
    ReasonCode,
    Request,
    Stretch,
    TargetKind,
    Where,
    Witness,
)
from safetynet.sight.service import Sight

CITY = small_city(3, cameras=160)
SIGHT = Sight(CITY)
NAN, INF = math.nan, math.inf
HERE = CITY.plane.origin


def at(city: City, x: float, y: float) -> LonLat:
    return LonLat(*city.plane.to_lonlat(x, y))


def ask(place: Where, **changes: Any) -> Request:
    asked: dict[str, Any] = {"place": place, "target": TargetKind.PERSON, "min_px_per_m": 12.5}
    return Request(**{**asked, **changes})


def spot(city: City, x: float, y: float, error_m: float = 0.0, **changes: Any) -> Request:
    return ask(Place(at=at(city, x, y), error_m=error_m), **changes)


def is_sound(choice: Choice) -> bool:
    """Distinct cameras, all numbers finite and in their bounds."""
    views = choice.views
    numbers = [
        n for v in views for n in (v.distance_m, v.px_per_m, v.slew_s, v.plays_in_s, v.gives_up_m)
    ]
    parts = [choice.chance, *(v.chance for v in views), *(v.share_seen for v in views)]
    return (
        len({v.camera for v in views}) == len(views) <= choice.request.count
        and all(math.isfinite(n) and n >= 0 for n in numbers)
        and all(0 <= p <= 1 for p in parts)
    )


def ring(city: City, *corners: tuple[float, float]) -> tuple[LonLat, ...]:
    return tuple(at(city, x, y) for x, y in corners)


# questions


@pytest.mark.parametrize(
    "place",
    [
        Place(at=LonLat(NAN, 37.5), error_m=20),
        Place(at=LonLat(127.0, INF), error_m=20),
        Place(at=LonLat(127.0, 91.0), error_m=20),
        Place(at=HERE, error_m=NAN),
        Place(at=HERE, error_m=-INF),
        Place(at=HERE, error_m=1e9),
        Disc(at=LonLat(NAN, NAN), radius_m=100),
        Disc(at=HERE, radius_m=NAN),
        Disc(at=HERE, radius_m=0),
        Disc(at=HERE, radius_m=1e9),
        Area(ring=()),
        Area(ring=(HERE,)),
        Area(ring=(HERE, HERE, HERE, HERE)),
        Area(ring=(HERE, LonLat(NAN, 37.5), LonLat(127.001, 37.5))),
        Area(ring=ring(CITY, (0, 0), (100, 100), (100, 0), (0, 100))),
        Area(ring=ring(CITY, (0, 0), (100, 0), (50, 0), (50, 80))),
        Area(ring=ring(CITY, (0, 0), (90_000, 0), (0, 90_000))),
        Stretch(line=()),
        Stretch(line=(HERE,)),
        Stretch(line=(HERE, HERE)),
        Stretch(line=(HERE, LonLat(NAN, 0))),
        Stretch(line=ring(CITY, (0, 0), (50, 0)), half_width_m=NAN),
        Stretch(line=ring(CITY, (0, 0), (50, 0)), half_width_m=-1),
        Stretch(line=ring(CITY, (0, 0), (90_000, 0))),
        Moving(at=HERE, error_m=NAN, speed_mps=1),
        Moving(at=HERE, error_m=10, speed_mps=NAN),
        Moving(at=HERE, error_m=10, speed_mps=-3),
        Moving(at=HERE, error_m=10, speed_mps=1e6),
        Moving(at=HERE, error_m=10, speed_mps=1, heading_deg=NAN),
        Moving(at=HERE, error_m=10, speed_mps=1, ahead_s=INF),
        Moving(at=LonLat(0, 0), error_m=10, speed_mps=1),
    ],
    ids=str,
)
def test_a_place_that_makes_no_sense_is_refused(place: Where) -> None:
    with pytest.raises(InvalidError) as caught:
        SIGHT.choose(ask(place))
    assert caught.value.code.startswith("sight.")
    with pytest.raises(InvalidError):
        SIGHT.why_not(ask(place), CITY.cameras.id[0])


@pytest.mark.parametrize("number", [NAN, INF, -INF, -1.0, 1e300])
@pytest.mark.parametrize("field", ["min_px_per_m", "radius_m", "count", "why_not"])
def test_a_number_that_makes_no_sense_is_refused(field: str, number: float) -> None:
    with pytest.raises(InvalidError) as caught:
        SIGHT.choose(spot(CITY, 0, 0, **{field: number}))
    assert caught.value.code == f"sight.{field}"


@pytest.mark.parametrize("x", [1_500.0, 30_000.0, 200_000.0])
def test_outside_the_city_a_point_has_no_views_and_other_places_are_refused(x: float) -> None:
    choice = SIGHT.choose(spot(CITY, x, x, 100.0))
    assert choice.views == () and choice.chance == 0
    for place in (Disc(at=at(CITY, x + 900, x), radius_m=50), Area(ring=_square(CITY, x + 900, x))):
        with pytest.raises(InvalidError) as caught:
            SIGHT.choose(ask(place))
        assert caught.value.code == "sight.outside"


def _square(city: City, x: float, y: float) -> tuple[LonLat, ...]:
    return ring(city, (x, y), (x + 50, y), (x + 50, y + 50), (x, y + 50))


@pytest.mark.parametrize(
    "place",
    [
        Place(at=HERE, error_m=20),
        Disc(at=HERE, radius_m=80),
        Area(ring=_square(CITY, 0, 0)),
        Stretch(line=ring(CITY, (0, 0), (60, 0))),
        Moving(at=HERE, error_m=20, speed_mps=1.5),
    ],
    ids=lambda p: type(p).__name__,
)
@pytest.mark.parametrize("sight", ["city", "cameras", "nothing"])
def test_every_place_in_a_city_that_has_nothing(town: Any, place: Where, sight: str) -> None:
    """No cameras; no buildings and streets; nothing at all."""
    if sight == "city":
        city = dataclasses.replace(CITY, cameras=town.build([]).cameras)
    else:
        city = town.build([town.cam(id="c", x=0, y=-25)] if sight == "cameras" else [])
        city = dataclasses.replace(city, plane=CITY.plane)
    one = Sight(city)
    one.prepare()
    choice = one.choose(ask(place))
    assert is_sound(choice)
    assert [v.camera for v in choice.views] == (["c"] if sight == "cameras" else [])


def test_a_district_without_cameras_has_no_views_and_its_neighbour_has(town: Any) -> None:
    cams = [town.cam(id=f"m-{k}", x=-600.0, y=5.0 * k, district=0) for k in range(4)]
    city = town.build(cams)
    sight = Sight(city)
    away = sight.now()
    away.set_owner(NodeId("seocho"), away=True)
    away.set_owner(NodeId("nobody"), away=True)
    assert sight.choose(spot(city, 600, 0), away).views == ()
    assert sight.choose(spot(city, -600, 40), away).views
    away.set_owner(NodeId("mapo"), away=True)
    choice = sight.choose(spot(city, -600, 40), away)
    assert choice.views == ()
    assert {p.reasons[0].code for p in choice.passed_over} == {ReasonCode.OWNER_AWAY}


@pytest.mark.parametrize("error_m", [0.0, 30.0])
def test_a_target_out_of_range_is_told_as_too_far(town: Any, error_m: float) -> None:
    city = town.build([town.cam(id="c", x=0, y=-300, tilt_deg=0)])
    choice = Sight(city).choose(spot(city, 0, 0, error_m))
    assert choice.views == ()
    assert [p.reasons[0].code for p in choice.passed_over] == [ReasonCode.TOO_FAR]
    near = Sight(city).choose(spot(city, 0, 0, error_m, radius_m=1.0))
    assert near.views == ()


def test_unknown_cameras_are_said_to_be_unknown() -> None:
    nobody = CameraId("nobody")
    for call in (
        lambda: SIGHT.why_not(spot(CITY, 0, 0), nobody),
        lambda: SIGHT.look(spot(CITY, 0, 0), nobody),
        lambda: SIGHT.believed(nobody),
        lambda: SIGHT.visible_area(nobody),
        lambda: SIGHT.update(nobody, CITY.cameras),
    ):
        with pytest.raises(NotFoundError):
            call()
    now = SIGHT.now()
    now.set(nobody, CameraNow(state=HealthState.DEAD))
    assert SIGHT.choose(spot(CITY, 0, 0), now) == SIGHT.choose(spot(CITY, 0, 0))
    SIGHT.forget(nobody)
    SIGHT.learn([seen(nobody, shown=True)])


def seen(camera: CameraId, *, shown: bool, place: Where | None = None) -> Observation:
    return Observation(
        camera=camera,
        place=place or Place(at=HERE, error_m=10),
        target=TargetKind.PERSON,
        shown=shown,
        by=Witness.OPERATOR,
    )


# cameras

NUMBERS = ("x", "y", "height_m", "azimuth_deg", "tilt_deg", "hfov_deg")
OPTICS = ("roll_deg", "night_range_m", "azimuth_sd_deg", "tilt_sd_deg", "position_sd_m")
ODD = (NAN, INF, -INF, 1e300, -1e300, 0.0, -1.0, 360.0, 1e-300)


def pair(town: Any, field: str, value: float, *, ptz: bool, assumed: bool) -> Sight:
    """A camera with one odd value beside one that is well."""
    cams = [town.cam(id="odd", x=0, y=-20, ptz=ptz), town.cam(id="well", x=3, y=-22, ptz=ptz)]
    city = town.build(cams, [town.box(40, 40, 5, 5, 9)], [[(-50.0, 0.0), (50.0, 0.0)]])
    column = np.asarray(getattr(city.cameras, field), np.float64).copy()
    column[0] = value
    cameras = dataclasses.replace(city.cameras, **{field: column})
    return Sight(dataclasses.replace(city, cameras=cameras), assumed=assumed)


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("field", [*NUMBERS, *OPTICS])
def test_no_value_of_a_camera_spoils_another_one(town: Any, field: str, value: float) -> None:
    for ptz in (False, True):
        for assumed in (False, True):
            sight = pair(town, field, value, ptz=ptz, assumed=assumed)
            for error_m in (0.0, 30.0):
                for night in (False, True):
                    choice = sight.choose(spot(sight.city, 0, 0, error_m, night=night))
                    assert "well" in [v.camera for v in choice.views]
                    assert is_sound(choice)
            sight.why_not(spot(sight.city, 0, 0), CameraId("odd"))
            sight.visible_area(CameraId("odd"))
            sight.learn([seen(CameraId("odd"), shown=True, place=Place(at=HERE, error_m=10))])


@pytest.mark.parametrize(("width", "height"), [(0, 720), (1280, 0), (-5, 720), (1, 1)])
def test_a_picture_without_pixels_shows_nothing(town: Any, width: int, height: int) -> None:
    city = town.build([town.cam(id="odd", x=0, y=-20), town.cam(id="well", x=3, y=-22)])
    cameras = dataclasses.replace(
        city.cameras,
        width_px=np.array([width, 1280], np.int32),
        height_px=np.array([height, 720], np.int32),
    )
    choice = Sight(dataclasses.replace(city, cameras=cameras)).choose(spot(city, 0, 0))
    assert [v.camera for v in choice.views] == ["well"]
    assert is_sound(choice)


@pytest.mark.parametrize("hfov", [0.0, 0.5, 1.0, 170.0, 179.99, 180.0, 360.0, 361.0])
@pytest.mark.parametrize("ptz", [False, True])
def test_fields_of_view_from_nothing_to_all_round(town: Any, hfov: float, ptz: bool) -> None:
    """Below 1° and above 360° there is no such lens; above 170° a flat picture is cut at 170°."""
    city = town.build([town.cam(id="c", x=0, y=-4, hfov_deg=hfov, ptz=ptz)])
    choice = Sight(city).choose(spot(city, 0, 0))
    assert is_sound(choice)
    if not 1 <= hfov <= 360:
        assert choice.views == ()
        assert choice.passed_over[0].reasons[0].code == ReasonCode.UNUSABLE
    if hfov in (170.0, 180.0, 360.0):
        assert len(choice.views) == 1


def test_a_lens_on_the_ground_sees_to_the_first_wall(town: Any) -> None:
    cams = [town.cam(id="c", x=0, y=-20, height_m=0, tilt_deg=0)]
    assert Sight(city := town.build(cams)).choose(spot(city, 0, 0)).views
    city = town.build(cams, [town.box(0, -10, 5, 0.5, 1.0)])
    assert not Sight(city).choose(spot(city, 0, 0)).views  # over 1 m at half way: 2 m are hidden
    fire = Sight(city).choose(spot(city, 0, 0, target=TargetKind.FIRE, error_m=5.0))
    assert fire.views


@pytest.mark.parametrize("height", [4.0, 9.0, 9.5, 30.0])
def test_a_camera_within_a_footprint(town: Any, height: float) -> None:
    """Below the roof it hangs outside; on the roof or above, the roof's edge hides what is near."""
    down = math.degrees(math.atan2(height, 15))
    cams = [town.cam(id="in", x=0, y=0, height_m=height, tilt_deg=down)]
    city = town.build(cams, [town.box(0, 0, 6, 6, 9)], [[(-50.0, 15.0), (50.0, 15.0)]])
    choice = Sight(city).choose(spot(city, 0, 15))
    assert is_sound(choice)
    assert len(choice.views) == (1 if height in (4.0, 30.0) else 0)


def test_a_place_on_the_lens_itself(town: Any) -> None:
    cams = [town.cam(id="f", x=0, y=0, tilt_deg=90), town.cam(id="p", x=0, y=0, ptz=True)]
    city = town.build(cams, [], [[(-50.0, 0.0), (50.0, 0.0)]])
    for error_m in (0.0, 1.0, 20.0):
        for kind in TargetKind:
            assert is_sound(Sight(city).choose(spot(city, 0, 0, error_m, target=kind)))


def crowd(town: Any, count: int, *, ptz: bool) -> City:
    """A pole that carries them all, in every direction."""
    rng = np.random.default_rng(4)
    city: City = town.build(
        [
            town.cam(id=f"c{k:05}", x=0, y=-25, azimuth_deg=float(a), ptz=ptz)
            for k, a in enumerate(rng.uniform(0, 360, count))
        ],
        [town.box(40, 40, 5, 5, 9)],
        [[(-90.0, 0.0), (90.0, 0.0)]],
    )
    return city


@pytest.mark.parametrize("ptz", [False, True])
@pytest.mark.parametrize("error_m", [0.0, 100.0])
def test_ten_thousand_cameras_on_one_pole(town: Any, ptz: bool, error_m: float) -> None:
    city = crowd(town, 10_000, ptz=ptz)
    sight = Sight(city)
    choice = sight.choose(spot(city, 0, 0, error_m, count=12, why_not=1000))
    assert is_sound(choice)
    assert 1 <= len(choice.views) <= 12
    assert len(choice.passed_over) <= 1000
    unknown = dataclasses.replace(city.cameras, azimuth_deg=np.full(10_000, NAN))
    unsure = Sight(dataclasses.replace(city, cameras=unknown), assumed=False)
    assert is_sound(unsure.choose(spot(city, 0, 0, error_m)))


# buildings, moments, zones, updates


def test_buildings_that_cross_themselves_or_hold_no_ground(town: Any) -> None:
    bow = town.block(ring=[(-8, -14), (8, -6), (8, -14), (-8, -6)], height_m=10)
    flat = town.block(ring=[(-8, -10), (0, -10), (8, -10)], height_m=10)
    dot = town.block(ring=[(0, -10), (0, -10), (0, -10)], height_m=10)
    low = town.block(ring=[(-8, -14), (8, -14), (8, -6), (-8, -6)], height_m=-4)
    none = town.block(ring=[(-8, -14), (8, -14), (8, -6), (-8, -6)], height_m=NAN)
    lost = town.block(ring=[(-8, -14), (NAN, -14), (8, -6), (-8, -6)], height_m=9)
    vast = town.block(ring=[(-8, -14), (INF, -14), (8, -6), (-8, -6)], height_m=9)
    cams = [town.cam(id="c", x=0, y=-25), town.cam(id="d", x=25, y=0, azimuth_deg=270)]
    for block in (bow, flat, dot, low, none, lost, vast):
        city = town.build(cams, [block])
        choice = Sight(city).choose(spot(city, 0, 0, 10.0))
        assert is_sound(choice)
        assert "d" in [v.camera for v in choice.views]
    for harmless in (low, none):
        city = town.build(cams, [harmless])
        assert len(Sight(city).choose(spot(city, 0, 0)).views) == 2


@pytest.mark.parametrize("number", [NAN, INF, -INF, -5.0, 1e300])
def test_a_moment_told_in_odd_numbers(number: float) -> None:
    now = SIGHT.now()
    for camera in CITY.cameras.id:
        now.set(camera, CameraNow(since_s=number, checked_s=number, start_s=number))
    choice = SIGHT.choose(spot(CITY, 0, 0, 30.0), now)
    assert is_sound(choice)
    assert choice.views


@pytest.mark.parametrize("number", [NAN, INF, -INF, 1e300, 0.0, -40.0, 400.0])
@pytest.mark.parametrize("field", ["azimuth_deg", "tilt_deg", "hfov_deg"])
def test_a_moment_with_an_odd_aim_is_refused_or_answers(field: str, number: float) -> None:
    aim = Aim(**{"azimuth_deg": 10.0, "tilt_deg": 10.0, "hfov_deg": 30.0, field: number})
    now = SIGHT.now()
    try:
        for camera in CITY.cameras.id:
            now.set(camera, CameraNow(state=HealthState.BUSY, aim=aim))
        SIGHT.look(spot(CITY, 0, 0, 30.0), CITY.cameras.id[0], aim)
    except SafetyNetError as error:
        assert error.code == "sight.aim"
    assert is_sound(SIGHT.choose(spot(CITY, 0, 0, 30.0), now))


@pytest.mark.parametrize("number", [NAN, INF, -1e300, 0.0, 720.0])
def test_odd_privacy_zones(town: Any, number: float) -> None:
    city = town.build([town.cam(id="c", x=0, y=-20), town.cam(id="d", x=3, y=-20)])
    one = np.array([number])
    for names in (("from_deg",), ("to_deg",), ("near_m", "far_m")):
        sector = {"from_deg": 0.0, "to_deg": 10.0, "near_m": 0.0, "far_m": 5.0}
        columns = {k: one if k in names else np.array([v]) for k, v in sector.items()}
        zones = Zones(camera=np.array([0], np.int32), **columns)
        cameras = dataclasses.replace(city.cameras, zones=zones)
        choice = Sight(dataclasses.replace(city, cameras=cameras)).choose(spot(city, 0, 0))
        assert is_sound(choice)
        assert "d" in [v.camera for v in choice.views]


def test_a_camera_that_moves_out_of_the_city_and_back(town: Any) -> None:
    city = town.build([town.cam(id="c", x=0, y=-20), town.cam(id="d", x=3, y=-20)])
    sight, first = Sight(city), Sight(city).choose(spot(city, 0, 0))

    def moved(x: float) -> Cameras:
        cameras: Cameras = town.build([town.cam(id="c", x=x, y=-20)]).cameras
        return cameras

    for x in (5e4, -9e4, NAN, INF, 1e300):
        sight.update(CameraId("c"), moved(x))
        assert [v.camera for v in sight.choose(spot(city, 0, 0)).views] == ["d"]
        sight.update(CameraId("c"), moved(0.0))
        assert sight.choose(spot(city, 0, 0)).views == first.views


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("field", NUMBERS)
def test_a_camera_set_to_odd_values_answers_as_in_a_city_built_so(
    town: Any, field: str, value: float
) -> None:
    built = pair(town, field, value, ptz=False, assumed=False)
    well = town.build([town.cam(id="odd", x=0, y=-20)]).cameras
    sight = Sight(built.city, assumed=False)
    sight.update(CameraId("odd"), well)
    odd = dataclasses.replace(well, **{field: np.array([value])})
    sight.update(CameraId("odd"), odd)
    for error_m in (0.0, 30.0):
        request = spot(built.city, 0, 0, error_m)
        assert sight.choose(request) == built.choose(request)


@pytest.mark.parametrize("range_m", [NAN, INF, 0.0, -1.0])
def test_a_visible_area_needs_a_range(range_m: float) -> None:
    with pytest.raises(InvalidError):
        SIGHT.visible_area(CITY.cameras.id[0], range_m=range_m)
