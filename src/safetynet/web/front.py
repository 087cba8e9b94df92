"""What a process of a hub does with questions that another one answers: it passes them on.

Everything passes as it came: HTTP with its body, answers as they stream, WebSockets both ways. Where
nobody answers, a question gets 503 with ``hub.nobody_answers``, and a socket is closed with 4503.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import structlog
from litestar import HttpMethod, route, websocket
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from safetynet.base.errors import UnavailableError
from safetynet.video.relay import relay
from safetynet.web.live import AnySocket, close_socket
from safetynet.web.problems import AnyRequest
from safetynet.web.relay import CLOSE_AWAY, CLOSE_DONE, ViewerSide

OURS = range(4000, 5000)
"""Codes with which we close sockets; the protocol's own say nothing to a console."""
CONNECT_S = 1.0
ANSWER_S = 10.0
"""A process that froze takes connections but says nothing: the asker is told to come again."""
_OF_ONE_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""Headers that say something of one connection alone (RFC 9110, 7.6.1)."""

log = structlog.get_logger()
FindAnswering = Callable[[], Awaitable[str]]
"""Base address of the process that answers; raises ``UnavailableError`` where nobody does."""


@asynccontextmanager
async def passing_on(find: FindAnswering) -> AsyncIterator[list[ControllerRouterHandler]]:
    """Handlers for all of ``/api`` that a process does not do by itself, while the block lasts."""
    timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
    async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client:

        @route("/{rest:path}", http_method=[HttpMethod.GET, HttpMethod.POST], status_code=200)
        async def ask(request: AnyRequest) -> Stream:
            return await _pass_on(request, client, await find())

        @websocket("/live")
        async def live(socket: AnySocket) -> None:
            await _pass_socket(socket, find)

        @websocket("/relay/{owner:str}")
        async def through(socket: AnySocket) -> None:
            await _pass_socket(socket, find)

        yield [ask, live, through]


async def _pass_on(request: AnyRequest, client: httpx.AsyncClient, base: str) -> Stream:
    headers = [(k, v) for k, v in request.headers.items() if k not in _OF_ONE_HOP]
    asked = client.build_request(
        request.method,
        base + _target(request),
        headers=headers,
        content=await request.body() or None,
    )
    try:
        answer = await client.send(asked, stream=True)
    except httpx.HTTPError as error:
        raise _nobody() from error

    async def stream() -> AsyncIterator[bytes]:
        try:
            async for part in answer.aiter_raw():
                yield part
        finally:
            await answer.aclose()

    kept = {k: v for k, v in answer.headers.items() if k not in _OF_ONE_HOP}
    return Stream(stream(), status_code=answer.status_code, headers=kept)


async def _pass_socket(socket: AnySocket, find: FindAnswering) -> None:
    """After the handshake, for a browser learns nothing from one that was refused."""
    await socket.accept()
    code, reason = CLOSE_AWAY, "hub.nobody_answers"
    try:
        base = await find()
        url = base.replace("http", "ws", 1) + _target(socket)
        said, why = await relay(ViewerSide(socket), url)
        code, reason = (said, why) if said is not None and said in OURS else (CLOSE_DONE, "")
    except UnavailableError as error:
        log.info("front.nobody_answers", code=error.code)
    except OSError:
        log.info("front.console_gone")
    await close_socket(socket, code, reason)


def _target(asked: AnyRequest | AnySocket) -> str:
    """Path and query as they came."""
    query = asked.scope["query_string"].decode("latin-1")
    path = asked.scope["raw_path"].decode("latin-1").partition("?")[0]
    return f"{path}?{query}" if query else path


def _nobody() -> UnavailableError:
    return UnavailableError("hub.nobody_answers", "nobody answers for this hub now")
