"""Following: verified, idempotent, in order, loud where a chain breaks."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, insert, select

from safetynet.base.clock import ManualClock
from safetynet.base.errors import RefusedError
from safetynet.base.ids import HUB, NodeId
from safetynet.journal import follow
from safetynet.journal.append import Journal
from safetynet.journal.chain import Rule
from safetynet.journal.entry import ZERO, Draft, Entry, encode_entry
from safetynet.journal.follow import Follower, Gap, NodeState
from safetynet.journal.read import read_range
from safetynet.journal.verify import verify_store
from safetynet.store.store import Store
from safetynet.store.tables import camera_states, journal_entries, nodes
from tests.journal.world import FOLDS, StateBody, rows, state

MAPO = NodeId("mapo")


@pytest.fixture
def journal(other: Store, clock: ManualClock) -> Journal:
    return Journal(MAPO, other, clock, FOLDS)


@pytest.fixture
def follower(store: Store, clock: ManualClock) -> Follower:
    return Follower(store, clock, FOLDS)


def lines(entries: Sequence[Entry]) -> list[bytes]:
    return [e.line for e in entries]


async def some(journal: Journal, count: int = 6) -> list[Entry]:
    return await journal.append([state(f"mapo-{n % 3}", f"state{n}") for n in range(count)])


async def test_entries_are_kept_verbatim_and_folded(
    journal: Journal, follower: Follower, store: Store, other: Store
) -> None:
    entries = await some(journal)
    with follower.feed.subscribe() as listener:
        applied = await follower.apply(MAPO, lines(entries))
        assert [await listener.next() for _ in entries] == entries
    assert (applied.applied, applied.duplicates) == (6, 0)
    assert applied.gap is None
    assert applied.broken is None
    assert await read_range(store, MAPO) == entries
    assert await store.read(rows) == await other.read(rows)
    assert (await verify_store(store, MAPO)).ok


async def test_many_entries_are_taken_in_pieces_between_which_others_write(
    journal: Journal,
    follower: Follower,
    store: Store,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entries = await some(journal, 60)
    monkeypatch.setattr(follow, "PIECE_BYTES", sum(len(e.line) for e in entries) // 20)
    own = Journal(HUB, store, clock, FOLDS)
    with follower.feed.subscribe() as listener:
        following = asyncio.create_task(follower.apply(MAPO, lines(entries)))
        await listener.next()  # the first piece is on disk
        await own.append([state("hub-1", "told")])
        assert (await follower.head(MAPO)).seq < 60, "an own entry does not wait for all pieces"
    applied = await following
    assert (applied.applied, applied.duplicates, applied.head.seq) == (60, 0, 60)
    assert await read_range(store, MAPO) == entries
    again = await follower.apply(MAPO, lines(entries))
    assert (again.applied, again.duplicates) == (0, 60)


async def test_a_gap_or_a_break_between_pieces_ends_them(
    journal: Journal, follower: Follower, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = await some(journal, 12)
    monkeypatch.setattr(follow, "PIECE_BYTES", 1)
    applied = await follower.apply(MAPO, lines(entries[:4] + entries[5:]))
    assert (applied.applied, applied.head.seq) == (4, 4)
    assert applied.gap is not None
    torn = entries[5].line.replace(b"state5", b"state6")
    applied = await follower.apply(MAPO, [entries[4].line, torn, *lines(entries[6:])])
    assert (applied.applied, applied.head.seq) == (2, 6)
    assert applied.broken is not None, "the next line knows what stood before it"
    assert (applied.broken.rule, applied.broken.seq) == (Rule.PREVIOUS, 7)
    assert [e.line for e in await read_range(store, MAPO)] == [*lines(entries[:5]), torn]


async def test_what_comes_twice_counts_once(
    journal: Journal, follower: Follower, store: Store
) -> None:
    entries = await some(journal)
    await follower.apply(MAPO, lines(entries[:4]))
    before = await store.read(rows)
    again = await follower.apply(MAPO, lines(entries[1:4]))
    assert (again.applied, again.duplicates) == (0, 3)
    assert await store.read(rows) == before
    rest = await follower.apply(MAPO, lines(entries[2:] + entries[:2]))
    assert (rest.applied, rest.duplicates, rest.head.seq) == (2, 4, 6)


async def test_a_gap_is_reported_and_nothing_past_it_kept(
    journal: Journal, follower: Follower, store: Store
) -> None:
    entries = await some(journal)
    applied = await follower.apply(MAPO, lines(entries[:2] + entries[4:]))
    assert applied.gap == Gap(after_epoch=1, after_seq=2, got_epoch=1, got_seq=5)
    assert applied.head.seq == 2
    asked = await read_range(journal.store, MAPO, after_epoch=1, after_seq=2)
    filled = await follower.apply(MAPO, lines(asked))
    assert (filled.applied, filled.gap) == (4, None)
    assert await read_range(store, MAPO) == entries


def forged(entry: Entry, prev: str, *, seq: int | None = None, node: str = "mapo") -> bytes:
    return encode_entry(
        node=NodeId(node),
        epoch=entry.epoch,
        seq=seq or entry.seq,
        time=entry.at,
        draft=Draft(kind=entry.kind, body={"camera": "mapo-0", "state": "forged"}),
        prev=prev,
    ).line


async def broken_lines(journal: Journal) -> dict[Rule, list[bytes]]:
    a, b, c, *_ = await some(journal)
    return {
        Rule.MALFORMED: [a.line, b.line[:-1]],
        Rule.NOT_CANONICAL: [a.line, b.line.replace(b'"v":1', b'"v": 1')],
        Rule.NODE: [a.line, forged(b, a.leaf, node="seocho")],
        Rule.PREVIOUS: [a.line, forged(b, ZERO)],
        Rule.FORK: [a.line, b.line, forged(b, a.leaf), c.line],
    }


@pytest.mark.parametrize(
    "rule", [Rule.MALFORMED, Rule.NOT_CANONICAL, Rule.NODE, Rule.PREVIOUS, Rule.FORK]
)
async def test_a_broken_chain_is_refused_and_quarantined(
    rule: Rule, journal: Journal, follower: Follower, store: Store
) -> None:
    batch = (await broken_lines(journal))[rule]
    applied = await follower.apply(MAPO, batch)
    assert applied.broken is not None
    assert applied.broken.rule is rule
    assert await follower.state(MAPO) is NodeState.BROKEN
    row = await store.read(lambda conn: conn.execute(select(nodes)).one())
    assert (row.broken_rule, row.broken_line) == (rule, applied.broken.line)
    with pytest.raises(RefusedError) as e:
        await follower.apply(MAPO, batch)
    assert e.value.code == "journal.node_broken"
    await follower.reinstate(MAPO)
    good = await read_range(journal.store, MAPO)
    assert (await follower.apply(MAPO, lines(good))).head.seq == 6
    assert (await verify_store(store, MAPO)).ok


def fold_once(conn: Connection, entry: Entry) -> None:
    """Trips over a camera that is there already, inside the database."""
    body = entry.read(StateBody)
    values = {"node": entry.node, "camera": body.camera, "state": body.state}
    conn.execute(insert(camera_states).values(values | {"detail": "", "since": entry.time}))


@pytest.mark.parametrize(
    "hostile", [state("mapo-0", "a"), Draft(kind="camera.state/1", body={"camera": 7})]
)
async def test_an_entry_that_cannot_be_folded_loses_its_node_alone(
    hostile: Draft, other: Store, store: Store, clock: ManualClock
) -> None:
    theirs = Journal(MAPO, other, clock, {})
    drafts = [state("mapo-0", "ok"), state("mapo-1", "ok"), hostile, state("mapo-2", "ok")]
    entries = await theirs.append(drafts)
    follower = Follower(store, clock, {"camera.state/1": fold_once})
    applied = await follower.apply(MAPO, lines(entries))
    assert applied.broken is not None
    assert (applied.broken.rule, applied.broken.line) == (Rule.FOLD, entries[2].line)
    assert (applied.applied, applied.head.seq) == (2, 2)
    assert await follower.state(MAPO) is NodeState.BROKEN
    assert len(await store.read(rows)) == 2
    assert (await verify_store(store, MAPO)).ok
    await follower.reinstate(MAPO)
    newer = Follower(store, clock, {})
    assert (await newer.apply(MAPO, lines(entries))).head.seq == 4


async def test_a_break_at_the_very_first_entry_is_kept_too(
    journal: Journal, follower: Follower
) -> None:
    assert (await follower.apply(MAPO, [b"{}"])).broken is not None
    assert await follower.state(MAPO) is NodeState.BROKEN


async def test_a_restored_node_begins_anew_and_the_lost_branch_stays_as_evidence(
    journal: Journal, follower: Follower, store: Store, other: Store, clock: ManualClock
) -> None:
    kept = await some(journal, 3)
    lost = await some(journal, 3)
    await follower.apply(MAPO, lines(kept + lost))
    await other.write(lambda conn: _restore(conn, 3))
    begun = await journal.begin_epoch(2)
    more = await journal.append([state("mapo-9", "new")])
    asked = await read_range(other, MAPO, after_epoch=1, after_seq=6)
    applied = await follower.apply(MAPO, lines(asked))
    assert (applied.applied, applied.head.epoch, applied.head.seq) == (2, 2, 5)
    assert await read_range(store, MAPO) == [*kept, begun, *more]
    assert await store.read(rows) == await other.read(rows)
    assert (await verify_store(store, MAPO)).ok
    superseded = await store.read(
        lambda conn: conn.scalars(
            select(journal_entries.c.seq).where(journal_entries.c.superseded_by == 2)
        ).all()
    )
    assert superseded == [4, 5, 6]


async def test_an_epoch_whose_beginning_was_lost_on_the_way_is_asked_for(
    journal: Journal, follower: Follower, store: Store, other: Store
) -> None:
    """No honest node is quarantined because the first word of its new epoch did not come."""
    kept = await some(journal, 3)
    lost = await some(journal, 3)
    await follower.apply(MAPO, lines(kept + lost))
    await other.write(lambda conn: _restore(conn, 3))
    begun = await journal.begin_epoch(2)
    more = await some(journal, 4)
    for late in (more[:1], more[2:3], more[3:]):  # below, beside and above what is known
        applied = await follower.apply(MAPO, lines(late))
        assert (applied.applied, applied.broken) == (0, None)
        assert applied.gap is not None
    await other.write(lambda conn: _restore(conn, 5, epoch=2))
    again = await journal.begin_epoch(3)
    applied = await follower.apply(MAPO, [again.line])
    assert applied.gap is not None, "an epoch that follows another which never came"
    asked = await read_range(other, MAPO, after_epoch=1, after_seq=6)
    assert (await follower.apply(MAPO, lines(asked))).broken is None
    assert await read_range(store, MAPO) == [*kept, begun, more[0], again]
    assert await follower.state(MAPO) is NodeState.GOOD


def _restore(conn: object, seq: int, epoch: int = 1) -> None:
    """Put the other node's store back to an older state, as a backup would."""
    from sqlalchemy import delete, update

    from safetynet.journal.rows import fold_again, read_leaf

    assert isinstance(conn, Connection)
    conn.execute(delete(journal_entries).where(journal_entries.c.seq > seq))
    leaf = read_leaf(conn, MAPO, epoch, seq)
    conn.execute(update(nodes).values(seq=seq, leaf=leaf))
    fold_again(conn, MAPO, FOLDS)
