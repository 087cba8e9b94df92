"""The hub's HTTP and WebSocket API, and the console's files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
from litestar import Litestar, Request, Response, WebSocket, get, post, websocket
from litestar.datastructures import MutableScopeHeaders
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.router import Router
from litestar.static_files import create_static_files_router
from litestar.types import ASGIApp, ControllerRouterHandler, Message, Receive, Scope, Send

from safetynet import __version__
from safetynet.base.errors import SafetyNetError, UnavailableError
from safetynet.base.ids import CameraId, IncidentId, NodeId
from safetynet.sight.model import Request as Question
from safetynet.web.asking import question_of
from safetynet.web.desk import Desk, FrontDesk
from safetynet.web.live import serve_console
from safetynet.web.problems import answer_http, answer_own, answer_validation
from safetynet.web.relay import serve_relay
from safetynet.web.taking import takings
from safetynet.web.types import (
    CameraPoint,
    CityView,
    DestroyedView,
    DestroyIn,
    HealthView,
    IncidentView,
    JournalLine,
    NodeView,
    ReportAccepted,
    ReportIn,
    SettingsView,
    ViewsAnswer,
    WhyAnswer,
)

STATIC = Path(__file__).parent / "static"
MAX_REPORT_BYTES = 256 * 1024
TILE_CACHE = "public, max-age=3600"
CSP = (
    "default-src 'self'; connect-src 'self' ws: wss: http://127.0.0.1:* http://localhost:*; "
    "img-src 'self' blob: data:; media-src 'self' blob:; worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def create_app(desk: Desk, static: Path = STATIC) -> Litestar:
    """The web of one hub. ``static`` holds the built console; without it only the API is served."""
    api = [
        *_own(desk),
        *_place_reads(desk),
        *_incident_reads(desk),
        *_questions(desk),
        *_writes(desk),
        *takings(desk),
        *_sockets(desk),
    ]
    docs = OpenAPIConfig(title="Smart City Safety Net", version=__version__, path="/api/docs")
    return _make_app(api, static, docs)


def create_front(
    desk: FrontDesk, others: Sequence[ControllerRouterHandler], static: Path = STATIC
) -> Litestar:
    """The web of a hub's process that does not answer: what every process does by itself, and handlers
    of ``others`` for the rest of ``/api``."""
    return _make_app([*_own(desk), *others], static, None)


class Front:
    """The web of one process: its own while it answers, else the front that passes on."""

    def __init__(self, passing_on: ASGIApp | None = None) -> None:
        self.answering: ASGIApp | None = None
        self._passing_on = passing_on

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, as ASGI has it."""
        app = self.answering or self._passing_on
        if app is None:
            raise UnavailableError("hub.nobody_answers", "this process does not answer yet")
        await app(scope, receive, send)


def _make_app(
    api: Sequence[ControllerRouterHandler], static: Path, docs: OpenAPIConfig | None
) -> Litestar:
    handlers: list[ControllerRouterHandler] = [Router("/api", route_handlers=list(api))]
    if (static / "index.html").exists():
        handlers.append(create_static_files_router("/", [static], html_mode=True))
    return Litestar(
        route_handlers=handlers,
        openapi_config=docs,
        exception_handlers={
            SafetyNetError: answer_own,
            HTTPException: answer_http,
            msgspec.ValidationError: answer_validation,
        },
        request_max_body_size=MAX_REPORT_BYTES,
        before_send=[_add_headers],
        logging_config=None,
    )


async def _add_headers(message: Message, _: Scope) -> None:
    """To every answer, also to those that no route made."""
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in HEADERS.items():
            headers.setdefault(name, value)


def _own(desk: FrontDesk) -> list[ControllerRouterHandler]:
    """What every process of a hub does by itself."""

    @get("/health")
    async def health() -> HealthView:
        """200 while this process takes reports, 503 otherwise."""
        return await desk.get_health()

    @get("/ready")
    async def ready() -> HealthView:
        """200 where this process answers for the hub, 503 where another one does."""
        found = await desk.get_health()
        if not found.answers:
            raise UnavailableError("hub.not_answering", "another process answers for this hub")
        return found

    @post("/reports")
    async def report(request: Request[Any, Any, Any], data: JSONBody[ReportIn]) -> ReportAccepted:
        """Take a report; 201 when it is on disk. Idempotent on (sender, key)."""
        return await desk.accept_report(data, await request.body())

    return [health, ready, report, *_city(desk)]


