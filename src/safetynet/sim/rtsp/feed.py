"""A watched camera's pictures: taken at its own beat, encoded once, handed to all its viewers."""

import asyncio
import zlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from safetynet.base.clock import Clock
from safetynet.base.ids import CameraId
from safetynet.sim.camera import VirtualCamera
from safetynet.sim.rtsp.encoder import FRAMES_PER_S, AccessUnit, H264Encoder
from safetynet.sim.rtsp.lens import FrameSource, Lens, Picture

KEY_PERIOD_S = 2
SLEW_SCALE = 4
SLEW_EVERY = 5
"""While it turns a camera gives every fifth picture, and that blurred, as a real one does: each is a
new background, and several cameras turning at once must not starve the ones that stand still."""
ENCODE_THREADS = 2
_TICK_US = 1_000_000 // FRAMES_PER_S
_KEY_TICKS = KEY_PERIOD_S * FRAMES_PER_S
_QUEUE_UNITS = 30


@dataclass(frozen=True, kw_only=True)
class Beat:
    """The moments at which a camera takes pictures: a phase of the wall clock that is its own."""

    phase_us: int

    @staticmethod
    def of(camera: CameraId) -> "Beat":
        """Derived from the id alone, so it is the same in every run and for every viewer."""
        period_us = KEY_PERIOD_S * 1_000_000
        return Beat(phase_us=zlib.crc32(camera.encode()) % period_us)

    def next_tick(self, now_us: int) -> int:
        """Number of the first tick after that time."""
        return (now_us - self.phase_us) // _TICK_US + 1

    def time_us(self, tick: int) -> int:
        """When a tick is, in microseconds since 1970."""
        return tick * _TICK_US + self.phase_us

    def group(self, tick: int) -> int:
        """Number of the group of pictures that a tick belongs to."""
        return tick // _KEY_TICKS

    def opens_group(self, tick: int) -> bool:
        """True where the camera sends a key frame by itself."""
        return tick % _KEY_TICKS == 0


class Viewer:
    """A viewer's bounded queue; when it is full, all is dropped up to the next key frame."""

    def __init__(self) -> None:
        self._queue: deque[AccessUnit] = deque()
        self._filled = asyncio.Event()
        self._wants_key = False
        self._closed = False
        self.dropped = 0

    def offer(self, unit: AccessUnit) -> None:
        """Take the unit, or drop it where the viewer is too slow."""
        if len(self._queue) >= _QUEUE_UNITS:
            self.dropped += len(self._queue)
            self._queue.clear()
            self._wants_key = True
        if self._wants_key and not unit.key:
            self.dropped += 1
            return
        self._wants_key = False
        self._queue.append(unit)
        self._filled.set()

    def close(self) -> None:
        """Nothing comes any more."""
        self._closed = True
        self._filled.set()

    async def next(self) -> AccessUnit | None:
        """The next unit; None when the feed has ended."""
        while not self._queue:
            if self._closed:
                return None
            self._filled.clear()
            await self._filled.wait()
        return self._queue.popleft()


class Encoder(Protocol):
    """Makes access units of pictures, as ``H264Encoder`` does."""

    def encode(self, rgb: Picture, captured_us: int, *, key: bool) -> AccessUnit:
        """The next unit of the stream; a key frame where ``key``."""
        ...


