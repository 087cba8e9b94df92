"""The life of an incident at a desk: plan, choose, grant, command, renew, end."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec
import structlog

from safetynet.access import entries
from safetynet.access.keys import NodeKey
from safetynet.access.model import Grant, Viewer
from safetynet.app.hub.consoles import Consoles
from safetynet.app.hub.eyes import Eyes
from safetynet.app.hub.granting import Granting
from safetynet.app.hub.holding import hold_view, state_of, still_held, wanted_of
from safetynet.app.hub.judging import plan_judgement
from safetynet.app.hub.leftover import end_left
from safetynet.app.hub.owners import Held, Owners
from safetynet.app.hub.response import (
    Response,
    draft_of_choice,
    draft_of_refusal,
    is_night,
    plan_request,
)
from safetynet.app.hub.turns import Turns
from safetynet.base.clock import Clock
from safetynet.base.errors import RefusedError, SafetyNetError, UnavailableError
from safetynet.base.ids import CameraId, IncidentId, NodeId
from safetynet.incident.model import Incident
from safetynet.incident.showing import (
    eyes_on,
    still_shown,
    view_changed,
    view_judged,
)
from safetynet.incident.state import Change
from safetynet.journal.append import Journal
from safetynet.services.model import Plan
from safetynet.services.plan import plan_incident
from safetynet.sight.model import Aim, Choice, ChosenView, HealthState
from safetynet.web.types import EyesOn, StillShown, ViewHeld, ViewJudged, ViewView

KEPT_RESPONSES = 500
"""Ended incidents that stay in memory for the list; all of them stay in the store."""
ROUNDS = 3
"""How often views are chosen anew because owners refused or were silent."""

log = structlog.get_logger()
OnView = Callable[[Response], None]


class Responder:
    """Answers incidents with views. The only writer of every ``Response``."""

    def __init__(
        self,
        *,
        journal: Journal,
        key: NodeKey,
        eyes: Eyes,
        owners: Owners,
        consoles: Consoles,
        clock: Clock,
        show: OnView,
        group: asyncio.TaskGroup,
    ) -> None:
        self._journal = journal
        self._granting = Granting(key, owners, consoles, clock)
        self._eyes = eyes
        self._owners = owners
        self._consoles = consoles
        self._clock = clock
        self._show = show
        self._group = group
        self.responses: dict[IncidentId, Response] = {}
        self.turns = Turns(self._answer, self._start, clock)
        """Incidents that wait to be answered."""
        self._showing: dict[IncidentId, Response] = {}
        """Open incidents with views: a few of all."""
        self._ended: dict[IncidentId, None] = {}
        """In the order in which they ended."""
        self.apart = False
        """This node is without the hub: what it takes now is marked so."""

    def _start[T](self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T | None]:
        """Go on with something beside; what fails of it costs that thing, never the hub."""

        async def guarded() -> T | None:
            try:
                return await work
            except SafetyNetError as error:
                log.error("responder.failed", code=error.code, message=error.message)
                return None

        guarding = guarded()
        try:
            return self._group.create_task(guarding)
        except RuntimeError as error:
            # The hub is ending and takes no more work; leases end what it can no longer close.
            guarding.close()
            work.close()
            raise UnavailableError("hub.ending", "the hub is ending") from error

    def take(self, change: Change) -> None:
        """An incident opened, changed or ended; returns at once, the work goes on in a task."""
        incident = change.after
        response = self.responses.get(incident.id)
        if response is not None and incident.revision < response.incident.revision:
            return  # a newer word, which another process took, was heard before
        if response is None:
            response = self.responses[incident.id] = Response(incident=incident, apart=self.apart)
        moved = _needs_views(response, incident)
        response.incident = incident
        self._show(response)
        if not incident.state.is_open:
            self._forget_old(incident.id)
            self._start(self.end(response))
        elif moved:
            self.turns.want(response)

    async def _answer(self, response: Response) -> None:
        await self._start(self.respond(response))

    def knows(self, incident: IncidentId, revision: int) -> bool:
        """True where nothing older than this is known of an incident."""
        response = self.responses.get(incident)
        return response is not None and response.incident.revision >= revision

    def forget(self, incident: IncidentId) -> None:
        """The words of an incident are destroyed: consoles and memory lose them too."""
        response = self.responses.get(incident)
        if response is not None:
            known = response.incident
            place = msgspec.structs.replace(known.place, address="")
            response.incident = msgspec.structs.replace(known, detail="", place=place)
            self._show(response)

    async def respond(self, response: Response) -> None:
        """Choose views and have them opened. One choice at a time for an incident: what happens
        meanwhile makes it choose once more."""
        response.wanted += 1
        if response.wanted > 1:
            return
        try:
            while response.wanted and response.incident.state.is_open:
                response.wanted = 1
                await self._respond(response)
                response.wanted -= 1
        finally:
            response.wanted = 0

    async def _respond(self, response: Response) -> None:
        now = self._clock.now()
        try:
            response.plan = plan_incident(response.incident, now)
        except RefusedError as error:
            response.refused = error.code
            await self._journal.append([draft_of_refusal(response, now)])
            # It may have been a trigger before: what was opened for it is closed.
            views, response.views = list(response.views.values()), {}
            await self._drop(response, views)
            self._show(response)
            return
        response.refused = ""
        for _ in range(ROUNDS):
            if not await self._open_views(response, response.plan):
                return

    def list_held(self, but: Response | None = None) -> dict[CameraId, Aim]:
        """PTZ cameras that open incidents have turned, and where to; those of one left out."""
        return {
            camera: view.chosen.aim
            for other in self._showing.values()
            if other is not but and other.incident.state.is_open
            for camera, view in other.views.items()
            if view.chosen.aim is not None and view.state in ("asked", "ready")
        }

    async def _open_views(self, response: Response, plan: Plan) -> bool:
        """One round; True where views were lost and others should be tried."""
        request = plan_request(response.incident, plan, night=is_night(self._clock.now()))
        away = self._owners.list_away()
        decision = await self._eyes.decide(
            request, away, response.lost, self.list_held(but=response)
        )
        choice = decision.choice
        if not response.incident.state.is_open or _is_served(response, choice):
            return False
        dropped = self._adopt(response, choice)
        asking = [
            self._start(self._ask_owner(response, plan, owner))
            for owner in sorted({v.owner for v in choice.views})
        ]
        viewers = [console.viewer for console in self._consoles.list_all()]
        issued = self._granting.issue(response, plan, viewers)
        await self._journal.append(
            [draft_of_choice(response, plan, decision, self._clock.now()), *issued]
        )
        self._show(response)
        for viewer in viewers:
            self._granting.hand(response, viewer)
        self._start(self._draw_areas(response))
        await self._drop(response, dropped)
        lost = [camera for task in asking for camera in await task or ()]
        response.lost |= frozenset(lost)
        return bool(lost) and response.incident.state.is_open

    def _adopt(self, response: Response, choice: Choice) -> list[ViewView]:
        """Take a choice over: views that go on keep their state; returns those that do not."""
        old = response.views
        response.choice = choice
        if response.decided_ms is None:
            response.decided_ms = self._since_ms(response, exact=True)
        views = [
            response.with_words(self._view(rank, view, old))
            for rank, view in enumerate(choice.views, start=1)
        ]
        response.views = {view.camera: view for view in views}
        if views:
            self._showing[response.incident.id] = response
        return [view for camera, view in old.items() if camera not in response.views]

    async def _drop(self, response: Response, dropped: Sequence[ViewView]) -> None:
        """Close what was granted for views that are no longer chosen, and let the cameras go."""
        cameras = {view.camera for view in dropped}
        grants = [g.grant for g in response.grants.values() if g.grant.camera in cameras]
        for grant in grants:
            response.grants.pop(grant.id, None)
        if grants:
            drafts = [
                entries.closed(g.id, g.incident, response.refused or "replaced") for g in grants
            ]
            await self._journal.append(drafts)
        for owner in sorted({view.owner for view in dropped} - self._owners.list_away()):
            await self._owners.close_views(
                owner,
                response.incident.id,
                grants=[g.id for g in grants if g.audience == owner],
                cameras=[v.camera for v in dropped if v.owner == owner],
                over=False,
            )

    def _view(self, rank: int, chosen: ChosenView, old: dict[CameraId, ViewView]) -> ViewView:
        record = self._eyes.roll.get_record(chosen.camera)
        known = old.get(chosen.camera)
        return ViewView(
            rank=rank,
            camera=chosen.camera,
            camera_name=record.name,
            owner=chosen.owner,
            at=(record.lon, record.lat),
            chosen=still_held(chosen, known.chosen if known else None),
            area=known.area if known else (),
            state=known.state if known else "asked",
            note=known.note if known else "",
        )

    async def _draw_areas(self, response: Response) -> None:
        views = list(response.views.values())
        areas = await self._eyes.areas([(v.camera, v.chosen.aim) for v in views])
        for view, area in zip(views, areas, strict=True):
            if view.camera in response.views:
                now = response.views[view.camera]
                response.views[view.camera] = msgspec.structs.replace(now, area=area)
        self._show(response)

    async def _ask_owner(self, response: Response, plan: Plan, owner: NodeId) -> list[CameraId]:
        """Have an owner open its views; the cameras that it does not give."""
        mine = [v for v in response.views.values() if v.owner == owner]
        wanted = tuple(wanted_of(v.chosen) for v in mine)
        answer = await self._owners.open_views(owner, response.incident, plan, wanted)
        if not response.incident.state.is_open:
            return []
        states = [(v.camera, *state_of(v.camera, answer)) for v in mine]
        drafts = [
            view_changed(response.incident.id, camera, state=state, note=note)
            for camera, state, note in states
            if response.set_view(camera, state, note)
        ]
        if drafts:
            await self._journal.append(drafts)
            self._show(response)
        return [camera for camera, state, _ in states if state != "ready"]

    async def welcome(self, viewer: Viewer) -> None:
        """A console came: grants for what is open now."""
        for response in list(self.responses.values()):
            if response.plan is None or not response.incident.state.is_open:
                continue
            drafts = self._granting.issue(response, response.plan, [viewer])
            if drafts:
                await self._journal.append(drafts)
            self._granting.hand(response, viewer)

    async def farewell(self, viewer: Viewer) -> None:
        """A console left: its grants are closed."""
        for response in list(self.responses.values()):
            mine = [g.grant for g in response.grants_of(viewer)]
            if mine:
                await self._close_grants(response, mine, over=False)

    async def end(self, response: Response) -> None:
        """The incident is over: cut what runs, send cameras home, close the ledger lines."""
        grants = [g.grant for g in response.grants.values()]
        for camera in response.views:
            response.set_view(camera, "ended")
        await self._close_grants(response, grants, over=True)
        await end_left(self._journal, self._owners, response.incident)
        self._show(response)

    async def _close_grants(
        self, response: Response, grants: Sequence[Grant], *, over: bool
    ) -> None:
        """Tell the owners first: what runs must stop whether or not our disk is quick."""
        for grant in grants:
            response.grants.pop(grant.id, None)
        owners = response.owners() if over else {g.audience for g in grants}
        telling = [
            self._start(
                self._owners.close_views(
                    owner,
                    response.incident.id,
                    grants=[g.id for g in grants if g.audience == owner],
                    cameras=(),
                    over=over,
                )
            )
            for owner in sorted(owners)
        ]
        reason = response.incident.state.value if over else "viewer_left"
        closed: list[Grant | entries.GrantBody] = [*grants]
        if over:
            closed += response.drop_inherited()
        if closed:
            await self._journal.append([entries.closed(g.id, g.incident, reason) for g in closed])
        await asyncio.gather(*telling)

    async def renew(self) -> None:
        """Extend the leases of everything open, and the hold on cameras that nobody watches yet."""
        held = [
            Held(
                owner=owner,
                incident=response.incident.id,
                grants=response.grants_at(owner),
                lease_s=response.lease_s,
            )
            for response in self.responses.values()
            if (response.views or response.inherited) and response.incident.state.is_open
            for owner in sorted(response.owners())
        ]
        await self._owners.renew(held)

    def fill_up(self) -> None:
        """More cameras joined: incidents that are short of views may get them now."""
        for response in self.responses.values():
            plan = response.plan
            short = plan is None or len(response.views) < plan.views
            if short and not response.refused and response.incident.state.is_open:
                self.turns.want(response)

    def hand_again(self, owner: NodeId) -> None:
        """An owner's gateway may have moved: whoever holds its grants gets them with the address."""
        for response in self.responses.values():
            if response.incident.state.is_open and owner in response.owners():
                for console in self._consoles.list_all():
                    self._granting.hand(response, console.viewer)

    def take_back(self, owner: NodeId) -> None:
        """An owner is back: incidents that lost its views choose anew, its cameras among them."""
        for response in self.responses.values():
            silent = {c for c in response.lost if self._eyes.roll.find_owner(c) == owner}
            if response.incident.state.is_open and (silent or owner in response.left_by):
                response.lost -= silent
                response.left_by -= {owner}
                self.turns.want(response)

    async def lose_owner(self, owner: NodeId) -> None:
        """An owner is away: its views are lost, the choice falls to the next best."""
        for response in list(self.responses.values()):
            gone = [v.camera for v in response.views.values() if v.owner == owner]
            if gone and response.incident.state.is_open:
                response.left_by |= {owner}
                for camera in gone:
                    response.set_view(camera, "away", "owner.away")
                self._show(response)
                self.turns.want(response)

    async def lose_camera(self, camera: CameraId, state: HealthState) -> None:
        """A camera fell ill: where it is watched, the choice falls to the next best."""
        for response in list(self.responses.values()):
            if camera in response.views and response.incident.state.is_open:
                response.set_view(camera, "refused", f"camera.{state.value}")
                self._show(response)
                self.turns.want(response)

    async def note_eyes(self, viewer: Viewer, shown: EyesOn | StillShown) -> None:
        """A picture is on a viewer's screen; the first one closes time-to-eyes."""
        response = self.responses.get(shown.incident)
        issued = response.grants.get(shown.grant) if response else None
        if response is None or issued is None or not _is_of(issued.grant, viewer, shown):
            raise RefusedError("eyes.no_grant", "this viewer has no such grant", grant=shown.grant)
        took_ms = round(self._since_ms(response))
        if isinstance(shown, EyesOn):
            draft = eyes_on
            response.eyes_ms = took_ms if response.eyes_ms is None else response.eyes_ms
        else:
            draft = still_shown
            response.still_ms = took_ms if response.still_ms is None else response.still_ms
        self._show(response)
        await self._journal.append(
            [
                draft(
                    shown.incident,
                    shown.camera,
                    grant=shown.grant,
                    viewer=viewer.id,
                    at=self._clock.now(),
                    took_ms=took_ms,
                )
            ]
        )

    async def note_turn(self, response: Response, camera: CameraId, aim: Aim) -> None:
        """An operator had a view's camera turned: what it shows now is drawn anew."""
        view = response.views.get(camera)
        if view is None:
            return
        chosen = msgspec.structs.replace(view.chosen, aim=aim, sweep=None)
        response.views[camera] = msgspec.structs.replace(view, chosen=chosen)
        await self._draw_areas(response)

    async def judge(self, viewer: Viewer, word: ViewJudged) -> None:
        """A viewer says whether a view shows the scene; what was said before counts no more."""
        response = self.responses.get(word.incident)
        if response is None:
            raise RefusedError("view.no_grant", "no such incident", incident=word.incident)
        if plan_judgement(response, viewer, word, self._clock.now()) is None:
            return
        if word.shown:  # what sweeps stays there, and the word is about that
            await self._hold(response, word.camera)
        body = plan_judgement(response, viewer, word, self._clock.now())
        if body is None:
            return
        await self._journal.append([view_judged(body)])
        response.set_word(body)
        self._show(response)
        await self._eyes.learn([body])

    async def hold(self, viewer: Viewer, word: ViewHeld) -> None:
        """A viewer ends a sweep at what it just showed."""
        response = self.responses.get(word.incident)
        mine = response.grants_of(viewer) if response else []
        if response is None or word.camera not in {g.grant.camera for g in mine}:
            raise RefusedError("view.no_grant", "no such view", camera=word.camera)
        await self._hold(response, word.camera)

    async def _hold(self, response: Response, camera: CameraId) -> None:
        draft = await hold_view(self._owners, response, camera)
        if draft is not None:
            await self._journal.append([draft])
            self._show(response)
            self._start(self._draw_areas(response))

    def _since_ms(self, response: Response, *, exact: bool = False) -> float:
        passed = self._clock.now() - response.incident.received_at
        return round(passed.total_seconds() * 1000, 1 if exact else 0)

    def _forget_old(self, ended: IncidentId) -> None:
        self._showing.pop(ended, None)
        self._ended[ended] = None
        while len(self._ended) > KEPT_RESPONSES:
            oldest = next(iter(self._ended))
            del self._ended[oldest]
            self.responses.pop(oldest, None)


def _is_served(response: Response, choice: Choice) -> bool:
    """True where the choice is what is open already: nothing to ask for, nothing to write down."""
    before = response.choice
    if before is None or before.views != choice.views:
        return False
    return bool(choice.views) and all(v.state == "ready" for v in response.views.values())


def _needs_views(response: Response, incident: Incident) -> bool:
    if response.plan is None and not response.refused:
        return True
    before = response.incident
    return (before.place.at, before.place.error_m, before.kind, before.grade) != (
        incident.place.at,
        incident.place.error_m,
        incident.kind,
        incident.grade,
    )


def _is_of(grant: Grant, viewer: Viewer, shown: EyesOn | StillShown) -> bool:
    return (grant.viewer, grant.camera) == (viewer.id, shown.camera)
