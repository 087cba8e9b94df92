"""A node that was restored gets back what its follower has, or begins an epoch nobody ever used."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from safetynet.base.clock import SystemClock
from safetynet.base.errors import UnavailableError
from safetynet.base.ids import HUB
from safetynet.federation import subjects
from safetynet.federation.messages import Beat, EntryBatch, HeadAnswer, HeadRequest, decode, encode
from safetynet.federation.recall import RecallDoor, resume
from safetynet.federation.replicate import Publisher, Replica
from safetynet.journal.append import Journal
from safetynet.journal.entry import Draft, Entry
from safetynet.journal.follow import Follower, NodeState
from safetynet.journal.mark import MARK_FILE, HeadMark
from safetynet.journal.read import read_range
from safetynet.journal.resume import Step
from safetynet.journal.rows import Head
from safetynet.journal.verify import verify_store
from safetynet.store.store import Store
from tests.federation.conftest import MAPO, SEOCHO, Buses
from tests.journal.world import FOLDS, rows, state
from tests.support import eventually


def drafts(count: int) -> list[Draft]:
    return [state(f"mapo-{n % 3}", f"s{n}") for n in range(count)]


@dataclass
class Life:
    """One run of the district's process, from start to kill."""

    journal: Journal
    step: Step
    publishing: asyncio.Task[None] | None = None


@dataclass
class Net:
    """A hub that follows mapo, and mapo's data folder."""

    folder: Path
    buses: Buses
    follower: Follower
    replica: Replica
    group: asyncio.TaskGroup
    there: bool = False
    """The hub is there; where it is not, do not wait long for it."""
    used: dict[tuple[int, int], str] = field(default_factory=dict)
    """Leaf of every number that mapo ever gave: none is given twice."""

    @property
    def data(self) -> Path:
        return self.folder / "mapo"

    async def open_hub(self) -> None:
        """From here on the hub is there: it follows and answers."""
        self.there = True
        await RecallDoor(self.follower, self.buses.hub).open([MAPO])

        async def hear_entries(_: str, data: bytes) -> None:
            self.replica.hear_batch(decode(data, EntryBatch))

        async def hear_beat(_: str, data: bytes) -> None:
            self.replica.hear_beat(decode(data, Beat))

        await self.buses.hub.subscribe(subjects.ALL_JOURNALS, hear_entries)
        await self.buses.hub.subscribe(subjects.ALL_BEATS, hear_beat)
        self.group.create_task(self.replica.run())
        await self.buses.linked()

    @asynccontextmanager
    async def life(self, *, heard: bool = True) -> AsyncIterator[Life]:
        """Start mapo; ``heard`` false: what it writes never reaches the hub."""
        self.data.mkdir(exist_ok=True)
        async with AsyncExitStack() as stack:
            mark = stack.enter_context(HeadMark(self.data))
            store = await stack.enter_async_context(Store(f"sqlite:///{self.data}/node.sqlite"))
            journal = Journal(MAPO, store, SystemClock(), FOLDS)
            step = await resume(
                journal,
                self.buses.mapo,
                mark,
                SystemClock(),
                FOLDS,
                followed=True,
                unsure_within_s=10.0 if self.there else 0.2,
            )
            life = Life(journal, step)
            if heard:
                publisher = Publisher(journal, self.buses.mapo)
                await publisher.answer()
                life.publishing = self.group.create_task(publisher.run())
                await self.buses.linked()
            yield life
            if life.publishing is not None:
                life.publishing.cancel()
            self.note(await read_range(store, MAPO))

    def note(self, entries: list[Entry]) -> None:
        """Remember numbers, and fail where one was used for something else before."""
        for entry in entries:
            number = (entry.epoch, entry.seq)
            assert self.used.setdefault(number, entry.leaf) == entry.leaf, f"{number} used twice"

    def backup(self) -> None:
        shutil.copy(self.data / "node.sqlite", self.folder / "backup.sqlite")

    def restore(self) -> None:
        for path in self.data.glob("node.sqlite*"):
            path.unlink()
        shutil.copy(self.folder / "backup.sqlite", self.data / "node.sqlite")

    async def agreed(self, life: Life) -> bool:
        """Both have the same journal and the same rows."""
        head = await life.journal.head()
        beat = Beat(
            node=MAPO,
            boot="b",
            epoch=head.epoch,
            head=head.seq,
            cameras=0,
            catalogue="",
            gateway="",
        )
        await self.buses.mapo.publish(subjects.beat(MAPO), encode(beat))
        own, theirs = life.journal.store, self.follower.store
        same = await read_range(own, MAPO) == await read_range(theirs, MAPO)
        return same and await own.read(rows) == await theirs.read(rows)

    async def whole(self, life: Life) -> None:
        """Both sides agree, and both chains hold."""
        await eventually(lambda: self.agreed(life))
        assert (await verify_store(life.journal.store, MAPO)).ok
        assert (await verify_store(self.follower.store, MAPO)).ok
        assert await self.follower.state(MAPO) is NodeState.GOOD