class Feed:
    """One watched camera. Its task lives as long as somebody watches."""

    def __init__(
        self,
        camera: VirtualCamera,
        lens: Lens,
        clock: Clock,
        pool: ThreadPoolExecutor,
        make_encoder: Callable[[], Encoder],
    ) -> None:
        self.camera = camera
        self.viewers: set[Viewer] = set()
        self.beat = Beat.of(camera.id)
        self._lens = lens
        self._clock = clock
        self._pool = pool
        self._make_encoder = make_encoder
        self._encoder: Encoder | None = None
        self._key_wanted = False
        self._group: int | None = None

    def want_key(self) -> None:
        """Make the next picture a key frame (ONVIF SetSynchronizationPoint)."""
        self._key_wanted = True

    async def run(self) -> None:
        """Take and hand out pictures until cancelled; late ones are skipped, never queued."""
        loop = asyncio.get_running_loop()
        tick = self.beat.next_tick(self._now_us())
        while True:
            await self._clock.sleep((self.beat.time_us(tick) - self._now_us()) / 1e6)
            turning = self.camera.is_turning(self._clock.monotonic_s())
            if not turning or self._key_wanted or tick % SLEW_EVERY == 0:
                key, shown = self._plan(tick)
                unit = await loop.run_in_executor(self._pool, self._take, tick, key, turning)
                if shown:
                    self._hand_out(unit)
            tick = max(tick + 1, self.beat.next_tick(self._now_us()) - 1)

    def _plan(self, tick: int) -> tuple[bool, bool]:
        """Whether this picture is a key frame, and whether viewers get it.

        An encoder cannot begin without a key frame, but a camera does not make one because
        somebody arrived: the first one is kept back unless it was due or asked for.
        """
        group, first = self.beat.group(tick), self._group is None
        due = self.beat.opens_group(tick) if first else group != self._group
        due, self._key_wanted, self._group = due or self._key_wanted, False, group
        return due or first, due or not first

    def _take(self, tick: int, key: bool, turning: bool) -> AccessUnit:
        at_us = self.beat.time_us(tick)
        picture = self._lens.take(at_us, SLEW_SCALE if turning else 1)
        if self._encoder is None:
            self._encoder = self._make_encoder()
        return self._encoder.encode(picture, at_us, key=key)

    def _hand_out(self, unit: AccessUnit) -> None:
        for viewer in self.viewers:
            viewer.offer(unit)

    def _now_us(self) -> int:
        return int(self._clock.now().timestamp() * 1e6)


class Feeds:
    """All watched cameras; the encode threads are shared and few.

    Use as an async context manager; its tasks end with it.
    """

    def __init__(
        self,
        source: FrameSource,
        clock: Clock,
        make_encoder: Callable[[], Encoder] = H264Encoder,
    ) -> None:
        self._source = source
        self._clock = clock
        self._make_encoder = make_encoder
        self._pool = ThreadPoolExecutor(ENCODE_THREADS, thread_name_prefix="encode")
        self._tasks = asyncio.TaskGroup()
        self._lenses: dict[CameraId, Lens] = {}
        self._watched: dict[CameraId, tuple[Feed, asyncio.Task[None]]] = {}

    async def __aenter__(self) -> "Feeds":
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for feed, task in self._watched.values():
            task.cancel()
            for viewer in feed.viewers:
                viewer.close()
        await self._tasks.__aexit__(None, None, None)
        self._pool.shutdown()

    @property
    def watched(self) -> dict[CameraId, int]:
        """Number of viewers of each camera that has any."""
        return {camera: len(feed.viewers) for camera, (feed, _) in self._watched.items()}

    def join(self, camera: VirtualCamera) -> Viewer:
        """A new viewer of that camera; the encoder starts with the first."""
        if camera.id not in self._watched:
            feed = Feed(camera, self._lens(camera), self._clock, self._pool, self._make_encoder)
            self._watched[camera.id] = (feed, self._tasks.create_task(feed.run()))
        viewer = Viewer()
        self._watched[camera.id][0].viewers.add(viewer)
        return viewer

    def leave(self, camera: CameraId, viewer: Viewer) -> None:
        """The viewer goes; the encoder ends with the last."""
        viewer.close()
        if camera not in self._watched:
            return
        feed, task = self._watched[camera]
        feed.viewers.discard(viewer)
        if not feed.viewers:
            task.cancel()
            del self._watched[camera]

    def want_key(self, camera: CameraId) -> None:
        """Make a watched camera's next picture a key frame; nothing where nobody watches."""
        if camera in self._watched:
            self._watched[camera][0].want_key()

    def end(self, camera: CameraId) -> None:
        """End the streams of all viewers of a camera, as when it dies."""
        if camera in self._watched:
            for viewer in self._watched[camera][0].viewers:
                viewer.close()

    async def still(self, camera: VirtualCamera) -> Picture:
        """One picture as the camera sees it now, whether or not somebody watches."""
        now_us = int(self._clock.now().timestamp() * 1e6)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._lens(camera).take, now_us)

    def _lens(self, camera: VirtualCamera) -> Lens:
        return self._lenses.setdefault(camera.id, Lens(camera, self._source, self._clock))
