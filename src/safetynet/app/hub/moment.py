"""The moment of a choice as integers that an entry can keep, and back.

A question that is to be written down is put into the entry's integers first and asked as it comes back
from them: so what is asked again later is what was asked, to the last digit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from safetynet import __version__
from safetynet.base.geo import LonLat
from safetynet.base.ids import CameraId, NodeId
from safetynet.incident.moment import (
    AimBody,
    AskedBody,
    HeldBody,
    KnownBody,
    MomentBody,
    UnwellBody,
    milli,
)
from safetynet.sight.model import Aim, CameraNow, Choice, HealthState, Place, Request, TargetKind
from safetynet.sight.now import Now
from safetynet.sight.service import Sight

MOST_NAMED = 1000
"""Cameras in one entry, some 30 bytes each."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """An answer, and the moment it was asked in."""

    choice: Choice
    moment: MomentBody


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """How things are around a question, beside the table of cameras and what was learned."""

    away: frozenset[NodeId]
    unwell: Mapping[CameraId, HealthState]
    held: Mapping[CameraId, Aim]
    """PTZ cameras that other incidents have turned."""
    lost: frozenset[CameraId]
    """Cameras whose owner refused or was silent."""


def asked_of(request: Request) -> AskedBody:
    """A question about a point, as an entry keeps it."""
    where = request.place
    if not isinstance(where, Place):
        raise TypeError("an incident is at a point with an error")
    return AskedBody(
        lon_e7=round(where.at.lon * 1e7),
        lat_e7=round(where.at.lat * 1e7),
        error_mm=milli(where.error_m),
        target=request.target.value,
        min_px_per_m_milli=milli(request.min_px_per_m),
        count=request.count,
        radius_mm=milli(request.radius_m),
        why_not=request.why_not,
        night=request.night,
    )


def read_asked(body: AskedBody) -> Request:
    """The question that an entry keeps."""
    return Request(
        place=Place(at=LonLat(body.lon_e7 / 1e7, body.lat_e7 / 1e7), error_m=body.error_mm / 1000),
        target=TargetKind(body.target),
        min_px_per_m=body.min_px_per_m_milli / 1000,
        count=body.count,
        radius_m=body.radius_mm / 1000,
        why_not=body.why_not,
        night=body.night,
    )


def as_recorded(held: Mapping[CameraId, Aim]) -> dict[CameraId, Aim]:
    """Aims as they come back from an entry."""
    return {camera: read_aim(_held_of(camera, aim)) for camera, aim in held.items()}


def moment_of(
    sight: Sight,
    request: Request,
    near: Sequence[CameraId],
    now: Circumstances,
    *,
    catalogues: Mapping[NodeId, str],
    assumed: bool,
) -> MomentBody:
    """What is to be written down of a moment; ``request`` and ``now.held`` are as recorded.

    ``near``: the cameras that may matter, in order of id.
    """
    unwell = [UnwellBody(c, now.unwell[c].value) for c in near if c in now.unwell]
    held = [_held_of(c, now.held[c]) for c in near if c in now.held]
    lost = [c for c in near if c in now.lost]
    room = max(MOST_NAMED - len(held) - len(lost), 0)
    return MomentBody(
        program=__version__,
        bundle=sight.city.version,
        assumed=assumed,
        asked=asked_of(request),
        catalogues=tuple(KnownBody(owner, catalogues[owner]) for owner in sorted(catalogues)),
        beliefs=sight.digest_beliefs(),
        away=tuple(d.node for d in sight.city.districts if d.node in now.away),
        unwell=tuple(unwell[:room]),
        held=tuple(held[:MOST_NAMED]),
        lost=tuple(lost[:MOST_NAMED]),
        left_out=sum(
            max(len(named) - most, 0)
            for named, most in ((unwell, room), (held, MOST_NAMED), (lost, MOST_NAMED))
        ),
    )


def read_circumstances(body: MomentBody) -> Circumstances:
    """How things were, as far as they mattered."""
    return Circumstances(
        away=frozenset(body.away),
        unwell={one.camera: HealthState(one.state) for one in body.unwell},
        held={one.camera: read_aim(one) for one in body.held},
        lost=frozenset(body.lost),
    )


def now_of(sight: Sight, circumstances: Circumstances) -> Now:
    """A moment in which nothing else was said of any camera."""
    now = sight.now()
    for camera, state in circumstances.unwell.items():
        now.set(camera, CameraNow(state=state))
    tell(now, circumstances, (d.node for d in sight.city.districts))
    return now.but(changed_by(circumstances))


def tell(now: Now, circumstances: Circumstances, owners: Iterable[NodeId]) -> None:
    """Say which owners are away."""
    for owner in owners:
        now.set_owner(owner, away=owner in circumstances.away)


def changed_by(circumstances: Circumstances) -> dict[CameraId, CameraNow]:
    """What incidents make of cameras: turned ones stay as they are, lost ones are not to be had.

    An ill camera is ill, whoever holds it.
    """
    busy = {
        camera: CameraNow(state=HealthState.BUSY, aim=aim)
        for camera, aim in circumstances.held.items()
        if camera not in circumstances.unwell
    }
    return busy | dict.fromkeys(circumstances.lost, CameraNow(state=HealthState.OWNER_AWAY))


def _held_of(camera: CameraId, aim: Aim) -> HeldBody:
    body = AimBody.of(azimuth_deg=aim.azimuth_deg, tilt_deg=aim.tilt_deg, hfov_deg=aim.hfov_deg)
    return HeldBody(camera, body.azimuth_mdeg, body.tilt_mdeg, body.hfov_mdeg)


def read_aim(body: AimBody | HeldBody) -> Aim:
    """An aim as sight takes it."""
    return Aim(
        azimuth_deg=body.azimuth_mdeg / 1000,
        tilt_deg=body.tilt_mdeg / 1000,
        hfov_deg=body.hfov_mdeg / 1000,
    )
