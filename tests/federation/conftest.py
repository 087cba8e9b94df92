"""A hub's NATS server and one district's leaf node, for real, on free ports."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from safetynet.app.nats_server import find_nats_server
from safetynet.app.ports import find_free_ports
from safetynet.base.errors import UnavailableError
from safetynet.base.ids import HUB, NodeId
from safetynet.federation.bus import NatsBus, connect_bus
from safetynet.federation.nats_config import (
    DistrictServer,
    HubServer,
    write_district_config,
    write_hub_config,
)
from tests.support import eventually

MAPO = NodeId("mapo")


class Servers:
    """The two servers; each can be ended and started again on its own port."""

    def __init__(self, folder: Path) -> None:
        hub, leaf, mapo = find_free_ports(3)
        self.url = {HUB: f"nats://127.0.0.1:{hub}", MAPO: f"nats://127.0.0.1:{mapo}"}
        self._config = {node: folder / f"{node}.conf" for node in self.url}
        self._running: dict[NodeId, asyncio.subprocess.Process] = {}
        write_hub_config(
            HubServer(client_port=hub, leaf_port=leaf, leaf_passwords={"mapo": "pass/word+1"}),
            self._config[HUB],
        )
        write_district_config(
            DistrictServer(
                node=MAPO,
                client_port=mapo,
                hub_host="127.0.0.1",
                hub_leaf_port=leaf,
                password="pass/word+1",
            ),
            self._config[MAPO],
        )

    async def start(self, node: NodeId) -> None:
        """Start a server."""
        self._running[node] = await asyncio.create_subprocess_exec(
            find_nats_server(),
            "--config",
            str(self._config[node]),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def end(self, node: NodeId) -> None:
        """Kill a server, as a fault does."""
        process = self._running.pop(node)
        process.kill()
        await process.wait()

    async def close(self) -> None:
        """End both."""
        for node in list(self._running):
            await self.end(node)


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[Servers]:
    """Both servers, linked as soon as the leaf node has found its hub."""
    servers = Servers(tmp_path)
    try:
        await servers.start(HUB)
        await servers.start(MAPO)
        yield servers
    finally:
        await servers.close()


class Buses:
    """The hub's and the district's connection, each to its own server."""

    def __init__(self, hub: NatsBus, mapo: NatsBus) -> None:
        self.hub = hub
        self.mapo = mapo

    async def linked(self) -> None:
        """Wait until what the district says reaches the hub."""
        heard = asyncio.Event()

        async def hear(_: str, __: bytes) -> None:
            heard.set()

        await self.hub.subscribe("test.link", hear)

        async def say() -> bool:
            await self.mapo.publish("test.link", b"")
            return heard.is_set()

        await eventually(say)


@pytest.fixture
async def buses(servers: Servers) -> AsyncIterator[Buses]:
    """Connected to both servers, the link between them up."""

    async def connect(node: NodeId) -> NatsBus | None:
        try:
            return await connect_bus(servers.url[node], node)
        except UnavailableError:
            return None

    async with AsyncExitStack() as stack:
        hub = await eventually(lambda: connect(HUB))
        stack.push_async_callback(hub.close)
        mapo = await eventually(lambda: connect(MAPO))
        stack.push_async_callback(mapo.close)
        buses = Buses(hub, mapo)
        await buses.linked()
        yield buses
