"""A district's catalogue: its checksum, its blocks, and reading a whole one block by block."""

import hashlib
from collections.abc import Sequence

import msgspec

from safetynet.base.errors import UnavailableError
from safetynet.base.ids import NodeId
from safetynet.federation import subjects
from safetynet.federation.bus import Bus
from safetynet.federation.messages import (
    CameraRecord,
    CatalogueBlock,
    CatalogueRequest,
    decode,
    encode,
)

BLOCK_CAMERAS = 2000
ASK_WITHIN_S = 2.0


class Catalogue:
    """The cameras of one owner in order of id, with the checksum of all of them."""

    def __init__(self, node: NodeId, cameras: Sequence[CameraRecord]) -> None:
        self.node = node
        self.cameras = tuple(sorted(cameras, key=lambda c: c.id))
        self.checksum = checksum(self.cameras)

    def block(self, request: CatalogueRequest) -> CatalogueBlock:
        """The asked part; an empty one beyond the end."""
        limit = min(max(request.limit, 1), BLOCK_CAMERAS)
        first = max(request.first, 0)
        return CatalogueBlock(
            node=self.node,
            catalogue=self.checksum,
            total=len(self.cameras),
            cameras=self.cameras[first : first + limit],
        )


def checksum(cameras: Sequence[CameraRecord]) -> str:
    """SHA-256 over the msgpack of the cameras in order of id, hex."""
    digest = hashlib.sha256()
    for camera in cameras:
        digest.update(msgspec.msgpack.encode(camera))
    return digest.hexdigest()


async def fetch_catalogue(bus: Bus, node: NodeId) -> Catalogue:
    """Read a district's whole catalogue.

    Raises ``UnavailableError`` where the district is silent, or changes it while being read
    (``catalogue.moved``: ask again).
    """
    cameras: list[CameraRecord] = []
    expected = ""
    while True:
        request = CatalogueRequest(first=len(cameras), limit=BLOCK_CAMERAS)
        reply = await bus.ask(subjects.catalogue(node), encode(request), ASK_WITHIN_S)
        block = decode(reply, CatalogueBlock)
        expected = expected or block.catalogue
        cameras += block.cameras
        if block.catalogue != expected:
            raise UnavailableError("catalogue.moved", "catalogue changed while read", node=node)
        if len(cameras) >= block.total or not block.cameras:
            break
    catalogue = Catalogue(node, cameras)
    if catalogue.checksum != expected:
        raise UnavailableError("catalogue.checksum", "catalogue does not fit its sum", node=node)
    return catalogue
