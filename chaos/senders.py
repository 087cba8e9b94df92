"""Rooms that report and keep the list of what was acknowledged: the only memory that the judge believes."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise

from safetynet.base.errors import SafetyNetError
from safetynet.base.geo import LonLat
from safetynet.incident.model import IncidentKind, Progress
from safetynet.links.ucp.client import UcpClient, connect_ucp
from safetynet.links.ucp.dispatch119 import encode_119
from safetynet.links.ucp.video112 import encode_112

KINDS = (IncidentKind.FIRE, IncidentKind.RESCUE, IncidentKind.MEDICAL)
CRIMES = (IncidentKind.ROBBERY, IncidentKind.ABDUCTION, IncidentKind.ASSAULT)
ANSWER_WITHIN_S = 8.0
AGAIN_AFTER_S = 0.3

type Told = tuple[str, Progress]
"""The sender's number, and which word on it."""


class Ending(StrEnum):
    """Who ends an incident."""

    ROOM = "room"
    OPERATOR = "operator"
    NOBODY = "nobody"


def ending_of(key: str) -> Ending:
    """By the last digit of its number, so that whoever knows the number knows it."""
    digit = int(key[-1])
    if digit < 6:
        return Ending.ROOM
    return Ending.OPERATOR if digit < 8 else Ending.NOBODY


@dataclass(frozen=True, kw_only=True)
class Agency:
    """A kind of room: what its frames are, and how long its incidents last."""

    mark: str
    """First letter of its numbers."""
    frame: Callable[[str, LonLat, Progress, random.Random], bytes]
    lasts_s: tuple[float, float] | None = None
    """From the beginning to the end of an incident; about half the time between two where None."""


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """An acknowledged report: the bytes, and when they went out and were answered."""

    frame: bytes
    sent_s: float
    acknowledged_s: float
    """Monotonic, as all times here."""


@dataclass
class Ledger:
    """What the rooms know."""

    acknowledged: dict[Told, Receipt] = field(default_factory=dict)
    """Every report that the hub said it has."""
    resent: int = 0
    refused: int = 0
    given_up: int = 0
    """Not acknowledged when the load ended: they may be there or not."""
    longest_s: float = 0.0
    """From the first try to the acknowledgement."""

    def find_again_s(self, started_s: Sequence[float]) -> float | None:
        """The longest from a start of the hub to the first acknowledgement after it; None where none came.

        A start that another one followed before any came is no measure.
        """
        times = sorted(receipt.acknowledged_s for receipt in self.acknowledged.values())
        starts = sorted(started_s)
        waits = []
        for began_s, next_s in pairwise([*starts, float("inf")]):
            first_s = next((at_s for at_s in times if at_s > began_s), None)
            if first_s is not None and first_s < next_s:
                waits.append(first_s - began_s)
        return max(waits, default=None)


class Rooms:
    """Many senders, each over a connection of its own."""

    def __init__(
        self,
        agency: Agency,
        ledger: Ledger,
        port: int,
        places: Sequence[LonLat],
        seed: int,
        rooms: int,
    ) -> None:
        self.ledger = ledger
        self._agency = agency
        self._port = port
        self._places = places
        self._seed = seed
        self._rooms = rooms
        self._ending = asyncio.Event()

    async def run(self, per_s: float) -> None:
        """Report at about this rate until ``end``; then each room finishes what it has begun."""
        async with asyncio.TaskGroup() as group:
            for room in range(self._rooms):
                group.create_task(self._work(room, self._rooms / per_s))

    def end(self) -> None:
        """Begin nothing more."""
        self._ending.set()

    async def _work(self, room: int, every_s: float) -> None:
        chance = random.Random(self._seed * 1000 + room)
        line, agency = _Line(self._port), self._agency
        number = 0
        try:
            await self._pause(chance.uniform(0, every_s))
            while not self._ending.is_set():
                number += 1
                key = f"{agency.mark}{self._seed % 1000:03d}{room:03d}{number + room:08d}"
                words = [Progress.OCCURRED]
                if ending_of(key) is Ending.ROOM:
                    words.append(Progress.ENDED)
                place = chance.choice(self._places)
                for progress in words:
                    frame = agency.frame(key, place, progress, random.Random(key))
                    if not await self._tell(line, (key, progress), frame):
                        return
                    pause_s = every_s * chance.uniform(0.5, 1.5) / len(words)
                    if agency.lasts_s and progress is not words[-1]:
                        pause_s = chance.uniform(*agency.lasts_s)
                    await self._pause(pause_s)
        finally:
            await line.close()

    async def _tell(self, line: "_Line", told: Told, frame: bytes) -> bool:
        """Until it is acknowledged; False where the load ended and it never was."""
        began = time.monotonic()
        tries = 0
        while True:
            tries += 1
            try:
                sent_s = time.monotonic()
                answer = await line.send(frame)
                if answer:
                    now_s = time.monotonic()
                    self.ledger.acknowledged[told] = Receipt(
                        frame=frame, sent_s=sent_s, acknowledged_s=now_s
                    )
                    self.ledger.longest_s = max(self.ledger.longest_s, now_s - began)
                    return True
                self.ledger.refused += 1
            except (SafetyNetError, OSError):
                await line.close()
            if self._ending.is_set() and tries > 5:
                self.ledger.given_up += 1
                return False
            self.ledger.resent += 1
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _pause(self, seconds: float) -> None:
        """Wait, or until the load ends."""
        try:
            async with asyncio.timeout(seconds):
                await self._ending.wait()
        except TimeoutError:
            return


class _Line:
    """A room's connection; made anew where it was lost."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stack = AsyncExitStack()
        self._client: UcpClient | None = None

    async def send(self, frame: bytes) -> bool:
        if self._client is None:
            self._client = await self._stack.enter_async_context(
                connect_ucp("127.0.0.1", self._port)
            )
        return (await self._client.send(frame, timeout_s=ANSWER_WITHIN_S)).good

    async def close(self) -> None:
        self._client = None
        await self._stack.aclose()


def _frame_119(key: str, at: LonLat, progress: Progress, chance: random.Random) -> bytes:
    return encode_119(
        number=key,
        kind=chance.choice(KINDS),
        detail=f"신고 {key}",
        at=at,
        address="",
        dong_code="",
        message_time=datetime.now(UTC),
        progress=progress,
    )


def _frame_112(key: str, at: LonLat, progress: Progress, chance: random.Random) -> bytes:
    return encode_112(
        number=key,
        grade="CODE0",
        kind=chance.choice(CRIMES),
        at=at,
        address="",
        dong_code="",
        message_time=datetime.now(UTC),
        progress=progress,
    )


FIRE = Agency(mark="T", frame=_frame_119)
"""Many short incidents that nobody watches: the load."""
POLICE = Agency(mark="P", frame=_frame_112, lasts_s=(3.0, 12.0))
"""Few incidents, at scenes whose cameras the police watches."""
