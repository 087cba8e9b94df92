"""The door for the framed text interface: frames in, answers out, over TCP.

``0`` is answered only after the report is on disk. Where that fails, the answer is an error, and it
is held back: half a second, then twice as long at each failure in a row up to eight, while nothing
more is read from that connection. So a sender that resends at each error cannot make a storm, and
its resend is harmless, because reports are idempotent.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final

import msgspec
import structlog

from safetynet.base.clock import Clock
from safetynet.base.errors import InvalidError
from safetynet.base.ids import ReportId, new_id
from safetynet.incident.model import Accepted, KeptMessage, Report
from safetynet.links.ucp import dispatch119, video112
from safetynet.links.ucp.frame import Answer, Frame, Message, encode_answer
from safetynet.links.ucp.reader import FrameReader, Garbage

log = structlog.get_logger()

type Accept = Callable[[Report], Awaitable[Accepted]]
"""Puts a report on disk; returns only then."""
type Keep = Callable[[KeptMessage], Awaitable[None]]
"""Puts bytes that made no report on disk; returns only then."""

DECODERS: Final = {"119": dispatch119.decode, "112": video112.decode}
"""Which system may send what: 119 → 119UC001, 112 → 112UC001."""
_FIELD_COUNTS: Final = {b"119": dispatch119.FIELDS, b"112": video112.FIELDS}
GOOD: Final = Answer(good=True, text="OK")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the door."""

    connections: int = 64
    """At once; one more is told so and closed."""
    idle_s: float = 600.0
    """A connection on which nothing comes is closed."""
    quiet_s: float = 0.5
    """Bytes that end with ``;`` and are followed by this silence are a whole frame."""
    stall_s: float = 10.0
    """A frame that does not go on is given up as cut short."""
    accept_s: float = 5.0
    send_s: float = 10.0
    """A peer that does not take its answer for so long is gone."""
    hold_s: float = 0.5
    """First delay of an error answer where the disk failed; doubles up to sixteen times."""
    rejected_in_a_row: int = 16
    """After so many the connection is closed."""


def field_count(header: bytes) -> int:
    """How many fields the body has, by sender and message; 1 where any ``;`` may end it."""
    if header[:2] != Message.INCIDENT.encode():
        return 1
    return _FIELD_COUNTS.get(header[18:21], 0)


class Door:
    """What the server shows of itself."""

    def __init__(self, port: int) -> None:
        self.port = port
        """Where it listens; useful with port 0."""
        self.connections = 0
        """Open now."""
        self.turned_away = 0


