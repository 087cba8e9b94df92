"""What a district has follows its list, once its journal has it; a list that cannot be changes nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from safetynet.app.district.inventory import Inventory, follow_list, stamp_of, take_list
from safetynet.base.clock import ManualClock
from safetynet.base.errors import InvalidError
from safetynet.federation.catalogue import Catalogue, Change
from safetynet.federation.inventory import CAMERAS_CHANGED, CATALOGUE_FOLDS
from safetynet.journal.append import Journal
from safetynet.journal.read import read_range
from safetynet.store.store import Store
from tests.federation.conftest import MAPO
from tests.support import eventually

HEAD = "id,lon,lat,azimuth_deg\n"


def rows(*azimuths: float | None) -> str:
    """A list of so many cameras; None leaves one out."""
    return HEAD + "".join(
        f"mapo-{n},126.9,37.5,{azimuth}\n"
        for n, azimuth in enumerate(azimuths)
        if azimuth is not None
    )


class Node:
    """A district's store, journal and list."""

    def __init__(self, store: Store, folder: Path, clock: ManualClock) -> None:
        self.journal = Journal(MAPO, store, clock, CATALOGUE_FOLDS)
        self.path = folder / "cameras.csv"
        self.clock = clock

    def write(self, text: str) -> None:
        """Replace the list at once, as an operator should."""
        new = self.path.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(self.path)

    async def open(self) -> Inventory:
        """As at a start of the process."""
        return await Inventory.open(MAPO, self.journal)

    async def kinds(self) -> list[str]:
        """Of all entries."""
        return [e.kind for e in await read_range(self.journal.store, MAPO)]


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with Store(f"sqlite:///{tmp_path}/node.sqlite") as store:
        yield Node(store, tmp_path, ManualClock(datetime(2026, 3, 1, tzinfo=UTC)))


async def test_a_list_that_says_nothing_new_writes_nothing(node: Node) -> None:
    node.write(rows(1, 2, 3))
    first = await node.open()
    assert len((await take_list(first, node.path)).put) == 3
    again = await node.open()
    assert again.catalogue.checksum == first.catalogue.checksum
    assert not await take_list(again, node.path)
    assert await node.kinds() == [CAMERAS_CHANGED]


async def test_a_list_that_cannot_be_leaves_a_district_what_it_had(node: Node) -> None:
    node.write(rows(1, 2))
    with pytest.raises(InvalidError):
        node.write(HEAD)
        await take_list(await node.open(), node.path)
    node.write(rows(1, 2))
    await take_list(await node.open(), node.path)
    for bad in (HEAD, rows(1) + "mapo-1,126.9", ""):
        node.write(bad)
        inventory = await node.open()
        assert not await take_list(inventory, node.path)
        assert len(inventory.catalogue) == 2
    node.path.unlink()
    assert not await take_list(inventory, node.path)


async def test_a_changed_list_is_taken_at_run_time_and_only_what_differs_is_told(
    node: Node,
) -> None:
    node.write(rows(1, 2, 3))
    inventory = await node.open()
    stamp = stamp_of(node.path)
    await take_list(inventory, node.path)
    told: list[tuple[Catalogue, Change]] = []

    async def tell(catalogue: Catalogue, change: Change) -> None:
        told.append((catalogue, change))

    following = asyncio.ensure_future(follow_list(inventory, node.path, stamp, node.clock, tell))
    try:
        for step, text in enumerate([rows(1, 20, 3, 4), HEAD, rows(None, 20, 3, 4)], start=1):
            node.write(text)

            async def taken(text: str = text, step: int = step) -> bool:
                node.clock.advance(1)
                await asyncio.sleep(0)
                return len(told) >= (1 if step < 3 else 2)

            await eventually(taken)
    finally:
        following.cancel()
    assert [len(change.put) for _, change in told] == [2, 0]
    assert [change.removed for _, change in told] == [(), ("mapo-0",)]
    assert told[-1][0].checksum == inventory.catalogue.checksum
    assert not inventory.owns(told[-1][1].removed[0])
    assert inventory.owns(inventory.catalogue.cameras[0].id)
