"""Why one camera was chosen for a place, or why not, asked of the joined catalogue."""

import msgspec
import pytest

from safetynet.app.cameras import records_of
from safetynet.app.hub.eyes import Eyes
from safetynet.app.hub.why import Circumstances, explain_camera, wall_of
from safetynet.base.errors import NotFoundError
from safetynet.base.geo import LonLat
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.model import City
from safetynet.city.synth import small_city
from safetynet.federation.catalogue import Catalogue
from safetynet.sight.model import (
    Aim,
    Choice,
    HealthState,
    Place,
    Reason,
    ReasonCode,
    Request,
    TargetKind,
)

CALM = Circumstances(away=frozenset(), lost=frozenset(), held={})
NODES = (NodeId("mapo"), NodeId("seocho"))


@pytest.fixture(scope="module")
def city() -> City:
    """Two districts."""
    return small_city(7)


@pytest.fixture
async def eyes(city: City) -> Eyes:
    """Both have joined."""
    eyes = Eyes(city, assumed=True)
    for node in NODES:
        await eyes.join(Catalogue(node, records_of(city, node)))
    return eyes


async def ask(eyes: Eyes) -> Choice:
    """A place with views and with cameras passed over."""
    lines = eyes.city.streets.line
    for i in range(len(lines)):
        lon, lat = eyes.city.plane.to_lonlat(*map(float, lines[i][0]))
        place = Place(at=LonLat(lon, lat), error_m=20.0)
        request = Request(place=place, target=TargetKind.PERSON, min_px_per_m=20.0)
        choice = await eyes.choose(request, frozenset())
        if len(choice.views) > 1 and len(choice.passed_over) > 2:
            return choice
    raise AssertionError("no such place")


async def test_a_chosen_camera_is_told_with_its_rank(eyes: Eyes) -> None:
    choice = await ask(eyes)
    for rank, view in enumerate(choice.views, start=1):
        told = await explain_camera(eyes, view.camera, choice.request, CALM)
        assert (told.rank, told.reasons, told.owner) == (rank, view.reasons, view.owner)
        assert told.distance_m == pytest.approx(view.distance_m, abs=0.2)
        assert len(told.area) > 2


async def test_a_camera_passed_over_is_told_with_the_same_reasons(eyes: Eyes) -> None:
    choice = await ask(eyes)
    for passed in choice.passed_over:
        told = await explain_camera(eyes, passed.camera, choice.request, CALM)
        assert (told.rank, told.reasons) == (None, passed.reasons)
        hidden = told.reasons[0].code is ReasonCode.BEHIND_BUILDING
        assert (len(told.wall) > 2) == hidden


async def test_every_camera_has_an_answer_near_or_far(eyes: Eyes) -> None:
    choice = await ask(eyes)
    near = msgspec.structs.replace(choice.request, radius_m=120.0)
    for _, record in eyes.roll.list_records(None):
        told = await explain_camera(eyes, record.id, near, CALM)
        assert told.reasons
        beyond = Reason(ReasonCode.TOO_FAR, told.distance_m, "m", 120.0)
        assert (told.reasons == (beyond,)) == (told.distance_m > 120.0)


async def test_what_was_decided_counts_more_than_what_would_be_now(eyes: Eyes) -> None:
    choice = await ask(eyes)
    first = choice.views[0]
    eyes.note_health(first.camera, HealthState.DEAD)
    then = await explain_camera(eyes, first.camera, choice.request, CALM, decided=choice)
    now = await explain_camera(eyes, first.camera, choice.request, CALM)
    assert (then.rank, then.reasons) == (1, first.reasons)
    assert (now.rank, now.reasons[0].code) == (None, ReasonCode.DEAD)


async def test_the_moment_is_told_too(eyes: Eyes) -> None:
    choice = await ask(eyes)
    first = choice.views[0]
    gone = msgspec.structs.replace(CALM, away=frozenset(NODES))
    assert (await explain_camera(eyes, first.camera, choice.request, gone)).reasons == (
        Reason(ReasonCode.OWNER_AWAY),
    )
    turned = next((v for v in choice.views if v.aim is not None), None)
    if turned is not None:
        up = {turned.camera: Aim(azimuth_deg=0.0, tilt_deg=-80.0, hfov_deg=10.0)}
        held = msgspec.structs.replace(CALM, held=up)
        told = await explain_camera(eyes, turned.camera, choice.request, held)
        assert told.rank is None
        assert ReasonCode.BUSY in {r.code for r in told.reasons}


async def test_a_camera_that_nobody_has_is_not_found(eyes: Eyes) -> None:
    choice = await ask(eyes)
    with pytest.raises(NotFoundError) as refused:
        await explain_camera(eyes, CameraId("nobody-1"), choice.request, CALM)
    assert refused.value.code == "views.no_camera"


@pytest.mark.parametrize("what", [None, "", "-1", "99999999", "the tall one"])
def test_a_wall_that_the_city_does_not_have_is_none(city: City, what: str | None) -> None:
    assert wall_of(city, (Reason(ReasonCode.BEHIND_BUILDING, what=what),)) == ()
    assert wall_of(city, ()) == ()
