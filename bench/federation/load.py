"""Load at a steady rate: words to districts, reports to the hub's door. Open loop: a slow answer stops nobody."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple, cast

from safetynet.base.clock import SystemClock
from safetynet.base.errors import UnavailableError
from safetynet.base.geo import LonLat
from safetynet.base.ids import GrantId, IncidentId, NodeId, new_id
from safetynet.federation import subjects
from safetynet.federation.bus import Bus
from safetynet.federation.messages import Answer, CloseViews, decode, encode
from safetynet.incident.model import IncidentKind
from safetynet.links.ucp.dispatch119 import encode_119
from safetynet.links.ucp.frame import decode_answer

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
    processor_s: float = 0.0
    """What the senders themselves cost."""

    def count(self) -> int:
        """Of answers."""
        return len(self.acknowledged) + sum(self.refused.values())


class Senders:
    """Rooms that report to the hub, each over a connection of its own, one frame after the other.

    As lean as it can be, because it runs on the hub's processor cores: frames are made beforehand, and an
    answer is a few bytes looked at.
    """

    def __init__(self, port: int, places: Sequence[LonLat], seed: int, rooms: int = 48) -> None:
        self.answers = Answers()
        self.rooms = rooms
        self._port = port
        self._places = places
        self._chance = random.Random(seed)
        self._waiting: deque[_Due] = deque()
        self._free: list[_Room] = []

    async def report(self, per_s: float, count: int) -> Answers:
        """So many reports at this rate, each on an incident of its own."""
        first = self._chance.randrange(10**8) * 10**6
        numbers = [f"T{first + n:014d}" for n in range(count)]
        frames = [(number, self._frame(number)) for number in numbers]
        loop = asyncio.get_running_loop()
        rooms = [_Room(self.answers, self._next) for _ in range(self.rooms)]
        for room in rooms:
            await loop.create_connection(partial(_same, room), "127.0.0.1", self._port)
        self._free = list(rooms)
        began, spent = time.perf_counter(), time.process_time()
        for n, (number, frame) in enumerate(frames):
            due = began + n / per_s
            if (early_s := due - time.perf_counter()) > 0:
                await asyncio.sleep(early_s)
            self._send(_Due(number, frame, due))
        await self._answered(count)
        self.answers.processor_s = time.process_time() - spent
        for room in rooms:
            room.close()
        return self.answers

    def _send(self, due: "_Due") -> None:
        if self._free:
            self._free.pop().send(due)
        else:
            self._waiting.append(due)

    def _next(self, room: "_Room") -> None:
        if self._waiting:
            room.send(self._waiting.popleft())
        else:
            self._free.append(room)

    async def _answered(self, count: int) -> None:
        """Until all are, or none was for long."""
        seen, since = -1, time.perf_counter()
        while (answered := self.answers.count()) < count:
            if answered != seen:
                seen, since = answered, time.perf_counter()
            elif time.perf_counter() - since > ANSWER_WITHIN_S:
                break
            await asyncio.sleep(0.01)
        self.answers.unanswered = count - answered

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


class _Due(NamedTuple):
    number: str
    frame: bytes
    due: float


class _Room(asyncio.Protocol):
    """One connection; holds at most one report that is not answered."""

    def __init__(self, answers: Answers, answered: Callable[["_Room"], None]) -> None:
        self._answers = answers
        self._answered = answered
        self._transport: asyncio.Transport | None = None
        self._sent: _Due | None = None
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods alone

    def send(self, due: _Due) -> None:
        """Report."""
        assert self._transport is not None
        self._sent = due
        self._transport.write(due.frame)

    def data_received(self, data: bytes) -> None:
        self._read += data
        if not self._read.endswith(b";") or self._sent is None:
            return
        sent, answer, self._sent, self._read = self._sent, self._read, None, b""
        if answer.startswith(b"0"):
            self._answers.acknowledged[sent.number] = time.perf_counter() - sent.due
        else:
            text = decode_answer(answer).text
            self._answers.refused[text] = self._answers.refused.get(text, 0) + 1
        self._answered(self)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


def _same(room: _Room) -> _Room:
    return room
