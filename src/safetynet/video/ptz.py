"""Turning cameras: who holds one, where it looks, and that it goes home."""

import asyncio
import itertools
import math
from collections.abc import Callable, Coroutine, Sequence

import structlog

from safetynet.base.clock import Clock
from safetynet.base.errors import SafetyNetError, UnavailableError
from safetynet.base.geo import turn_deg
from safetynet.base.ids import CameraId
from safetynet.video.device import Device, Devices, Position, Status
from safetynet.video.ipc import Returned, Source, Turn, Turned
from safetynet.video.limits import Limits

POLL_S = 0.1
LEAST_DWELL_S = 0.5
"""A sweep stands at least so long at each stop, whatever is asked for: nobody sees more in less."""
ZOOM_RANGE = 19.0
"""Magnification at zoom 1, less one (docs/design/0001, Geometry)."""
_NEAR = Position(pan=0.003, tilt=0.006, zoom=0.01)
"""How near counts as there: about half a degree."""
_STUCK_S = 1.0
_HOME_TRIES_S = (0.2, 1.0, 3.0)
_LEAVING_S = 1.5

log = structlog.get_logger()


def position_of(turn: Turn, home: Turn) -> Position:
    """A pose as ONVIF says it (docs/design/0001, Geometry)."""
    wide, wanted = (math.tan(math.radians(a) / 2) for a in (home.hfov_deg, turn.hfov_deg))
    zoom = (wide / wanted - 1) / ZOOM_RANGE
    return Position(
        pan=turn_deg(home.azimuth_deg, turn.azimuth_deg) / 180,
        tilt=min(max(-turn.tilt_deg / 90, -1.0), 1.0),
        zoom=min(max(zoom, 0.0), 1.0),
    )


def turn_of(position: Position, home: Turn) -> Turn:
    """The inverse of ``position_of``."""
    wide = math.tan(math.radians(home.hfov_deg) / 2)
    return Turn(
        azimuth_deg=(home.azimuth_deg + position.pan * 180) % 360,
        tilt_deg=-position.tilt * 90,
        hfov_deg=2 * math.degrees(math.atan(wide / (1 + ZOOM_RANGE * position.zoom))),
    )


class _Head:
    """What we know of one camera's head."""

    def __init__(self) -> None:
        self.locks: set[str] = set()
        self.holder: str | None = None
        """The lock that turned it; nobody else may until it is released."""
        self.source: Source | None = None
        self.moved = False
        self.task: asyncio.Task[object] | None = None


