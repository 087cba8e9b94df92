"""Which cameras are not well: a lost note heals, a late one does no harm, and nothing grows."""

import asyncio
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from safetynet.base.clock import ManualClock
from safetynet.base.ids import CameraId
from safetynet.federation import subjects
from safetynet.federation.health import WELL, WHOLE_EVERY_S, HealthCopy, HealthTeller, ask_whole
from safetynet.federation.messages import Beat, HealthNote, HealthNotes, decode, encode
from safetynet.federation.telemetry import NewestWins
from tests.federation.conftest import MAPO, Buses
from tests.support import eventually

CLOCK = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
CAMERAS = [CameraId(f"mapo-{n}") for n in range(4)]


def notes(
    number: int | None, *, whole: bool = False, boot: str = "b1", **states: str
) -> HealthNotes:
    return say(number, states, whole=whole, boot=boot)


def say(
    number: int | None, states: Mapping[str, str], *, whole: bool = False, boot: str = "b1"
) -> HealthNotes:
    said = tuple(HealthNote(camera=CameraId(c), state=s) for c, s in states.items())
    return HealthNotes(node=MAPO, whole=whole, notes=said, boot=boot, number=number)


def beat(number: int | None, boot: str = "b1") -> Beat:
    return Beat(
        node=MAPO, boot=boot, epoch=1, head=0, cameras=0, catalogue="", gateway="", health=number
    )


def joined(**states: str) -> HealthCopy:
    copy = HealthCopy()
    copy.hear(notes(0, whole=True, **states))
    return copy


def test_at_the_beginning_and_after_a_restart_of_the_district_the_whole_is_asked_for() -> None:
    assert HealthCopy().is_behind(beat(0))
    assert not joined().is_behind(beat(0))
    assert joined().is_behind(beat(0, boot="b2"))


def test_a_whole_makes_all_others_well_again() -> None:
    copy = joined(a="dead", b="frozen")
    assert copy.hear(notes(3, whole=True, b="dead")) == {"a": WELL, "b": "dead"}
    assert copy.unwell == {"b": "dead"}


def test_a_lost_note_is_noticed_by_the_next_note_and_by_the_next_beat() -> None:
    copy = joined()
    copy.hear(notes(1, a="dead"))
    assert not copy.is_behind(beat(1))
    assert copy.is_behind(beat(2))
    copy.hear(notes(3, c="dead"))
    assert copy.is_behind(beat(3)), "number 2 is missing whatever came after it"
    copy.hear(notes(3, whole=True, c="dead"))
    assert not copy.is_behind(beat(3))


def test_what_comes_twice_or_late_changes_nothing() -> None:
    copy = joined()
    copy.hear(notes(1, a="dead"))
    copy.hear(notes(2, a=WELL))
    assert copy.hear(notes(1, a="dead")) == {}
    assert copy.hear(notes(1, whole=True, a="dead")) == {}
    assert copy.unwell == {}


def test_a_district_that_does_not_number_is_believed_and_never_asked() -> None:
    copy = HealthCopy()
    assert copy.hear(notes(None, boot="", a="dead")) == {"a": "dead"}
    assert not copy.is_behind(beat(None))


@given(
    st.lists(st.tuples(st.sampled_from(CAMERAS), st.sampled_from([WELL, "dead", "frozen"]))),
    st.lists(st.sampled_from(["lost", "twice", "kept"]), min_size=60),
    st.randoms(),
)
def test_whatever_is_lost_doubled_or_reordered_the_copy_is_right_after_the_next_whole(
    changes: list[tuple[CameraId, str]], fates: list[str], order: random.Random
) -> None:
    truth: dict[str, str] = {}
    sent: list[HealthNotes] = []
    for number, (camera, state) in enumerate(changes, start=1):
        truth[camera] = state
        sent.append(say(number, {camera: state}))
    arriving = [m for m, fate in zip(sent, fates, strict=False) for _ in range(_COPIES[fate])]
    order.shuffle(arriving)
    copy = joined()
    for message in arriving:
        copy.hear(message)
    unwell = {c: s for c, s in truth.items() if s != WELL}
    if copy.is_behind(beat(len(sent))):
        copy.hear(say(len(sent), unwell, whole=True))
    assert copy.unwell == unwell
    assert not copy.is_behind(beat(len(sent)))


_COPIES = {"lost": 0, "twice": 2, "kept": 1}


