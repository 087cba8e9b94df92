"""The one address of a hub of several processes: what an operator's load balancer does, in little.

Each process is asked ``/api/health`` each half second; one that does not say 200 within a second, or cannot be
reached, gets no connections, and those that it had are cut, so that whoever speaks comes again.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx

CHECK_EVERY_S = 0.5
CHECK_WITHIN_S = 1.0


@dataclass
class Backend:
    """One process behind the address."""

    health: str
    """URL that says 200 while it takes connections."""
    ports: tuple[int, ...]
    """By door, as the balancer's own."""
    up: bool = True
    cut: asyncio.Event = field(default_factory=asyncio.Event)


class Balancer:
    """Doors in front of processes on loopback."""

    def __init__(self, backends: Sequence[Backend]) -> None:
        self.ports: tuple[int, ...] = ()
        """Of the doors, in the order of each backend's ports."""
        self._backends = list(backends)
        self._next = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Balancer"]:
        """Serve while the block lasts."""
        doors = len(self._backends[0].ports)
        async with httpx.AsyncClient(trust_env=False, timeout=CHECK_WITHIN_S) as web:
            checks = [asyncio.create_task(self._check(web, one)) for one in self._backends]
            servers = [await self._serve(door) for door in range(doors)]
            self.ports = tuple(s.sockets[0].getsockname()[1] for s in servers)
            try:
                yield self
            finally:
                for server in servers:
                    server.close()
                for task in checks:
                    task.cancel()
                for one in self._backends:
                    one.cut.set()
                await asyncio.gather(*checks, return_exceptions=True)

    async def _serve(self, door: int) -> asyncio.Server:
        async def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                await self._pass(reader, writer, door)
            writer.close()

        return await asyncio.start_server(come, "127.0.0.1", 0)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, door: int
    ) -> None:
        for _ in self._backends:
            one = self._turn()
            try:
                inner = await asyncio.open_connection("127.0.0.1", one.ports[door])
            except OSError:
                continue
            ways = [
                asyncio.create_task(_copy(reader, inner[1])),
                asyncio.create_task(_copy(inner[0], writer)),
                asyncio.create_task(one.cut.wait()),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            inner[1].close()
            return

    def _turn(self) -> Backend:
        """The next that is up; the next at all where none is."""
        for _ in self._backends:
            self._next += 1
            one = self._backends[self._next % len(self._backends)]
            if one.up:
                return one
        return one

    async def _check(self, web: httpx.AsyncClient, one: Backend) -> None:
        while True:
            try:
                up = (await web.get(one.health)).status_code == 200
            except httpx.HTTPError:
                up = False
            if one.up and not up:
                one.cut.set()
            elif up and not one.up:
                one.cut = asyncio.Event()
            one.up = up
            await asyncio.sleep(CHECK_EVERY_S)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
