"""Why one camera was chosen for a place, or why not."""

import math
from collections.abc import Mapping

import msgspec

from safetynet.app.cameras import home_of
from safetynet.app.hub.eyes import Eyes
from safetynet.app.see.where import middle_of
from safetynet.base.errors import NotFoundError
from safetynet.base.geo import LonLat
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.model import City
from safetynet.sight.model import Aim, Choice, Reason, ReasonCode, Request
from safetynet.web.types import WhyAnswer


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What a question must know of the moment beside the cameras' health."""

    away: frozenset[NodeId]
    lost: frozenset[CameraId]
    """Cameras whose owner refused or was silent."""
    held: Mapping[CameraId, Aim]
    """PTZ cameras that other incidents have turned."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a choice says of one camera."""

    rank: int | None
    aim: Aim | None
    reasons: tuple[Reason, ...]


async def explain_camera(
    eyes: Eyes,
    camera: CameraId,
    request: Request,
    now: Circumstances,
    *,
    decided: Choice | None = None,
) -> WhyAnswer:
    """What was ``decided`` of the camera, or where that says nothing, what would be now.

    Raises ``NotFoundError`` for a camera that no joined district has.
    """
    owner = eyes.roll.find_owner(camera)
    if owner is None:
        raise NotFoundError("views.no_camera", "there is no such camera", camera=camera)
    record = eyes.roll.get_record(camera)
    middle = middle_of(request.place)
    away_m = _apart_m(eyes.city, middle, LonLat(record.lon, record.lat))
    verdict = find_verdict(decided, camera) if decided else None
    if verdict is None:
        verdict = await _judge(eyes, camera, request, now, away_m)
    (area,) = await eyes.areas([(camera, verdict.aim or home_of(record))])
    return WhyAnswer(
        camera=camera,
        camera_name=record.name,
        owner=owner,
        at=(record.lon, record.lat),
        place=(middle.lon, middle.lat),
        distance_m=round(away_m, 1),
        rank=verdict.rank,
        reasons=verdict.reasons,
        area=area,
        wall=wall_of(eyes.city, verdict.reasons),
    )


def find_verdict(choice: Choice, camera: CameraId) -> Verdict | None:
    """What the choice says of the camera; None where it does not mention it."""
    for rank, view in enumerate(choice.views, start=1):
        if view.camera == camera:
            return Verdict(rank=rank, aim=view.aim, reasons=view.reasons)
    for passed in choice.passed_over:
        if passed.camera == camera:
            return Verdict(rank=None, aim=None, reasons=passed.reasons)
    return None


def wall_of(city: City, reasons: tuple[Reason, ...]) -> tuple[tuple[float, float], ...]:
    """Ring of the building that the reasons name; empty where they name none."""
    named = [r.what for r in reasons if r.code is ReasonCode.BEHIND_BUILDING and r.what]
    if not named or not named[0].isdigit() or int(named[0]) >= len(city.buildings):
        return ()
    ring = city.buildings.ring[int(named[0])]
    lon, lat = city.plane.to_lonlat(ring[:, 0], ring[:, 1])
    return tuple((float(a), float(b)) for a, b in zip(lon, lat, strict=True))


async def _judge(
    eyes: Eyes, camera: CameraId, request: Request, now: Circumstances, away_m: float
) -> Verdict:
    """As it would be decided now; a camera beyond the limit is not even considered."""
    if away_m > request.radius_m:
        far = Reason(ReasonCode.TOO_FAR, round(away_m, 1), "m", request.radius_m)
        return Verdict(rank=None, aim=None, reasons=(far,))
    choice = await eyes.choose(request, now.away, now.lost, now.held)
    told = find_verdict(choice, camera)
    if told is not None:
        return told
    passed = await eyes.why_not(request, camera, now.away, now.lost, now.held)
    return Verdict(rank=None, aim=None, reasons=passed.reasons)


def _apart_m(city: City, a: LonLat, b: LonLat) -> float:
    ax, ay = city.plane.to_xy(a.lon, a.lat)
    bx, by = city.plane.to_xy(b.lon, b.lat)
    return math.hypot(bx - ax, by - ay)