async def test_what_waits_is_bounded_and_the_newest_word_on_each_thing_wins() -> None:
    waiting: NewestWins[str, int] = NewestWins(2)
    for value, key in enumerate("aabac"):
        waiting.put(key, value)
    assert (len(waiting), waiting.dropped) == (2, 1)
    assert await waiting.take(1) == {"b": 2}
    assert await waiting.take(9) == {"c": 4}
    taking = asyncio.ensure_future(waiting.take(9))
    waiting.put("d", 5)
    assert await taking == {"d": 5}


# over the leaf node


class Hub:
    """A copy that hears a district's notes; may be made deaf."""

    def __init__(self) -> None:
        self.copy = HealthCopy()
        self.deaf = False
        self.wholes = 0

    async def hear(self, _: str, data: bytes) -> None:
        """A published message."""
        if not self.deaf:
            message = decode(data, HealthNotes)
            self.wholes += message.whole
            self.copy.hear(message)


@contextmanager
def running(teller: HealthTeller) -> Iterator[None]:
    task = asyncio.ensure_future(teller.run())
    try:
        yield
    finally:
        task.cancel()


async def test_news_arrives_and_what_was_missed_comes_with_the_whole(buses: Buses) -> None:
    hub, teller = Hub(), HealthTeller(MAPO, "b1", buses.mapo, CLOCK)
    await buses.hub.subscribe(subjects.ALL_HEALTH, hub.hear)
    await buses.linked()
    with running(teller):
        await eventually(lambda: not hub.copy.is_behind(beat(teller.number)))
        teller.note(CAMERAS[0], "dead")
        await eventually(lambda: hub.copy.unwell == {CAMERAS[0]: "dead"})
        hub.deaf = True
        teller.note(CAMERAS[0], WELL)
        teller.note(CAMERAS[1], "frozen")
        await eventually(lambda: teller.number >= 2)
        assert hub.copy.is_behind(beat(teller.number))
        hub.copy.hear(await ask_whole(buses.hub, MAPO))
        assert hub.copy.unwell == {CAMERAS[1]: "frozen"}
        assert not hub.copy.is_behind(beat(teller.number))


async def test_the_whole_is_told_again_and_again_unasked(buses: Buses) -> None:
    hub, teller = Hub(), HealthTeller(MAPO, "b1", buses.mapo, CLOCK)
    await buses.hub.subscribe(subjects.ALL_HEALTH, hub.hear)
    await buses.linked()
    teller.note(CAMERAS[2], "dead")
    with running(teller):

        def told_thrice() -> bool:
            CLOCK.advance(WHOLE_EVERY_S / 2)
            return hub.wholes >= 3

        await eventually(told_thrice)
        assert hub.copy.unwell == {CAMERAS[2]: "dead"}


# nodes of another version


class LaterNotes(HealthNotes, frozen=True, kw_only=True):
    """News as a newer program tells it."""

    probed: int = 5


class EarlierNotes(msgspec.Struct, frozen=True, kw_only=True):
    """News as an older program told it: without boot and number."""

    node: str
    whole: bool
    notes: tuple[HealthNote, ...]


class EarlierBeat(msgspec.Struct, frozen=True, kw_only=True):
    """A beat of an older program, which numbers no news."""

    node: str
    boot: str
    epoch: int
    head: int
    cameras: int
    catalogue: str
    gateway: str


def test_news_of_another_version_is_understood_both_ways() -> None:
    said = (HealthNote(camera=CAMERAS[0], state="dead"),)
    later = LaterNotes(node=MAPO, whole=False, notes=said, boot="b1", number=1)
    earlier = EarlierNotes(node=MAPO, whole=False, notes=said)
    for message in (later, earlier):
        assert joined().hear(decode(encode(message), HealthNotes)) == {CAMERAS[0]: "dead"}
    sent = encode(notes(1, a="dead"))
    assert decode(sent, LaterNotes).notes[0].state == "dead"
    assert decode(sent, EarlierNotes).notes[0].state == "dead"


def test_a_beat_without_a_number_asks_for_nothing() -> None:
    old = EarlierBeat(node=MAPO, boot="b0", epoch=1, head=0, cameras=0, catalogue="", gateway="")
    assert not HealthCopy().is_behind(decode(encode(old), Beat))
    assert decode(encode(beat(3)), EarlierBeat).boot == "b1"
