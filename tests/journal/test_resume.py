"""Where a node that starts goes on: every case of the rule, and the mark that tells a backup."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from safetynet.base.clock import ManualClock
from safetynet.base.errors import ConflictError
from safetynet.base.ids import NodeId
from safetynet.journal.append import Journal
from safetynet.journal.mark import MARK_FILE, HeadMark, stopped
from safetynet.journal.resume import Found, Step, Told, plan_epoch, plan_start, take_back
from safetynet.journal.rows import Head
from safetynet.journal.verify import verify_store
from safetynet.store.store import Store
from tests.journal.world import FOLDS, rows, state

MAPO = NodeId("mapo")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
MINUTES = 3_239_999
"""Fewer than have passed since 2020."""


def at(seq: int, epoch: int = 1) -> Head:
    return Head(epoch=epoch, seq=seq, leaf=f"{seq:064x}" if seq else "0" * 64)


def told(seq: int, *, fits: bool = True, held: bool = True, highest: int = 1) -> Told:
    return Told(head=at(seq), fits=fits, held=held, highest_epoch=highest)


def found(seq: int, mark: int | None, answer: Told | None = None, **more: object) -> Found:
    values: dict[str, object] = {
        "head": at(seq),
        "highest_epoch": 1,
        "mark": None if mark is None else at(mark),
        "mark_held": mark is not None and mark <= seq,
        "followed": True,
        "told": answer,
    }
    return msgspec.convert(values | more, Found, strict=False)


@pytest.mark.parametrize(
    ("case", "step"),
    [
        (found(0, None, told(0)), Step.GO_ON),
        (found(0, None, followed=False), Step.GO_ON),
        (found(0, None), Step.NEW_EPOCH),
        (found(9, 9), Step.GO_ON),
        (found(9, 9, told(9)), Step.GO_ON),
        (found(9, 9, told(7)), Step.GO_ON),
        (found(9, 8, told(9)), Step.GO_ON),
        (found(7, 9), Step.NEW_EPOCH),
        (found(7, 9, told(7)), Step.NEW_EPOCH),
        (found(7, None, told(7)), Step.NEW_EPOCH),
        (found(7, None, followed=False), Step.NEW_EPOCH),
        (found(7, 9, told(9, held=False)), Step.TAKE_BACK),
        (found(0, None, told(9, held=False)), Step.TAKE_BACK),
        (found(9, 9, told(9), taken_back=True), Step.GO_ON),
        (found(8, 9, told(8), taken_back=True), Step.NEW_EPOCH),
        (found(9, 7, told(9), taken_back=True), Step.NEW_EPOCH),
        (found(9, None, told(9), taken_back=True), Step.NEW_EPOCH),
        (found(7, 7, told(9, fits=False, held=False)), Step.NEW_EPOCH),
        (found(7, 7, told(9, fits=False, held=False), head=at(7, 2)), Step.GO_ON),
    ],
    ids=[
        "first start, the follower knows nothing",
        "first start of a node that nobody follows",
        "no mark, nobody answers: it may be a node that was lost",
        "ordinary, the follower away",
        "ordinary",
        "the follower is behind",
        "the mark lags after a power cut",
        "a backup, the follower away",
        "a backup, the follower lost the same",
        "no mark: nobody knows what came after",
        "no mark, not followed",
        "a backup, the follower has more",
        "an empty store in the place of a lost one",
        "all of it is back",
        "something never reached the follower",
        "the mark was put back with the store",
        "back on a machine without a mark",
        "two histories",
        "the follower has not heard of our new epoch yet",
    ],
)
def test_the_rule(case: Found, step: Step) -> None:
    assert plan_start(case) is step


def test_an_epoch_is_above_all_that_any_life_used() -> None:
    assert plan_epoch(found(7, 9), NOW) == 2
    assert plan_epoch(found(7, 9, told(7, highest=5)), NOW) == 6
    marked = msgspec.structs.replace(found(7, 9), mark=at(9, epoch=4))
    assert plan_epoch(marked, NOW) == 5
    for unmarked in (
        found(7, None),
        found(0, None),
        found(9, 7, told(9), taken_back=True),
        found(7, 7, told(9, fits=False, held=False)),
    ):
        assert plan_epoch(unmarked, NOW) > MINUTES
    later = plan_epoch(found(7, None), NOW.replace(minute=1))
    assert later == plan_epoch(found(7, None), NOW) + 1
    assert later < 2**31


async def test_the_mark_is_moved_before_a_commit_is_acknowledged(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    journal = Journal(MAPO, store, clock, FOLDS)
    with HeadMark(tmp_path) as mark:
        assert mark.read() is None
        journal.feed.mark = mark.note
        with journal.feed.subscribe() as listener:
            for n in range(3):
                await journal.append([state("mapo-1", str(n)), state("mapo-2", str(n))])
                assert mark.read() == await journal.head()
            assert (await listener.next()).seq == 1
    with HeadMark(tmp_path) as again:
        assert again.read() == await journal.head()


def test_a_mark_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / MARK_FILE).write_bytes(b"{torn")
    with HeadMark(tmp_path) as mark:
        assert mark.read() is None


def test_a_running_node_and_a_command_keep_each_other_out(tmp_path: Path) -> None:
    with stopped(tmp_path):
        pass  # no node ever ran here
    with HeadMark(tmp_path), HeadMark(tmp_path), pytest.raises(ConflictError), stopped(tmp_path):
        pass
    with stopped(tmp_path), pytest.raises(ConflictError) as refused:
        HeadMark(tmp_path)
    assert refused.value.code == "store.in_use"


async def test_only_what_follows_in_the_chain_is_taken_back(
    store: Store, other: Store, clock: ManualClock
) -> None:
    journal = Journal(MAPO, other, clock, FOLDS)
    entries = await journal.append([state(f"mapo-{n % 3}", f"s{n}") for n in range(6)])
    lines = [e.line for e in entries]
    forged = lines[3].replace(b"s3", b"s9")
    assert len(await take_back(store, MAPO, [*lines[:3], forged, *lines[4:]], FOLDS)) == 4
    assert await take_back(store, MAPO, [b"{}", lines[4]], FOLDS) == []
    assert await take_back(store, MAPO, [lines[4]], FOLDS) == [], (
        "it does not follow the forged one"
    )
    assert (await verify_store(store, MAPO)).ok
    assert await store.read(rows) != await other.read(rows)
