"""A catalogue travels in blocks: only what differs, and what does not fit its digest is not taken."""

import math
import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safetynet.base.errors import BrokenError, InvalidError, SafetyNetError, UnavailableError
from safetynet.base.ids import CameraId, NodeId
from safetynet.federation import subjects
from safetynet.federation.catalogue import (
    BLOCKS,
    MAX_PART_BYTES,
    Catalogue,
    Change,
    block_of,
    difference,
    root_of,
)
from safetynet.federation.messages import (
    CameraRecord,
    CataloguePart,
    CatalogueRequest,
    decode,
    encode,
)
from safetynet.federation.sync import sync_catalogue
from tests.federation.conftest import MAPO, Buses

Answer = Callable[[CatalogueRequest], CataloguePart]


def record(n: int, azimuth_deg: float = 10.0) -> CameraRecord:
    return CameraRecord(
        CameraId(f"mapo-{n:05d}"),
        f"합정 {n}",
        126.9,
        37.5,
        5.0,
        azimuth_deg,
        15.0,
        60.0,
        0,
        n,
        2,
        2,
    )


def catalogue(count: int) -> Catalogue:
    return Catalogue(MAPO, [record(n) for n in range(count)])


def same(a: Catalogue, b: Catalogue) -> bool:
    return a.checksum == b.checksum and encode(a.cameras) == encode(b.cameras)


def test_the_checksum_does_not_depend_on_the_order_given() -> None:
    cameras = [record(n) for n in range(200)]
    shuffled = random.Random(3).sample(cameras, len(cameras))
    assert same(Catalogue(MAPO, shuffled), Catalogue(MAPO, cameras))
    assert Catalogue(MAPO, cameras[:-1]).checksum != Catalogue(MAPO, cameras).checksum


def test_one_camera_more_leaves_all_other_blocks_as_they_were() -> None:
    before = catalogue(7000)
    after = before.changed(Change(put=(record(7001),), removed=(record(3).id,)))
    touched = {block_of(record(7001).id), block_of(record(3).id)}
    for number in range(BLOCKS):
        kept = before.blocks[number] is after.blocks[number]
        assert kept == (number not in touched)


@settings(max_examples=40)
@given(
    before=st.dictionaries(st.integers(0, 60), st.sampled_from([1.0, 2.0, math.nan]), max_size=40),
    after=st.dictionaries(st.integers(0, 60), st.sampled_from([1.0, 2.0, math.nan]), max_size=40),
)
def test_a_difference_makes_one_catalogue_the_other_and_says_nothing_else(
    before: dict[int, float], after: dict[int, float]
) -> None:
    old = Catalogue(MAPO, [record(n, a) for n, a in before.items()])
    new = Catalogue(MAPO, [record(n, a) for n, a in after.items()])
    change = difference(old, new)
    assert same(old.changed(change), new)
    assert set(change.removed) == {record(n).id for n in before.keys() - after.keys()}
    changed = {n for n, a in after.items() if n not in before or str(before[n]) != str(a)}
    assert {r.id for r in change.put} == {record(n).id for n in changed}


def test_an_answer_is_bounded_and_brings_at_least_one_block() -> None:
    huge = Catalogue(
        MAPO, [msgspec.structs.replace(record(n), name="가" * 900) for n in range(900)]
    )
    numbers = tuple(range(BLOCKS))
    part = huge.part(CatalogueRequest(blocks=numbers))
    assert 1 <= len(part.blocks) < BLOCKS
    assert len(encode(part)) < MAX_PART_BYTES + 10_000
    assert [b.number for b in part.blocks] == list(numbers[: len(part.blocks)])
    with pytest.raises(InvalidError):
        huge.part(CatalogueRequest(blocks=(BLOCKS,)))


# over the leaf node


class Owner:
    """A district that answers for a catalogue, and keeps what it was asked and what it sent."""

    def __init__(self, own: Catalogue) -> None:
        self.own = own
        self.asked: list[CatalogueRequest] = []
        self.sent_bytes = 0
        self.answer: Answer = lambda request: self.own.part(request)

    async def take(self, data: bytes) -> bytes:
        """Answer one request."""
        self.asked.append(decode(data, CatalogueRequest))
        reply = encode(self.answer(self.asked[-1]))
        self.sent_bytes += len(reply)
        return reply


