"""Clips: a stream that is open, written into a file as it comes."""

import asyncio
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from safetynet.base.clock import Clock
from safetynet.base.ids import CameraId
from safetynet.video.feed import Feed
from safetynet.video.fmp4 import start_of, started_at
from safetynet.video.ipc import Record, Recorded
from safetynet.video.limits import Limits
from safetynet.video.stream import Stream
from safetynet.video.wire import MediaMessage, MediaType, decode_media

log = structlog.get_logger()


class Recordings:
    """All clips that are being recorded. Each ``Record`` gets exactly one ``Recorded``."""

    def __init__(
        self,
        limits: Limits,
        clock: Clock,
        find_stream: Callable[[CameraId], Stream | None],
        tell: Callable[[Recorded], None],
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._find_stream = find_stream
        self._tell = tell
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, asked: Record) -> None:
        """Begin to record; the outcome is told later."""
        if len(self._ends) >= self._limits.clips:
            self._fail(asked, "export.busy")
            return
        self._ends[asked.clip] = asyncio.Event()
        task = asyncio.create_task(self._record(asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def end(self, clip: str) -> None:
        """Record no further; unknown clips do nothing."""
        if ends := self._ends.get(clip):
            ends.set()

    async def close(self) -> None:
        """End all, keeping what is there."""
        for ends in self._ends.values():
            ends.set()
        await asyncio.gather(*self._tasks)

    async def _record(self, asked: Record) -> None:
        stream = self._find_stream(asked.camera)
        try:
            if stream is None or stream.idle:
                self._fail(asked, "export.no_stream")
            else:
                await self._record_from(stream, asked)
        finally:
            del self._ends[asked.clip]

    async def _record_from(self, stream: Stream, asked: Record) -> None:
        stream.need(asked.clip)
        feed = stream.join()
        # One thread, so that what is written is written in order, and the last word is the last.
        with ThreadPoolExecutor(1, "clip") as disk:
            loop = asyncio.get_running_loop()
            clip = _Clip(asked)
            try:
                copying = asyncio.create_task(self._copy(feed, clip, disk))
                ending = asyncio.create_task(self._ends[asked.clip].wait())
                passing = asyncio.create_task(self._clock.sleep(asked.seconds))
                parts = {copying, ending, passing}
                await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
                for part in parts:
                    part.cancel()
                await asyncio.gather(*parts, return_exceptions=True)
            finally:
                stream.leave(feed)
                stream.release(asked.clip)
            outcome = await loop.run_in_executor(disk, clip.finish, feed.skipped)
        log.info("clip", camera=asked.camera, clip=asked.clip, error=outcome.error)
        self._tell(outcome)

    async def _copy(self, feed: Feed, clip: "_Clip", disk: ThreadPoolExecutor) -> None:
        """Until the clip takes no more."""
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(disk, clip.take, decode_media((await feed.get()).data)):
            pass

    def _fail(self, asked: Record, code: str) -> None:
        self._tell(Recorded(camera=asked.camera, clip=asked.clip, error=code))


class _Clip:
    """One file; everything here runs in the disk's thread."""

    def __init__(self, asked: Record) -> None:
        self._asked = asked
        self._path = Path(asked.path)
        self._part = self._path.with_suffix(".part")
        self._file: int | None = None
        self._hash = hashlib.sha256()
        self._octets = 0
        self._frames = 0
        self._first_us = self._last_us = 0
        self._epoch: int | None = None
        self._began: int | None = None
        self._error = ""

    def take(self, message: MediaMessage) -> bool:
        """Write one message; False where the clip takes no more."""
        try:
            return self._take(message)
        except OSError as error:
            self._error = "export.disk"
            log.error("clip.disk", clip=self._asked.clip, error=error.strerror)
            return False

    def _take(self, message: MediaMessage) -> bool:
        if message.type is MediaType.INIT:
            if self._epoch is not None:
                return False  # the source was opened anew: another file would begin here
            self._epoch = message.epoch
            self._file = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            return self._write(message.payload)
        if self._file is None or message.epoch != self._epoch:
            return False
        if self._began is None:
            self._began, self._first_us = start_of(message.payload), message.captured_us
        data = started_at(message.payload, start_of(message.payload) - self._began)
        if not self._write(data):
            return False
        self._frames += 1
        self._last_us = message.captured_us
        return True

    def _write(self, data: bytes) -> bool:
        assert self._file is not None
        if self._octets + len(data) > self._asked.max_bytes:
            return False
        written = 0
        while written < len(data):
            written += os.write(self._file, data[written:])
        self._hash.update(data)
        self._octets += len(data)
        return True

    def finish(self, skipped: int) -> Recorded:
        """Put the file on disk under its name; without pictures, or after an error, there is none."""
        try:
            if self._file is not None:
                os.fsync(self._file)
                os.close(self._file)
            if not self._error and self._frames:
                self._part.replace(self._path)
                _sync_folder(self._path.parent)
        except OSError:
            self._error = "export.disk"
        if self._error or not self._frames:
            self._part.unlink(missing_ok=True)
            code = self._error or "export.no_picture"
            return Recorded(camera=self._asked.camera, clip=self._asked.clip, error=code)
        return Recorded(
            camera=self._asked.camera,
            clip=self._asked.clip,
            first_us=self._first_us,
            last_us=self._last_us,
            frames=self._frames,
            skipped=skipped,
            octets=self._octets,
            sha256=self._hash.hexdigest(),
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
