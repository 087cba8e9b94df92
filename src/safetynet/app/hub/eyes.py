"""The joined catalogue: cameras of the districts that joined, and the choice among them."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from safetynet.app.cameras import cameras_of
from safetynet.app.hub.judging import read_observation
from safetynet.base.clock import Clock
from safetynet.base.ids import CameraId, IncidentId, NodeId, ViewerId
from safetynet.city.model import City
from safetynet.federation.catalogue import Catalogue
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
_NOBODY: Mapping[CameraId, Aim] = {}


class Eyes:
    """What the hub can see with: grows as districts join."""

    def __init__(self, city: City, *, assumed: bool) -> None:
        """``assumed``: directions that were assumed by rule are true, as in a simulated city."""
        self.city = city
        self._catalogues: dict[NodeId, Catalogue] = {}
        self._records: dict[CameraId, CameraRecord] = {}
        self._owner: dict[CameraId, NodeId] = {}
        self._words: dict[CameraId, dict[tuple[IncidentId, ViewerId], Observation]] = {}
        """What viewers said of views, each one's last word last."""
        # One thread: sight is pure and quick, and the loop must not wait for it.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sight")
        self._sight = Sight(replace(city, cameras=cameras_of([], [], city)), assumed=assumed)
        self._now = self._sight.now()

    async def join(self, catalogue: Catalogue) -> None:
        """Take a district's cameras in the place of those known of it."""
        self._catalogues[catalogue.node] = catalogue
        records = [r for c in self._catalogues.values() for r in c.cameras]
        owners = [c.node for c in self._catalogues.values() for _ in c.cameras]
        cameras = cameras_of(records, owners, self.city)
        loop = asyncio.get_running_loop()
        self._sight = await loop.run_in_executor(self._thread, self._sight.with_cameras, cameras)
        self._now = self._sight.carry(self._now)
        self._records = {r.id: r for r in records}
        self._owner = dict(zip(self._records, owners, strict=True))
        told = sorted(r.id for r in catalogue.cameras if r.id in self._words)
        await loop.run_in_executor(self._thread, self._learn, self._sight, told)

    async def learn(self, words: Sequence[JudgedBody]) -> None:
        """Take in what viewers said of views, oldest first. Of a viewer's words on one view the last
        counts: its camera is learned anew from all. One that has not joined is learned when it does."""
        for word in words:
            mine = self._words.setdefault(word.camera, {})
            mine.pop((word.incident, word.viewer), None)
            observation = read_observation(word)
            if observation is not None:
                mine[word.incident, word.viewer] = observation
        cameras = {word.camera for word in words} & self._owner.keys()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._learn, self._sight, sorted(cameras))

    def _learn(self, sight: Sight, cameras: Iterable[CameraId]) -> None:
        """In the thread of sight."""
        for camera in cameras:
            sight.forget(camera)
            sight.learn(list(self._words.get(camera, {}).values()))

    def checksum(self, node: NodeId) -> str:
        """Checksum of a district's catalogue as known here; empty where none is."""
        catalogue = self._catalogues.get(node)
        return catalogue.checksum if catalogue else ""

    def count(self, node: NodeId) -> int:
        """Cameras of a district."""
        catalogue = self._catalogues.get(node)
        return len(catalogue.cameras) if catalogue else 0

    def get_record(self, camera: CameraId) -> CameraRecord:
        """A camera as its owner knows it; raises ``KeyError``."""
        return self._records[camera]

    def find_owner(self, camera: CameraId) -> NodeId | None:
        """Whose camera it is; None where nobody that joined has it."""
        return self._owner.get(camera)

    def note_health(self, camera: CameraId, state: HealthState) -> bool:
        """A camera fell ill or recovered, by its owner's word; True where that is news."""
        before = self._now.get(camera).state
        self._now.set(camera, CameraNow(state=state))
        return before is not state

    def list_records(self, owner: NodeId | None) -> list[tuple[NodeId, CameraRecord]]:
        """Cameras with their owners."""
        return [
            (node, record)
            for node, catalogue in self._catalogues.items()
            if owner is None or node == owner
            for record in catalogue.cameras
        ]

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
        now = self._as_things_are(away, lost, held)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._sight.choose, request, now)

    async def why_not(
        self,
        request: Request,
        camera: CameraId,
        away: frozenset[NodeId],
        lost: frozenset[CameraId] = frozenset(),
        held: Mapping[CameraId, Aim] = _NOBODY,
    ) -> PassedOver:
        """Why a camera is no view of a place; as ``choose``."""
        now = self._as_things_are(away, lost, held)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._sight.why_not, request, camera, now)

    def _as_things_are(
        self, away: frozenset[NodeId], lost: frozenset[CameraId], held: Mapping[CameraId, Aim]
    ) -> Now:
        for district in self.city.districts:
            self._now.set_owner(district.node, away=district.node in away)
        busy = {c: CameraNow(state=HealthState.BUSY, aim=aim) for c, aim in held.items()}
        gone = dict.fromkeys(lost, CameraNow(state=HealthState.OWNER_AWAY))
        return self._now.but({c: n for c, n in busy.items() if self._is_well(c)} | gone)

    async def prepare(self, clock: Clock) -> None:
        """Find what walls hide around all cameras, a little at a time, between questions."""
        loop = asyncio.get_running_loop()
        while True:
            more = await loop.run_in_executor(self._thread, self._sight.prepare_some, AT_A_TIME)
            await clock.sleep(BETWEEN_S if more else LOOK_AGAIN_S)

    def _is_well(self, camera: CameraId) -> bool:
        return self._now.get(camera).state is HealthState.OK

    async def areas(
        self, views: Sequence[tuple[CameraId, Aim | None]]
    ) -> list[tuple[tuple[float, float], ...]]:
        """The ground that each view sees, as rings of lon, lat."""
        sight = self._sight

        def work() -> list[tuple[tuple[float, float], ...]]:
            return [sight.visible_area(camera, aim) for camera, aim in views]

        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
