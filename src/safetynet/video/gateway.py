"""The door that viewers come to: challenge, control's verdict, then a session."""

import asyncio
import base64
import http
import re
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from safetynet.access.model import EndReason
from safetynet.base.clock import Clock
from safetynet.base.errors import RefusedError, SafetyNetError, UnavailableError
from safetynet.base.ids import CameraId, SessionId, new_id
from safetynet.video.ipc import Ask, Ended, ToControl, Verdict
from safetynet.video.limits import Limits
from safetynet.video.session import Session
from safetynet.video.stream import Stream

MAX_MESSAGE_BYTES = 16 << 10
SEND_BUFFER_BYTES = 256 << 10
"""In the kernel, for each viewer: what is in there is late and cannot be skipped any more."""
_PATH = re.compile(r"/view(?:/([a-z0-9-]{1,32}))?")

log = structlog.get_logger()


class _Present(msgspec.Struct, frozen=True, tag="present"):
    grant: str
    proof: str
    file: str = ""


class Gateway:
    """A WebSocket server at ``/view/<owner>``; made by ``open``."""

    def __init__(
        self,
        limits: Limits,
        clock: Clock,
        find_stream: Callable[[CameraId], Stream | None],
        tell: Callable[[ToControl], None],
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._find_stream = find_stream
        self._tell = tell
        self._asked: dict[SessionId, asyncio.Future[Verdict]] = {}
        self._sessions: dict[SessionId, Session] = {}
        self._cut_early: dict[SessionId, str] = {}
        """Of sessions that were let in and have not begun: why they were cut, empty where they were not."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._viewers = 0
        self._server: Server | None = None

    async def open(self) -> tuple[str, int]:
        """Begin to serve; the address."""
        self._server = await serve(
            self._receive,
            self._limits.host,
            self._limits.port,
            process_request=_refuse_other_paths,
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            max_queue=4,
            open_timeout=self._limits.handshake_s,
            close_timeout=1,
            server_header=None,
        )
        host, port = next(iter(self._server.sockets)).getsockname()[:2]
        return host, port

    def decide(self, verdict: Verdict) -> None:
        """Control's answer to an ``Ask``; one that comes too late ends at once."""
        asked = self._asked.pop(verdict.session, None)
        if asked is not None and not asked.done():
            if verdict.accepted:
                self._cut_early[verdict.session] = ""
            asked.set_result(verdict)
        elif verdict.accepted and verdict.session not in self._sessions:
            self._tell(
                Ended(session=verdict.session, reason=EndReason.VIEWER_LEFT, frames=0, bytes=0)
            )

    def extend(self, session: SessionId, lease_s: float) -> None:
        """The session may go on; one that is over stays over."""
        if found := self._sessions.get(session):
            found.extend(lease_s)

    def cut(self, session: SessionId, reason: str) -> None:
        """End the session now."""
        if found := self._sessions.get(session):
            found.end(reason)
        elif session in self._cut_early:
            self._cut_early[session] = reason

    async def close(self) -> None:
        """End every session and stop serving."""
        for session in self._sessions.values():
            session.end(EndReason.NODE_STOPPED)
        if self._server is not None:
            self._server.close(close_connections=False)
            await self._idle.wait()
            self._server.close()
            await self._server.wait_closed()

    async def _receive(self, viewer: ServerConnection) -> None:
        self._viewers += 1
        try:
            await self._serve(viewer)
        except ConnectionClosed:
            pass
        except SafetyNetError as error:
            await _refuse(viewer, error.code, error.message)
        finally:
            self._viewers -= 1

    async def _serve(self, viewer: ServerConnection) -> None:
        if self._viewers > self._limits.max_sessions:
            raise UnavailableError("gateway.full", "the gateway serves as many as it can")
        _bound_send_buffer(viewer)
        ask = await self._challenge(viewer)
        verdict = await self._ask(ask)
        if not verdict.accepted:
            raise RefusedError(verdict.code or "grant.refused", verdict.message)
        session = Session(
            ask.session,
            viewer,
            self._find_stream(verdict.camera) if verdict.camera else None,
            verdict.lease_s,
            self._limits,
            self._clock,
            self._tell,
            Path(verdict.path) if verdict.path else None,
        )
        self._sessions[ask.session] = session
        if reason := self._cut_early.pop(ask.session, ""):
            session.end(reason)
        self._idle.clear()
        try:
            await session.run()
        finally:
            del self._sessions[ask.session]
            if not self._sessions:
                self._idle.set()

    async def _challenge(self, viewer: ServerConnection) -> Ask:
        """Give a fresh nonce and take what the viewer presents; control judges it."""
        assert viewer.request is not None
        path = _PATH.fullmatch(viewer.request.path)
        audience = (path[1] if path else None) or self._limits.owner
        nonce = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
        challenge = {"type": "challenge", "nonce": nonce, "audience": audience}
        await viewer.send(msgspec.json.encode(challenge).decode())
        try:
            async with asyncio.timeout(self._limits.handshake_s):
                present = msgspec.json.decode(await viewer.recv(), type=_Present)
        except TimeoutError:
            raise RefusedError("view.too_slow", "nothing was presented in time") from None
        except msgspec.MsgspecError:
            raise RefusedError("view.malformed", "this is not a presentation") from None
        return Ask(
            session=SessionId(new_id("ses", self._clock.now())),
            audience=audience,
            token=present.grant,
            proof=present.proof,
            nonce=nonce,
            file=present.file,
        )

    async def _ask(self, ask: Ask) -> Verdict:
        answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._asked[ask.session] = answer
        try:
            self._tell(ask)
            async with asyncio.timeout(self._limits.verdict_s):
                return await answer
        except TimeoutError:
            raise UnavailableError("owner.silent", "the owner did not answer") from None
        finally:
            self._asked.pop(ask.session, None)


def _refuse_other_paths(viewer: ServerConnection, request: Request) -> Response | None:
    if _PATH.fullmatch(request.path):
        return None
    return viewer.respond(http.HTTPStatus.NOT_FOUND, "no such path\n")


def _bound_send_buffer(viewer: ServerConnection) -> None:
    raw = viewer.transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


async def _refuse(viewer: ServerConnection, code: str, message: str) -> None:
    refusal = {"type": "refused", "code": code, "message": message}
    try:
        await viewer.send(msgspec.json.encode(refusal).decode())
        await viewer.close(1000)
    except ConnectionClosed:
        return