def _city(desk: FrontDesk) -> list[ControllerRouterHandler]:
    @get("/settings", sync_to_thread=False)
    def settings() -> SettingsView:
        """What the console must know about this installation."""
        return desk.get_settings()

    @get("/city", sync_to_thread=False)
    def city() -> CityView:
        """The city's districts and bounds."""
        return desk.get_city()

    @get("/map/{z:int}/{x:int}/{y:int}", sync_to_thread=False)
    def tile(z: FromPath[int], x: FromPath[int], y: FromPath[int]) -> Response[bytes]:
        """A vector tile of the map; 204 where it is empty."""
        found = desk.find_tile(z, x, y)
        if found is None:
            return Response(b"", status_code=204, headers={"cache-control": TILE_CACHE})
        kind = "application/vnd.mapbox-vector-tile"
        headers = {"content-encoding": "gzip", "cache-control": TILE_CACHE}
        return Response(found.data, media_type=kind, headers=headers)

    return [settings, city, tile]


def _place_reads(desk: Desk) -> list[ControllerRouterHandler]:
    @get("/cameras", sync_to_thread=False)
    def cameras(owner: FromQuery[str | None] = None) -> Sequence[CameraPoint]:
        """Cameras of the districts that joined, or of one of them."""
        return desk.list_cameras(NodeId(owner) if owner else None)

    @get("/nodes", sync_to_thread=False)
    def nodes() -> Sequence[NodeView]:
        """Every district of the programme, and how it stands."""
        return desk.list_nodes()

    return [cameras, nodes]


def _incident_reads(desk: Desk) -> list[ControllerRouterHandler]:
    @get("/incidents", sync_to_thread=False)
    def incidents() -> Sequence[IncidentView]:
        """Open incidents and the most recently ended ones, newest first."""
        return desk.list_incidents()

    @get("/incidents/{incident:str}", sync_to_thread=False)
    def incident(incident: FromPath[str]) -> IncidentView:
        """One incident with its views, reasons and times."""
        return desk.get_incident(IncidentId(incident))

    @get("/journal/{node:str}")
    async def journal(
        node: FromPath[str],
        after: Annotated[int, QueryParameter(ge=0)] = 0,
        incident: FromQuery[str | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 200,
    ) -> Sequence[JournalLine]:
        """Entries of a node's journal as the hub holds them, verbatim, oldest first."""
        which = IncidentId(incident) if incident else None
        return await desk.list_journal(NodeId(node), after, which, limit)

    return [incidents, incident, journal]


def _questions(desk: Desk) -> list[ControllerRouterHandler]:
    question = question_of(desk)

    @get("/views", dependencies=question)
    async def views(asked: NamedDependency[Question]) -> ViewsAnswer:
        """Which views would show a place now, and why; nothing is opened.

        The place is a point (`lon`, `lat`, with `error_m`), a circle (`radius_m` too), a polygon (`ring`),
        a stretch (`line`, or `address`), or something that moves (a point with `speed_mps`).
        """
        return await desk.choose_views(asked)

    @get("/views/why", dependencies=question)
    async def why(camera: FromQuery[str], asked: NamedDependency[Question]) -> WhyAnswer:
        """Why one camera would be chosen for this place, or why not."""
        return await desk.explain_view(CameraId(camera), asked)

    @get("/incidents/{incident:str}/why")
    async def why_for(incident: FromPath[str], camera: FromQuery[str]) -> WhyAnswer:
        """Why one camera was chosen for an incident, or why not; by its own question."""
        return await desk.explain_for(CameraId(camera), IncidentId(incident))

    return [views, why, why_for]


def _writes(desk: Desk) -> list[ControllerRouterHandler]:
    @post("/incidents/{incident:str}/close", status_code=200)
    async def close(incident: FromPath[str]) -> IncidentView:
        """End an incident: running pictures stop within a second."""
        return await desk.close_incident(IncidentId(incident))

    @post("/destructions")
    async def destroy(data: JSONBody[DestroyIn]) -> DestroyedView:
        """Destroy the sealed words of an incident that is over; 201 when no key of them is left."""
        return await desk.destroy(data)

    return [close, destroy]


def _sockets(desk: Desk) -> list[ControllerRouterHandler]:
    @websocket("/live")
    async def live(socket: WebSocket[Any, Any, Any]) -> None:
        await serve_console(socket, desk)

    @websocket("/relay/{owner:str}")
    async def relay(socket: WebSocket[Any, Any, Any], owner: FromPath[str]) -> None:
        await serve_relay(socket, desk.find_gateway(NodeId(owner)))

    return [live, relay]
