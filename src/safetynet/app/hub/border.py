"""The hub tells each district which of its neighbours' cameras stand at its border."""

import asyncio
from collections.abc import Iterable
from functools import partial

from safetynet.app.border import border_part
from safetynet.app.hub.eyes import Eyes
from safetynet.app.hub.owners import Owners
from safetynet.base.ids import NodeId
from safetynet.city.near import Surroundings
from safetynet.federation import subjects
from safetynet.federation.bus import Bus
from safetynet.federation.catalogue import Catalogue
from safetynet.federation.messages import (
    BorderAnswer,
    BorderRequest,
    Neighbour,
    decode,
    encode,
)


class BorderDoor:
    """Answers districts from the joined catalogue; what it found is kept until a catalogue changes."""

    def __init__(self, bus: Bus, eyes: Eyes, owners: Owners, around: Surroundings) -> None:
        self._bus = bus
        self._eyes = eyes
        self._owners = owners
        self._around = around
        self._found: dict[tuple[NodeId, NodeId], tuple[str, Catalogue]] = {}
        """By district and neighbour: of which catalogue, and the part at the border."""

    async def open(self, districts: Iterable[NodeId]) -> None:
        """Begin to answer these districts."""
        for node in districts:
            await self._bus.answer(subjects.border(node), partial(self._answer, node))

    async def _answer(self, node: NodeId, data: bytes) -> bytes:
        known = decode(data, BorderRequest).known
        told: list[Neighbour] = []
        for standing in self._owners.directory.list_all():
            catalogue = self._eyes.roll.find_catalogue(standing.node)
            if standing.node == node or catalogue is None:
                continue
            part = await self._part(node, catalogue)
            if len(part):
                told.append(
                    Neighbour(
                        node=standing.node,
                        gateway=standing.beat.gateway
                        if standing.beat and standing.can_show
                        else "",
                        checksum=part.checksum,
                        cameras=None if known.get(standing.node) == part.checksum else part.cameras,
                    )
                )
        return encode(BorderAnswer(neighbours=tuple(told)))

    async def _part(self, node: NodeId, catalogue: Catalogue) -> Catalogue:
        kept = self._found.get((node, catalogue.node))
        if kept is None or kept[0] != catalogue.checksum:
            part = await asyncio.to_thread(border_part, catalogue, node, self._around)
            kept = self._found[node, catalogue.node] = catalogue.checksum, part
        return kept[1]
