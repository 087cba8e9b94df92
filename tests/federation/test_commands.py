"""The owner's door: once for each key, in time, never for a generation that is over, always an answer."""

import asyncio
from datetime import UTC, datetime

import pytest

from safetynet.base.clock import ManualClock
from safetynet.base.errors import BrokenError, RefusedError, UnavailableError
from safetynet.base.ids import IncidentId
from safetynet.federation import subjects
from safetynet.federation.commands import REMEMBERED_ANSWERS, CommandDoor, ask_owner
from safetynet.federation.lateness import REMEMBERED, Lateness
from safetynet.federation.messages import (
    Answer,
    CloseViews,
    Command,
    Deadline,
    RenewLeases,
    decode,
    encode,
)
from tests.federation.conftest import MAPO, Buses
from tests.support import eventually


def renew(key: str, generation: str = "gen_2", sent_s: float | None = None) -> RenewLeases:
    return RenewLeases(
        key=key,
        generation=generation,
        grants=(),
        incidents=(IncidentId("inc_1"),),
        lease_s=15,
        deadline=None if sent_s is None else Deadline(sent_s=sent_s, within_s=1.0),
    )


class Owner:
    """Remembers what it was made to do."""

    def __init__(self) -> None:
        self.done: list[Command] = []
        self.error: Exception | None = None
        self.waits: asyncio.Event | None = None
        self.clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
        self.door = CommandDoor(self._execute, self.clock)

    async def _execute(self, command: Command) -> Answer:
        self.done.append(command)
        if self.waits is not None:
            await self.waits.wait()
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


async def test_a_key_repeated_while_it_is_being_done_waits_for_the_same_answer() -> None:
    owner = Owner()
    owner.waits = asyncio.Event()
    asked = [asyncio.create_task(owner.take(renew("k1"))) for _ in range(3)]
    other = asyncio.create_task(owner.take(renew("k2")))
    await eventually(lambda: len(owner.done) == 2)
    asked.pop().cancel()  # one that asked no longer waits: the others still hear
    owner.waits.set()
    first, second = await asyncio.gather(*asked)
    assert first == second
    assert (await other).ok
    assert [c.key for c in owner.done] == ["k1", "k2"]


async def test_a_command_that_comes_after_its_deadline_is_refused() -> None:
    owner = Owner()
    owner.door.hear("gen_2", 5_000.0)  # the asker's clock has nothing to do with ours
    owner.clock.advance(0.9)
    assert (await owner.take(renew("k1", sent_s=5_000.0))).ok
    owner.clock.advance(0.2)
    late = await owner.take(renew("k2", sent_s=5_000.0))
    assert (late.ok, late.code) == (False, "command.late")
    assert (await owner.take(renew("k3", sent_s=5_001.0))).ok
    assert [c.key for c in owner.done] == ["k1", "k3"]


async def test_a_late_close_closes_all_the_same() -> None:
    owner = Owner()
    owner.door.hear("gen_2", 5_000.0)
    owner.clock.advance(60)
    close = CloseViews(
        key="k1",
        generation="gen_2",
        incident=IncidentId("inc_1"),
        grants=(),
        cameras=(),
        incident_over=True,
    )
    assert (await owner.take(close)).ok


async def test_wall_clocks_do_not_make_a_command_late() -> None:
    owner = Owner()
    owner.door.hear("gen_2", 70.0)
    owner.clock.set_wall(datetime(2031, 1, 1, tzinfo=UTC))
    assert (await owner.take(renew("k1", sent_s=70.0))).ok


def test_lateness_is_measured_by_the_fastest_word_of_each_generation() -> None:
    lateness = Lateness()
    assert lateness.note("a", 100.0, 7.0) == 0
    assert lateness.note("a", 101.0, 7.5) == 0, "a faster one"
    assert lateness.note("a", 102.0, 9.5) == pytest.approx(1.0, abs=0.01)
    assert lateness.note("b", 102.0, 9.5) == 0, "another process, another clock"
    for n in range(REMEMBERED):
        lateness.note(f"c{n}", 0.0, 0.0)
    assert lateness.note("a", 0.0, 50.0) == 0, "forgotten"


def test_clocks_that_run_apart_do_not_make_words_late_for_good() -> None:
    lateness = Lateness()
    worst = max(lateness.note("a", k * 0.5, k * 0.5 * 1.0002) for k in range(20_000))
    assert worst < 0.01


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
    busy = await owner.take(renew("k1"))
    assert (busy.code, busy.again) == ("store.busy", True)
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
