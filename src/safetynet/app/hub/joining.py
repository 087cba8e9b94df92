"""How the hub keeps its copy of each district's catalogue and of who is well there."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from safetynet.app.hub.eyes import Eyes
from safetynet.base.clock import Clock
from safetynet.base.errors import SafetyNetError, UnavailableError
from safetynet.base.ids import CameraId, NodeId
from safetynet.federation.bus import Bus
from safetynet.federation.health import HealthCopy, ask_whole
from safetynet.federation.messages import Beat, HealthNotes
from safetynet.federation.sync import sync_catalogue
from safetynet.sight.model import HealthState

REFUSED_FOR_S = 30.0
"""A catalogue that does not fit its checksum, or lists another's cameras, is not asked for again so soon,
unless it changes."""
_STATES = {
    state.value: state
    for state in (
        HealthState.OK,
        HealthState.DEAD,
        HealthState.FROZEN,
        HealthState.OBSTRUCTED,
        HealthState.STALE,
    )
}

log = structlog.get_logger()
OnHealth = Callable[[CameraId, HealthState], Awaitable[None]]
OnGone = Callable[[CameraId], Awaitable[None]]
OnJoined = Callable[[NodeId], Awaitable[None]]


class Joining:
    """One district at the hub: its beats say what is new, the rest is asked for."""

    def __init__(
        self,
        node: NodeId,
        *,
        bus: Bus,
        eyes: Eyes,
        clock: Clock,
        group: asyncio.TaskGroup,
        on_health: OnHealth,
        on_gone: OnGone,
        on_joined: OnJoined,
    ) -> None:
        self._node = node
        self._bus = bus
        self._eyes = eyes
        self._clock = clock
        self._group = group
        self._on_health = on_health
        self._on_gone = on_gone
        self._on_joined = on_joined
        self._copy = HealthCopy()
        self._syncing = False
        self._asking = False
        self._refused = ""
        self._refused_until_s = 0.0

    def hear_beat(self, beat: Beat) -> bool:
        """Ask for what the beat says is new; True while its first catalogue is being read."""
        if self._copy.is_behind(beat) and not self._asking:
            self._asking = True
            self._group.create_task(self._ask_whole())
        known = self._eyes.roll.find_catalogue(self._node)
        if known is not None and known.checksum == beat.catalogue:
            return False
        if not self._syncing and not self._is_refused(beat):
            self._syncing = True
            self._group.create_task(self._sync(beat.catalogue))
        return self._syncing and known is None

    async def hear_health(self, notes: HealthNotes) -> None:
        """Take in which cameras fell ill or recovered."""
        await self._apply(self._copy.hear(notes))

    def _is_refused(self, beat: Beat) -> bool:
        early = self._clock.monotonic_s() < self._refused_until_s
        return beat.catalogue == self._refused and early

    def _refuse(self, checksum: str) -> None:
        self._refused = checksum
        self._refused_until_s = self._clock.monotonic_s() + REFUSED_FOR_S

    async def _sync(self, announced: str) -> None:
        """Bring the copy up to date; where that fails a later beat tries again."""
        try:
            known = self._eyes.roll.find_catalogue(self._node)
            catalogue = await sync_catalogue(self._bus, self._node, known)
            change = await self._eyes.join(catalogue)
            taken = self._eyes.roll.find_catalogue(self._node)
            if taken is not None and taken.checksum != catalogue.checksum:
                self._refuse(catalogue.checksum)  # it lists cameras of another
            log.info(
                "hub.district_joined", of=self._node, cameras=self._eyes.roll.count(self._node)
            )
            await self._apply(self._copy.unwell)  # notes may have come before their cameras
            for camera in change.removed:
                await self._on_gone(camera)
            await self._on_joined(self._node)
        except UnavailableError as error:
            log.info("hub.catalogue_unread", of=self._node, code=error.code)
        except SafetyNetError as error:
            self._refuse(announced)
            log.error("hub.catalogue_refused", of=self._node, code=error.code, why=str(error))
        finally:
            self._syncing = False

    async def _ask_whole(self) -> None:
        try:
            notes = await ask_whole(self._bus, self._node)
            if notes.node == self._node and notes.whole:
                await self.hear_health(notes)
        except SafetyNetError as error:
            log.info("hub.health_unread", of=self._node, code=error.code)
        finally:
            self._asking = False

    async def _apply(self, states: dict[CameraId, str]) -> None:
        for camera, word in list(states.items()):
            if self._eyes.roll.find_owner(camera) == self._node:
                await self._on_health(camera, read_state(word))


def read_state(word: str) -> HealthState:
    """An owner's word; one that only a newer program knows means that nobody knows how it is."""
    return _STATES.get(word, HealthState.STALE)
