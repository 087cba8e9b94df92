"""Rooms that report and keep the list of what was acknowledged: the only memory that the judge believes."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime

from safetynet.base.errors import SafetyNetError
from safetynet.base.geo import LonLat
from safetynet.incident.model import IncidentKind, Progress
from safetynet.links.ucp.client import UcpClient, connect_ucp
from safetynet.links.ucp.dispatch119 import encode_119

KINDS = (IncidentKind.FIRE, IncidentKind.RESCUE, IncidentKind.MEDICAL)
ENDED_SHARE = 0.6
"""Of the incidents, how many their room also ends; the others stay open."""
ANSWER_WITHIN_S = 8.0
AGAIN_AFTER_S = 0.3

type Told = tuple[str, Progress]
"""The sender's number, and which word on it."""


@dataclass
class Ledger:
    """What the rooms know."""

    acknowledged: dict[Told, bytes] = field(default_factory=dict)
    """The frame of every report that the hub said it has."""
    resent: int = 0
    refused: int = 0
    given_up: int = 0
    """Not acknowledged when the load ended: they may be there or not."""
    longest_s: float = 0.0
    """From the first try to the acknowledgement."""


class Rooms:
    """Many senders, each over a connection of its own."""

    def __init__(self, port: int, places: Sequence[LonLat], seed: int, rooms: int) -> None:
        self.ledger = Ledger()
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
        line = _Line(self._port)
        number = 0
        try:
            await self._pause(chance.uniform(0, every_s))
            while not self._ending.is_set():
                number += 1
                key = f"T{self._seed % 1000:03d}{room:03d}{number:08d}"
                words = [Progress.OCCURRED]
                if chance.random() < ENDED_SHARE:
                    words.append(Progress.ENDED)
                place, kind = chance.choice(self._places), chance.choice(KINDS)
                for progress in words:
                    frame = _frame(key, kind, place, progress)
                    if not await self._tell(line, (key, progress), frame):
                        return
                    await self._pause(every_s * chance.uniform(0.5, 1.5) / len(words))
        finally:
            await line.close()

    async def _tell(self, line: "_Line", told: Told, frame: bytes) -> bool:
        """Until it is acknowledged; False where the load ended and it never was."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        tries = 0
        while True:
            tries += 1
            try:
                answer = await line.send(frame)
                if answer:
                    self.ledger.acknowledged[told] = frame
                    self.ledger.longest_s = max(self.ledger.longest_s, loop.time() - began)
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


def _frame(key: str, kind: IncidentKind, at: LonLat, progress: Progress) -> bytes:
    return encode_119(
        number=key,
        kind=kind,
        detail=f"신고 {key}",
        at=at,
        address="",
        dong_code="",
        message_time=datetime.now(UTC),
        progress=progress,
    )
