"""One node, one journal, several processes: no number twice, none left out, all heard in order."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from safetynet.base.clock import SystemClock
from safetynet.base.ids import NodeId
from safetynet.journal.append import Journal
from safetynet.journal.entry import Draft, Entry
from safetynet.journal.feed import Missed, Subscription
from safetynet.journal.follow import Follower
from safetynet.journal.read import read_range
from safetynet.journal.verify import verify_store
from safetynet.store.store import Store
from tests.journal.world import FOLDS
from tests.postgres import Server

pytestmark = pytest.mark.postgres

HUB = NodeId("hub")

WRITER = """
import asyncio, sys
from safetynet.base.clock import SystemClock
from safetynet.base.ids import NodeId
from safetynet.journal.append import Journal
from safetynet.journal.entry import Draft
from safetynet.store.store import Store

async def main(url, name, count):
    async with Store(url) as store:
        journal = Journal(NodeId("hub"), store, SystemClock(), {})

        async def send(sender):
            for n in range(int(count)):
                draft = Draft(kind="test.note/1", body={"by": f"{name}-{sender}", "n": n})
                (entry,) = await journal.append([draft])
                print(entry.seq, entry.leaf, flush=True)

        sys.stdin.readline()
        await asyncio.gather(*(send(sender) for sender in range(8)))

asyncio.run(main(*sys.argv[1:]))
"""


def start_writer(url: str, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url, name, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def acknowledged(child: subprocess.Popen[str], *, until: int | None = None) -> list[list[str]]:
    """What a writer was told, each a sequence and a leaf; all of it where ``until`` is None."""
    assert child.stdout is not None
    if until is not None:
        return [child.stdout.readline().split() for _ in range(until)]
    # A line that a killed process did not finish acknowledges nothing.
    return [line.split() for line in child.stdout if line.endswith("\n")]


def go(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.write("go\n")
    child.stdin.flush()


@asynccontextmanager
async def watching(journal: Journal) -> AsyncIterator[Subscription]:
    task = asyncio.create_task(journal.watch())
    with journal.feed.subscribe(limit=10_000) as heard:
        try:
            yield heard
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def note(n: int) -> Draft:
    return Draft(kind="test.note/1", body={"n": n})


async def take(heard: Subscription, count: int) -> list[Entry]:
    async def all_of_them() -> list[Entry]:
        found: list[Entry | Missed] = [await heard.next() for _ in range(count)]
        return [entry for entry in found if isinstance(entry, Entry)]

    return await asyncio.wait_for(all_of_them(), 30)


async def test_processes_append_at_once_and_one_is_killed(postgres: Server) -> None:
    url = postgres.make_database()
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(start_writer(url, f"p{n}", 25)) for n in range(3)]
        async with Store(url) as store:
            journal = Journal(HUB, store, SystemClock(), FOLDS)
            async with watching(journal) as heard:
                for writer in writers:
                    go(writer)
                told = await asyncio.to_thread(acknowledged, writers[0], until=20)
                writers[0].send_signal(signal.SIGKILL)
                await journal.append([note(n) for n in range(5)])
                for writer in writers:
                    told += await asyncio.to_thread(acknowledged, writer)
                verified = await verify_store(store, HUB)
                assert verified.ok
                entries = await read_range(store, HUB)
                # Everything after the first that was heard, which is where listening began.
                first = await take(heard, 1)
                rest = await take(heard, verified.head.seq - first[0].seq)
    kept = {str(entry.seq): entry.leaf for entry in entries}
    assert len(entries) == verified.head.seq == len(kept)
    assert len({seq for seq, _ in told}) == len(told)
    assert all(kept[seq] == leaf for seq, leaf in told)
    assert len(told) >= 2 * 8 * 25 + 20
    assert [e.leaf for e in first + rest] == [e.leaf for e in entries[first[0].seq - 1 :]]


async def test_two_processes_that_follow_one_journal_keep_each_entry_once(postgres: Server) -> None:
    clock, mapo = SystemClock(), NodeId("mapo")
    async with Store(postgres.make_database()) as source:
        await Journal(mapo, source, clock, FOLDS).append([note(n) for n in range(60)])
        lines = [entry.line for entry in await read_range(source, mapo)]
    url = postgres.make_database()
    async with Store(url) as one, Store(url) as two:
        followers = Follower(one, clock, FOLDS), Follower(two, clock, FOLDS)
        batches = [lines[: 20 * (k + 1)] for k in range(3)]
        applied = await asyncio.gather(*(f.apply(mapo, b) for b in batches for f in followers))
        own = Journal(HUB, one, clock, FOLDS), Journal(HUB, two, clock, FOLDS)
        await asyncio.gather(
            *(journal.append([note(n)]) for n in range(20) for journal in own),
            *(f.apply(mapo, lines) for f in followers),
        )
        assert sum(a.applied for a in applied) == 60
        assert [e.line for e in await read_range(one, mapo)] == lines
        assert [(await verify_store(one, node)).ok for node in (mapo, HUB)] == [True, True]


async def test_every_process_hears_all_in_order(postgres: Server) -> None:
    url, clock = postgres.make_database(), SystemClock()
    async with Store(url) as one, Store(url) as two:
        journals = Journal(HUB, one, clock, FOLDS), Journal(HUB, two, clock, FOLDS)
        async with watching(journals[0]) as heard, watching(journals[1]) as also:
            await journals[0].append([note(0)])
            while also.find_next() is None:  # until the other one listens too
                await journals[0].append([note(0)])
            for n in range(20):
                await asyncio.gather(*(journals[k % 2].append([note(n)]) for k in range(6)))
            expected = await read_range(one, HUB)
            assert await take(heard, len(expected)) == expected
            later = await take(also, 1)
            assert (
                later + await take(also, expected[-1].seq - later[0].seq)
                == expected[later[0].seq - 1 :]
            )


async def test_a_new_epoch_is_heard_too(postgres: Server) -> None:
    url, clock = postgres.make_database(), SystemClock()
    async with Store(url) as one, Store(url) as two:
        mine, theirs = Journal(HUB, one, clock, FOLDS), Journal(HUB, two, clock, FOLDS)
        await theirs.append([note(0)])
        async with watching(mine) as heard:
            await mine.append([note(1)])
            assert [e.seq for e in await take(heard, 1)] == [2]
            begun = await theirs.begin_epoch(2)
            await theirs.append([note(2)])
            assert [(e.epoch, e.seq) for e in await take(heard, 2)] == [(2, begun.seq), (2, 4)]


async def test_listening_is_taken_up_again_after_its_connection_was_lost(postgres: Server) -> None:
    url, clock = postgres.make_database(), SystemClock()
    async with Store(url) as one, Store(url) as two:
        mine, theirs = Journal(HUB, one, clock, FOLDS), Journal(HUB, two, clock, FOLDS)
        async with watching(mine) as heard:
            await mine.append([note(0)])
            await take(heard, 1)
            with postgres.connect() as conn:
                conn.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    f"WHERE datname = '{postgres.newest}' AND query LIKE 'LISTEN%'"
                )
            await theirs.append([note(n) for n in range(1500)])
            assert [e.seq for e in await take(heard, 1500)] == list(range(2, 1502))


async def test_a_store_of_one_process_has_nobody_to_watch(tmp_path: object) -> None:
    async with Store(f"sqlite:///{tmp_path}/node.db") as store:
        await Journal(HUB, store, SystemClock(), FOLDS).watch()
