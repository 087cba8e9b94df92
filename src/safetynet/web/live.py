"""The live socket of a console: hello, snapshot, then typed events, until one side leaves."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect

from safetynet.base.errors import SafetyNetError
from safetynet.web.desk import Desk, Feed
from safetynet.web.types import Beat, FromConsole, Hello

HELLO_WITHIN_S = 5.0
BEAT_EVERY_S = 1.0
CLOSE_PROTOCOL = 4400
CLOSE_OVERRUN = 4413

AnySocket = WebSocket[Any, Any, Any]
log = structlog.get_logger()
_decoder: msgspec.json.Decoder[FromConsole] = msgspec.json.Decoder(FromConsole)
_encode = msgspec.json.encode


async def serve_console(socket: AnySocket, desk: Desk) -> None:
    """Serve one console from its hello to its end."""
    await socket.accept()
    try:
        hello = await asyncio.wait_for(_receive(socket), HELLO_WITHIN_S)
    except (TimeoutError, msgspec.DecodeError, WebSocketDisconnect):
        await close_socket(socket, CLOSE_PROTOCOL, "hello expected")
        return
    if not isinstance(hello, Hello):
        await close_socket(socket, CLOSE_PROTOCOL, "hello expected")
        return
    try:
        feed, snapshot = await desk.open_console(hello)
    except SafetyNetError as error:
        await close_socket(socket, CLOSE_PROTOCOL, error.code)
        return
    try:
        await socket.send_text(_encode(snapshot).decode())
        await _talk(socket, desk, feed)
    finally:
        await desk.close_console(feed)


async def _talk(socket: AnySocket, desk: Desk, feed: Feed) -> None:
    tasks = [
        asyncio.create_task(_send(socket, feed)),
        asyncio.create_task(_hear(socket, desk, feed)),
        asyncio.create_task(_beat(feed)),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await _explain(socket, task)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _explain(socket: AnySocket, task: "asyncio.Task[None]") -> None:
    error = task.exception()
    if isinstance(error, SafetyNetError):
        await close_socket(socket, CLOSE_OVERRUN, error.code)
    elif isinstance(error, msgspec.DecodeError):
        await close_socket(socket, CLOSE_PROTOCOL, "message not understood")
    elif error is not None and not isinstance(error, WebSocketDisconnect | RuntimeError | OSError):
        raise error


async def _send(socket: AnySocket, feed: Feed) -> None:
    while True:
        await socket.send_text(_encode(await feed.next()).decode())


async def _hear(socket: AnySocket, desk: Desk, feed: Feed) -> None:
    while True:
        message = await _receive(socket)
        try:
            await desk.hear_console(feed, message)
        except SafetyNetError as error:
            log.warning("console.message_refused", code=error.code, viewer=feed.viewer)


async def _beat(feed: Feed) -> None:
    while True:
        await asyncio.sleep(BEAT_EVERY_S)
        feed.put(Beat(now=datetime.now(UTC)))


async def _receive(socket: AnySocket) -> FromConsole:
    return _decoder.decode(await socket.receive_text())


async def close_socket(socket: AnySocket, code: int, reason: str) -> None:
    """Close with a reason; a peer that has gone already is no matter."""
    try:
        await socket.close(code=code, reason=reason)
    except (RuntimeError, OSError, WebSocketDisconnect):
        log.info("socket.gone_before_close")
