"""Verifying names the place and the rule for every kind of tampering."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, update

from safetynet.base.clock import ManualClock
from safetynet.base.ids import NodeId
from safetynet.journal.append import Journal
from safetynet.journal.chain import Rule
from safetynet.journal.entry import ZERO, Draft, encode_entry
from safetynet.journal.read import read_range
from safetynet.journal.verify import list_journals, verify_file, verify_store
from safetynet.store.store import Store
from safetynet.store.tables import journal_entries as t
from safetynet.store.tables import nodes

MAPO = NodeId("mapo")


@pytest.fixture
async def journal(store: Store, clock: ManualClock) -> Journal:
    journal = Journal(MAPO, store, clock, {})
    await journal.append([Draft(kind="test.note/1", body={"n": n}) for n in range(9)])
    return journal


def change_bytes(conn: Connection) -> None:
    line = conn.scalar(t.select().with_only_columns(t.c.line).where(t.c.seq == 5))
    assert line is not None
    conn.execute(update(t).where(t.c.seq == 5).values(line=line.replace(b'"n":4', b'"n":5')))


def drop_one(conn: Connection) -> None:
    conn.execute(delete(t).where(t.c.seq == 5))


def cut_the_end(conn: Connection) -> None:
    conn.execute(delete(t).where(t.c.seq > 7))


def spoil(conn: Connection) -> None:
    conn.execute(update(t).where(t.c.seq == 5).values(line=b"\xff"))


def lie_in_a_column(conn: Connection) -> None:
    conn.execute(update(t).where(t.c.seq == 5).values(leaf=ZERO))


TAMPERING: list[tuple[Callable[[Connection], None], list[tuple[int, Rule]]]] = [
    (change_bytes, [(5, Rule.COLUMNS), (6, Rule.PREVIOUS)]),
    (drop_one, [(6, Rule.SEQUENCE)]),
    (cut_the_end, [(9, Rule.HEAD)]),
    (spoil, [(5, Rule.MALFORMED), (6, Rule.SEQUENCE)]),
    (lie_in_a_column, [(5, Rule.COLUMNS)]),
]


@pytest.mark.parametrize(
    ("tamper", "expected"), TAMPERING, ids=lambda v: getattr(v, "__name__", "")
)
async def test_tampering_in_the_store_is_named(
    tamper: Callable[[Connection], None],
    expected: list[tuple[int, Rule]],
    journal: Journal,
    store: Store,
) -> None:
    assert (await verify_store(store, MAPO)).ok
    await store.write(tamper)
    verified = await verify_store(store, MAPO)
    assert [(f.seq, f.rule) for f in verified.faults] == expected


async def test_rehashed_columns_do_not_hide_a_changed_entry(journal: Journal, store: Store) -> None:
    """Whoever changes an entry with all its columns still breaks the link of the next one."""
    entries = await read_range(store, MAPO)
    forged = encode_entry(
        node=MAPO,
        epoch=1,
        seq=5,
        time=entries[4].at,
        draft=Draft(kind="test.note/1", body={"n": 99}),
        prev=entries[3].leaf,
    )
    await store.write(
        lambda conn: conn.execute(
            update(t).where(t.c.seq == 5).values(line=forged.line, leaf=forged.leaf)
        )
    )
    verified = await verify_store(store, MAPO)
    assert [(f.seq, f.rule) for f in verified.faults] == [(6, Rule.PREVIOUS)]


async def test_a_changed_head_is_found(journal: Journal, store: Store) -> None:
    await store.write(lambda conn: conn.execute(update(nodes).values(leaf=ZERO)))
    assert [f.rule for f in (await verify_store(store, MAPO)).faults] == [Rule.HEAD]


async def test_a_file_of_lines_is_enough(journal: Journal, store: Store, tmp_path: Path) -> None:
    entries = await read_range(store, MAPO)
    path = tmp_path / "entries.jsonl"
    path.write_bytes(b"".join(e.line + b"\n" for e in entries))
    (verified,) = verify_file(path)
    assert verified.ok
    assert (verified.node, verified.entries, verified.head.leaf) == ("mapo", 9, entries[-1].leaf)
    swapped = [*entries[:3], entries[4], entries[3], *entries[5:]]
    path.write_bytes(b"".join(e.line + b"\n" for e in swapped))
    (verified,) = verify_file(path)
    assert next((f.seq, f.rule) for f in verified.faults) == (5, Rule.SEQUENCE)


async def test_journals_are_listed(journal: Journal, store: Store) -> None:
    assert await list_journals(store) == [MAPO]


async def test_an_empty_journal_holds(store: Store) -> None:
    verified = await verify_store(store, NodeId("seocho"))
    assert verified.ok
    assert verified.entries == 0
