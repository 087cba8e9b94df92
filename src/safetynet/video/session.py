"""One viewer's session after control said yes: media, lease, and exactly one end."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from safetynet.access.model import EndReason
from safetynet.base.clock import Clock
from safetynet.base.errors import SafetyNetError
from safetynet.base.ids import SessionId
from safetynet.video.ipc import Ended, FirstFrame, Opened, ToControl
from safetynet.video.limits import Limits
from safetynet.video.stream import Stream
from safetynet.video.wire import MediaType

CHUNK_BYTES = 256 << 10
"""A file travels in pieces of this size."""
MIME = {".mp4": "video/mp4", ".jpg": "image/jpeg"}
GOODBYE_S = 0.25
"""How long a viewer that does not read may hold up the end of its own session."""

log = structlog.get_logger()


class _Shown(msgspec.Struct, frozen=True, tag="first_frame"):
    shown_at_ms: int


class Session:
    """Shows one stream to one viewer until a lease, a cut, the viewer or the source ends it.

    Where ``file`` is given it hands that out instead, under the same lease, and ends with it.
    """

    def __init__(
        self,
        session: SessionId,
        viewer: ServerConnection,
        stream: Stream | None,
        lease_s: float,
        limits: Limits,
        clock: Clock,
        tell: Callable[[ToControl], None],
        file: Path | None = None,
    ) -> None:
        self.id = session
        self._file = file
        self._viewer = viewer
        self._stream = stream
        self._limits = limits
        self._clock = clock
        self._tell = tell
        self._began_s = clock.monotonic_s()
        self._lease_end_s = self._began_s + lease_s
        self._reason: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._accepted = False
        self._still_ms: int | None = None
        self._frames = 0
        self._bytes = 0
        self._skipped = 0

    def extend(self, lease_s: float) -> None:
        """The lease now ends ``lease_s`` from now."""
        self._lease_end_s = self._clock.monotonic_s() + lease_s

    def end(self, reason: str) -> None:
        """End now; only the first reason counts."""
        if not self._reason.done():
            self._reason.set_result(reason)

    async def run(self) -> None:
        """Serve the viewer to the end and tell control ``Ended``, whatever happens."""
        tasks = [asyncio.create_task(part) for part in (self._show(), self._hear(), self._watch())]
        for task in tasks:
            task.add_done_callback(self._part_ended)
        if self._stream is not None and self._file is None:
            self._stream.need(self.id)
        reason: str = EndReason.NODE_STOPPED
        try:
            reason = await self._reason
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._stream is not None:
                self._stream.release(self.id)
            self._tell(
                Ended(session=self.id, reason=reason, frames=self._frames, bytes=self._bytes)
            )
            self._log(reason)
        await self._say_goodbye(reason)

    async def _show(self) -> None:
        if self._file is not None:
            return await self._hand_out(self._file)
        stream = self._stream
        if stream is None:
            return self.end(EndReason.SOURCE_LOST)
        try:
            async with asyncio.timeout(self._limits.source_s):
                parameters = await stream.opened()
        except TimeoutError:
            return self.end(EndReason.SOURCE_LOST)
        await self._say(
            {
                "type": "accepted",
                "session": self.id,
                "mime": f'video/mp4; codecs="{parameters.codec}"',
                "width": parameters.width,
                "height": parameters.height,
            }
        )
        self._accepted = True
        await self._send_still(stream)
        await self._send_media(stream)
        return None

    async def _hand_out(self, file: Path) -> None:
        try:
            with await asyncio.to_thread(file.open, "rb") as source:
                octets = os.fstat(source.fileno()).st_size
                await self._say(
                    {
                        "type": "accepted",
                        "session": self.id,
                        "mime": MIME[file.suffix],
                        "octets": octets,
                    }
                )
                self._accepted = True
                while chunk := await asyncio.to_thread(source.read, CHUNK_BYTES):
                    await self._viewer.send(chunk)
                    self._bytes += len(chunk)
        except OSError as error:
            log.error("session.file", session=self.id, error=error.strerror)
            return self.end(EndReason.SOURCE_LOST)
        return self.end(EndReason.COMPLETE)

    async def _send_still(self, stream: Stream) -> None:
        """The still comes first where it can be had soon; a broken one costs only itself."""
        with contextlib.suppress(TimeoutError, SafetyNetError):
            async with asyncio.timeout(self._limits.source_s):
                await stream.begun()
            async with asyncio.timeout(self._limits.still_s):
                still = await stream.still()
            await self._viewer.send(still.data)
            self._still_ms = self._since_ms()

    async def _send_media(self, stream: Stream) -> None:
        feed = stream.join()
        try:
            while True:
                piece = await feed.get()
                await self._viewer.send(piece.data)
                self._bytes += len(piece.data)
                if piece.type is not MediaType.INIT:
                    self._count_frame()
        finally:
            stream.leave(feed)
            self._skipped = feed.skipped

    def _count_frame(self) -> None:
        self._frames += 1
        if self._frames == 1:
            self._tell(
                Opened(
                    session=self.id,
                    first_still_ms=self._still_ms,
                    first_media_ms=self._since_ms(),
                )
            )

    async def _hear(self) -> None:
        """Take the one note a viewer has to send, and notice that it left."""
        told = False
        async for message in self._viewer:
            with contextlib.suppress(msgspec.MsgspecError):
                note = msgspec.json.decode(message, type=_Shown)
                if not told and self._accepted:
                    told = True
                    self._tell(FirstFrame(session=self.id, shown_at_ms=note.shown_at_ms))
        self.end(EndReason.VIEWER_LEFT)

    async def _watch(self) -> None:
        """Cut when the lease runs out, even when control has long been silent."""
        while (left_s := self._lease_end_s - self._clock.monotonic_s()) > 0:
            await self._clock.sleep(left_s)
        self.end(EndReason.LEASE_RAN_OUT)

    def _part_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not isinstance(error, ConnectionClosed):
            log.error("session.broken", session=self.id, exc_info=error)
        self.end(EndReason.VIEWER_LEFT)

    async def _say_goodbye(self, reason: str) -> None:
        try:
            async with asyncio.timeout(GOODBYE_S):
                if self._accepted:
                    await self._say({"type": "ended", "reason": reason})
                else:
                    code = "source.lost" if reason == EndReason.SOURCE_LOST else "session.ended"
                    await self._say({"type": "refused", "code": code, "message": reason})
                await self._viewer.close(1000)
        except (TimeoutError, ConnectionClosed):
            self._viewer.transport.abort()

    async def _say(self, message: dict[str, str | int]) -> None:
        await self._viewer.send(msgspec.json.encode(message).decode())

    def _since_ms(self) -> int:
        return round((self._clock.monotonic_s() - self._began_s) * 1000)

    def _log(self, reason: str) -> None:
        log.info(
            "session",
            session=self.id,
            camera=self._stream.camera if self._stream else None,
            reason=reason,
            frames=self._frames,
            bytes=self._bytes,
            skipped=self._skipped,
            lasted_ms=self._since_ms(),
        )
