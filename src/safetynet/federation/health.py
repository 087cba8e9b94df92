"""How the hub knows which cameras are well: news as it comes, and the whole where news was lost.

A district numbers its news and says the last number with each beat, so that a lost note is noticed
half a second later and the whole list is asked for (docs/design/0017).
"""

import asyncio

import structlog

from safetynet.base.clock import Clock
from safetynet.base.errors import UnavailableError
from safetynet.base.ids import CameraId, NodeId
from safetynet.federation import subjects
from safetynet.federation.bus import Bus
from safetynet.federation.messages import Beat, HealthNote, HealthNotes, decode, encode
from safetynet.federation.telemetry import NewestWins

WELL = "ok"
WAITING = 4096
"""Cameras whose news may wait. Full policy: the longest waiting is pushed out, and the whole is told."""
NOTES_A_MESSAGE = 1000
WHOLE_EVERY_S = 30.0
ASK_WITHIN_S = 2.0

log = structlog.get_logger()


class HealthTeller:
    """The district's side: tells changes at once, the whole now and then and to whoever asks."""

    def __init__(self, node: NodeId, boot: str, bus: Bus, clock: Clock) -> None:
        self.number = 0
        """Of the last news that was told."""
        self._node = node
        self._boot = boot
        self._bus = bus
        self._clock = clock
        self._unwell: dict[CameraId, str] = {}
        self._news: NewestWins[CameraId, str] = NewestWins(WAITING)

    def note(self, camera: CameraId, state: str) -> None:
        """A camera's state as seen now; only changes are told. Never waits."""
        if self._unwell.get(camera, WELL) == state:
            return
        if state == WELL:
            del self._unwell[camera]
        else:
            self._unwell[camera] = state
        self._news.put(camera, state)

    async def run(self) -> None:
        """Answer for the whole and tell the news, until cancelled."""
        await self._bus.answer(subjects.unwell(self._node), self._answer)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell_whole())
            group.create_task(self._tell_news())

    async def _tell_whole(self) -> None:
        while True:
            await self._publish(self._whole())
            await self._clock.sleep(WHOLE_EVERY_S)

    async def _tell_news(self) -> None:
        dropped = 0
        while True:
            news = await self._news.take(NOTES_A_MESSAGE)
            self.number += 1
            whole, dropped = self._news.dropped != dropped, self._news.dropped
            await self._publish(self._whole() if whole else self._message(news, whole=False))

    async def _answer(self, _: bytes) -> bytes:
        return encode(self._whole())

    def _whole(self) -> HealthNotes:
        return self._message(self._unwell, whole=True)

    def _message(self, states: dict[CameraId, str], *, whole: bool) -> HealthNotes:
        notes = tuple(HealthNote(camera=c, state=s) for c, s in sorted(states.items()))
        return HealthNotes(
            node=self._node, whole=whole, notes=notes, boot=self._boot, number=self.number
        )

    async def _publish(self, message: HealthNotes) -> None:
        try:
            await self._bus.publish(subjects.health(self._node), encode(message))
        except UnavailableError as error:
            log.info("health.not_heard", of=self._node, code=error.code)


class HealthCopy:
    """The hub's side, of one district: what is not well there, and whether news is missing. Pure."""

    def __init__(self) -> None:
        self.unwell: dict[CameraId, str] = {}
        """State of each camera that is not well, in its owner's words."""
        self._boot: str | None = None
        self._number = 0
        self._gap = True

    def hear(self, notes: HealthNotes) -> dict[CameraId, str]:
        """Take a message; the cameras whose state changed by it, and how they are now.

        What comes twice, late or out of order changes nothing.
        """
        number, same_boot = notes.number, notes.boot == self._boot
        if number is not None and same_boot and number < self._number + (not notes.whole):
            return {}
        if number is not None:
            follows = same_boot and number == self._number + 1
            self._gap = not notes.whole and (self._gap or not follows)
            self._boot, self._number = notes.boot, number
        said = {note.camera: note.state for note in notes.notes}
        well = dict.fromkeys(self.unwell.keys() - said.keys(), WELL) if notes.whole else {}
        changed = {c: s for c, s in (said | well).items() if self.unwell.get(c, WELL) != s}
        self.unwell |= changed
        for camera in [c for c, s in changed.items() if s == WELL]:
            del self.unwell[camera]
        return changed

    def is_behind(self, beat: Beat) -> bool:
        """True where the whole must be asked for, by the number that a beat tells."""
        if beat.health is None:
            return False
        return self._gap or beat.boot != self._boot or beat.health > self._number


async def ask_whole(bus: Bus, node: NodeId) -> HealthNotes:
    """All cameras of a district that are not well; raises ``UnavailableError`` where it is silent."""
    return decode(await bus.ask(subjects.unwell(node), b"", ASK_WITHIN_S), HealthNotes)
