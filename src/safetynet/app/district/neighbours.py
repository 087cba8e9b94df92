"""What a district knows of its neighbours: cameras at its border, and where viewers come to.

The hub tells it while it is here; a file keeps it, so that a district that starts without the hub knows
it too. The file is a copy: without it the district has its own cameras alone.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import msgspec
import structlog

from safetynet.base.clock import Clock
from safetynet.base.errors import InvalidError, SafetyNetError, UnavailableError
from safetynet.base.ids import NodeId
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

FILE = "border.msgpack"
ASK_EVERY_S = 5.0
WITHIN_S = 5.0

log = structlog.get_logger()
OnChange = Callable[[Catalogue], Awaitable[None]]


class Neighbours:
    """The neighbours by the hub's last word. One writer: ``run``."""

    def __init__(self, node: NodeId, folder: Path, bus: Bus, clock: Clock, tell: OnChange) -> None:
        self._node = node
        self._path = folder / FILE
        self._bus = bus
        self._clock = clock
        self._tell = tell
        self._known: dict[NodeId, Neighbour] = {}

    def list_all(self) -> list[Neighbour]:
        """Every neighbour that has cameras at the border."""
        return list(self._known.values())

    async def open(self) -> None:
        """Take up what the file keeps."""
        kept = await asyncio.to_thread(_read, self._path)
        await self._take(kept)

    async def run(self) -> None:
        """Ask the hub now and then, until cancelled."""
        while True:
            try:
                await self._ask()
            except UnavailableError as error:
                log.info("neighbours.unasked", of=self._node, code=error.code)
            except SafetyNetError as error:
                log.error("neighbours.refused", of=self._node, code=error.code, why=error.message)
            await self._clock.sleep(ASK_EVERY_S)

    async def _ask(self) -> None:
        request = BorderRequest(known={n.node: n.checksum for n in self._known.values()})
        reply = await self._bus.ask(subjects.border(self._node), encode(request), WITHIN_S)
        told = decode(reply, BorderAnswer).neighbours
        before = dict(self._known)
        await self._take(told)
        if self._known != before:
            answer = BorderAnswer(neighbours=tuple(self._known.values()))
            await asyncio.to_thread(_write, self._path, answer)

    async def _take(self, told: Iterable[Neighbour]) -> None:
        """Have exactly these; one without cameras keeps those that are known."""
        now: dict[NodeId, Neighbour] = {}
        for one in told:
            if one.node == self._node:
                raise InvalidError("border.own", "nobody is its own neighbour")
            known = self._known.get(one.node)
            cameras = one.cameras
            if cameras is None and known is not None and known.checksum == one.checksum:
                cameras = known.cameras
            if cameras is None:
                continue  # it changed while we asked: the next answer brings it
            now[one.node] = msgspec.structs.replace(one, cameras=cameras)
            if known is None or known.checksum != one.checksum:
                await self._tell(Catalogue(one.node, cameras))
        for gone in self._known.keys() - now.keys():
            await self._tell(Catalogue(gone))
        self._known = now


def _read(path: Path) -> tuple[Neighbour, ...]:
    try:
        return decode(path.read_bytes(), BorderAnswer).neighbours
    except FileNotFoundError:
        return ()
    except InvalidError as error:
        log.error("neighbours.file_unread", file=path.name, code=error.code)
        return ()


def _write(path: Path, answer: BorderAnswer) -> None:
    """Whole or not at all."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_bytes(encode(answer))
    fresh.rename(path)
