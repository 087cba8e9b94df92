"""A catalogue travels in blocks and arrives whole, or not at all."""

import random

import pytest

from safetynet.base.errors import InvalidError, UnavailableError
from safetynet.base.ids import CameraId
from safetynet.federation import subjects
from safetynet.federation.catalogue import BLOCK_CAMERAS, Catalogue, checksum, fetch_catalogue
from safetynet.federation.messages import CameraRecord, CatalogueRequest, decode, encode
from tests.federation.conftest import MAPO, Buses


def records(count: int) -> list[CameraRecord]:
    return [
        CameraRecord(
            CameraId(f"mapo-{n:05d}"),
            f"합정 {n}",
            126.9,
            37.5,
            5.0,
            float(n % 360),
            15.0,
            60.0,
            0,
            n,
            2,
            2,
        )
        for n in range(count)
    ]


def test_the_checksum_does_not_depend_on_the_order_given() -> None:
    cameras = records(20)
    shuffled = random.Random(3).sample(cameras, len(cameras))
    assert Catalogue(MAPO, shuffled).checksum == Catalogue(MAPO, cameras).checksum
    assert checksum(cameras[:-1]) != checksum(cameras)


def test_blocks_cover_everything_once() -> None:
    catalogue = Catalogue(MAPO, records(25))
    found: list[CameraRecord] = []
    while len(found) < 25:
        block = catalogue.block(CatalogueRequest(first=len(found), limit=10))
        assert (block.total, block.catalogue) == (25, catalogue.checksum)
        found += block.cameras
    assert tuple(found) == catalogue.cameras
    assert catalogue.block(CatalogueRequest(first=25, limit=10)).cameras == ()


@pytest.mark.parametrize(("first", "limit"), [(-5, 3), (0, 0), (0, -1), (0, 10**9)])
def test_a_strange_request_gets_a_bounded_block(first: int, limit: int) -> None:
    block = Catalogue(MAPO, records(3)).block(CatalogueRequest(first=first, limit=limit))
    assert 1 <= len(block.cameras) <= BLOCK_CAMERAS


async def serve(buses: Buses, *catalogues: Catalogue) -> None:
    """Answer with each catalogue in turn, with the last one from then on."""
    left = list(catalogues)

    async def answer(data: bytes) -> bytes:
        catalogue = left.pop(0) if len(left) > 1 else left[0]
        return encode(catalogue.block(decode(data, CatalogueRequest)))

    await buses.mapo.answer(subjects.catalogue(MAPO), answer)
    await buses.linked()


async def test_a_whole_catalogue_comes_over_the_leaf_node(buses: Buses) -> None:
    own = Catalogue(MAPO, records(2 * BLOCK_CAMERAS + 1))
    await serve(buses, own)
    fetched = await fetch_catalogue(buses.hub, MAPO)
    assert (fetched.cameras, fetched.checksum) == (own.cameras, own.checksum)


async def test_an_owner_without_cameras_has_an_empty_catalogue(buses: Buses) -> None:
    await serve(buses, Catalogue(MAPO, []))
    assert (await fetch_catalogue(buses.hub, MAPO)).cameras == ()


async def test_a_catalogue_that_changes_while_read_is_not_taken(buses: Buses) -> None:
    cameras = records(BLOCK_CAMERAS + 2)
    await serve(buses, Catalogue(MAPO, cameras), Catalogue(MAPO, cameras[:-1]))
    with pytest.raises(UnavailableError) as moved:
        await fetch_catalogue(buses.hub, MAPO)
    assert moved.value.code == "catalogue.moved"


async def test_garbage_in_the_place_of_a_catalogue_is_refused(buses: Buses) -> None:
    async def answer(_: bytes) -> bytes:
        return b"\xc1"

    await buses.mapo.answer(subjects.catalogue(MAPO), answer)
    await buses.linked()
    with pytest.raises(InvalidError):
        await fetch_catalogue(buses.hub, MAPO)
