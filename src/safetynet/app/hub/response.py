"""What the hub does about one incident, as state, and how the console sees it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from safetynet.access.entries import GrantBody
from safetynet.access.model import Grant, Viewer
from safetynet.app.hub.moment import Decision
from safetynet.base.ids import CameraId, GrantId, NodeId, ViewerId
from safetynet.incident.model import Incident
from safetynet.incident.moment import AimBody, SweepBody, milli
from safetynet.incident.showing import (
    FoundBody,
    JudgedBody,
    PassedBody,
    ReasonBody,
    ViewBody,
    choice_made,
)
from safetynet.journal.entry import Draft
from safetynet.services.model import Plan
from safetynet.sight.model import (
    Aim,
    Choice,
    ChosenView,
    PassedOver,
    Reason,
    Request,
    Sweep,
    TargetKind,
)
from safetynet.sight.model import Place as SightPlace
from safetynet.web.types import IncidentView, PlaceView, ViewView

SEOUL = ZoneInfo("Asia/Seoul")


class IssuedGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A grant, its viewer's place in the list of views, and its signed text."""

    grant: Grant
    token: str


@dataclass(slots=True)
class Response:
    """An incident and everything that was begun because of it. One writer: the ``Responder``.

    Of tens of thousands that wait nothing was begun yet: each is a few objects that a collection looks at.
    """

    incident: Incident
    plan: Plan | None = None
    refused: str = ""
    choice: Choice | None = None
    views: dict[CameraId, ViewView] = field(default_factory=dict)
    """In order of rank."""
    grants: dict[GrantId, IssuedGrant] = field(default_factory=dict)
    """Open ones."""
    inherited: tuple[GrantBody, ...] = ()
    """Open ones of a generation before: renewed until their consoles had time to come to this one."""
    lost: frozenset[CameraId] = frozenset()
    """Cameras whose owner refused or was silent; not chosen again for this incident."""
    left_by: frozenset[NodeId] = frozenset()
    """Owners that went away while they showed it; asked again when they are back."""
    words: dict[tuple[CameraId, ViewerId], JudgedBody] = field(default_factory=dict)
    """Whether a view shows the scene, by the last word of each viewer."""
    wanted: int = 0
    """1 while views are being chosen; more where something happened meanwhile."""
    apart: bool = False
    """It was taken while this node was without the hub."""
    decided_ms: float | None = None
    still_ms: int | None = None
    eyes_ms: int | None = None

    @property
    def hard_end(self) -> datetime | None:
        """When the last grant ends whatever happens."""
        return max((g.grant.hard_end for g in self.grants.values()), default=None)

    @property
    def lease_s(self) -> float:
        """How long what is open here goes on without being renewed; 0 where nothing is."""
        if self.plan is not None:
            return self.plan.lease_s
        return min((grant.lease_ms / 1000 for grant in self.inherited), default=0.0)

    def owners(self) -> set[NodeId]:
        """Owners whose views were asked for."""
        before = {grant.owner for grant in self.inherited}
        return {view.owner for view in self.views.values()} | before

    def grants_at(self, owner: NodeId) -> tuple[GrantId, ...]:
        """Every open grant for views of one owner."""
        mine = [g.grant.id for g in self.grants.values() if g.grant.audience == owner]
        return (*mine, *(grant.id for grant in self.inherited if grant.owner == owner))

    def drop_inherited(self) -> tuple[GrantBody, ...]:
        """Let go of what a generation before issued; what that was."""
        dropped, self.inherited = self.inherited, ()
        return dropped

    def set_view(self, camera: CameraId, state: str, note: str = "") -> bool:
        """Note how a view stands; False where nothing changed."""
        view = self.views.get(camera)
        if view is None or (view.state, view.note) == (state, note):
            return False
        self.views[camera] = msgspec.structs.replace(view, state=state, note=note)
        return True

    def find_word(self, camera: CameraId, viewer: ViewerId) -> bool | None:
        """What a viewer said of a view; None where it said nothing."""
        word = self.words.get((camera, viewer))
        return word.shown if word else None

    def set_word(self, word: JudgedBody) -> None:
        """Note what a viewer says of a view."""
        self.words[word.camera, word.viewer] = word
        if word.camera in self.views:
            self.views[word.camera] = self.with_words(self.views[word.camera])

    def list_found(self) -> tuple[FoundBody, ...]:
        """Turned cameras on which viewers say that they saw the scene, each as it was turned last."""
        seen = [w for w in self.words.values() if w.shown and w.aim is not None]
        last = {w.camera: w.aim for w in sorted(seen, key=lambda w: (w.at, w.viewer))}
        return tuple(FoundBody(camera=c, aim=aim) for c, aim in sorted(last.items()) if aim)

    def with_words(self, view: ViewView) -> ViewView:
        """A view with what viewers said of it."""
        mine = [w for (camera, _), w in self.words.items() if camera == view.camera]
        return msgspec.structs.replace(
            view,
            shown_by=tuple(sorted(w.viewer for w in mine if w.shown)),
            not_shown_by=tuple(sorted(w.viewer for w in mine if not w.shown)),
        )

    def grants_of(self, viewer: Viewer) -> list[IssuedGrant]:
        """Open grants of one viewer, best view first."""
        mine = [g for g in self.grants.values() if g.grant.viewer == viewer.id]
        return sorted(mine, key=lambda g: self.rank(g.grant.camera))

    def rank(self, camera: CameraId) -> int:
        """Rank of a chosen view; 0 where it is none."""
        view = self.views.get(camera)
        return view.rank if view else 0


