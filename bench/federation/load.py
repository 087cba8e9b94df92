"""Load at a steady rate: words to districts, reports to the hub's door. Open loop: a slow answer stops nobody."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from safetynet.base.clock import SystemClock
from safetynet.base.errors import UnavailableError
from safetynet.base.geo import LonLat
from safetynet.base.ids import GrantId, IncidentId, NodeId, new_id
from safetynet.federation import subjects
from safetynet.federation.bus import Bus
from safetynet.federation.messages import Answer, CloseViews, decode, encode
from safetynet.incident.model import IncidentKind
from safetynet.links.ucp.client import UcpClient, connect_ucp
from safetynet.links.ucp.dispatch119 import encode_119

KINDS = (IncidentKind.FIRE, IncidentKind.RESCUE, IncidentKind.MEDICAL)
ANSWER_WITHIN_S = 30.0


class Words:
    """Has districts write entries, by the command that closes grants: one entry for each grant."""

    def __init__(self, bus: Bus, nodes: Sequence[NodeId]) -> None:
        self.written = 0
        self.bus = bus
        self._nodes = nodes
        self._generation = new_id("boot", SystemClock().now())
        self._number = 0

    async def say(self, node: NodeId, entries: int = 1, within_s: float = ANSWER_WITHIN_S) -> None:
        """Have a district write so many entries; returns when it has them on disk."""
        self._number += 1
        run = f"{self._generation}_{self._number:08d}"
        command = CloseViews(
            key=run,
            generation=self._generation,
            incident=IncidentId(f"inc_{run}"),
            grants=tuple(GrantId(f"gr_{run}_{k}") for k in range(entries)),
            cameras=(),
            incident_over=False,
        )
        reply = await self.bus.ask(subjects.command(node), encode(command), within_s)
        answer = decode(reply, Answer)
        if not answer.ok:
            raise UnavailableError("bench.refused", answer.code)
        self.written += entries

    async def pace(self, per_s: float, count: int) -> None:
        """One entry after another, each in the next district."""
        await pace(per_s, count, lambda n: self.say(self._nodes[n % len(self._nodes)]))


async def pace(per_s: float, count: int, act: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    """Begin ``act`` so many times a second, however long each takes; returns when all are done."""
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for n in range(count):
            await asyncio.sleep(began + n / per_s - time.perf_counter())
            group.create_task(act(n))


@dataclass
class Answers:
    """What the senders got."""

    acknowledged: dict[str, float] = field(default_factory=dict)
    """The seconds from the moment a report was to be sent to its acknowledgement, by number."""
    unanswered: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    """By the words of the answer."""


class Senders:
    """Rooms that report to the hub, each over a connection of its own, one frame after the other."""

    def __init__(self, port: int, places: Sequence[LonLat], seed: int, rooms: int = 48) -> None:
        self.answers = Answers()
        self._port = port
        self._places = places
        self._chance = random.Random(seed)
        self.rooms = rooms
        self._frames: asyncio.Queue[tuple[str, float] | None] = asyncio.Queue()

    async def report(self, per_s: float, count: int) -> Answers:
        """So many reports at this rate, each on an incident of its own."""
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(connect_ucp("127.0.0.1", self._port))
                for _ in range(self.rooms)
            ]
            async with asyncio.TaskGroup() as group:
                for client in clients:
                    group.create_task(self._send(client))
                await self._fill(per_s, count)
        return self.answers

    async def _fill(self, per_s: float, count: int) -> None:
        began, first = time.perf_counter(), self._chance.randrange(10**8) * 10**6
        for n in range(count):
            due = began + n / per_s
            await asyncio.sleep(due - time.perf_counter())
            self._frames.put_nowait((f"T{first + n:014d}", due))
        for _ in range(self.rooms):
            self._frames.put_nowait(None)

    async def _send(self, client: UcpClient) -> None:
        while (waiting := await self._frames.get()) is not None:
            number, due = waiting
            try:
                answer = await client.send(self._frame(number), timeout_s=ANSWER_WITHIN_S)
            except UnavailableError:
                self.answers.unanswered += 1
                continue
            if answer.good:
                self.answers.acknowledged[number] = time.perf_counter() - due
            else:
                refused = self.answers.refused
                refused[answer.text] = refused.get(answer.text, 0) + 1

    def _frame(self, number: str) -> bytes:
        return encode_119(
            number=number,
            kind=self._chance.choice(KINDS),
            detail="연기가 보인다는 신고",
            at=self._chance.choice(self._places),
            address="",
            dong_code="",
            message_time=datetime.now(UTC),
        )
