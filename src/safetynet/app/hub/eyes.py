"""The joined catalogue: cameras of the districts that joined, and the choice among them."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import msgspec
import structlog

from safetynet.app.cameras import cameras_of, join_cameras
from safetynet.app.hub.judging import read_observation
from safetynet.base.clock import Clock
from safetynet.base.errors import NotFoundError
from safetynet.base.ids import CameraId, IncidentId, NodeId, ViewerId
from safetynet.city.model import Cameras, City
from safetynet.federation.catalogue import Catalogue, Change, difference
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

log = structlog.get_logger()


class Eyes:
    """What the hub can see with: grows as districts join, and changes as their lists change."""

    def __init__(self, city: City, *, assumed: bool) -> None:
        """``assumed``: directions that were assumed by rule are true, as in a simulated city."""
        self.city = city
        self._catalogues: dict[NodeId, Catalogue] = {}
        self._records: dict[CameraId, CameraRecord] = {}
        self._owner: dict[CameraId, NodeId] = {}
        self._unwell: dict[CameraId, HealthState] = {}
        self._words: dict[CameraId, dict[tuple[IncidentId, ViewerId], Observation]] = {}
        """What viewers said of views, each one's last word last."""
        self._columns: dict[NodeId, Cameras] = {}
        """Of each district, so that a change of one leaves the others' as they are."""
        self._changing = asyncio.Lock()
        # One thread: sight is pure and quick, and the loop must not wait for it. The table in use
        # changes in that thread alone, between questions.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sight")
        self._sight = Sight(replace(city, cameras=cameras_of([], [], city)), assumed=assumed)
        self._now = self._sight.now()

    async def join(self, catalogue: Catalogue) -> Change:
        """Take a district's catalogue in the place of what is known of it.

        What changed of cameras that stay is known to the next question, some milliseconds later. Where
        cameras come or go a new table of all cameras is made (less than half a second for 170,000).
        Returns what changed.
        """
        async with self._changing:
            node = catalogue.node
            known = self._catalogues.get(node, Catalogue(node))
            change = self._own(node, difference(known, catalogue))
            moved = [r for r in change.put if self._looks_otherwise(r)]
            if self._can_update(change, moved):
                await self._in_thread(lambda: self._update(node, moved))
            elif moved or change.removed:
                await self._rebuild(node, change)
            self._forget_words(change, moved)
            self._take_records(node, change)
            self._catalogues[node] = catalogue
            told = sorted(r.id for r in change.put if r.id in self._words)
            await self._in_thread(lambda: self._learn(told))
            return change

    def _own(self, node: NodeId, change: Change) -> Change:
        """The part of a change that is this district's to make: no camera has two owners."""
        foreign = [r.id for r in change.put if self._owner.get(r.id, node) != node]
        for camera in foreign:
            log.error("hub.camera_of_another", of=node, camera=camera, owner=self._owner[camera])
        return Change(
            put=tuple(r for r in change.put if self._owner.get(r.id, node) == node),
            removed=tuple(c for c in change.removed if self._owner.get(c) == node),
        )

    def _looks_otherwise(self, record: CameraRecord) -> bool:
        """True where a camera is new, or more than its name changed."""
        known = self._records.get(record.id)
        if known is None:
            return True
        named = msgspec.structs.replace(known, name=record.name)
        return msgspec.msgpack.encode(named) != msgspec.msgpack.encode(record)

    def _can_update(self, change: Change, moved: Sequence[CameraRecord]) -> bool:
        """True where the table in use can take it: it keeps its cameras, and their zones."""
        known = [self._records.get(record.id) for record in moved]
        return (
            not change.removed
            and len(moved) <= MOST_UPDATES
            and all(k is not None and k.zones == r.zones for k, r in zip(known, moved, strict=True))
        )

    def _update(self, node: NodeId, moved: Sequence[CameraRecord]) -> None:
        """In the thread of sight."""
        for record in moved:
            self._sight.update(record.id, cameras_of([record], [node], self.city))

    async def _rebuild(self, node: NodeId, change: Change) -> None:
        records = {r.id: r for r in self._records_of(node)} | {r.id: r for r in change.put}
        for camera in change.removed:
            del records[camera]
        owners = [node] * len(records)
        columns = dict(self._columns)
        columns[node] = await asyncio.to_thread(
            cameras_of, list(records.values()), owners, self.city
        )
        cameras = await asyncio.to_thread(join_cameras, list(columns.values()))
        await self._in_thread(lambda: self._use(cameras))
        for camera, state in self._unwell.items():  # said while the table was made
            self._now.set(camera, CameraNow(state=state))
        self._columns = columns

    def _use(self, cameras: Cameras) -> None:
        """In the thread of sight."""
        self._sight = self._sight.with_cameras(cameras)
        self._now = self._sight.carry(self._now)

    def _take_records(self, node: NodeId, change: Change) -> None:
        for camera in change.removed:
            del self._records[camera], self._owner[camera]
            self._unwell.pop(camera, None)
        for record in change.put:
            self._records[record.id] = record
            self._owner[record.id] = node

    def _forget_words(self, change: Change, moved: Sequence[CameraRecord]) -> None:
        """What a camera showed before it was moved says nothing of what it shows now."""
        for camera in [*change.removed, *(r.id for r in moved if r.id in self._records)]:
            self._words.pop(camera, None)

    async def learn(self, words: Sequence[JudgedBody]) -> None:
        """Take in what viewers said of views, oldest first. Of a viewer's words on one view the last
        counts: its camera is learned anew from all. One that has not joined is learned when it does."""
        for word in words:
            mine = self._words.setdefault(word.camera, {})
            mine.pop((word.incident, word.viewer), None)
            observation = read_observation(word)
            if observation is not None:
                mine[word.incident, word.viewer] = observation
        cameras = sorted({word.camera for word in words} & self._owner.keys())
        await self._in_thread(lambda: self._learn(cameras))

    def _learn(self, cameras: Iterable[CameraId]) -> None:
        """In the thread of sight."""
        for camera in cameras:
            self._sight.forget(camera)
            self._sight.learn(list(self._words.get(camera, {}).values()))

    def find_catalogue(self, node: NodeId) -> Catalogue | None:
        """A district's catalogue as known here; None before it joined."""
        return self._catalogues.get(node)

    def count(self, node: NodeId) -> int:
        """Cameras of a district."""
        return len(self._catalogues.get(node, ()))

    def get_record(self, camera: CameraId) -> CameraRecord:
        """A camera as its owner knows it; raises ``KeyError``."""
        return self._records[camera]

    def find_owner(self, camera: CameraId) -> NodeId | None:
        """Whose camera it is; None where nobody that joined has it."""
        return self._owner.get(camera)

    def note_health(self, camera: CameraId, state: HealthState) -> bool:
        """A camera fell ill or recovered, by its owner's word; True where that is news."""
        before = self._unwell.pop(camera, HealthState.OK)
        if state is not HealthState.OK:
            self._unwell[camera] = state
        self._now.set(camera, CameraNow(state=state))
        return before is not state

    def list_records(self, owner: NodeId | None) -> list[tuple[NodeId, CameraRecord]]:
        """Cameras with their owners."""
        return [
            (node, record)
            for node in self._catalogues
            if owner is None or node == owner
            for record in self._records_of(node)
        ]

    def _records_of(self, node: NodeId) -> list[CameraRecord]:
        catalogue = self._catalogues.get(node, Catalogue(node))
        return [c for c in catalogue.cameras if self._owner.get(c.id) == node]

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
