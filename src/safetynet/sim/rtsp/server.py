"""The RTSP server of all cameras: ``rtsp://host:port/<camera-id>``."""

import asyncio
import random
import socket
from contextlib import suppress

import structlog

from safetynet.base.clock import Clock
from safetynet.base.errors import InvalidError
from safetynet.sim.camera import CameraPark
from safetynet.sim.rtsp.digest import Credentials, DigestGuard
from safetynet.sim.rtsp.encoder import parameter_sets
from safetynet.sim.rtsp.feed import Feeds
from safetynet.sim.rtsp.message import (
    MAX_HEAD_BYTES,
    Request,
    Response,
    encode_response,
    read_message,
)
from safetynet.sim.rtsp.session import Dead, Session, Studio

_log = structlog.get_logger()

_SEND_BUFFER_BYTES = 128 << 10


class RtspServer:
    """Serves while it is entered as an async context manager."""

    def __init__(
        self,
        *,
        park: CameraPark,
        feeds: Feeds,
        clock: Clock,
        rng: random.Random,
        credentials: Credentials | None = None,
        session_timeout_s: float = 60.0,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        guard = DigestGuard(credentials, clock, rng) if credentials else None
        self._studio = Studio(
            park=park,
            feeds=feeds,
            clock=clock,
            rng=rng,
            guard=guard,
            session_timeout_s=session_timeout_s,
        )
        self._address = (host, port)
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.port = port

    async def __aenter__(self) -> "RtspServer":
        self._studio.parameter_sets = await asyncio.to_thread(parameter_sets)
        self._server = await asyncio.start_server(
            self._accept, *self._address, limit=MAX_HEAD_BYTES
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            async with asyncio.TaskGroup() as tasks:
                session = Session(self._studio, writer, tasks)
                await _converse(session, reader, writer)
                session.end()
        except* (ConnectionError, TimeoutError, Dead):
            pass  # the peer or its time went away: its session ends, nobody else is touched
        except* asyncio.CancelledError:
            pass  # the server stops; asyncio would report a cancelled handler as an error
        finally:
            writer.transport.abort()
            del self._connections[task]


async def _converse(
    session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Requests in, answers out, until the peer leaves or stays silent too long."""
    while True:
        try:
            async with asyncio.timeout(session.patience_s):
                message = await read_message(reader)
        except InvalidError as error:
            writer.write(encode_response(Response(status=400), None))
            _log.info("rtsp.malformed", code=error.code)
            with suppress(ConnectionError):
                await writer.drain()
            return
        if message is None:
            return
        if isinstance(message, Request):
            response = await session.answer(message)
            writer.write(encode_response(response, message.headers.get("cseq")))
            await writer.drain()
            session.after_answer()
