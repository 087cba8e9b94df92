"""Bodies of the journal entries on the views of an incident: chosen, changed, on a screen, judged."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from safetynet.base.ids import CameraId, GrantId, IncidentId, NodeId, ViewerId
from safetynet.incident.entries import PlaceBody
from safetynet.incident.moment import AimBody, MomentBody, SweepBody, milli
from safetynet.journal.entry import Draft, time_text

CHOICE_MADE: Final = "choice.made/1"
VIEW_CHANGED: Final = "view.changed/1"
EYES_ON: Final = "eyes.on/1"
STILL_SHOWN: Final = "still.shown/1"
VIEW_JUDGED: Final = "view.judged/1"


class Picture(StrEnum):
    """Which picture of a view a viewer's word rests on."""

    LIVE = "live"
    STILL = "still"
    """The viewer had seen nothing but the still."""


class ReasonBody(msgspec.Struct, frozen=True, kw_only=True):
    """One reason for or against a camera; numbers in thousandths of ``unit``."""

    code: str
    value_milli: int | None = None
    unit: str | None = None
    limit_milli: int | None = None
    what: str | None = None
    """Number of a building in the bundle."""

    @classmethod
    def of(
        cls,
        code: str,
        *,
        value: float | None = None,
        unit: str | None = None,
        limit: float | None = None,
        what: str | None = None,
    ) -> "ReasonBody":
        """From numbers in ``unit``."""
        return cls(
            code=str(code),
            value_milli=None if value is None else milli(value),
            unit=unit,
            limit_milli=None if limit is None else milli(limit),
            what=what,
        )


class ViewBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A chosen view, best first in its choice."""

    camera: CameraId
    owner: NodeId
    aim: AimBody | None
    distance_mm: int
    px_per_m_milli: int
    share_permille: int
    slew_ms: int
    reasons: tuple[ReasonBody, ...]
    sweep: SweepBody | None = None
    """How it sweeps, its aim first. Absent where it stands."""

    @classmethod
    def of(
        cls,
        *,
        camera: CameraId,
        owner: NodeId,
        aim: AimBody | None,
        distance_m: float,
        px_per_m: float,
        share_seen: float,
        slew_s: float,
        reasons: Sequence[ReasonBody],
        sweep: SweepBody | None = None,
    ) -> "ViewBody":
        """From the numbers of ``sight.ChosenView``."""
        return cls(
            camera=camera,
            owner=owner,
            aim=aim,
            distance_mm=milli(distance_m),
            px_per_m_milli=milli(px_per_m),
            share_permille=milli(share_seen),
            slew_ms=milli(slew_s),
            reasons=tuple(reasons),
            sweep=sweep,
        )


class PassedBody(msgspec.Struct, frozen=True, kw_only=True):
    """A camera that was not chosen, and why."""

    camera: CameraId
    owner: NodeId
    distance_mm: int
    reasons: tuple[ReasonBody, ...]

    @classmethod
    def of(
        cls, *, camera: CameraId, owner: NodeId, distance_m: float, reasons: Sequence[ReasonBody]
    ) -> "PassedBody":
        """From the numbers of ``sight.PassedOver``."""
        return cls(
            camera=camera, owner=owner, distance_mm=milli(distance_m), reasons=tuple(reasons)
        )


class ChoiceBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of ``choice.made/1``; it replaces the choice before it."""

    incident: IncidentId
    decided_at: str
    decided_ms: int | None
    """From the report accepted to the choice."""
    service: str
    target: str
    min_px_per_m_milli: int
    refused: str
    """Error code where the service refused a plan (``service.not_a_trigger``): no views then."""
    views: tuple[ViewBody, ...]
    passed_over: tuple[PassedBody, ...]
    moment: MomentBody | None = None
    """What the choice was asked in. Absent where nothing was chosen, and in entries of before."""


class ViewChangedBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of ``view.changed/1``."""

    incident: IncidentId
    camera: CameraId
    state: str
    """``asked``, ``ready``, ``refused``, ``away``, ``ended``."""
    note: str
    held: AimBody | None = None
    """Where a viewer held a sweep. Absent otherwise."""


class ShownBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``eyes.on/1`` and ``still.shown/1``."""

    incident: IncidentId
    camera: CameraId
    grant: GrantId
    viewer: ViewerId
    at: str
    took_ms: int
    """From the report accepted to the picture on the viewer's screen."""


class FoundBody(msgspec.Struct, frozen=True, kw_only=True):
    """A turned camera on which somebody saw the scene."""

    camera: CameraId
    aim: AimBody


class JudgedBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of ``view.judged/1``: a viewer says that a view shows the scene, or that it does not.

    It says all that can be learned from it, so that an incident that moves on changes nothing. The
    last word of a viewer on a view counts.
    """

    incident: IncidentId
    camera: CameraId
    viewer: ViewerId
    at: str
    shown: bool
    place: PlaceBody
    """Of the incident as the viewer knew it."""
    target: str
    aim: AimBody | None
    """Where the camera had been turned; None for one that stood as it stands."""
    drill: bool
    picture: Picture = Picture.LIVE
    """What the word rests on. Absent: the live picture, as in entries of before."""
    found: tuple[FoundBody, ...] = ()
    """Turned cameras on which somebody had seen the scene by then, in order of their ids."""


def choice_made(
    incident: IncidentId,
    *,
    decided_at: datetime,
    decided_ms: int | None,
    service: str,
    target: str,
    min_px_per_m: float,
    views: Sequence[ViewBody],
    passed_over: Sequence[PassedBody],
    refused: str = "",
    moment: MomentBody | None = None,
) -> Draft:
    """The entry on which views were chosen, with every reason."""
    body = ChoiceBody(
        incident=incident,
        decided_at=time_text(decided_at),
        decided_ms=decided_ms,
        service=service,
        target=target,
        min_px_per_m_milli=milli(min_px_per_m),
        refused=refused,
        views=tuple(views),
        passed_over=tuple(passed_over),
        moment=moment,
    )
    return Draft(kind=CHOICE_MADE, body=body)


def view_changed(
    incident: IncidentId,
    camera: CameraId,
    *,
    state: str,
    note: str = "",
    held: AimBody | None = None,
) -> Draft:
    """The entry on how a chosen view stands."""
    body = ViewChangedBody(incident=incident, camera=camera, state=state, note=note, held=held)
    return Draft(kind=VIEW_CHANGED, body=body)


def eyes_on(
    incident: IncidentId,
    camera: CameraId,
    *,
    grant: GrantId,
    viewer: ViewerId,
    at: datetime,
    took_ms: int,
) -> Draft:
    """The entry on the first decoded frame at a viewer: time-to-eyes."""
    return Draft(kind=EYES_ON, body=_shown(incident, camera, grant, viewer, at, took_ms))


def still_shown(
    incident: IncidentId,
    camera: CameraId,
    *,
    grant: GrantId,
    viewer: ViewerId,
    at: datetime,
    took_ms: int,
) -> Draft:
    """The entry on a still at a viewer."""
    return Draft(kind=STILL_SHOWN, body=_shown(incident, camera, grant, viewer, at, took_ms))


def view_judged(body: JudgedBody) -> Draft:
    """The entry on a viewer's word about a view."""
    return Draft(kind=VIEW_JUDGED, body=body)


def _shown(
    incident: IncidentId,
    camera: CameraId,
    grant: GrantId,
    viewer: ViewerId,
    at: datetime,
    took_ms: int,
) -> ShownBody:
    return ShownBody(
        incident=incident,
        camera=camera,
        grant=grant,
        viewer=viewer,
        at=time_text(at),
        took_ms=took_ms,
    )