async def serve(buses: Buses, own: Catalogue) -> Owner:
    owner = Owner(own)
    await buses.mapo.answer(subjects.catalogue(MAPO), owner.take)
    await buses.linked()
    return owner


@pytest.mark.parametrize("count", [0, 1, 5000])
async def test_a_whole_catalogue_comes_over_the_leaf_node(buses: Buses, count: int) -> None:
    owner = await serve(buses, catalogue(count))
    assert same(await sync_catalogue(buses.hub, MAPO), owner.own)


async def test_only_the_block_that_differs_is_read_again(buses: Buses) -> None:
    known = catalogue(7000)
    moved = record(42, azimuth_deg=200.0)
    owner = await serve(buses, known.changed(Change(put=(moved,))))
    found = await sync_catalogue(buses.hub, MAPO, known)
    assert found.find(moved.id) == moved
    assert same(found, owner.own)
    assert [r.blocks for r in owner.asked] == [(), (block_of(moved.id),)]


async def test_comparing_everything_when_nothing_changed_costs_less_than_64_kib(
    buses: Buses,
) -> None:
    owner = await serve(buses, catalogue(7000))
    await sync_catalogue(buses.hub, MAPO, owner.own)
    assert owner.sent_bytes < 64 * 1024
    assert len(owner.asked) == 1


async def test_a_catalogue_that_changes_while_read_arrives_as_it_is_in_the_end(
    buses: Buses,
) -> None:
    owner = await serve(buses, catalogue(2000))

    def change_after_each(request: CatalogueRequest) -> CataloguePart:
        part = owner.own.part(request)
        if request.blocks and len(owner.asked) < 6:
            n = len(owner.asked)
            owner.own = owner.own.changed(
                Change(put=(record(n, 90.0 + n), record(9000 + n)), removed=(record(100 + n).id,))
            )
        return part

    owner.answer = change_after_each
    found = await sync_catalogue(buses.hub, MAPO)
    assert same(found, owner.own)


async def test_one_that_never_stands_still_is_left_for_later(buses: Buses) -> None:
    owner = await serve(buses, catalogue(600))

    def restless(request: CatalogueRequest) -> CataloguePart:
        number = len(owner.asked)
        owner.own = Catalogue(MAPO, [record(n, number % 360) for n in range(600)])
        return owner.own.part(request)

    owner.answer = restless
    with pytest.raises(UnavailableError) as moved:
        await sync_catalogue(buses.hub, MAPO)
    assert moved.value.code == "catalogue.moved"


