"""What one RTSP connection may do, step by step: describe, set up, play, keep alive, tear down."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from safetynet.base.clock import Clock
from safetynet.sim.camera import SLOW_ANSWER_S, CameraPark, Fault, VirtualCamera
from safetynet.sim.rtsp.digest import DigestGuard
from safetynet.sim.rtsp.encoder import FRAMES_PER_S
from safetynet.sim.rtsp.feed import Feeds, Viewer
from safetynet.sim.rtsp.message import Request, Response
from safetynet.sim.rtsp.rtp import RtpSender
from safetynet.sim.rtsp.sdp import TRACK, describe

_METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN"
_REPORT_EVERY_US = 2_000_000


class Dead(Exception):  # noqa: N818 - a state of the camera, not a mistake
    """The camera is dead: the connection closes without a word."""


class State(StrEnum):
    """RFC 2326 appendix A."""

    INIT = "init"
    READY = "ready"
    PLAYING = "playing"


@dataclass(kw_only=True)
class Studio:
    """What all sessions share."""

    park: CameraPark
    feeds: Feeds
    clock: Clock
    rng: random.Random
    guard: DigestGuard | None
    session_timeout_s: float
    parameter_sets: tuple[bytes, bytes] = (b"", b"")


class Session:
    """The one session that a connection may have (RTP is interleaved, so it ends with it)."""

    def __init__(
        self, studio: Studio, writer: asyncio.StreamWriter, tasks: asyncio.TaskGroup
    ) -> None:
        self._studio = studio
        self._writer = writer
        self._tasks = tasks
        self._id: str | None = None
        self._state = State.INIT
        self._camera: VirtualCamera | None = None
        self._sender: RtpSender | None = None
        self._player: asyncio.Task[None] | None = None
        self._start_us: int | None = None

    @property
    def patience_s(self) -> float:
        """How long the peer may stay silent."""
        return self._studio.session_timeout_s

    async def answer(self, request: Request) -> Response:
        """Do what the request asks, or say why not."""
        refused = await self._refuse_early(request)
        if refused:
            return refused
        handler = self._handlers().get(request.method)
        if handler is None:
            return Response(status=501, headers={"Public": _METHODS})
        return await handler(request)

    def after_answer(self) -> None:
        """Start the pictures once the answer to PLAY is on its way."""
        if self._start_us is not None:
            start_us, self._start_us = self._start_us, None
            self._player = self._tasks.create_task(self._play(start_us))

    def end(self) -> None:
        """Stop the pictures and forget the session."""
        self._halt()
        self._id, self._camera, self._sender = None, None, None
        self._state = State.INIT

    def _handlers(self) -> dict[str, Callable[[Request], Awaitable[Response]]]:
        return {
            "OPTIONS": self._options,
            "DESCRIBE": self._describe,
            "SETUP": self._setup,
            "PLAY": self._start,
            "PAUSE": self._pause,
            "GET_PARAMETER": self._keep_alive,
            "SET_PARAMETER": self._keep_alive,
            "TEARDOWN": self._teardown,
        }

    async def _refuse_early(self, request: Request) -> Response | None:
        camera = self._find(request)
        if camera and camera.fault is Fault.DEAD:
            raise Dead
        if camera and camera.fault is Fault.SLOW:
            await self._studio.clock.sleep(SLOW_ANSWER_S)
        if request.version != "RTSP/1.0":
            return Response(status=505)
        if "cseq" not in request.headers:
            return Response(status=400)
        if "require" in request.headers:
            return Response(status=551, headers={"Unsupported": request.headers["require"]})
        guard = self._studio.guard
        if guard and request.method != "OPTIONS":
            given = request.headers.get("authorization")
            if not guard.accepts(request.method, given):
                return Response(status=401, headers={"WWW-Authenticate": guard.challenge()})
        return None

    def _find(self, request: Request) -> VirtualCamera | None:
        return self._studio.park.find(request.path[0]) if request.path else None

    async def _options(self, request: Request) -> Response:
        return Response(headers={"Public": _METHODS})

    async def _describe(self, request: Request) -> Response:
        camera = self._find(request)
        if camera is None or len(request.path) > 1:
            return Response(status=404)
        sps, pps = self._studio.parameter_sets
        host = self._writer.get_extra_info("sockname")[0]
        body = describe(name=camera.name, host=host, sps=sps, pps=pps, frames_per_s=FRAMES_PER_S)
        base = request.uri.split("?", 1)[0].rstrip("/") + "/"
        return Response(
            headers={"Content-Base": base, "Content-Type": "application/sdp"}, body=body
        )

    async def _setup(self, request: Request) -> Response:
        camera = self._find(request)
        if camera is None or request.path[1:] not in ((), (TRACK,)):
            return Response(status=404)
        if request.session and request.session != self._id:
            return Response(status=454)
        if self._state is State.PLAYING:
            return Response(status=455)
        channels = interleaved_channels(request.headers.get("transport", ""))
        if channels is None:
            return Response(status=461)
        rng = self._studio.rng
        self._id = self._id or f"{rng.getrandbits(64):016x}"
        self._camera, self._state = camera, State.READY
        self._sender = RtpSender(
            ssrc=rng.getrandbits(32),
            first_seq=rng.getrandbits(16),
            offset=rng.getrandbits(32),
            channel=channels[0],
        )
        transport = (
            f"RTP/AVP/TCP;unicast;interleaved={channels[0]}-{channels[1]}"
            f";ssrc={self._sender.ssrc:08X}"
        )
        return Response(headers={"Transport": transport, **self._session_header()})

    async def _start(self, request: Request) -> Response:
        if self._id is None or request.session != self._id:
            return Response(status=454)
        if self._state is not State.READY or self._sender is None:
            return Response(status=455)
        self._state = State.PLAYING
        self._start_us = int(self._studio.clock.now().timestamp() * 1e6)
        info = (
            f"url={request.uri.rstrip('/')}/{TRACK};seq={self._sender.next_seq}"
            f";rtptime={self._sender.timestamp(self._start_us)}"
        )
        return Response(
            headers={"Range": "npt=now-", "RTP-Info": info, **self._session_header()},
        )

    async def _pause(self, request: Request) -> Response:
        if self._id is None or request.session != self._id:
            return Response(status=454)
        if self._state is not State.PLAYING:
            return Response(status=455)
        self._halt()
        self._state = State.READY
        return Response(headers=self._session_header())

    async def _keep_alive(self, request: Request) -> Response:
        if request.session and request.session != self._id:
            return Response(status=454)
        return Response(headers=self._session_header() if self._id else {})

    async def _teardown(self, request: Request) -> Response:
        if self._id is None or request.session != self._id:
            return Response(status=454)
        self.end()
        return Response()

    def _session_header(self) -> dict[str, str]:
        timeout_s = max(1, int(self._studio.session_timeout_s))
        return {"Session": f"{self._id};timeout={timeout_s}"}

    async def _play(self, start_us: int) -> None:
        """Send a report, then pictures; the report ties RTP time to the clock from the start."""
        camera, sender, writer = self._camera, self._sender, self._writer
        assert camera is not None and sender is not None
        viewer = self._studio.feeds.join(camera)
        try:
            writer.write(sender.report(start_us))
            await self._send(viewer, sender, start_us)
            writer.transport.abort()  # the feed ended under us: the camera died
        except ConnectionError:
            pass  # the reading side of the connection notices too, and ends the session
        finally:
            self._studio.feeds.leave(camera.id, viewer)

    async def _send(self, viewer: Viewer, sender: RtpSender, reported_us: int) -> None:
        while unit := await viewer.next():
            if unit.captured_us - reported_us >= _REPORT_EVERY_US:
                self._writer.write(sender.report(unit.captured_us))
                reported_us = unit.captured_us
            self._writer.write(sender.frame(unit.units, unit.captured_us))
            await self._writer.drain()

    def _halt(self) -> None:
        if self._player is not None:
            self._player.cancel()
        self._player, self._start_us = None, None


def interleaved_channels(transport: str) -> tuple[int, int] | None:
    """Channels of the first offer that is RTP over this TCP connection; None where there is none."""
    for offer in transport.split(","):
        parts = [part.strip().lower() for part in offer.split(";")]
        if parts[0] != "rtp/avp/tcp" or "multicast" in parts:
            continue
        given = next((p[12:] for p in parts if p.startswith("interleaved=")), "0-1")
        first, _, second = given.partition("-")
        if not (first.isascii() and first.isdecimal() and int(first) <= 254):
            continue
        if second and second != str(int(first) + 1):
            continue
        return int(first), int(first) + 1
    return None
