"""The joined catalogue: cameras of the districts that joined, and the choice among them."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import structlog

from safetynet.app.cameras import cameras_of
from safetynet.app.hub.moment import (
    Circumstances,
    Decision,
    as_recorded,
    asked_of,
    changed_by,
    moment_of,
    read_asked,
    tell,
)
from safetynet.app.hub.roll import Roll, Step
from safetynet.app.hub.words import Words
from safetynet.base.clock import Clock
from safetynet.base.errors import InvalidError, NotFoundError
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.model import Cameras, City
from safetynet.federation.catalogue import Catalogue, Change
from safetynet.federation.messages import CameraRecord
from safetynet.incident.showing import JudgedBody
from safetynet.sight.handover import HandOver, lead_of
from safetynet.sight.model import (
    Aim,
    CameraNow,
    Choice,
    HealthState,
    PassedOver,
    Request,
)
from safetynet.sight.now import Now
from safetynet.sight.service import Sight

AT_A_TIME = 16
"""Lens positions whose walls are found at once: some 20 ms in which a question waits."""
REST = 4.0
"""So many times as long as that took it rests: at most a fifth of a core goes into it, also right after a start."""
LOOK_AGAIN_S = 1.0
QUIET_S = 3.0
PATIENCE = 4
"""After an incident's question it rests so long, so many times while more come: opening the views needs the
machine more. A question finds by itself what is missing around its place."""
KEEP_EVERY_S = 300.0
"""So often what walls hide is written down while it is being found, and when all is."""
MOST_UPDATES = 100
"""More changed cameras than this are taken in by a new table, in one step."""
OK = HealthState.OK
_NOBODY: Mapping[CameraId, Aim] = {}

log = structlog.get_logger()


class Eyes:
    """What the hub can see with: grows as districts join, and changes as their lists change."""

    def __init__(self, city: City, *, assumed: bool, walls: Path | None = None) -> None:
        """``assumed``: directions that were assumed by rule are true, as in a simulated city. ``walls``: the
        file that keeps what walls hide from one start to the next."""
        self.city = city
        self.roll = Roll()
        """Whose cameras these are, and what their owners say of them; read it, ``join`` writes it."""
        self._unwell: dict[CameraId, HealthState] = {}
        self._words = Words()
        self._coming: dict[NodeId, Catalogue] = {}
        self._changes: dict[NodeId, Change] = {}
        """By catalogues that were taken, until whoever brought them looks."""
        self._changing = asyncio.Lock()
        self._assumed = assumed
        self._walls = walls
        self._in_use: dict[NodeId, str] = {}
        """Checksums of the catalogues in the table in use; the thread of sight writes it."""
        # One thread: sight is pure and quick, and the loop must not wait for it. The table in use
        # changes in that thread alone, between questions.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sight")
        self._sight = Sight(replace(city, cameras=cameras_of([], [], city)), assumed=assumed)
        self._now = self._sight.now()
        self._asked = 0
        """Questions of incidents so far."""

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
        catalogues = {step.node: step.checksum for step in steps}
        if all(step.fits for step in steps) and len(moved) <= MOST_UPDATES:
            await self._in_thread(lambda: self._update(moved, catalogues))
        else:
            cameras = await asyncio.to_thread(self.roll.columns, self.city)
            await self._in_thread(lambda: self._use(cameras, catalogues))
        for step in steps:
            self._changes[step.node] = step.change
            self.roll.remove(step)
            for camera in step.change.removed:
                self._unwell.pop(camera, None)
        turned = {camera for step in steps for camera in step.turned}
        removed = {camera for step in steps for camera in step.change.removed}
        touched = self._words.list_touched(removed | {record.id for _, record in moved})
        for camera in turned:
            self._words.drop(camera)
        told = sorted((touched | turned) - removed)
        await self._in_thread(lambda: self._learn(told))

    def count(self, node: NodeId) -> int:
        """Cameras of a district that the next question knows; 0 until the table that has them is in use."""
        return self.roll.count(node) if node in self._in_use else 0

    def _update(
        self, moved: Sequence[tuple[NodeId, CameraRecord]], catalogues: Mapping[NodeId, str]
    ) -> None:
        """In the thread of sight."""
        self._in_use |= catalogues
        for node, record in moved:
            self._sight.update(record.id, cameras_of([record], [node], self.city))

    def _use(self, cameras: Cameras, catalogues: Mapping[NodeId, str]) -> None:
        """In the thread of sight."""
        self._in_use |= catalogues
        self._sight = self._sight.with_cameras(cameras)
        self._now = self._sight.carry(self._now)
        for camera, state in list(self._unwell.items()):  # of cameras that only come now
            self._now.set(camera, CameraNow(state=state))

    async def learn(self, words: Sequence[JudgedBody]) -> None:
        """Take in what viewers said of views, oldest first. Of a viewer's words on one view the last
        counts: its camera is learned anew from all. One that has not joined is learned when it does."""
        for word in words:
            self._words.say(word)
        told = {word.camera for word in words}
        cameras = sorted(c for c in told if self.roll.find_owner(c) is not None)
        await self._in_thread(lambda: self._learn(cameras))

    def _learn(self, cameras: Iterable[CameraId]) -> None:
        """In the thread of sight."""
        for camera in cameras:
            self._sight.forget(camera)
            self._sight.learn(self._words.of(camera))

    def note_health(self, camera: CameraId, state: HealthState) -> bool:
        """A camera fell ill or recovered, by its owner's word; True where that is news."""
        before = self._unwell.pop(camera, HealthState.OK)
        if state is not HealthState.OK:
            self._unwell[camera] = state
        # In turn with the questions: one that is being answered goes on with what it began with.
        self._thread.submit(lambda: self._now.set(camera, CameraNow(state=state)))
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

    async def follow(
        self, request: Request, away: frozenset[NodeId], held: Mapping[CameraId, Aim] = _NOBODY
    ) -> tuple[Choice, HandOver]:
        """Choose views of a moving target as ``choose`` does, and tell when they must change."""

        def work() -> tuple[Choice, HandOver]:
            choice = self._sight.choose(request, self._as_things_are(away, frozenset(), held))
            # A PTZ that another incident holds shows what it was turned to.
            views = [
                msgspec.structs.replace(v, aim=v.aim or held.get(v.camera)) for v in choice.views
            ]
            return choice, self._sight.hand_over(request, views, lead_s=lead_of(views))

        return await self._in_thread(work)

    async def decide(
        self,
        request: Request,
        away: frozenset[NodeId],
        lost: frozenset[CameraId] = frozenset(),
        held: Mapping[CameraId, Aim] = _NOBODY,
    ) -> Decision:
        """Choose as ``choose`` does, for the record: with the moment that it was asked in.

        The question is about a point; it and the aims are rounded to what an entry can keep.
        """

        def work() -> Decision:
            asked, aims = read_asked(asked_of(request)), as_recorded(held)
            near = self._sight.list_near(asked)
            unwell = {c: state for c in near if (state := self._now.get(c).state) is not OK}
            now = Circumstances(away=away, unwell=unwell, held=aims, lost=lost)
            moment = moment_of(
                self._sight, asked, near, now, catalogues=self._in_use, assumed=self._assumed
            )
            choice = self._sight.choose(asked, self._as_things_are(away, lost, aims))
            return Decision(choice=choice, moment=moment)

        self._asked += 1
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
        unwell = {c: self._now.get(c).state for c in held if self._now.get(c).state is not OK}
        now = Circumstances(away=away, unwell=unwell, held=held, lost=lost)
        tell(self._now, now, (d.node for d in self.city.districts))
        return self._now.but(changed_by(now))

    async def prepare(self, clock: Clock) -> None:
        """Find what walls hide around all cameras, a little at a time, between questions; what was found
        before a start of this node is read, not found again."""

        def work() -> tuple[bool, float]:
            began_s = clock.monotonic_s()
            return self._sight.prepare_some(AT_A_TIME), clock.monotonic_s() - began_s

        await self._in_thread(self._take_walls)
        kept_s, new = clock.monotonic_s(), False
        while True:
            some, took_s = await self._in_thread(work)
            new = new or some
            if new and (not some or clock.monotonic_s() > kept_s + KEEP_EVERY_S):
                await self._keep_walls()
                kept_s, new = clock.monotonic_s(), False
            asked = self._asked
            await clock.sleep(REST * took_s if some else LOOK_AGAIN_S)
            for _ in range(PATIENCE):
                if asked == self._asked:
                    break
                asked = self._asked
                await clock.sleep(QUIET_S)

    def _take_walls(self) -> None:
        """In the thread of sight."""
        if self._walls is None or not self._walls.exists():
            return
        try:
            self._sight.take_walls(self._walls)
        except InvalidError as error:  # of another city, or torn: all is found anew
            log.warning("walls.not_taken", file=str(self._walls), error=str(error))

    async def _keep_walls(self) -> None:
        if self._walls is None:
            return
        write = await self._in_thread(lambda: self._sight.walls.to_save())
        try:
            await asyncio.to_thread(write, self._walls)
        except OSError as error:  # a full disk: the next start takes longer
            log.warning("walls.not_kept", file=str(self._walls), error=str(error))

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
