"""The sender's side of the framed text interface: what a dispatch room, or one simulated, uses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from safetynet.base.errors import UnavailableError
from safetynet.links.ucp.frame import Answer, decode_answer


class UcpClient:
    """One connection; frames are sent one after the other, each after the answer before it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._turn = asyncio.Lock()

    async def send(self, frame: bytes, *, timeout_s: float = 10.0) -> Answer:
        """Send a frame and wait for its answer; raises UnavailableError where none comes."""
        async with self._turn:
            try:
                async with asyncio.timeout(timeout_s):
                    self._writer.write(frame)
                    await self._writer.drain()
                    return decode_answer(await self._reader.readuntil(b";"))
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                raise UnavailableError("ucp.no_answer", "the receiver does not answer") from error


@asynccontextmanager
async def connect_ucp(host: str, port: int, *, timeout_s: float = 5.0) -> AsyncIterator[UcpClient]:
    """A connection while the context lasts; raises UnavailableError where nobody listens."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        raise UnavailableError("ucp.no_connection", "nobody listens there", port=port) from error
    try:
        yield UcpClient(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
