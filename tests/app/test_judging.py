"""What a viewer's word on a view teaches."""

import msgspec

from safetynet.app.hub.judging import read_observation
from safetynet.base.geo import LonLat
from safetynet.base.ids import CameraId, IncidentId, ViewerId
from safetynet.incident.entries import PlaceBody
from safetynet.incident.model import PlaceOrigin
from safetynet.incident.moment import AimBody
from safetynet.incident.showing import FoundBody, JudgedBody, Picture
from safetynet.sight.model import Aim, Found, Observation, Place, TargetKind, Witness
from tests.app.test_turns import response as waiting

WORD = JudgedBody(
    incident=IncidentId("inc_1"),
    camera=CameraId("mapo-1"),
    viewer=ViewerId("view_1"),
    at="2026-03-01T04:05:06.000000Z",
    shown=False,
    place=PlaceBody(
        lon_e7=1269000000,
        lat_e7=375000000,
        error_mm=20_000,
        origin=PlaceOrigin.REPORTED,
        dong_code="",
    ),
    target="vehicle",
    aim=None,
    drill=False,
)


def test_a_word_is_an_observation_of_the_place_as_it_was_then() -> None:
    assert read_observation(WORD) == Observation(
        camera=CameraId("mapo-1"),
        place=Place(at=LonLat(126.9, 37.5), error_m=20.0),
        target=TargetKind.VEHICLE,
        shown=False,
        by=Witness.OPERATOR,
    )


def test_a_turned_camera_and_a_drill_teach_nothing() -> None:
    turned = AimBody.of(azimuth_deg=10.0, tilt_deg=5.0, hfov_deg=60.0)
    assert read_observation(msgspec.structs.replace(WORD, aim=turned)) is None
    assert read_observation(msgspec.structs.replace(WORD, drill=True)) is None


def test_where_a_turned_camera_found_the_scene_is_part_of_what_is_learned() -> None:
    turned = AimBody.of(azimuth_deg=10.0, tilt_deg=5.0, hfov_deg=60.0)
    found = FoundBody(camera=CameraId("mapo-2"), aim=turned)
    seen = read_observation(msgspec.structs.replace(WORD, found=(found,)))
    assert seen is not None
    aim = Aim(azimuth_deg=10.0, tilt_deg=5.0, hfov_deg=60.0)
    assert seen.found == (Found(camera=CameraId("mapo-2"), aim=aim),)


def said(camera: str, viewer: str, shown: bool, *, aim_deg: float | None, at: str) -> JudgedBody:
    aim = AimBody.of(azimuth_deg=aim_deg, tilt_deg=5.0, hfov_deg=60.0) if aim_deg else None
    return msgspec.structs.replace(
        WORD, camera=CameraId(camera), viewer=ViewerId(viewer), shown=shown, aim=aim, at=at
    )


def test_the_scene_is_found_where_a_camera_was_turned_when_somebody_saw_it_last() -> None:
    response = waiting("1")
    for word in (
        said("b", "v1", True, aim_deg=20, at="2026-03-01T04:05:08.000000Z"),
        said("b", "v2", True, aim_deg=40, at="2026-03-01T04:05:07.000000Z"),
        said("a", "v1", True, aim_deg=60, at="2026-03-01T04:05:06.000000Z"),
        said("c", "v1", False, aim_deg=80, at="2026-03-01T04:05:06.000000Z"),
        said("d", "v1", True, aim_deg=None, at="2026-03-01T04:05:06.000000Z"),
    ):
        response.set_word(word)
    assert [(f.camera, f.aim.azimuth_mdeg) for f in response.list_found()] == [
        ("a", 60_000),
        ("b", 20_000),
    ]
    response.set_word(said("a", "v1", False, aim_deg=60, at="2026-03-01T04:05:09.000000Z"))
    assert [f.camera for f in response.list_found()] == ["b"]


def test_a_word_on_a_still_is_a_stills() -> None:
    still = read_observation(msgspec.structs.replace(WORD, picture=Picture.STILL))
    assert still is not None
    assert still.by is Witness.STILL
