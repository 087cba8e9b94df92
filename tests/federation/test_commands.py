"""The owner's door: once for each key, never for a generation that is over, always an answer."""

import pytest

from safetynet.base.errors import BrokenError, RefusedError, UnavailableError
from safetynet.base.ids import IncidentId
from safetynet.federation import subjects
from safetynet.federation.commands import REMEMBERED_ANSWERS, CommandDoor, ask_owner
from safetynet.federation.messages import Answer, Command, RenewLeases, decode, encode
from tests.federation.conftest import MAPO, Buses


def renew(key: str, generation: str = "gen_2") -> RenewLeases:
    return RenewLeases(
        key=key, generation=generation, grants=(), incidents=(IncidentId("inc_1"),), lease_s=15
    )


class Owner:
    """Remembers what it was made to do."""

    def __init__(self) -> None:
        self.done: list[Command] = []
        self.error: Exception | None = None
        self.door = CommandDoor(self._execute)

    async def _execute(self, command: Command) -> Answer:
        self.done.append(command)
        if self.error is not None:
            raise self.error
        return Answer(ok=True, message=str(len(self.done)))

    async def take(self, command: Command) -> Answer:
        return decode(await self.door.answer(encode(command)), Answer)


async def test_the_same_key_acts_once_and_gets_the_same_answer() -> None:
    owner = Owner()
    first = await owner.take(renew("k1"))
    assert await owner.take(renew("k1")) == first
    assert await owner.take(renew("k2")) != first
    assert [c.key for c in owner.done] == ["k1", "k2"]


async def test_a_command_of_an_older_generation_is_refused() -> None:
    owner = Owner()
    await owner.take(renew("k1", "gen_2"))
    refused = await owner.take(renew("k2", "gen_1"))
    assert (refused.ok, refused.code) == (False, "command.old_generation")
    assert len(owner.done) == 1
    assert (await owner.take(renew("k3", "gen_3"))).ok


async def test_a_failed_command_may_be_asked_again() -> None:
    owner = Owner()
    owner.error = UnavailableError("store.busy", "too many writes wait")
    assert (await owner.take(renew("k1"))).code == "store.busy"
    owner.error = None
    assert (await owner.take(renew("k1"))).ok
    assert len(owner.done) == 2


@pytest.mark.parametrize("data", [b"", b"\xc1", b"hello", encode({"schema": "renew_leases/1"})])
async def test_what_cannot_be_read_gets_an_answer(data: bytes) -> None:
    owner = Owner()
    answer = decode(await owner.door.answer(data), Answer)
    assert (answer.ok, answer.code) == (False, "command.undecodable")
    assert owner.done == []


async def test_a_broken_promise_is_not_passed_off_as_a_refusal() -> None:
    owner = Owner()
    owner.error = BrokenError("journal.broken", "the chain does not hold")
    with pytest.raises(BrokenError):
        await owner.door.answer(encode(renew("k1")))


async def test_remembered_answers_are_bounded() -> None:
    owner = Owner()
    for n in range(REMEMBERED_ANSWERS + 1):
        await owner.take(renew(f"k{n}"))
    await owner.take(renew("k1"))
    assert len(owner.done) == REMEMBERED_ANSWERS + 1, "one of the newest is still known"
    await owner.take(renew("k0"))
    assert len(owner.done) == REMEMBERED_ANSWERS + 2, "the oldest is forgotten"


async def test_a_command_reaches_its_owner_and_its_refusal_is_an_answer(buses: Buses) -> None:
    owner = Owner()
    owner.error = RefusedError("policy.denied", "no")
    await buses.mapo.answer(subjects.command(MAPO), owner.door.answer)
    await buses.linked()
    answer = await ask_owner(buses.hub, MAPO, renew("k1"), within_s=10)
    assert (answer.ok, answer.code) == (False, "policy.denied")


async def test_a_silent_owner_is_unavailable(buses: Buses) -> None:
    with pytest.raises(UnavailableError) as silent:
        await ask_owner(buses.hub, MAPO, renew("k1"), within_s=1)
    assert silent.value.code == "bus.no_answer"
