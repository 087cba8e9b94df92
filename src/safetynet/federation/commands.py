"""Commands to owners: a deadline, an idempotency key and a generation."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable

from safetynet.base.errors import ErrorKind, RefusedError, SafetyNetError, UnavailableError
from safetynet.base.ids import NodeId
from safetynet.federation import subjects
from safetynet.federation.bus import Bus
from safetynet.federation.messages import Answer, Command, decode, decode_command, encode

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
    """The owner's side: acts once for each key, and not for a generation that is over."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._generation = ""

    async def answer(self, data: bytes) -> bytes:
        """Take a command as it came; always an encoded ``Answer``."""
        try:
            return encode(await self._take(decode_command(data)))
        except UnavailableError as error:
            return encode(Answer(ok=False, code=error.code, message=error.message))
        except SafetyNetError as error:
            if error.kind is ErrorKind.BROKEN:
                raise
            return encode(Answer(ok=False, code=error.code, message=error.message))

    async def _take(self, command: Command) -> Answer:
        known = self._answers.get(command.key)
        if known is not None:
            return known
        # Generations are time-ordered ids (base.ids.new_id), so text order is time order.
        if command.generation < self._generation:
            raise RefusedError("command.old_generation", "the asking process has been replaced")
        self._generation = command.generation
        answer = await self._execute(command)
        self._answers[command.key] = answer
        while len(self._answers) > REMEMBERED_ANSWERS:
            self._answers.popitem(last=False)
        return answer