def plan_request(incident: Incident, plan: Plan, *, night: bool) -> Request:
    """The question to sight that a plan makes of an incident."""
    return Request(
        place=SightPlace(at=incident.place.at, error_m=incident.place.error_m),
        target=TargetKind(plan.target.value),
        min_px_per_m=plan.min_px_per_m,
        count=plan.views,
        night=night,
    )


def hard_end_of(plan: Plan, now: datetime) -> datetime:
    """When a grant given now ends at the latest."""
    return now + timedelta(seconds=plan.hard_end_s)


def view_incident(
    response: Response, *, service: str, basis: tuple[str, str], dong: str, by: NodeId
) -> IncidentView:
    """The incident as consoles see it."""
    i, plan = response.incident, response.plan
    place = PlaceView(
        lon=i.place.at.lon,
        lat=i.place.at.lat,
        error_m=i.place.error_m,
        origin=i.place.origin,
        address=i.place.address,
        dong=dong,
    )
    return IncidentView(
        id=i.id,
        sender=i.sender,
        key=i.key,
        service=service,
        state=i.state,
        kind=i.kind,
        grade=i.grade,
        detail=i.detail,
        drill=i.drill,
        place=place,
        basis_ko=basis[0],
        basis_en=basis[1],
        refused=response.refused,
        occurred_at=i.occurred_at,
        received_at=i.received_at,
        ended_at=i.ended_at,
        hard_end=response.hard_end,
        lease_s=plan.lease_s if plan else 0.0,
        views=tuple(response.views.values()),
        passed_over=response.choice.passed_over if response.choice else (),
        decided_ms=response.decided_ms,
        still_ms=response.still_ms,
        time_to_eyes_ms=response.eyes_ms,
        revision=i.revision,
        decided_by=by,
        apart=response.apart,
    )


def draft_of_choice(response: Response, plan: Plan, decision: Decision, now: datetime) -> Draft:
    """The entry on a choice, with the moment that it was asked in."""
    choice = decision.choice
    return choice_made(
        response.incident.id,
        decided_at=now,
        decided_ms=round(response.decided_ms or 0),
        service=plan.service.value,
        target=plan.target.value,
        min_px_per_m=plan.min_px_per_m,
        views=[body_of_view(v) for v in choice.views],
        passed_over=[body_of_passed(p) for p in choice.passed_over],
        moment=decision.moment,
    )


def draft_of_refusal(response: Response, now: datetime) -> Draft:
    """The entry that an incident gets no views, and why."""
    return choice_made(
        response.incident.id,
        decided_at=now,
        decided_ms=None,
        service="",
        target="",
        min_px_per_m=0.0,
        views=[],
        passed_over=[],
        refused=response.refused,
    )


def body_of_view(view: ChosenView) -> ViewBody:
    """A chosen view as the journal keeps it."""
    return ViewBody.of(
        camera=view.camera,
        owner=view.owner,
        aim=body_of_aim(view.aim) if view.aim else None,
        distance_m=view.distance_m,
        px_per_m=view.px_per_m,
        share_seen=view.share_seen,
        slew_s=view.slew_s,
        reasons=[_body_of_reason(r) for r in view.reasons],
        sweep=_body_of_sweep(view.sweep) if view.sweep else None,
    )


def body_of_aim(aim: Aim) -> AimBody:
    """An aim as the journal keeps it."""
    return AimBody.of(azimuth_deg=aim.azimuth_deg, tilt_deg=aim.tilt_deg, hfov_deg=aim.hfov_deg)


def _body_of_sweep(sweep: Sweep) -> SweepBody:
    return SweepBody(
        stops=tuple(body_of_aim(stop) for stop in sweep.stops),
        dwell_ms=milli(sweep.dwell_s),
        round_ms=milli(sweep.round_s),
    )


def body_of_passed(passed: PassedOver) -> PassedBody:
    """A camera that was not chosen, as the journal keeps it."""
    return PassedBody.of(
        camera=passed.camera,
        owner=passed.owner,
        distance_m=passed.distance_m,
        reasons=[_body_of_reason(r) for r in passed.reasons],
    )


def _body_of_reason(reason: Reason) -> ReasonBody:
    return ReasonBody.of(
        reason.code.value,
        value=reason.value,
        unit=reason.unit,
        limit=reason.limit,
        what=reason.what,
    )


def is_night(now: datetime) -> bool:
    """Between 19 and 6 o'clock in Seoul; the sun's own times come with the light model."""
    hour = now.astimezone(SEOUL).hour
    return hour >= 19 or hour < 6
