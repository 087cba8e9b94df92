"""The simulation's own HTTP interface, on loopback: stage, end, break, look."""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from safetynet.base.clock import Clock
from safetynet.base.errors import ErrorKind, InvalidError, NotFoundError, SafetyNetError
from safetynet.base.geo import Plane
from safetynet.sim.asgi import Receive, Scope, Send, headers_of, read_body, send_response
from safetynet.sim.callers import Callers, Hub
from safetynet.sim.camera import CameraPark, Fault, Pose
from safetynet.sim.rtsp.feed import Feeds
from safetynet.sim.stage import Stage, StageOrder
from safetynet.sim.world import SIGNATURES, World

_MAX_BODY_BYTES: Final = 16 << 10
_ORIGIN: Final = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?")
_STATUS: Final = {ErrorKind.INVALID: 400, ErrorKind.NOT_FOUND: 404}


class FaultOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be wrong with a camera."""

    camera: str
    fault: Fault


class ThingView(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that stands in the world."""

    id: str
    kind: str
    lon: float
    lat: float
    signature: int
    rgb: tuple[int, int, int]
    since: datetime
    sender: str | None
    """Who reported it, where somebody did."""
    key: str | None


class WorldView(msgspec.Struct, frozen=True, kw_only=True):
    """The world as it is now."""

    now: datetime
    things: tuple[ThingView, ...]
    watched: dict[str, int]
    """Viewers of each watched camera."""


class CameraView(msgspec.Struct, frozen=True, kw_only=True):
    """One camera as it is now."""

    id: str
    name: str
    ptz: bool
    rtsp: str
    onvif: str
    """Its device service."""
    pose: Pose
    turning: bool
    fault: Fault
    viewers: int


class ControlApp:
    """An ASGI application; ``rtsp`` and ``onvif`` are the servers' base addresses."""

    def __init__(
        self,
        *,
        stage: Stage,
        world: World,
        plane: Plane,
        park: CameraPark,
        feeds: Feeds,
        callers: Callers,
        clock: Clock,
        rtsp: str,
        onvif: str,
    ) -> None:
        self._stage = stage
        self._world = world
        self._plane = plane
        self._park = park
        self._feeds = feeds
        self._callers = callers
        self._clock = clock
        self._rtsp = rtsp
        self._onvif = onvif

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; browsers only where the page comes from this machine."""
        if scope["type"] != "http":
            return
        origin = headers_of(scope).get("origin")
        if origin is not None and not _ORIGIN.fullmatch(origin):
            await send_response(send, 403, b"", {})
            return
        status, answer = await self._answer(scope, receive)
        headers = {"content-type": "application/json", **_cors(origin)}
        await send_response(send, status, msgspec.json.encode(answer), headers)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, Any]:
        if scope["method"] == "OPTIONS":
            return 200, {}
        head, *rest = [p for p in scope["path"].split("/") if p] or [""]
        handler = self._handlers().get((scope["method"], head, len(rest)))
        if handler is None:
            return 404, _problem(404, "http.not_found", "no such address")
        body = await read_body(receive, _MAX_BODY_BYTES)
        try:
            return 200, await handler(rest[0] if rest else "", body or b"")
        except SafetyNetError as error:
            status = _STATUS.get(error.kind, 500)
            return status, _problem(status, error.code, error.message)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            return 400, _problem(400, "http.body", str(error))

    def _handlers(self) -> dict[tuple[str, str, int], Callable[[str, bytes], Awaitable[Any]]]:
        return {
            ("POST", "stage", 0): self._begin,
            ("DELETE", "stage", 1): self._end,
            ("POST", "faults", 0): self._break,
            ("GET", "world", 0): self._look,
            ("GET", "cameras", 1): self._camera,
            ("PUT", "hub", 0): self._hub,
        }

    async def _begin(self, _: str, body: bytes) -> Any:
        return await self._stage.begin(msgspec.json.decode(body, type=StageOrder))

    async def _end(self, staged_id: str, _: bytes) -> Any:
        return await self._stage.end(staged_id)

    async def _break(self, _: str, body: bytes) -> Any:
        order = msgspec.json.decode(body, type=FaultOrder)
        camera = self._park.get(order.camera)
        camera.fault = order.fault
        if order.fault is Fault.DEAD:
            self._feeds.end(camera.id)
        return order

    async def _look(self, _: str, __: bytes) -> WorldView:
        calls = self._stage.calls
        things = []
        for thing in self._world.snapshot():
            lon, lat = self._plane.to_lonlat(thing.x, thing.y)
            call = calls.get(thing.id)
            things.append(
                ThingView(
                    id=thing.id,
                    kind=thing.kind,
                    lon=lon,
                    lat=lat,
                    signature=thing.signature,
                    rgb=SIGNATURES[thing.signature],
                    since=thing.since,
                    sender=call.sender if call else None,
                    key=call.key if call else None,
                )
            )
        watched = {str(camera): viewers for camera, viewers in self._feeds.watched.items()}
        return WorldView(now=self._clock.now(), things=tuple(things), watched=watched)

    async def _camera(self, name: str, _: bytes) -> CameraView:
        camera = self._park.find(name)
        if camera is None:
            raise NotFoundError("camera.unknown", "no such camera")
        now_s = self._clock.monotonic_s()
        return CameraView(
            id=camera.id,
            name=camera.name,
            ptz=camera.head is not None,
            rtsp=f"{self._rtsp}/{camera.id}",
            onvif=f"{self._onvif}/onvif/{camera.id}/device_service",
            pose=camera.pose(now_s),
            turning=camera.is_turning(now_s),
            fault=camera.fault,
            viewers=self._feeds.watched.get(camera.id, 0),
        )

    async def _hub(self, _: str, body: bytes) -> Hub:
        self._callers.hub = checked_hub(msgspec.json.decode(body, type=Hub))
        return self._callers.hub


def checked_hub(hub: Hub) -> Hub:
    """The same, or ``InvalidError`` where an address cannot be one."""
    frames = [*hub.desks.values(), *([hub.ucp] if hub.ucp is not None else [])]
    if not all(re.fullmatch(r"\S+:\d{1,5}", address) for address in frames):
        raise InvalidError("hub.ucp", "not host:port")
    url = hub.http_report_url
    if url is not None and not url.startswith(("http://", "https://")):
        raise InvalidError("hub.http_report_url", "not an http address")
    return hub


def _cors(origin: str | None) -> dict[str, str]:
    if origin is None:
        return {}
    return {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "GET, POST, PUT, DELETE",
        "access-control-allow-headers": "content-type",
        "access-control-max-age": "600",
        "vary": "origin",
    }


def _problem(status: int, code: str, title: str) -> dict[str, str | int]:
    return {"type": code, "title": title, "status": status}
