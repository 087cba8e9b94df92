"""Bringing a copy of a district's catalogue up to date: digests first, then only what differs."""

import structlog

from safetynet.base.errors import BrokenError, UnavailableError
from safetynet.base.ids import NodeId
from safetynet.federation import subjects
from safetynet.federation.bus import Bus
from safetynet.federation.catalogue import (
    BLOCKS,
    DIGEST_BYTES,
    EMPTY,
    MAX_CAMERAS,
    Block,
    Catalogue,
    read_block,
    root_of,
)
from safetynet.federation.messages import CataloguePart, CatalogueRequest, decode, encode

ASK_WITHIN_S = 2.0
ASKED_BLOCKS = 64
ATTEMPTS = 5
"""Readings of a catalogue that goes on changing, before it is left for the next beat. What was read
of it counts in the next one."""

log = structlog.get_logger()


async def sync_catalogue(bus: Bus, node: NodeId, known: Catalogue | None = None) -> Catalogue:
    """The catalogue of a district as it is now; blocks that ``known`` has are not read again.

    Raises ``UnavailableError`` where the district is silent, sends less than was asked for
    (``catalogue.cut``) or goes on changing (``catalogue.moved``): ask again. Raises ``InvalidError``
    or ``BrokenError`` (``catalogue.checksum``, ``catalogue.too_many``) where what it says cannot be.
    """
    reading = _Reading(bus, node, known or Catalogue(node))
    for _ in range(ATTEMPTS):
        if (catalogue := await reading.read()) is not None:
            return catalogue
        log.info("catalogue.moved_while_read", of=node)
    raise UnavailableError("catalogue.moved", "catalogue changed while read", node=node)


class _Reading:
    """One reading, and the blocks that need not be read, by number and digest."""

    def __init__(self, bus: Bus, node: NodeId, known: Catalogue) -> None:
        self._bus = bus
        self._node = node
        self._blocks: dict[tuple[int, bytes], Block] = {
            (number, block.digest): block for number, block in enumerate(known.blocks)
        }

    async def read(self) -> Catalogue | None:
        """The whole catalogue, or None where it changed meanwhile."""
        root, wanted = await self._read_digests()
        missing = [n for n in wanted if not self._have(n, wanted[n])]
        for first in range(0, len(missing), ASKED_BLOCKS):
            numbers = missing[first : first + ASKED_BLOCKS]
            if not await self._read_blocks(root, {n: wanted[n] for n in numbers}):
                return None
        blocks = [self._blocks.get(key, EMPTY) for key in wanted.items()]
        catalogue = Catalogue.of_blocks(self._node, blocks)
        if len(catalogue) > MAX_CAMERAS:
            raise BrokenError(
                "catalogue.too_many", "more cameras than one owner may have", node=self._node
            )
        return catalogue

    def _have(self, number: int, digest: bytes) -> bool:
        return digest == EMPTY.digest or (number, digest) in self._blocks

    async def _read_digests(self) -> tuple[str, dict[int, bytes]]:
        part = await self._ask(CatalogueRequest())
        digests = part.digests
        if len(digests) != BLOCKS * DIGEST_BYTES or root_of(digests) != part.catalogue:
            raise self._lie()
        size = DIGEST_BYTES
        return part.catalogue, {n: digests[n * size : (n + 1) * size] for n in range(BLOCKS)}

    async def _read_blocks(self, root: str, wanted: dict[int, bytes]) -> bool:
        """Read blocks with these digests; False where the catalogue changed meanwhile."""
        while wanted:
            part = await self._ask(CatalogueRequest(blocks=tuple(wanted)))
            before = len(wanted)
            for one in part.blocks:
                if one.number not in wanted:
                    continue
                block = read_block(one)
                if block.digest == wanted[one.number]:
                    self._blocks[one.number, wanted.pop(one.number)] = block
                elif part.catalogue == root:
                    raise self._lie()
            if wanted and part.catalogue != root:
                return False
            if len(wanted) == before:
                raise UnavailableError("catalogue.cut", "blocks did not come", node=self._node)
        return True

    async def _ask(self, request: CatalogueRequest) -> CataloguePart:
        subject = subjects.catalogue(self._node)
        part = decode(await self._bus.ask(subject, encode(request), ASK_WITHIN_S), CataloguePart)
        if part.node != self._node:
            raise BrokenError("catalogue.node", "another's catalogue came", node=self._node)
        return part

    def _lie(self) -> BrokenError:
        return BrokenError(
            "catalogue.checksum", "catalogue does not fit its checksum", node=self._node
        )
