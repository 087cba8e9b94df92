"""One camera's live stream: one pull for all its viewers, and the group of pictures kept."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

import structlog

from safetynet.base.clock import Clock
from safetynet.base.errors import SafetyNetError, UnavailableError
from safetynet.base.ids import CameraId
from safetynet.video.feed import Feed, Piece
from safetynet.video.group import Group
from safetynet.video.h264 import Parameters
from safetynet.video.ipc import Source, SourceState, SourceStatus
from safetynet.video.limits import Limits
from safetynet.video.pull import Picture, Pull, PullEnded, PullEvent
from safetynet.video.still import make_still
from safetynet.video.wire import MediaType

BACK_OFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
ASK_AGAIN_S = (0.03, 0.03, 0.05, 0.08, 0.1, 0.25, 0.5, 0.5, 0.5)
"""A key frame asked for before PLAY took effect is lost, so the stream asks until one comes."""
EVENTS = 256
"""Pictures that may wait for the loop; beyond them the connection is opened anew."""

log = structlog.get_logger()


class Stream:
    """Pulls while somebody needs it and for a while after; everything here runs on the loop."""

    def __init__(
        self,
        camera: CameraId,
        source: Source,
        limits: Limits,
        clock: Clock,
        *,
        stills: Executor,
        ask_key_frame: Callable[[Source], Awaitable[None]],
        tell: Callable[[SourceState], None],
    ) -> None:
        self.camera = camera
        self.source = source
        self.status = SourceStatus.CLOSED
        self.epoch = 0
        self._limits = limits
        self._clock = clock
        self._stills = stills
        self._ask_key_frame = ask_key_frame
        self._tell = tell
        self._needs: set[str] = set()
        self._feeds: set[Feed] = set()
        self._opened = asyncio.Event()
        self._begun = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._closing: asyncio.TimerHandle | None = None
        self._pull: Pull | None = None
        self._group: Group | None = None
        self._still: asyncio.Task[Piece] | None = None

    def use(self, source: Source) -> None:
        """Go on with another source, from its next opening; a running pull is begun anew."""
        if source != self.source and self._pull is not None:
            self._pull.stop()
        self.source = source

    def need(self, who: str) -> None:
        """Pull for ``who`` (a lock or a session) until ``release``; idempotent."""
        self._needs.add(who)
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
        if self._running is None:
            self._running = asyncio.create_task(self._run(), name=f"stream {self.camera}")

    def release(self, who: str) -> None:
        """``who`` needs it no more; the pull ends ``linger_s`` after the last."""
        self._needs.discard(who)
        if not self._needs and self._running is not None and self._closing is None:
            loop = asyncio.get_running_loop()
            self._closing = loop.call_later(self._limits.linger_s, self._running.cancel)

    @property
    def idle(self) -> bool:
        """True while nothing is pulled."""
        return self._running is None

    async def opened(self) -> Parameters:
        """Wait until the stream's parameters are known."""
        while self._group is None:
            await self._opened.wait()
        return self._group.parameters

    async def begun(self) -> None:
        """Wait until there is a key frame."""
        await self._begun.wait()

    async def still(self) -> Piece:
        """The last key frame as JPEG; raises ``UnavailableError`` on a broken one."""
        await self._begun.wait()
        if self._group is None:
            raise UnavailableError("still.lost", "the source was lost meanwhile")
        return await asyncio.shield(self._still_of(self._group))

    def join(self) -> Feed:
        """A feed that begins with the initialisation segment and the group of pictures so far."""
        feed = Feed(self._limits, self._group.first() if self._group else [])
        self._feeds.add(feed)
        return feed

    def leave(self, feed: Feed) -> None:
        """The feed gets nothing more."""
        self._feeds.discard(feed)

    async def close(self) -> None:
        """End the pull now."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        failures = 0
        try:
            while True:
                began = await self._pull_once()
                failures = 0 if began else failures + 1
                await self._clock.sleep(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)])
        finally:
            self._running = None
            self._closing = None
            self._forget()
            self._change(SourceStatus.CLOSED)

    async def _pull_once(self) -> bool:
        """One connection from its opening to its end; True where pictures came."""
        self._forget()
        self._change(SourceStatus.OPENING)
        events: asyncio.Queue[PullEvent] = asyncio.Queue(EVENTS + 1)
        loop = asyncio.get_running_loop()

        def offer(event: PullEvent) -> None:
            if isinstance(event, PullEnded) or events.qsize() < EVENTS:
                events.put_nowait(event)
            else:
                pull.stop()  # a loop this far behind shows nothing in time: begin anew

        def tell(event: PullEvent) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: so has the process
                loop.call_soon_threadsafe(offer, event)

        pull = self._pull = Pull(self.source, self._clock, self._limits.silence_s, tell)
        pull.start()
        asking = asyncio.create_task(self._ask_until_begun())
        try:
            while not isinstance(event := await events.get(), PullEnded):
                self._take(event)
            began = self._begun.is_set()
            self._change(SourceStatus.LOST, event.detail)
            return began
        finally:
            pull.stop()
            asking.cancel()

    async def _ask_until_begun(self) -> None:
        """Ask for a key frame so that its own phase does not decide how long a viewer waits."""
        for pause_s in ASK_AGAIN_S if self.source.onvif_url else ():
            try:
                await self._ask_key_frame(self.source)
            except SafetyNetError as error:
                log.info("source.no_key_frame", camera=self.camera, code=error.code, **error.fields)
            await self._clock.sleep(pause_s)
            if self._begun.is_set():
                return

    def _take(self, event: Parameters | Picture) -> None:
        if isinstance(event, Parameters):
            self._begin_epoch(event)
        elif self._group is not None:
            self._take_picture(self._group, event)

    def _begin_epoch(self, parameters: Parameters) -> None:
        self.epoch += 1
        self._still = None
        self._begun.clear()
        self._group = Group(parameters, self.epoch, self._now_us(), self._limits)
        self._publish(self._group.init)
        self._opened.set()

    def _take_picture(self, group: Group, picture: Picture) -> None:
        piece = group.add(picture)
        if piece is None:
            return
        self._publish(piece)
        if picture.key:
            self._still = None
        if not self._begun.is_set():
            self._begun.set()
            self._change(SourceStatus.LIVE)
            # Whoever had the camera prepared is about to look: the first still costs them no wait.
            self._still_of(group)

    def _still_of(self, group: Group) -> asyncio.Task[Piece]:
        if self._still is None:
            self._still = asyncio.create_task(self._make_still(group))
            self._still.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._still

    async def _make_still(self, group: Group) -> Piece:
        key = group.key
        assert key is not None, "a group has begun with its key frame"
        jpeg = await asyncio.get_running_loop().run_in_executor(
            self._stills, make_still, group.parameters, key.units
        )
        return group.piece(MediaType.STILL, jpeg, key.captured_us)

    def _publish(self, piece: Piece) -> None:
        for feed in self._feeds:
            feed.put(piece)

    def _forget(self) -> None:
        """Nothing of a lost connection is shown to a newcomer."""
        self._group = None
        self._still = None
        self._opened.clear()
        self._begun.clear()

    def _change(self, status: SourceStatus, detail: str = "") -> None:
        self.status = status
        log.info("source", camera=self.camera, status=status, detail=detail, epoch=self.epoch)
        self._tell(SourceState(camera=self.camera, status=status, detail=detail))

    def _now_us(self) -> int:
        return int(self._clock.now().timestamp() * 1_000_000)