@asynccontextmanager
async def open_ucp_server(
    *,
    host: str,
    port: int,
    accept: Accept,
    keep: Keep,
    clock: Clock,
    limits: Limits | None = None,
) -> AsyncIterator[Door]:
    """Listen while the context lasts; at its end every connection is closed."""
    bounds = limits or Limits()
    tasks: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as group:

        def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = group.create_task(serve(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = _Connection(reader, writer, accept, keep, clock, bounds)
            if door.connections >= bounds.connections:
                door.turned_away += 1
                await connection.turn_away()
                return
            door.connections += 1
            try:
                await connection.run()
            finally:
                door.connections -= 1

        server = await asyncio.start_server(come, host, port)
        door = Door(server.sockets[0].getsockname()[1])
        try:
            yield door
        finally:
            server.close()
            for task in tasks:
                task.cancel()


class _Connection:
    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        accept: Accept,
        keep: Keep,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._accept = accept
        self._keep = keep
        self._clock = clock
        self._limits = limits
        self._frames = FrameReader(field_count)
        self._failures = 0
        self._rejected_in_a_row = 0
        self._counts = {"accepted": 0, "rejected": 0, "unused": 0, "failed": 0, "octets": 0}

    async def turn_away(self) -> None:
        """Say that there is no place, and close."""
        with suppress(OSError, TimeoutError):
            await self._send(Answer(good=False, text="too many connections"))
        await self._hang_up("turned_away", 0.0)

    async def run(self) -> None:
        """Serve until the peer goes, falls silent or sends too much rubbish; then log one line."""
        began = self._clock.monotonic_s()
        why = "stopped"
        try:
            why = await self._serve()
        except (OSError, TimeoutError):
            why = "peer_lost"
        finally:
            await self._hang_up(why, self._clock.monotonic_s() - began)

    async def _serve(self) -> str:
        paused = False
        while True:
            chunk = await self._read(paused)
            if chunk is None and self._frames.waiting and not paused:
                paused = True
                found = self._frames.pause()
            elif chunk:
                paused = False
                self._counts["octets"] += len(chunk)
                found = self._frames.feed(chunk)
            else:
                stalled = self._frames.waiting
                await self._handle(self._frames.close())
                return "peer_closed" if chunk is not None else "stalled" if stalled else "idle"
            if not await self._handle(found):
                return "too_much_rejected"

    async def _read(self, paused: bool) -> bytes | None:
        """The next chunk; empty where the peer is gone, None where it is silent for too long."""
        limits = self._limits
        waiting = limits.stall_s if paused else limits.quiet_s
        try:
            async with asyncio.timeout(waiting if self._frames.waiting else limits.idle_s):
                return await self._reader.read(16 * 1024)
        except TimeoutError:
            return None

    async def _handle(self, found: list[Frame | Garbage]) -> bool:
        """Answer each piece in order; False where the connection has sent too much rubbish."""
        for piece in found:
            answer = await self._answer(piece)
            await self._send(answer)
            if self._rejected_in_a_row >= self._limits.rejected_in_a_row:
                return False
        return True

    async def _answer(self, piece: Frame | Garbage) -> Answer:
        try:
            async with asyncio.timeout(self._limits.accept_s):
                answer = await self._judge(piece)
        except Exception as error:  # noqa: BLE001 - outermost door: a sender never sees an exception
            log.warning("ucp.not_on_disk", error=type(error).__name__)
            self._counts["failed"] += 1
            await self._clock.sleep(self._limits.hold_s * 2 ** min(self._failures, 4))
            self._failures += 1
            return Answer(good=False, text="busy, not stored, send again later")
        self._failures = 0
        return answer

    async def _judge(self, piece: Frame | Garbage) -> Answer:
        if isinstance(piece, Garbage):
            return await self._reject(piece.raw, "", piece.code, piece.code)
        decode = DECODERS.get(piece.sender)
        if decode is None:
            return await self._reject(piece.raw, "", "ucp.unknown_system", "unknown system")
        match piece.message:
            case Message.INCIDENT:
                return await self._report(piece, decode)
            case Message.LOGIN:
                self._rejected_in_a_row = 0
                return GOOD
            case Message.DISPATCH | Message.POSITION:
                self._rejected_in_a_row = 0
                await self._keep_raw(piece.raw, piece.sender, "ucp.not_used_yet", refused=False)
                return Answer(good=True, text="OK, kept, not used yet")
            case _:
                text = "unknown message code"
                return await self._reject(piece.raw, piece.sender, "ucp.unknown_message", text)

    async def _report(
        self, frame: Frame, decode: Callable[[Frame, datetime, ReportId], Report]
    ) -> Answer:
        now = self._clock.now()
        try:
            report = decode(frame, now, ReportId(new_id("rep", now)))
        except InvalidError as error:
            text = f"{error.code}: {error.message}"
            return await self._reject(frame.raw, frame.sender, error.code, text)
        await self._accept(report)
        self._counts["accepted"] += 1
        self._rejected_in_a_row = 0
        return GOOD

    async def _reject(self, raw: bytes, sender: str, code: str, text: str) -> Answer:
        await self._keep_raw(raw, sender, code, refused=True)
        self._rejected_in_a_row += 1
        return Answer(good=False, text=text)

    async def _keep_raw(self, raw: bytes, sender: str, code: str, *, refused: bool) -> None:
        now = self._clock.now()
        message = KeptMessage(
            id=ReportId(new_id("rep", now)),
            sender=sender,
            format="ucp",
            code=code,
            refused=refused,
            received_at=now,
            raw=raw,
        )
        await self._keep(message)
        self._counts["rejected" if refused else "unused"] += 1

    async def _send(self, answer: Answer) -> None:
        self._writer.write(encode_answer(answer))
        if self._writer.transport.get_write_buffer_size() == 0:
            return  # the system took it at once, as it nearly always does
        async with asyncio.timeout(self._limits.send_s):
            await self._writer.drain()

    async def _hang_up(self, why: str, lasted_s: float) -> None:
        log.info("ucp.connection", ended=why, lasted_s=round(lasted_s, 3), **self._counts)
        self._writer.close()
        try:
            async with asyncio.timeout(1.0):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._writer.transport.abort()
