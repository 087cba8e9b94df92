"""What a viewer's word on a view teaches."""

import msgspec

from safetynet.app.hub.judging import read_observation
from safetynet.base.geo import LonLat
from safetynet.base.ids import CameraId, IncidentId, ViewerId
from safetynet.incident.entries import PlaceBody
from safetynet.incident.model import PlaceOrigin
from safetynet.incident.moment import AimBody
from safetynet.incident.showing import JudgedBody, Picture
from safetynet.sight.model import Observation, Place, TargetKind, Witness

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


def test_a_word_on_a_still_is_a_stills() -> None:
    still = read_observation(msgspec.structs.replace(WORD, picture=Picture.STILL))
    assert still is not None
    assert still.by is Witness.STILL