class Heads:
    """All PTZ heads of a worker. The first lock that turns a camera keeps it turned."""

    def __init__(
        self,
        devices: Devices,
        clock: Clock,
        limits: Limits,
        tell: Callable[[Turned | Returned], None],
    ) -> None:
        self._devices = devices
        self._clock = clock
        self._limits = limits
        self._tell = tell
        self._heads: dict[CameraId, _Head] = {}

    def lock(
        self,
        camera: CameraId,
        source: Source,
        turn: Turn | None,
        lock: str,
        *,
        sweep: Sequence[Turn] = (),
        dwell_s: float = 0.0,
    ) -> None:
        """Hold the camera and, where a turn is given, begin it, or the sweep that begins with it; the
        outcome is told later."""
        head = self._heads.setdefault(camera, _Head())
        head.locks.add(lock)
        if turn is None:
            return
        if head.holder not in (None, lock):
            self._tell(Turned(camera=camera, lock=lock, to=turn, took_s=0.0, error="locked"))
        elif source.home is None or source.onvif_url is None:
            self._tell(Turned(camera=camera, lock=lock, to=turn, took_s=0.0, error="fixed"))
        else:
            head.holder, head.source, head.moved = lock, source, True
            doing = (
                self._sweep(camera, source, source.home, sweep, dwell_s, lock)
                if sweep
                else self._turn(camera, source, source.home, turn, lock)
            )
            self._begin(head, doing)

    def release(self, camera: CameraId, lock: str) -> None:
        """Give up one lock; after the last the camera goes home. Unknown locks do nothing."""
        head = self._heads.get(camera)
        if head is None or lock not in head.locks:
            return
        head.locks.discard(lock)
        if head.holder == lock:
            head.holder = None
        if not head.locks:
            self._send_home(camera, head)

    async def close(self) -> None:
        """Send every turned camera home, as far as that can be said within a moment."""
        for camera, head in list(self._heads.items()):
            if head.locks:
                head.locks.clear()
                self._send_home(camera, head)
        tasks = [h.task for h in self._heads.values() if h.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=_LEAVING_S)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _send_home(self, camera: CameraId, head: _Head) -> None:
        if head.moved and head.source is not None and head.source.home is not None:
            self._begin(head, self._return(camera, head, head.source, head.source.home))
        elif head.task is None:
            del self._heads[camera]

    def _begin(self, head: _Head, doing: Coroutine[None, None, object]) -> None:
        """A head does one thing at a time: the latest."""
        if head.task is not None:
            head.task.cancel()
        head.task = asyncio.create_task(doing)

    async def _sweep(
        self,
        camera: CameraId,
        source: Source,
        home: Turn,
        stops: Sequence[Turn],
        dwell_s: float,
        lock: str,
    ) -> None:
        """Look at one stop after the other, round by round; it stays where none of a round is reached."""
        for round_ in itertools.count(1):
            reached = 0
            for number, stop in enumerate(stops, start=1):
                reached += await self._turn(
                    camera, source, home, stop, lock, stop=number, round_=round_
                )
                await self._clock.sleep(max(dwell_s, LEAST_DWELL_S))
            if not reached:
                return

    async def _turn(
        self,
        camera: CameraId,
        source: Source,
        home: Turn,
        turn: Turn,
        lock: str,
        *,
        stop: int = 0,
        round_: int = 0,
    ) -> bool:
        began_s = self._clock.monotonic_s()
        reached, error = turn, ""
        try:
            device = self._devices.of(source)
            async with asyncio.timeout(self._limits.turn_s):
                goal = position_of(turn, home)
                await device.move(goal)
                reached = turn_of(await self._arrive(device, goal), home)
        except TimeoutError:
            error = "timeout"
        except SafetyNetError as failure:
            error = failure.code
            log.warning("ptz.turn_failed", camera=camera, code=failure.code, **failure.fields)
        took_s = self._clock.monotonic_s() - began_s
        if round_ <= 1 or error:
            log.info("ptz.turned", camera=camera, took_s=round(took_s, 3), error=error, stop=stop)
        self._tell(
            Turned(
                camera=camera,
                lock=lock,
                to=reached,
                took_s=took_s,
                error=error,
                stop=stop,
                round_=round_,
            )
        )
        return not error

    async def _arrive(self, device: Device, goal: Position) -> Position:
        """Wait until it is there; raises ``UnavailableError`` where it stops short."""
        stands, since_s = None, self._clock.monotonic_s()
        while True:
            status = await device.status()
            if _is_there(status, goal):
                return status.position
            if status.position != stands:
                stands, since_s = status.position, self._clock.monotonic_s()
            elif not status.moving and self._clock.monotonic_s() - since_s > _STUCK_S:
                raise UnavailableError("camera.out_of_reach", "the camera stopped elsewhere")
            await self._clock.sleep(POLL_S)

    async def _return(self, camera: CameraId, head: _Head, source: Source, home: Turn) -> None:
        error = ""
        for pause_s in (*_HOME_TRIES_S, None):
            try:
                await self._devices.of(source).move(position_of(home, home))
                error = ""
                break
            except SafetyNetError as failure:
                error = failure.code
                if pause_s is not None:
                    await self._clock.sleep(pause_s)
        log.info("ptz.returned", camera=camera, error=error)
        if self._heads.get(camera) is head and not head.locks:
            del self._heads[camera]
        self._tell(Returned(camera=camera, error=error))


def _is_there(status: Status, goal: Position) -> bool:
    at = status.position
    pan = abs(at.pan - goal.pan)
    return (
        not status.moving
        and min(pan, 2 - pan) <= _NEAR.pan
        and abs(at.tilt - goal.tilt) <= _NEAR.tilt
        and abs(at.zoom - goal.zoom) <= _NEAR.zoom
    )
