"""What a district has is what its journal says, at itself and wherever its journal is followed."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from safetynet.base.clock import ManualClock
from safetynet.base.ids import CameraId
from safetynet.federation.catalogue import Catalogue, Change, difference
from safetynet.federation.inventory import (
    CAMERAS_AN_ENTRY,
    CATALOGUE_FOLDS,
    drafts_of,
    list_cameras,
    list_moved,
)
from safetynet.journal.append import Journal
from safetynet.journal.follow import Follower
from safetynet.journal.read import read_range
from safetynet.store.store import Store
from tests.federation.conftest import MAPO
from tests.federation.test_catalogue import record

CLOCK = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with Store(f"sqlite:///{tmp_path}/node.sqlite") as store:
        yield Journal(MAPO, store, CLOCK, CATALOGUE_FOLDS)


async def has(store: Store) -> Catalogue:
    """The catalogue that the folded table makes."""
    return Catalogue(MAPO, await store.read(lambda conn: list(list_cameras(conn, MAPO))))


async def test_a_first_import_is_some_entries_in_one_commit(journal: Journal) -> None:
    wanted = Catalogue(MAPO, [record(n) for n in range(7000)])
    commits = journal.store.commits
    entries = await journal.append(drafts_of(difference(Catalogue(MAPO), wanted)))
    assert len(entries) == 7000 / CAMERAS_AN_ENTRY
    assert journal.store.commits == commits + 1
    assert (await has(journal.store)).checksum == wanted.checksum


async def test_the_table_follows_every_change_and_a_rebuild_and_a_follower_agree(
    journal: Journal, tmp_path: Path
) -> None:
    chance = random.Random(5)
    now = Catalogue(MAPO)
    for _ in range(30):
        put = [record(n, chance.random() * 360 // 1) for n in chance.sample(range(400), 50)]
        gone = chance.sample([c.id for c in now.cameras], len(now) // 4)
        kept = set(gone) - {r.id for r in put}
        change = Change(put=tuple(put), removed=tuple(sorted(kept)))
        await journal.append(drafts_of(change))
        now = now.changed(change)
        assert (await has(journal.store)).checksum == now.checksum
    await journal.rebuild()
    assert (await has(journal.store)).checksum == now.checksum
    async with Store(f"sqlite:///{tmp_path}/hub.sqlite") as hub:
        lines = [e.line for e in await read_range(journal.store, MAPO)]
        applied = await Follower(hub, CLOCK, CATALOGUE_FOLDS).apply(MAPO, lines)
        assert applied.applied == len(lines)
        assert (await has(hub)).checksum == now.checksum


async def test_a_whole_district_can_go_at_once(journal: Journal) -> None:
    every = Catalogue(MAPO, [record(n) for n in range(1000)])
    await journal.append(drafts_of(difference(Catalogue(MAPO), every)))
    await journal.append(drafts_of(difference(every, Catalogue(MAPO))))
    assert len(await has(journal.store)) == 0


async def test_when_a_camera_was_moved_is_known_and_a_new_name_is_no_move(journal: Journal) -> None:
    first, other = record(1, 10.0), record(2, 10.0)
    await journal.append(drafts_of(Change(put=(first, other))))

    async def moves() -> dict[CameraId, str]:
        return await journal.store.read(lambda conn: list_moved(conn, [first.id, other.id]))

    assert await moves() == {}
    (moved,) = await journal.append(drafts_of(Change(put=(record(1, 50.0),))))
    named = msgspec.structs.replace(record(1, 50.0), name="새 이름")
    await journal.append(drafts_of(Change(put=(named,))))
    assert await moves() == {first.id: moved.time}
    await journal.append(drafts_of(Change(removed=(first.id,))))
    assert await moves() == {}