@pytest.fixture
async def net(buses: Buses, tmp_path: Path) -> AsyncIterator[Net]:
    async with AsyncExitStack() as stack:
        theirs = await stack.enter_async_context(Store(f"sqlite:///{tmp_path}/hub.sqlite"))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        follower = Follower(theirs, SystemClock(), FOLDS)
        folder = tmp_path / "data"  # the keys lie beside it
        folder.mkdir()
        yield Net(folder, buses, follower, Replica(MAPO, follower, buses.hub), group)
        for task in list(group._tasks):
            task.cancel()


async def test_an_ordinary_start_goes_on_where_it_was(net: Net) -> None:
    await net.open_hub()
    async with net.life() as first:
        assert first.step is Step.GO_ON
        await first.journal.append(drafts(5))
        await net.whole(first)
    async with net.life() as second:
        assert second.step is Step.GO_ON
        (entry,) = await second.journal.append(drafts(1))
        assert (entry.epoch, entry.seq) == (1, 6)
        await net.whole(second)


async def test_a_killed_node_starts_while_the_hub_is_away(net: Net) -> None:
    async with net.life() as first:
        assert first.step is Step.NEW_EPOCH, "nobody knows whether it is really the first"
        await first.journal.append(drafts(5))
        epoch = (await first.journal.head()).epoch
    async with net.life() as second:
        assert second.step is Step.GO_ON
        (entry,) = await second.journal.append(drafts(1))
        assert (entry.epoch, entry.seq) == (epoch, 7)
    await net.open_hub()
    async with net.life() as third:
        await net.whole(third)


async def test_a_restored_district_gets_its_entries_back_from_the_hub(net: Net) -> None:
    await net.open_hub()
    async with net.life() as life:
        await life.journal.append(drafts(3))
        await net.whole(life)
        net.backup()
        for _ in range(3):
            await life.journal.append(drafts(400))
        await net.whole(life)
    net.restore()
    async with net.life() as life:
        assert life.step is Step.TAKE_BACK
        assert (await life.journal.head()).seq == 1203
        (entry,) = await life.journal.append(drafts(1))
        assert (entry.epoch, entry.seq) == (1, 1204), "nothing is missing: the epoch goes on"
        await net.whole(life)


async def test_an_empty_machine_gets_the_whole_journal_back(net: Net) -> None:
    await net.open_hub()
    async with net.life() as life:
        await life.journal.append(drafts(7))
        await net.whole(life)
    shutil.rmtree(net.data)
    async with net.life() as life:
        head = await life.journal.head()
        assert (life.step, head.seq) == (Step.NEW_EPOCH, 8)
        assert head.epoch > 1, "what never reached the hub may have used numbers"
        await net.whole(life)


async def test_what_never_reached_the_hub_does_not_lend_its_numbers(net: Net) -> None:
    await net.open_hub()
    async with net.life() as life:
        await life.journal.append(drafts(3))
        await net.whole(life)
    net.backup()
    async with net.life(heard=False) as life:
        await life.journal.append(drafts(2))
    net.restore()
    async with net.life() as life:
        assert life.step is Step.NEW_EPOCH
        (entry,) = await life.journal.append(drafts(1))
        assert (entry.epoch, entry.seq) == (2, 5)
        await net.whole(life)


