"""The hub's ear on the districts: beats, catalogues, health and journals."""

import asyncio
from collections.abc import Callable

import structlog

from safetynet.app.hub.eyes import Eyes
from safetynet.app.hub.joining import Joining
from safetynet.app.hub.owners import Owners
from safetynet.app.hub.responder import Responder
from safetynet.base.clock import Clock
from safetynet.base.ids import CameraId, NodeId
from safetynet.federation import subjects
from safetynet.federation.bus import Bus
from safetynet.federation.directory import Presence, Standing
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
    """Follows every district: who is here, what it owns, what its journal says."""

    def __init__(
        self,
        *,
        bus: Bus,
        owners: Owners,
        eyes: Eyes,
        responder: Responder,
        follower: Follower,
        clock: Clock,
        group: asyncio.TaskGroup,
        tell: Tell,
    ) -> None:
        self._bus = bus
        self._owners = owners
        self._eyes = eyes
        self._responder = responder
        self._clock = clock
        self._group = group
        self._tell = tell
        nodes = [s.node for s in owners.directory.list_all()]
        self._replicas = {node: Replica(node, follower, bus) for node in nodes}
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
            for node in nodes
        }

    async def run(self) -> None:
        """Listen until cancelled."""
        await self._recall.open(list(self._replicas))
        await self._bus.subscribe(subjects.ALL_BEATS, self._hear_beat)
        await self._bus.subscribe(subjects.ALL_JOURNALS, self._hear_entries)
        await self._bus.subscribe(subjects.ALL_HEALTH, self._hear_health)
        for replica in self._replicas.values():
            self._group.create_task(replica.run())
        while True:
            await self._clock.sleep(TICK_S)
            for standing in self._owners.directory.tick(self._clock.monotonic_s()):
                await self._note(standing)

    async def _hear_beat(self, subject: str, data: bytes) -> None:
        beat = decode(data, Beat)
        if beat.node != subjects.node_of(subject) or beat.node not in self._replicas:
            return
        changed = self._owners.directory.hear(beat, self._clock.monotonic_s())
        self._replicas[beat.node].hear_beat(beat)
        if not self._joinings[beat.node].hear_beat(beat) and changed is not None:
            await self._note(changed)

    async def _joined(self, node: NodeId) -> None:
        await self._note(self._owners.directory.get(node))

    async def _hear_entries(self, subject: str, data: bytes) -> None:
        batch = decode(data, EntryBatch)
        replica = self._replicas.get(subjects.node_of(subject))
        if replica is not None and batch.node == replica.node:
            replica.hear_batch(batch)

    async def _hear_health(self, subject: str, data: bytes) -> None:
        notes = decode(data, HealthNotes)
        joining = self._joinings.get(subjects.node_of(subject))
        if joining is not None and notes.node == subjects.node_of(subject):
            await joining.hear_health(notes)

    async def _note_health(self, camera: CameraId, state: HealthState) -> None:
        if not self._eyes.note_health(camera, state):
            return
        if state in _SHOWS:
            self._responder.fill_up()
        else:
            await self._responder.lose_camera(camera, state)

    async def _lose(self, camera: CameraId) -> None:
        await self._responder.lose_camera(camera, HealthState.DEAD)

    async def _note(self, standing: Standing) -> None:
        self._tell(standing)
        if standing.can_show:
            self._responder.hand_again(standing.node)
            self._responder.take_back(standing.node)
            self._responder.fill_up()
        if standing.presence is Presence.AWAY:
            log.warning("hub.district_away", of=standing.node)
            await self._responder.lose_owner(standing.node)
