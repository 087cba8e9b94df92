"""The joined catalogue: cameras of the districts that joined, and the choice among them."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from safetynet.app.cameras import cameras_of
from safetynet.app.hub.judging import read_observation
from safetynet.app.hub.roll import Roll, Step
from safetynet.base.clock import Clock
from safetynet.base.errors import NotFoundError
from safetynet.base.ids import CameraId, IncidentId, NodeId, ViewerId
from safetynet.city.model import Cameras, City
from safetynet.federation.catalogue import Catalogue, Change
from safetynet.federation.messages import CameraRecord
from safetynet.incident.showing import JudgedBody
from safetynet.sight.model import (
    Aim,
    CameraNow,
    Choice,
    HealthState,
    Observation,
    PassedOver,
    Request,
)
from safetynet.sight.now import Now
from safetynet.sight.service import Sight

AT_A_TIME = 16
"""Lens positions whose walls are found at once: some 20 ms in which a question waits."""
BETWEEN_S = 0.05
LOOK_AGAIN_S = 1.0
MOST_UPDATES = 100
"""More changed cameras than this are taken in by a new table, in one step."""
_NOBODY: Mapping[CameraId, Aim] = {}


class Eyes:
    """What the hub can see with: grows as districts join, and changes as their lists change."""

    def __init__(self, city: City, *, assumed: bool) -> None:
        """``assumed``: directions that were assumed by rule are true, as in a simulated city."""
        self.city = city
        self.roll = Roll()
        """Whose cameras these are, and what their owners say of them; read it, ``join`` writes it."""
        self._unwell: dict[CameraId, HealthState] = {}
        self._words: dict[CameraId, dict[tuple[IncidentId, ViewerId], Observation]] = {}
        """What viewers said of views, each one's last word last."""
        self._coming: dict[NodeId, Catalogue] = {}
        self._changes: dict[NodeId, Change] = {}
        """By catalogues that were taken, until whoever brought them looks."""
        self._changing = asyncio.Lock()
        # One thread: sight is pure and quick, and the loop must not wait for it. The table in use
        # changes in that thread alone, between questions.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sight")
        self._sight = Sight(replace(city, cameras=cameras_of([], [], city)), assumed=assumed)
        self._now = self._sight.now()

    async def join(self, catalogue: Catalogue) -> Change:
        """Take a district's catalogue in the place of what is known of it; returns what changed.

        What changed of cameras that stay is known to the next question, some milliseconds later. Where
        cameras come or go a new table of all cameras is made (half a second for 170,000); catalogues
        that come meanwhile share the next one.
        """
        self._coming[catalogue.node] = catalogue
        async with self._changing:
            if catalogue.node in self._coming:
                coming, self._coming = self._coming, {}
                await self._take([self.roll.put(one) for one in coming.values()])
            return self._changes.pop(catalogue.node)

    async def _take(self, steps: Sequence[Step]) -> None:
        moved = [(step.node, record) for step in steps for record in step.moved]
        if all(step.fits for step in steps) and len(moved) <= MOST_UPDATES:
            await self._in_thread(lambda: self._update(moved))
        elif any(step.moved or step.change.removed for step in steps):
            cameras = await asyncio.to_thread(self.roll.columns, self.city)
            await self._in_thread(lambda: self._use(cameras))
            for camera, state in self._unwell.items():  # said while the table was made
                self._now.set(camera, CameraNow(state=state))
        for step in steps:
            self._changes[step.node] = step.change
            self.roll.remove(step)
            for camera in step.change.removed:
                self._unwell.pop(camera, None)
            for camera in (*step.change.removed, *step.turned):
                # What it showed before it was moved says nothing of what it shows now.
                self._words.pop(camera, None)
        told = sorted({record.id for _, record in moved} & self._words.keys())
        await self._in_thread(lambda: self._learn(told))

    def _update(self, moved: Sequence[tuple[NodeId, CameraRecord]]) -> None:
        """In the thread of sight."""
        for node, record in moved:
            self._sight.update(record.id, cameras_of([record], [node], self.city))

    def _use(self, cameras: Cameras) -> None:
        """In the thread of sight."""
        self._sight = self._sight.with_cameras(cameras)
        self._now = self._sight.carry(self._now)

    async def learn(self, words: Sequence[JudgedBody]) -> None:
        """Take in what viewers said of views, oldest first. Of a viewer's words on one view the last
        counts: its camera is learned anew from all. One that has not joined is learned when it does."""
        for word in words:
            mine = self._words.setdefault(word.camera, {})
            mine.pop((word.incident, word.viewer), None)
            observation = read_observation(word)
            if observation is not None:
                mine[word.incident, word.viewer] = observation
        told = {word.camera for word in words}
        cameras = sorted(c for c in told if self.roll.find_owner(c) is not None)
        await self._in_thread(lambda: self._learn(cameras))

    def _learn(self, cameras: Iterable[CameraId]) -> None:
        """In the thread of sight."""
        for camera in cameras:
            self._sight.forget(camera)
            self._sight.learn(list(self._words.get(camera, {}).values()))

    def note_health(self, camera: CameraId, state: HealthState) -> bool:
        """A camera fell ill or recovered, by its owner's word; True where that is news."""
        before = self._unwell.pop(camera, HealthState.OK)
        if state is not HealthState.OK:
            self._unwell[camera] = state
        self._now.set(camera, CameraNow(state=state))
        return before is not state

    async def choose(
        self,
        request: Request,
        away: frozenset[NodeId],
        lost: frozenset[CameraId] = frozenset(),
        held: Mapping[CameraId, Aim] = _NOBODY,
    ) -> Choice:
        """Choose views without holding up the loop; not among ``lost`` cameras.

        ``held`` are PTZ cameras that other incidents have turned: they count as they look now.
        """

        def work() -> Choice:
            return self._sight.choose(request, self._as_things_are(away, lost, held))

        return await self._in_thread(work)

    async def why_not(
        self,
        request: Request,
        camera: CameraId,
        away: frozenset[NodeId],
        lost: frozenset[CameraId] = frozenset(),
        held: Mapping[CameraId, Aim] = _NOBODY,
    ) -> PassedOver:
        """Why a camera is no view of a place; as ``choose``."""

        def work() -> PassedOver:
            return self._sight.why_not(request, camera, self._as_things_are(away, lost, held))

        return await self._in_thread(work)

    def _as_things_are(
        self, away: frozenset[NodeId], lost: frozenset[CameraId], held: Mapping[CameraId, Aim]
    ) -> Now:
        """In the thread of sight, for the table in use."""
        for district in self.city.districts:
            self._now.set_owner(district.node, away=district.node in away)
        busy = {c: CameraNow(state=HealthState.BUSY, aim=aim) for c, aim in held.items()}
        gone = dict.fromkeys(lost, CameraNow(state=HealthState.OWNER_AWAY))
        return self._now.but({c: n for c, n in busy.items() if self._is_well(c)} | gone)

    async def prepare(self, clock: Clock) -> None:
        """Find what walls hide around all cameras, a little at a time, between questions."""
        while True:
            more = await self._in_thread(lambda: self._sight.prepare_some(AT_A_TIME))
            await clock.sleep(BETWEEN_S if more else LOOK_AGAIN_S)

    def _is_well(self, camera: CameraId) -> bool:
        return self._now.get(camera).state is HealthState.OK

    async def areas(
        self, views: Sequence[tuple[CameraId, Aim | None]]
    ) -> list[tuple[tuple[float, float], ...]]:
        """The ground that each view sees, as rings of lon, lat."""

        def work() -> list[tuple[tuple[float, float], ...]]:
            return [self._area(camera, aim) for camera, aim in views]

        return await self._in_thread(work)

    def _area(self, camera: CameraId, aim: Aim | None) -> tuple[tuple[float, float], ...]:
        """In the thread of sight; a camera that went meanwhile sees nothing."""
        try:
            return self._sight.visible_area(camera, aim)
        except NotFoundError:
            return ()

    async def _in_thread[T](self, work: Callable[[], T]) -> T:
        """The thread of sight knows the table in use when ``work`` begins, not when it was asked."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
