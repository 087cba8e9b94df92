"""Frames over the socket pair between control and worker: 4-byte length, then msgpack."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import structlog

from safetynet.base.errors import InvalidError, UnavailableError
from safetynet.video.ipc import MAX_FRAME_BYTES

_LENGTH = struct.Struct(">I")
MAX_WAITING = 4096
"""Messages that may wait for a peer that does not read; one more and the peer is taken for dead."""

log = structlog.get_logger()


class Channel[Sent: msgspec.Struct, Received: msgspec.Struct]:
    """One end of the pair; made by ``open_channel``.

    Sending never waits. Receiving is one reader at a time and holds back the peer by the socket's
    own buffer.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, received: Any
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder: msgspec.msgpack.Decoder[Received] = msgspec.msgpack.Decoder(received)
        self._encoder = msgspec.msgpack.Encoder()
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING)
        self._writing = asyncio.create_task(self._write_all())

    def send(self, message: Sent) -> None:
        """Queue one message in order; raises ``UnavailableError`` when the peer is gone or stuck."""
        body = self._encoder.encode(message)
        if len(body) > MAX_FRAME_BYTES:
            raise InvalidError("ipc.too_long", "message exceeds a frame", bytes=len(body))
        if self._writing.done():
            raise UnavailableError("ipc.closed", "the other end is gone")
        try:
            self._waiting.put_nowait(_LENGTH.pack(len(body)) + body)
        except asyncio.QueueFull:
            self._writing.cancel()
            raise UnavailableError("ipc.stuck", "the other end does not read") from None

    async def messages(self) -> AsyncIterator[Received]:
        """All messages until the peer closes; raises ``InvalidError`` on anything that is not one."""
        while True:
            try:
                (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
                if length > MAX_FRAME_BYTES:
                    raise InvalidError("ipc.too_long", "frame is too long", bytes=length)
                body = await self._reader.readexactly(length)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            try:
                message = self._decoder.decode(body)
            except msgspec.MsgspecError as error:
                raise InvalidError("ipc.garbage", "not a message", bytes=length) from error
            yield message

    async def flush(self) -> None:
        """Wait until everything queued was handed to the socket, or the peer is gone."""
        drained = asyncio.create_task(self._waiting.join())
        await asyncio.wait({drained, self._writing}, return_when=asyncio.FIRST_COMPLETED)
        drained.cancel()

    async def close(self) -> None:
        """Close this end; the peer's ``messages`` come to their end."""
        self._writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._writing
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _write_all(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                self._writer.write(await self._waiting.get())
                await self._writer.drain()
                self._waiting.task_done()


async def open_channel[S: msgspec.Struct, R: msgspec.Struct](
    end: socket.socket, *, sent: type[S] | Any, received: type[R] | Any
) -> Channel[S, R]:
    """Take over one end of a Unix stream socket pair; ``received`` is a struct or a union of them."""
    end.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=end)
    return Channel(reader, writer, received)