async def test_cut_doubled_and_unasked_blocks_cost_only_another_question(buses: Buses) -> None:
    owner = await serve(buses, catalogue(3000))

    def sloppy(request: CatalogueRequest) -> CataloguePart:
        part = owner.own.part(request)
        if not request.blocks:
            return part
        other = owner.own.part(CatalogueRequest(blocks=((request.blocks[0] + 100) % BLOCKS,)))
        cut = part.blocks[: max(1, len(part.blocks) // 2)]
        return msgspec.structs.replace(part, blocks=(*other.blocks, *cut, *cut))

    owner.answer = sloppy
    assert same(await sync_catalogue(buses.hub, MAPO), owner.own)


async def test_blocks_that_never_come_are_asked_for_later(buses: Buses) -> None:
    owner = await serve(buses, catalogue(3000))
    owner.answer = lambda r: msgspec.structs.replace(owner.own.part(r), blocks=())
    with pytest.raises(UnavailableError) as cut:
        await sync_catalogue(buses.hub, MAPO)
    assert cut.value.code == "catalogue.cut"


def with_block(part: CataloguePart, cameras: bytes) -> CataloguePart:
    first = msgspec.structs.replace(part.blocks[0], cameras=cameras)
    return msgspec.structs.replace(part, blocks=(first, *part.blocks[1:]))


LIES: dict[str, Callable[[CataloguePart], CataloguePart]] = {
    "another_root": lambda p: p if p.blocks else msgspec.structs.replace(p, catalogue="0" * 64),
    "short_digests": lambda p: (
        p if p.blocks else msgspec.structs.replace(p, digests=p.digests[:-1])
    ),
    "other_cameras": lambda p: with_block(p, encode(())) if p.blocks else p,
    "another_node": lambda p: msgspec.structs.replace(p, node=NodeId("seocho")),
    "garbage_cameras": lambda p: with_block(p, b"\xc1") if p.blocks else p,
    "one_twice": lambda p: with_block(p, encode((record(n := 0), record(n)))) if p.blocks else p,
    "in_another_block": lambda p: (
        with_block(p, encode((record(_outside(p.blocks[0].number)),))) if p.blocks else p
    ),
}


def _outside(number: int) -> int:
    return next(n for n in range(BLOCKS) if block_of(record(n).id) != number)


@pytest.mark.parametrize("lie", LIES)
async def test_a_district_that_lies_is_refused(buses: Buses, lie: str) -> None:
    owner = await serve(buses, catalogue(1000))
    owner.answer = lambda request: LIES[lie](owner.own.part(request))
    with pytest.raises(SafetyNetError) as refused:
        await sync_catalogue(buses.hub, MAPO)
    assert isinstance(refused.value, BrokenError | InvalidError)


async def test_digests_of_one_block_under_the_number_of_another_bring_no_camera_twice(
    buses: Buses,
) -> None:
    owner = await serve(buses, catalogue(1000))
    real = owner.own

    def misplace(request: CatalogueRequest) -> CataloguePart:
        digests = real.digests[:32] * 2 + real.digests[64:]
        part = real.part(request)
        if request.blocks:
            return msgspec.structs.replace(part, catalogue=root_of(digests))
        return msgspec.structs.replace(part, digests=digests, catalogue=root_of(digests))

    owner.answer = misplace
    with pytest.raises(BrokenError):
        await sync_catalogue(buses.hub, MAPO, real)


async def test_garbage_in_the_place_of_a_catalogue_is_refused(buses: Buses) -> None:
    async def answer(_: bytes) -> bytes:
        return b"\xc1"

    await buses.mapo.answer(subjects.catalogue(MAPO), answer)
    await buses.linked()
    with pytest.raises(InvalidError):
        await sync_catalogue(buses.hub, MAPO)


# nodes of another version


class LaterRecord(CameraRecord, frozen=True, array_like=True):
    """A camera as a newer program tells it: one field more at the end."""

    lens_heater: bool = False


EarlierRecord = msgspec.defstruct(
    "EarlierRecord",
    [
        (f.name, f.type, f.default) if f.default is not msgspec.NODEFAULT else (f.name, f.type)
        for f in msgspec.structs.fields(CameraRecord)[:-1]
    ],
    frozen=True,
    array_like=True,
)
"""A camera as an older program tells it: without the last field."""


@pytest.mark.parametrize("kind", [LaterRecord, EarlierRecord])
async def test_cameras_of_another_version_fit_their_digests_and_are_compared_in_blocks(
    buses: Buses, kind: type[CameraRecord]
) -> None:
    names = [f.name for f in msgspec.structs.fields(kind)]

    def told(r: CameraRecord) -> CameraRecord:
        values: list[Any] = [getattr(r, name, True) for name in names]
        return kind(*values)

    cameras = [record(n) for n in range(500)]
    owner = await serve(buses, Catalogue(MAPO, [told(r) for r in cameras]))
    found = await sync_catalogue(buses.hub, MAPO)
    assert found.checksum == owner.own.checksum
    assert encode(found.cameras) == encode(tuple(cameras))
    owner.own = owner.own.changed(Change(put=(told(record(7, 99.0)),)))
    again = await sync_catalogue(buses.hub, MAPO, found)
    assert difference(found, again).put == (record(7, 99.0),)
    assert len(owner.asked[-1].blocks) == 1
