"""Any interleaving of commits, deliveries, losses, crashes and restores, against a model of a few lines."""

import asyncio
import contextlib
import shutil
import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from safetynet.base.clock import ManualClock
from safetynet.base.errors import UnavailableError
from safetynet.base.ids import NodeId
from safetynet.federation.bus import Answerer, Handler
from safetynet.federation.messages import Beat, EntryBatch, decode
from safetynet.federation.replicate import Publisher, Replica
from safetynet.journal.append import Journal
from safetynet.journal.follow import Follower, NodeState
from safetynet.journal.read import read_range
from safetynet.journal.verify import verify_store
from safetynet.store.engines import sqlite_url
from safetynet.store.store import Store
from tests.journal.world import FOLDS, rows, state
from tests.support import eventually

MAPO = NodeId("mapo")
CAMERAS, STATES = st.sampled_from("abc"), st.sampled_from(["ok", "dead", "gone"])
WORDS = st.lists(st.tuples(CAMERAS, STATES), min_size=1, max_size=3)


class Wire:
    """A bus that keeps what was published until somebody delivers it, and answers while it is whole."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []
        self.whole = True
        self.answerer: Answerer | None = None

    async def publish(self, subject: str, data: bytes) -> None:
        self.waiting.append(data)

    async def subscribe(self, subject: str, handler: Handler) -> None:
        raise NotImplementedError("deliveries are made by the machine")

    async def answer(self, subject: str, answerer: Answerer) -> None:
        self.answerer = answerer

    async def ask(self, subject: str, data: bytes, within_s: float) -> bytes:
        if not self.whole or self.answerer is None:
            raise UnavailableError("bus.no_answer", "the link is down")
        return await self.answerer(data)


class OneOwnerOneFollower(RuleBasedStateMachine):
    """A district that writes, crashes and is restored; a hub that follows over a bad link."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
        self.wire = Wire()
        self.own: list[bytes] = []
        """The model: what the district's journal is."""
        self.saved: list[bytes] = []
        """The model of its backup."""
        self.epoch = 1

    @initialize()
    def begin(self) -> None:
        self.runner.run(self._open_district())
        self.runner.run(self._open_hub())
        self.back_up()

    @rule(words=WORDS)
    def commit(self, words: list[tuple[str, str]]) -> None:
        async def work() -> None:
            self.clock.advance(1)
            entries = await self.journal.append([state(*word) for word in words])
            self.own += [entry.line for entry in entries]
            await self._published()

        self.runner.run(work())

    @precondition(lambda self: self.wire.waiting)
    @rule(data=st.data(), again=st.booleans())
    def deliver(self, data: st.DataObject, again: bool) -> None:
        """Any batch that is on the way, in any order, perhaps to come once more."""
        n = data.draw(st.integers(0, len(self.wire.waiting) - 1))
        batch = self.wire.waiting[n] if again else self.wire.waiting.pop(n)
        self.runner.run(self._take(batch))

    @precondition(lambda self: self.wire.waiting)
    @rule()
    def lose(self) -> None:
        """Everything that is on the way."""
        self.wire.waiting.clear()

    @rule(whole=st.booleans())
    def change_link(self, whole: bool) -> None:
        self.wire.whole = whole

    @rule()
    def crash_hub(self) -> None:
        self.runner.run(self._close_hub())
        self.runner.run(self._open_hub())

    @rule()
    def crash_district(self) -> None:
        self.runner.run(self._close_district())
        self.runner.run(self._open_district())

    @rule()
    def back_up(self) -> None:
        with (
            contextlib.closing(sqlite3.connect(self.folder / "mapo.db")) as source,
            contextlib.closing(sqlite3.connect(self.folder / "backup.db")) as target,
        ):
            source.backup(target)
        self.saved = list(self.own)

    @rule(words=WORDS)
    def restore(self, words: list[tuple[str, str]]) -> None:
        """The newest entries are gone; a new epoch begins above every one that ever was, and goes on."""
        self.runner.run(self._close_district())
        for file in self.folder.glob("mapo.db*"):
            file.unlink()
        shutil.copy(self.folder / "backup.db", self.folder / "mapo.db")
        self.runner.run(self._open_district())
        self.epoch += 1
        entry = self.runner.run(self.journal.begin_epoch(self.epoch))
        self.own = [*self.saved, entry.line]
        self.runner.run(self._published())
        self.commit(words)

    @rule()
    def settle(self) -> None:
        """The link is whole and a beat is heard: both have the same, and it means the same."""
        self.wire.whole = True

        async def work() -> None:
            await eventually(self._agrees, within_s=10)
            assert await self.hub.read(rows) == await self.district.read(rows)

        self.runner.run(work())

    @invariant()
    def holds(self) -> None:
        """The district has what the model says; the hub's chain holds, and nobody is quarantined."""

        async def work() -> None:
            assert [e.line for e in await read_range(self.district, MAPO)] == self.own
            assert (await verify_store(self.hub, MAPO)).ok
            assert await self.follower.state(MAPO) is NodeState.GOOD

        if hasattr(self, "journal"):
            self.runner.run(work())

    def teardown(self) -> None:
        """Settled once more at the end, whatever happened before."""
        if hasattr(self, "journal"):
            self.settle()
            self.runner.run(self._close_hub())
            self.runner.run(self._close_district())
        self.runner.close()
        shutil.rmtree(self.folder)

    async def _agrees(self) -> bool:
        head = await self.journal.head()
        beat = Beat(
            node=MAPO,
            boot="b",
            epoch=head.epoch,
            head=head.seq,
            cameras=0,
            catalogue="",
            gateway="",
        )
        self.replica.hear_beat(beat)
        return [e.line for e in await read_range(self.hub, MAPO)] == self.own

    async def _take(self, batch: bytes) -> None:
        self.replica.hear_batch(decode(batch, EntryBatch))
        await eventually(lambda: self.replica._batches.empty())

    async def _published(self) -> None:
        """Until the publisher has handed on the newest entry."""
        last = self.own[-1]
        await eventually(
            lambda: any(last in decode(data, EntryBatch).entries for data in self.wire.waiting)
        )

    async def _open_district(self) -> None:
        self.district = Store(sqlite_url(self.folder / "mapo.db"))
        self.journal = Journal(MAPO, self.district, self.clock, FOLDS)
        publisher = Publisher(self.journal, self.wire)
        await publisher.answer()
        self.publishing = asyncio.create_task(publisher.run())
        await asyncio.sleep(0)  # it listens

    async def _close_district(self) -> None:
        self.publishing.cancel()
        await asyncio.wait({self.publishing})
        await asyncio.to_thread(self.district.close)

    async def _open_hub(self) -> None:
        self.hub = Store(sqlite_url(self.folder / "hub.db"))
        self.follower = Follower(self.hub, self.clock, FOLDS)
        self.replica = Replica(MAPO, self.follower, self.wire)
        self.following = asyncio.create_task(self.replica.run())

    async def _close_hub(self) -> None:
        self.following.cancel()
        await asyncio.wait({self.following})
        await asyncio.to_thread(self.hub.close)


TestModel = OneOwnerOneFollower.TestCase
TestModel.settings = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
