"""Commands to owners: a deadline, an idempotency key and a generation (docs/design/0022)."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from safetynet.base.clock import Clock
from safetynet.base.errors import ErrorKind, RefusedError, SafetyNetError, UnavailableError
from safetynet.base.ids import NodeId
from safetynet.federation import subjects
from safetynet.federation.bus import Bus
from safetynet.federation.lateness import Lateness
from safetynet.federation.messages import (
    Answer,
    CloseViews,
    Command,
    Deadline,
    decode,
    decode_command,
    encode,
)

REMEMBERED_ANSWERS = 4096
COMMAND_WITHIN_S = 1.0

Execute = Callable[[Command], Awaitable[Answer]]


async def ask_owner(
    bus: Bus, owner: NodeId, command: Command, within_s: float = COMMAND_WITHIN_S
) -> Answer:
    """One command, one answer. Raises ``UnavailableError`` where the owner is silent.

    An owner's refusal is an ``Answer`` with ``ok`` false, not an error.
    """
    reply = await bus.ask(subjects.command(owner), encode(command), within_s)
    return decode(reply, Answer)


class CommandDoor:
    """The owner's side: acts once for each key, in time, and not for a generation that is over."""

    def __init__(self, execute: Execute, clock: Clock) -> None:
        self._execute = execute
        self._clock = clock
        self._lateness = Lateness()
        self._answers: OrderedDict[str, asyncio.Future[Answer]] = OrderedDict()
        self._generation = ""

    def hear(self, generation: str, sent_s: float) -> None:
        """Something else was heard of the asker: by it the lateness of its commands is known."""
        self._lateness.note(generation, sent_s, self._clock.monotonic_s())

    async def answer(self, data: bytes) -> bytes:
        """Take a command as it came; always an encoded ``Answer``."""
        try:
            return encode(await self._take(decode_command(data)))
        except UnavailableError as error:
            return encode(Answer(ok=False, code=error.code, message=error.message, again=True))
        except SafetyNetError as error:
            if error.kind is ErrorKind.BROKEN:
                raise
            return encode(Answer(ok=False, code=error.code, message=error.message))

    async def _take(self, command: Command) -> Answer:
        """A repeated key waits for the answer to the first, however long that takes."""
        known = self._answers.get(command.key)
        if known is not None:
            return await asyncio.shield(known)
        self._check(command)
        answer = self._answers[command.key] = asyncio.ensure_future(self._execute(command))
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        while len(self._answers) > REMEMBERED_ANSWERS:
            self._answers.popitem(last=False)
        try:
            return await asyncio.shield(answer)
        except SafetyNetError:
            self._answers.pop(command.key, None)  # nothing was done: it may be asked again
            raise

    def _check(self, command: Command) -> None:
        # Generations are time-ordered ids (base.ids.new_id), so text order is time order.
        if command.generation < self._generation:
            raise RefusedError("command.old_generation", "the asking process has been replaced")
        self._generation = command.generation
        deadline = None if isinstance(command, CloseViews) else command.deadline
        if deadline is not None:
            self._check_deadline(command.generation, deadline)

    def _check_deadline(self, generation: str, deadline: Deadline) -> None:
        late_s = self._lateness.note(generation, deadline.sent_s, self._clock.monotonic_s())
        if late_s > deadline.within_s:
            raise RefusedError(
                "command.late", "the command came after its deadline", late_s=round(late_s, 3)
            )
