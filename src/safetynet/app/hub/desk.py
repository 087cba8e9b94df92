"""A desk as its web sees it: the hub's, or a district's own."""

import asyncio
import time
from collections.abc import Sequence
from functools import lru_cache

from safetynet.access.destruction import BASIS
from safetynet.app.cameras import home_of, is_ptz
from safetynet.app.hub.consoles import Consoles
from safetynet.app.hub.destroying import Destroyer
from safetynet.app.hub.elsewhere import Elsewhere, Taken
from safetynet.app.hub.eyes import Eyes
from safetynet.app.hub.front import HubFront
from safetynet.app.hub.intake import Intake
from safetynet.app.hub.owners import Owners, line_of, since
from safetynet.app.hub.responder import Responder
from safetynet.app.hub.response import Response, view_incident
from safetynet.app.hub.taking import Takings
from safetynet.app.hub.why import Circumstances, explain_camera
from safetynet.base.clock import Clock
from safetynet.base.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    SafetyNetError,
)
from safetynet.base.ids import HUB, CameraId, IncidentId, NodeId
from safetynet.city.address import read_address_range
from safetynet.city.lookup import Gazetteer
from safetynet.city.model import CameraKind, Origin
from safetynet.city.tiles import MapTiles
from safetynet.federation.directory import Standing
from safetynet.incident.read import get_incident
from safetynet.incident.state import end_incident
from safetynet.journal.append import Journal
from safetynet.journal.entry import Entry
from safetynet.journal.read import read_incident, read_sequences
from safetynet.services.plan import find_service
from safetynet.sight.address import find_stretch
from safetynet.sight.model import Choice, Moving, Request, Stretch
from safetynet.web.desk import Feed
from safetynet.web.taking_types import ClipIn, ClipMade, ClipView, StillIn, StillView, TurnIn
from safetynet.web.types import (
    CameraPoint,
    DestroyedView,
    DestroyIn,
    EyesOn,
    FromConsole,
    Hello,
    IncidentEvent,
    IncidentView,
    JournalLine,
    NodeView,
    SettingsView,
    Snapshot,
    StillShown,
    ViewHeld,
    ViewJudged,
    ViewsAnswer,
    ViewView,
    WhyAnswer,
)

LISTED_INCIDENTS = 200
REMEMBERED_PLACES = 4096


