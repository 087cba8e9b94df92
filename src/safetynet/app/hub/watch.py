"""The hub's ear on the districts: beats, catalogues, health and journals."""

import asyncio
from collections.abc import Callable

import structlog

from safetynet.app.hub.eyes import Eyes
from safetynet.app.hub.joining import Joining
from safetynet.app.hub.responder import Responder
from safetynet.base.clock import Clock
from safetynet.base.ids import CameraId, NodeId
from safetynet.federation import subjects
from safetynet.federation.bus import Bus
from safetynet.federation.directory import Directory, Presence, Standing
from safetynet.federation.messages import Beat, EntryBatch, HealthNotes, decode
from safetynet.federation.recall import RecallDoor
from safetynet.federation.replicate import Replica
from safetynet.journal.follow import Follower
from safetynet.sight.model import HealthState

TICK_S = 0.25
_SHOWS = (HealthState.OK, HealthState.STALE)
"""States in which a camera may be shown."""

log = structlog.get_logger()
Tell = Callable[[Standing], None]


class Watch:
    """Hears every district: who is here, what it owns, who is well there. Every process of the hub does, so
    that each knows the cameras when its turn comes; journals are followed by the one that answers."""

    def __init__(
        self,
        *,
        bus: Bus,
        directory: Directory,
        eyes: Eyes,
        follower: Follower,
        clock: Clock,
        group: asyncio.TaskGroup,
    ) -> None:
        self._bus = bus
        self._directory = directory
        self._eyes = eyes
        self._follower = follower
        self._clock = clock
        self._nodes = [s.node for s in directory.list_all()]
        self._responder: Responder | None = None
        self._tell: Tell | None = None
        self._replicas: dict[NodeId, Replica] = {}
        """Of the one that answers."""
        self._recall = RecallDoor(follower, bus)
        self._joinings = {
            node: Joining(
                node,
                bus=bus,
                eyes=eyes,
                clock=clock,
                group=group,
                on_health=self._note_health,
                on_gone=self._lose,
                on_joined=self._joined,
            )
            for node in self._nodes
        }

    async def run(self) -> None:
        """Listen until cancelled."""
        await self._recall.open(self._nodes)
        await self._bus.subscribe(subjects.ALL_BEATS, self._hear_beat)
        await self._bus.subscribe(subjects.ALL_JOURNALS, self._hear_entries)
        await self._bus.subscribe(subjects.ALL_HEALTH, self._hear_health)
        while True:
            await self._clock.sleep(TICK_S)
            for standing in self._directory.tick(self._clock.monotonic_s()):
                await self._note(standing)

    async def follow(self, responder: Responder, tell: Tell) -> None:
        """Follow the districts' journals and tell the responder what becomes of cameras and owners, until
        cancelled: the part of the one process that answers."""
        self._responder, self._tell = responder, tell
        self._replicas = {node: Replica(node, self._follower, self._bus) for node in self._nodes}
        if any(s.can_show and self._knows(s.node) for s in self._directory.list_all()):
            responder.fill_up()  # else it begins when the first of them has joined
        try:
            async with asyncio.TaskGroup() as group:
                for replica in self._replicas.values():
                    group.create_task(replica.run())
                await asyncio.Event().wait()
        finally:
            self._responder, self._tell, self._replicas = None, None, {}

    def _knows(self, node: NodeId) -> bool:
        return self._eyes.roll.find_catalogue(node) is not None

    async def _hear_beat(self, subject: str, data: bytes) -> None:
        beat = decode(data, Beat)
        if beat.node != subjects.node_of(subject) or beat.node not in self._joinings:
            return
        changed = self._directory.hear(beat, self._clock.monotonic_s())
        if (replica := self._replicas.get(beat.node)) is not None:
            replica.hear_beat(beat)
        if not self._joinings[beat.node].hear_beat(beat) and changed is not None:
            await self._note(changed)

    async def _joined(self, node: NodeId) -> None:
        await self._note(self._directory.get(node))

    async def _hear_entries(self, subject: str, data: bytes) -> None:
        replica = self._replicas.get(subjects.node_of(subject))
        if replica is None:
            return
        batch = decode(data, EntryBatch)
        if batch.node == replica.node:
            replica.hear_batch(batch)

    async def _hear_health(self, subject: str, data: bytes) -> None:
        notes = decode(data, HealthNotes)
        joining = self._joinings.get(subjects.node_of(subject))
        if joining is not None and notes.node == subjects.node_of(subject):
            await joining.hear_health(notes)

    async def _note_health(self, camera: CameraId, state: HealthState) -> None:
        if not self._eyes.note_health(camera, state) or self._responder is None:
            return
        if state in _SHOWS:
            self._responder.fill_up()
        else:
            await self._responder.lose_camera(camera, state)

    async def _lose(self, camera: CameraId) -> None:
        if self._responder is not None:
            await self._responder.lose_camera(camera, HealthState.DEAD)

    async def _note(self, standing: Standing) -> None:
        if standing.presence is Presence.AWAY:
            log.warning("hub.district_away", of=standing.node)
        if self._responder is None or self._tell is None:
            return
        self._tell(standing)
        if standing.can_show:
            self._responder.hand_again(standing.node)
            self._responder.take_back(standing.node)
            self._responder.fill_up()
        if standing.presence is Presence.AWAY:
            await self._responder.lose_owner(standing.node)
