"""The hub's ear on the districts: beats, catalogues, health and journals."""

import asyncio
from collections.abc import Callable

import structlog

from safetynet.app.hub.eyes import Eyes
from safetynet.app.hub.owners import Owners
from safetynet.app.hub.responder import Responder
from safetynet.base.clock import Clock
from safetynet.base.errors import InvalidError, UnavailableError
from safetynet.base.ids import NodeId
from safetynet.federation import subjects
from safetynet.federation.bus import Bus
from safetynet.federation.catalogue import fetch_catalogue
from safetynet.federation.directory import Presence, Standing
from safetynet.federation.messages import Beat, EntryBatch, HealthNotes, decode
from safetynet.federation.replicate import Replica
from safetynet.journal.follow import Follower
from safetynet.sight.model import HealthState

TICK_S = 0.25

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
        self._joining: set[NodeId] = set()

    async def run(self) -> None:
        """Listen until cancelled."""
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
        if beat.catalogue != self._eyes.checksum(beat.node) and beat.node not in self._joining:
            self._joining.add(beat.node)
            self._group.create_task(self._join(beat.node))
        elif changed is not None:
            await self._note(changed)

    async def _join(self, node: NodeId) -> None:
        """Read a district's catalogue; where that fails the next beat tries again."""
        try:
            await self._eyes.join(await fetch_catalogue(self._bus, node))
            log.info("hub.district_joined", of=node, cameras=self._eyes.count(node))
            await self._note(self._owners.directory.get(node))
        except (UnavailableError, InvalidError) as error:
            log.info("hub.catalogue_unread", of=node, code=error.code)
        finally:
            self._joining.discard(node)

    async def _hear_entries(self, subject: str, data: bytes) -> None:
        batch = decode(data, EntryBatch)
        replica = self._replicas.get(subjects.node_of(subject))
        if replica is not None and batch.node == replica.node:
            replica.hear_batch(batch)

    async def _hear_health(self, subject: str, data: bytes) -> None:
        notes = decode(data, HealthNotes)
        for note in notes.notes:
            if self._eyes.find_owner(note.camera) != subjects.node_of(subject):
                continue
            state = HealthState(note.state)
            news = self._eyes.note_health(note.camera, state)
            if state is not HealthState.OK:
                await self._responder.lose_camera(note.camera, state)
            elif news:
                self._responder.fill_up()

    async def _note(self, standing: Standing) -> None:
        self._tell(standing)
        if standing.can_show:
            self._responder.hand_again(standing.node)
            self._responder.take_back(standing.node)
            self._responder.fill_up()
        if standing.presence is Presence.AWAY:
            log.warning("hub.district_away", of=standing.node)
            await self._responder.lose_owner(standing.node)