async def test_a_restored_district_without_the_hub_begins_an_epoch_and_both_agree_afterwards(
    net: Net,
) -> None:
    async with net.life() as life:
        await life.journal.append(drafts(3))
        net.backup()
        await life.journal.append(drafts(4))
        await net.follower.apply(MAPO, [e.line for e in await read_range(life.journal.store, MAPO)])
        old = await life.journal.head()
    for _ in range(2):
        net.restore()
        async with net.life() as life:
            assert life.step is Step.NEW_EPOCH
            head = await life.journal.head()
            assert head.epoch > old.epoch
            old = head
            await life.journal.append(drafts(2))
    await net.open_hub()
    async with net.life() as life:
        assert life.step is Step.GO_ON
        await net.whole(life)


async def test_a_disk_that_was_put_back_whole_is_found_out_by_the_hub(net: Net) -> None:
    """Store and mark go back together, as with a virtual machine's snapshot."""
    await net.open_hub()
    async with net.life() as life:
        await life.journal.append(drafts(3))
        await net.whole(life)
    shutil.copytree(net.data, net.folder / "disk")
    async with net.life() as life:
        await life.journal.append(drafts(4))
        await net.whole(life)
    async with net.life(heard=False) as life:
        await life.journal.append(drafts(1))
    shutil.rmtree(net.data)
    shutil.copytree(net.folder / "disk", net.data)
    async with net.life() as life:
        assert life.step is Step.NEW_EPOCH
        head = await life.journal.head()
        assert head.seq == 8, "seven came back; the eighth began an epoch"
        await net.whole(life)


async def test_two_histories_are_told_and_nobody_overwrites_the_other(net: Net) -> None:
    await net.open_hub()
    async with net.life() as life:
        await life.journal.append(drafts(3))
        await net.whole(life)
    shutil.copytree(net.data, net.folder / "disk")
    async with net.life() as life:
        await life.journal.append(drafts(4))
        await net.whole(life)
    shutil.rmtree(net.data)
    shutil.copytree(net.folder / "disk", net.data)
    net.used.clear()  # the fault itself uses numbers twice: this disk went on unseen
    async with Store(f"sqlite:///{net.data}/node.sqlite") as store:
        await Journal(MAPO, store, SystemClock(), FOLDS).append([state("mapo-9", "unseen")])
    (net.data / MARK_FILE).unlink()
    async with net.life() as life:
        assert life.step is Step.NEW_EPOCH
        await eventually(lambda: _refused(net, life))
    await net.follower.reinstate(MAPO, after=3)
    net.replica = Replica(MAPO, net.follower, net.buses.hub)
    await net.open_hub()
    async with net.life() as life:
        await net.whole(life)


async def _refused(net: Net, life: Life) -> bool:
    await net.agreed(life)
    return await net.follower.state(MAPO) is NodeState.BROKEN


async def test_a_node_asks_for_its_own_journal_alone(net: Net) -> None:
    await net.open_hub()
    async with net.life() as life:
        await life.journal.append(drafts(3))
        await net.whole(life)
    request = encode(HeadRequest(epoch=1, seq=0, leaf=Head().leaf))
    await RecallDoor(net.follower, net.buses.hub).open([SEOCHO])
    await net.buses.linked()
    reply = await net.buses.seocho.ask(subjects.head(SEOCHO), request, 10)
    answer = decode(reply, HeadAnswer)
    assert (answer.seq, answer.fits) == (0, True)
    for subject in (subjects.head, subjects.copy):
        with pytest.raises(UnavailableError):
            await net.buses.mapo.ask(subject(SEOCHO), request, 1)


async def test_a_node_that_nobody_follows_begins_an_epoch_only_where_it_was_restored(
    net: Net,
) -> None:
    data = net.folder / "hub"
    data.mkdir()

    async def life() -> tuple[Step, Head]:
        with HeadMark(data) as mark:
            async with Store(f"sqlite:///{data}/node.sqlite") as store:
                journal = Journal(HUB, store, SystemClock(), FOLDS)
                step = await resume(
                    journal, net.buses.hub, mark, SystemClock(), FOLDS, followed=False
                )
                await journal.append(drafts(2))
                return step, await journal.head()

    assert (await life())[0] is Step.GO_ON
    shutil.copy(data / "node.sqlite", net.folder / "backup.sqlite")
    assert (await life())[0] is Step.GO_ON
    shutil.copy(net.folder / "backup.sqlite", data / "node.sqlite")
    step, head = await life()
    assert (step, head.epoch, head.seq) == (Step.NEW_EPOCH, 2, 5)
