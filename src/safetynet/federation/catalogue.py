"""A district's catalogue: its cameras in blocks, a digest of each, one of all, and what differs.

A camera belongs to the block that the first byte of its id's SHA-256 names. A camera that comes, goes or
changes touches one block and leaves the others where they are (docs/design/0017).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from safetynet.base.errors import InvalidError
from safetynet.base.ids import CameraId, NodeId
from safetynet.federation.messages import (
    CameraRecord,
    CatalogueBlock,
    CataloguePart,
    CatalogueRequest,
    decode,
    encode,
)

BLOCKS = 256
DIGEST_BYTES = 32
MAX_CAMERAS = 65_536
"""Of one owner; a catalogue with more is not taken."""
MAX_ID, MAX_CODE, MAX_COUNT = 64, 255, 2**31 - 1
MAX_PART_BYTES = 1 << 20
"""Of cameras in one answer; below the servers' ``max_payload``."""


def block_of(camera: CameraId) -> int:
    """Number of the block that a camera belongs to."""
    return hashlib.sha256(camera.encode()).digest()[0]


@dataclass(frozen=True)
class Block:
    """The cameras of one number in order of id, and the digest that their owner gives them."""

    cameras: tuple[CameraRecord, ...]
    digest: bytes


def own_block(cameras: Iterable[CameraRecord]) -> Block:
    """A block of our own cameras."""
    ordered = tuple(sorted(cameras, key=lambda c: c.id))
    return Block(ordered, hashlib.sha256(encode(ordered)).digest())


EMPTY = own_block(())


def read_block(block: CatalogueBlock) -> Block:
    """Another owner's block; raises ``InvalidError`` where its cameras cannot be, or not of this block."""
    cameras = decode(block.cameras, tuple[CameraRecord, ...])
    ids = [camera.id for camera in cameras]
    if any(a >= b for a, b in pairwise(ids)):
        raise InvalidError("catalogue.order", "cameras stand twice or in no order", of=block.number)
    if any(block_of(camera) != block.number for camera in ids):
        raise InvalidError("catalogue.block", "a camera is in another's block", of=block.number)
    for camera in cameras:
        _check(camera)
    return Block(cameras, hashlib.sha256(block.cameras).digest())


def _check(camera: CameraRecord) -> None:
    """Raise ``InvalidError`` for numbers that no column can hold, and an id that no table can."""
    codes = (camera.kind, camera.ptz_model)
    counts = (camera.pole, camera.width_px or 0, camera.height_px or 0)
    if (
        not 0 < len(camera.id) <= MAX_ID
        or not all(0 <= code <= MAX_CODE for code in codes)
        or not all(abs(count) <= MAX_COUNT for count in counts)
    ):
        raise InvalidError("catalogue.camera", "there cannot be such a camera", camera=camera.id)


def root_of(digests: bytes) -> str:
    """Checksum of a whole catalogue, hex: SHA-256 over the digests of all its blocks."""
    return hashlib.sha256(digests).hexdigest()


class Catalogue:
    """The cameras of one owner; a value, of which ``changed`` makes the next."""

    def __init__(self, node: NodeId, cameras: Iterable[CameraRecord] = ()) -> None:
        self.node = node
        self.blocks = _in_blocks(cameras)

    @classmethod
    def of_blocks(cls, node: NodeId, blocks: Sequence[Block]) -> "Catalogue":
        """A catalogue of blocks that are known to be right, ``BLOCKS`` of them."""
        made = cls(node)
        made.blocks = tuple(blocks)
        return made

    def __len__(self) -> int:
        return sum(len(block.cameras) for block in self.blocks)

    @cached_property
    def digests(self) -> bytes:
        """Digest of each block, in order of their numbers."""
        return b"".join(block.digest for block in self.blocks)

    @cached_property
    def checksum(self) -> str:
        """Of all blocks, hex."""
        return root_of(self.digests)

    @cached_property
    def cameras(self) -> tuple[CameraRecord, ...]:
        """All cameras in order of id."""
        every = (camera for block in self.blocks for camera in block.cameras)
        return tuple(sorted(every, key=lambda c: c.id))

    def find(self, camera: CameraId) -> CameraRecord | None:
        """A camera by its id."""
        block = self.blocks[block_of(camera)]
        return next((c for c in block.cameras if c.id == camera), None)

    def changed(self, change: "Change") -> "Catalogue":
        """The catalogue after a change; only the blocks that it touches are made anew."""
        blocks = list(self.blocks)
        for number, part in _by_block(change).items():
            cameras: dict[CameraId, CameraRecord | None] = {c.id: c for c in blocks[number].cameras}
            cameras |= part
            blocks[number] = own_block(c for c in cameras.values() if c is not None)
        return Catalogue.of_blocks(self.node, blocks)

    def part(self, request: CatalogueRequest) -> CataloguePart:
        """What is asked for, as far as it fits one message; at least one block."""
        if not request.blocks:
            return CataloguePart(node=self.node, catalogue=self.checksum, digests=self.digests)
        found: list[CatalogueBlock] = []
        room = MAX_PART_BYTES
        for number in request.blocks[:BLOCKS]:
            if not 0 <= number < BLOCKS:
                raise InvalidError("catalogue.no_block", "there is no such block", of=number)
            data = encode(self.blocks[number].cameras)
            room -= len(data)
            if found and room < 0:
                break
            found.append(CatalogueBlock(number=number, cameras=data))
        return CataloguePart(node=self.node, catalogue=self.checksum, blocks=tuple(found))


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is different between two catalogues of one owner."""

    put: tuple[CameraRecord, ...] = ()
    """Cameras that came or changed, as they are now."""
    removed: tuple[CameraId, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.put or self.removed)


def difference(before: Catalogue, after: Catalogue) -> Change:
    """How one catalogue became the other; blocks with equal digests are not looked into."""
    put: list[CameraRecord] = []
    removed: list[CameraId] = []
    for old, new in zip(before.blocks, after.blocks, strict=True):
        if old.digest == new.digest:
            continue
        # By their bytes: a direction that nobody knows is NaN, and differs from itself.
        known = {camera.id: encode(camera) for camera in old.cameras}
        put += [c for c in new.cameras if known.get(c.id) != encode(c)]
        removed += known.keys() - {camera.id for camera in new.cameras}
    return Change(put=tuple(put), removed=tuple(sorted(removed)))


def _in_blocks(cameras: Iterable[CameraRecord]) -> tuple[Block, ...]:
    parts: dict[int, list[CameraRecord]] = {}
    for camera in cameras:
        parts.setdefault(block_of(camera.id), []).append(camera)
    return tuple(own_block(parts[n]) if n in parts else EMPTY for n in range(BLOCKS))


def _by_block(change: Change) -> Mapping[int, dict[CameraId, CameraRecord | None]]:
    """New cameras, and None for those that go, by the block they touch."""
    parts: dict[int, dict[CameraId, CameraRecord | None]] = {}
    for camera in change.removed:
        parts.setdefault(block_of(camera), {})[camera] = None
    for record in change.put:
        parts.setdefault(block_of(record.id), {})[record.id] = record
    return parts
