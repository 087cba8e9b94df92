"""Appending: numbered and chained inside the transaction, all or nothing, told in order."""

import asyncio

import pytest
from sqlalchemy import Connection, func, select

from safetynet.base.clock import ManualClock
from safetynet.base.errors import InvalidError
from safetynet.base.ids import IncidentId, NodeId
from safetynet.journal.append import Change, Journal
from safetynet.journal.entry import ZERO, Draft, Entry
from safetynet.journal.feed import Missed
from safetynet.journal.read import read_incident, read_latest, read_range, read_sequences
from safetynet.journal.rows import Folds, Together
from safetynet.journal.verify import verify_store
from safetynet.store.store import Store
from safetynet.store.tables import camera_states, journal_entries
from tests.journal.world import FOLDS, rows, state

HUB = NodeId("hub")


def note(n: int) -> Draft:
    return Draft(kind="test.note/1", body={"n": n, "incident": f"inc_{n % 2}"})


@pytest.fixture
def journal(store: Store, clock: ManualClock) -> Journal:
    return Journal(HUB, store, clock, FOLDS)


async def test_entries_are_numbered_and_chained(journal: Journal, clock: ManualClock) -> None:
    first, second = await journal.append([note(1), note(2)])
    clock.advance(1)
    (third,) = await journal.append([note(3)])
    assert [e.seq for e in (first, second, third)] == [1, 2, 3]
    assert [first.prev, second.prev, third.prev] == [ZERO, first.leaf, second.leaf]
    assert third.time == "2026-03-01T04:05:07.000000Z"
    assert (await journal.head()).leaf == third.leaf


async def test_state_is_folded_in_the_same_transaction(journal: Journal, store: Store) -> None:
    (entry,) = await journal.append([state("mapo-1", "dead")])
    assert await store.read(rows) == [("hub", "mapo-1", "dead", "1", entry.time)]


async def test_kinds_that_fold_together_do_so_between_those_that_fold_alone(
    store: Store, clock: ManualClock
) -> None:
    told: list[tuple[str, list[int]]] = []

    def together(name: str) -> Together:
        return Together(lambda _, found: told.append((name, [e.seq for e in found])))

    both = together("both")
    folds: Folds = {
        "test.one/1": together("one"),
        "test.two/1": both,
        "test.too/1": both,
        "test.alone/1": lambda _, entry: told.append(("alone", [entry.seq])),
    }
    journal = Journal(HUB, store, clock, folds)
    kinds = ["one", "two", "one", "too", "unknown", "alone", "two", "one"]
    await journal.append([Draft(kind=f"test.{kind}/1", body={}) for kind in kinds])
    expected = [("one", [1, 3]), ("both", [2, 4]), ("alone", [6]), ("both", [7]), ("one", [8])]
    assert told == expected
    told.clear()
    assert await journal.rebuild() == len(kinds)
    assert told == expected


async def test_a_failing_effect_undoes_entries_and_state(journal: Journal, store: Store) -> None:
    def fail(_: Connection, __: list[Entry]) -> None:
        raise RuntimeError("no")

    with journal.feed.subscribe() as listener:
        with pytest.raises(RuntimeError):
            await journal.append([state("mapo-1", "dead")], fail)
        (entry,) = await journal.append([note(1)])
        assert entry.seq == 1
        assert await listener.next() == entry
    assert await store.read(rows) == []


async def test_a_refused_body_among_many_writers_harms_nobody(journal: Journal) -> None:
    drafts = [note(n) if n % 7 else Draft(kind="test.note/1", body={"n": 0.5}) for n in range(70)]
    results = await asyncio.gather(
        *(journal.append([draft]) for draft in drafts), return_exceptions=True
    )
    assert sum(isinstance(r, InvalidError) for r in results) == 10
    entries = sorted((r[0] for r in results if isinstance(r, list)), key=lambda e: e.seq)
    assert [e.seq for e in entries] == list(range(1, 61))
    assert (await verify_store(journal.store, HUB)).ok


async def test_listeners_hear_all_writers_in_the_order_of_the_chain(journal: Journal) -> None:
    with journal.feed.subscribe() as listener:
        await asyncio.gather(*(journal.append([note(n)]) for n in range(50)))
        heard = [await listener.next() for _ in range(50)]
    assert [e.seq for e in heard] == list(range(1, 51))


async def test_a_slow_listener_is_told_what_to_ask_for(journal: Journal, store: Store) -> None:
    with journal.feed.subscribe(limit=3) as slow:
        for n in range(5):
            await journal.append([note(n)])
        missed = await slow.next()
        assert missed == Missed(node=HUB, epoch=1, seq=1)
        assert slow.overruns == 1
        rest = await slow.next()
        assert isinstance(rest, Entry)
        again = await read_sequences(store, HUB, missed.seq, rest.seq)
        assert [e.seq for e in again] == [1, 2, 3, 4]


async def test_a_change_decides_on_the_state_it_changes(journal: Journal, store: Store) -> None:
    def once(change: Change) -> int:
        seen = change.conn.scalar(select(func.count()).select_from(camera_states)) or 0
        if seen == 0:
            change.append(state("mapo-1", "ok"))
        return seen

    assert sorted(await asyncio.gather(*(journal.change(once) for _ in range(8)))) == [0] + [1] * 7
    kept = await store.read(
        lambda conn: conn.scalar(select(func.count()).select_from(journal_entries))
    )
    assert kept == 1


async def test_the_chain_goes_on_after_a_restart(journal: Journal, clock: ManualClock) -> None:
    await journal.append([note(1)])
    again = Journal(HUB, journal.store, clock, FOLDS)
    (entry,) = await again.append([note(2)])
    assert entry.seq == 2
    assert (await verify_store(journal.store, HUB)).ok


async def test_a_new_epoch_names_what_it_knew(journal: Journal) -> None:
    await journal.append([note(1), note(2)])
    begun = await journal.begin_epoch(2)
    (after,) = await journal.append([note(3)])
    assert (begun.epoch, begun.seq, begun.kind) == (2, 3, "journal.epoch/1")
    assert begun.body == b'{"known_epoch":1,"known_seq":2}'
    assert (after.epoch, after.seq, after.prev) == (2, 4, begun.leaf)
    with pytest.raises(InvalidError):
        await journal.begin_epoch(2)
    assert (await verify_store(journal.store, HUB)).ok


async def test_reading_by_range_and_by_incident(journal: Journal, store: Store) -> None:
    entries = await journal.append([note(n) for n in range(6)])
    assert await read_range(store, HUB, after_epoch=1, after_seq=2, limit=2) == entries[2:4]
    assert await read_range(store, HUB) == entries
    assert await read_latest(store, HUB, limit=2) == entries[:-3:-1]
    assert await read_incident(store, IncidentId("inc_1")) == entries[1::2]