class HubDesk(HubFront):
    """Implements ``web.desk.Desk`` over the parts of a hub, or of a district with a desk of its own."""

    def __init__(
        self,
        *,
        settings: SettingsView,
        journal: Journal,
        intake: Intake,
        responder: Responder,
        eyes: Eyes,
        owners: Owners,
        consoles: Consoles,
        gazetteer: Gazetteer,
        tiles: MapTiles,
        destroyer: Destroyer,
        takings: Takings,
        elsewhere: Elsewhere | None = None,
        clock: Clock,
    ) -> None:
        super().__init__(
            settings=settings,
            journal=journal,
            intake=intake,
            city=eyes.city,
            tiles=tiles,
            clock=clock,
        )
        self._elsewhere = elsewhere
        self._destroyer = destroyer
        self._takings = takings
        self._responder = responder
        self._eyes = eyes
        self._owners = owners
        self._consoles = consoles
        # An incident is shown many times, and its place seldom moves.
        self._find_dong_at = lru_cache(REMEMBERED_PLACES)(gazetteer.find_dong_at)

    # reads

    def list_cameras(self, owner: NodeId | None) -> Sequence[CameraPoint]:
        """Cameras of the districts that joined."""
        return [
            CameraPoint(
                id=record.id,
                name=record.name,
                owner=node,
                lon=record.lon,
                lat=record.lat,
                kind=CameraKind.PTZ.name.lower() if is_ptz(record) else "fixed",
                origin=Origin(record.position_origin).name.lower(),
                aim=home_of(record),
            )
            for node, record in self._eyes.roll.list_records(owner)
        ]

    def list_nodes(self) -> Sequence[NodeView]:
        """Every district that this desk shows, and how it stands; at a district's desk the hub too."""
        return [self.view_node(s) for s in self._owners.directory.list_all() if self.shows(s.node)]

    def shows(self, node: NodeId) -> bool:
        """True for nodes that consoles of this desk hear of."""
        return node == HUB or any(d.node == node for d in self._city.districts)

    def list_incidents(self) -> Sequence[IncidentView]:
        """Open incidents and the most recently ended ones, newest first."""
        views = [self.view(r) for r in self._responder.responses.values()]
        if self._elsewhere is not None:
            views += [self.view_taken(t) for t in self._elsewhere.list_all()]
        views.sort(key=lambda v: v.received_at, reverse=True)
        return views[:LISTED_INCIDENTS]

    def get_incident(self, incident: IncidentId) -> IncidentView:
        """One incident; raises ``NotFoundError``."""
        taken = self._elsewhere.find(incident) if self._elsewhere else None
        return self.view_taken(taken) if taken else self.view(self._get_response(incident))

    async def list_journal(
        self, node: NodeId, after: int, incident: IncidentId | None, limit: int
    ) -> Sequence[JournalLine]:
        """Entries of one node's journal, or of all on one incident where ``node`` is ``all``."""
        if incident is not None:
            found = await read_incident(self._journal.store, incident)
            entries = [e for e in found if node in ("all", e.node)][:limit]
        else:
            entries = await read_sequences(self._journal.store, node, after + 1, after + limit)
        return [_line(entry) for entry in entries]

    async def find_address(self, address: str, district: NodeId | None) -> Stretch:
        """Where a range of road-name addresses lies, off the loop: it takes some 50 ms."""
        found = read_address_range(address)
        return await asyncio.to_thread(
            find_stretch, self._eyes.city, found.street, found.low, found.high, district
        )

    async def choose_views(self, asked: Request) -> ViewsAnswer:
        """Which views would show this place now."""
        began = time.perf_counter()
        now = self._circumstances()
        hand_over = None
        if isinstance(asked.place, Moving):
            choice, hand_over = await self._eyes.follow(asked, now.away, now.held)
        else:
            choice = await self._eyes.choose(asked, now.away, now.lost, now.held)
        took_ms = (time.perf_counter() - began) * 1000
        return ViewsAnswer(
            views=await self._draw(choice),
            passed_over=choice.passed_over,
            chance=choice.chance,
            took_ms=round(took_ms, 3),
            hand_over=hand_over,
        )

    async def explain_view(self, camera: CameraId, asked: Request) -> WhyAnswer:
        """Why a camera would be chosen now, or why not."""
        return await explain_camera(self._eyes, camera, asked, self._circumstances())

    async def explain_for(self, camera: CameraId, incident: IncidentId) -> WhyAnswer:
        """Why a camera was chosen for an incident, or why not; by its own question."""
        response = self._get_response(incident)
        if response.choice is None:
            raise ConflictError(
                "views.not_chosen", "no views were chosen for this incident", incident=incident
            )
        return await explain_camera(
            self._eyes,
            camera,
            response.choice.request,
            self._circumstances(response),
            decided=response.choice,
        )

    def find_gateway(self, owner: NodeId) -> str | None:
        """WebSocket address of an owner's gateway."""
        return self._owners.find_gateway(owner)

    # writes

    async def close_incident(self, incident: IncidentId) -> IncidentView:
        """End an incident by an operator's hand; an ended one stays as it is."""
        response = self._get_response(incident)
        before = response.incident
        if before.state.is_open:
            kept = await self._journal.store.read(
                lambda conn: get_incident(conn, self._journal.node, incident)
            )
            if kept.body.revision != before.revision:
                raise ConflictError("incident.moved", "the incident changed meanwhile")
            await self._intake.move(kept, end_incident(before, self._clock.now()))
        return self.view(response)

    async def destroy(self, asked: DestroyIn) -> DestroyedView:
        """Destroy sealed words; returns when no key of them is left."""
        gone = await self._destroyer.destroy(asked.subject, because=asked.because, by=asked.by)
        entry = gone.entry
        return DestroyedView(
            subject=asked.subject,
            because=asked.because,
            basis=BASIS[asked.because],
            by=asked.by,
            destroyed_at=entry.at,
            number=f"{entry.node}-{entry.epoch}-{entry.seq}",
            key_destroyed=gone.key_destroyed,
            reports=gone.reports,
        )

    async def turn_view(self, incident: IncidentId, camera: CameraId, asked: TurnIn) -> ViewView:
        """Turn an open view's camera."""
        return await self._takings.turn(incident, camera, asked)

    async def take_still(self, incident: IncidentId, camera: CameraId, asked: StillIn) -> StillView:
        """Take a still of an open view."""
        return await self._takings.still(incident, camera, asked)

    async def export_clip(self, incident: IncidentId, camera: CameraId, asked: ClipIn) -> ClipView:
        """Have an open view recorded."""
        return await self._takings.export(incident, camera, asked)

    async def list_exports(self, incident: IncidentId) -> Sequence[ClipMade]:
        """What became of an incident's clips."""
        return await self._takings.list_exports(incident)

    # consoles

    async def open_console(self, hello: Hello) -> tuple[Feed, Snapshot]:
        """Register a viewer; its grants for what is open follow on its feed."""
        console = self._consoles.open(hello, self._clock.now())
        snapshot = Snapshot(
            now=self._clock.now(),
            viewer=console.viewer.id,
            incidents=tuple(self.list_incidents()),
            nodes=tuple(self.list_nodes()),
        )
        try:
            await self._responder.welcome(console.viewer)
        except SafetyNetError:
            self._consoles.close(console.viewer.id)
            raise
        return console.feed, snapshot

    async def close_console(self, feed: Feed) -> None:
        """The console left: its grants are closed."""
        viewer = self._consoles.get(feed.viewer).viewer
        self._consoles.close(feed.viewer)
        await self._responder.farewell(viewer)

    async def hear_console(self, feed: Feed, message: FromConsole) -> None:
        """A message from a registered console."""
        if isinstance(message, EyesOn | StillShown):
            await self._responder.note_eyes(self._consoles.get(feed.viewer).viewer, message)
        elif isinstance(message, ViewJudged):
            await self._responder.judge(self._consoles.get(feed.viewer).viewer, message)
        elif isinstance(message, ViewHeld):
            await self._responder.hold(self._consoles.get(feed.viewer).viewer, message)
        else:
            raise InvalidError("live.hello_again", "this console is registered already")

    # how things look

    def show(self, response: Response) -> None:
        """Send an incident as it is now to every console."""
        if self._consoles.list_all():
            self._consoles.tell_all(IncidentEvent(incident=self.view(response)))

    def show_taken(self, taken: Taken) -> None:
        """The same of one that another node took."""
        self._consoles.tell_all(IncidentEvent(incident=self.view_taken(taken)))

    def view_taken(self, taken: Taken) -> IncidentView:
        """An incident that another node took: what was decided, without pictures of it here."""
        kept = taken.kept
        response = Response(
            incident=taken.incident,
            refused=kept.choice.refused if kept.choice else "",
            apart=taken.apart,
            decided_ms=kept.choice.decided_ms if kept.choice else None,
            still_ms=kept.still_ms,
            eyes_ms=kept.eyes_on_ms,
        )
        return self.view(response, by=taken.node)

    def view(self, response: Response, by: NodeId | None = None) -> IncidentView:
        """An incident as consoles see it."""
        incident = response.incident
        found = find_service(incident.sender)
        code = found[0].value if found else ""
        basis = ("", "")
        if found:
            line = line_of(found[1])
            basis = (f"{line} {found[1].title_ko}", f"{line} {found[1].title_en}")
        dong = self._find_dong_at(incident.place.at)
        return view_incident(
            response,
            service=code,
            basis=basis,
            dong=dong.name_ko if dong else "",
            by=by or self._journal.node,
        )

    def view_node(self, standing: Standing) -> NodeView:
        """A node as consoles see it."""
        return NodeView(
            node=standing.node,
            state=standing.presence.value,
            can_show=standing.can_show,
            since=since(self._clock, standing.since_s),
            cameras=self._eyes.count(standing.node),
            head=standing.beat.head if standing.beat else 0,
            desk=standing.beat.desk if standing.beat else "",
        )

    def _get_response(self, incident: IncidentId) -> Response:
        try:
            return self._responder.responses[incident]
        except KeyError:
            taken = self._elsewhere.find(incident) if self._elsewhere else None
            if taken is not None:
                raise ConflictError(
                    "incident.elsewhere", "another node decides on it", node=taken.node
                ) from None
            raise NotFoundError("incident.unknown", "no such incident", incident=incident) from None

    def _circumstances(self, own: Response | None = None) -> Circumstances:
        return Circumstances(
            away=self._owners.list_away(),
            lost=own.lost if own else frozenset(),
            held=self._responder.list_held(but=own),
        )

    async def _draw(self, choice: Choice) -> tuple[ViewView, ...]:
        areas = await self._eyes.areas([(v.camera, v.aim) for v in choice.views])
        return tuple(
            ViewView(
                rank=rank,
                camera=view.camera,
                camera_name=(record := self._eyes.roll.get_record(view.camera)).name,
                owner=view.owner,
                at=(record.lon, record.lat),
                chosen=view,
                area=area,
                state="asked",
                note="",
            )
            for rank, (view, area) in enumerate(zip(choice.views, areas, strict=True), start=1)
        )


def _line(entry: Entry) -> JournalLine:
    return JournalLine(seq=entry.seq, leaf=entry.leaf, entry=entry.line.decode())
