"""A hub's NATS server and two districts' leaf nodes, for real, on free ports, with keys of a city."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from safetynet.app.nats_server import find_nats_server
from safetynet.app.ports import find_free_ports
from safetynet.base.clock import SystemClock
from safetynet.base.ids import HUB, NodeId
from safetynet.federation import subjects
from safetynet.federation.bus import NatsBus, connect_bus
from safetynet.federation.identity.city import create_city, create_node, list_members
from safetynet.federation.identity.node import Identity, open_identity
from safetynet.federation.nats_config import (
    Address,
    DistrictServer,
    HubServer,
    write_district_config,
    write_hub_config,
)
from tests.support import eventually

MAPO = NodeId("mapo")
SEOCHO = NodeId("seocho")
NODES = (HUB, MAPO, SEOCHO)


class Servers:
    """The servers; each can be ended and started again on its own port."""

    def __init__(self, folder: Path) -> None:
        now = SystemClock().now()
        self.folder = folder
        self.city = folder / "city"
        create_city(self.city, "test city", now)
        for node in NODES:
            create_node(self.city, folder / node, node, (), now)
        self.identity = {node: open_identity(folder / node, node) for node in NODES}
        self.leaf_port, *ports = find_free_ports(1 + len(NODES))
        self.port = dict(zip(NODES, ports, strict=True))
        self.url = {node: f"tls://127.0.0.1:{port}" for node, port in self.port.items()}
        self._config = {node: folder / f"{node}.conf" for node in NODES}
        self._running: dict[NodeId, asyncio.subprocess.Process] = {}
        self.configure_hub()
        for node in (MAPO, SEOCHO):
            self.configure_district(node)

    def configure_hub(self) -> None:
        """Write the hub's configuration from what stands in the register now."""
        server = HubServer(
            identity=self.identity[HUB],
            members=list_members(self.city),
            client_port=self.port[HUB],
            leaf_port=self.leaf_port,
        )
        write_hub_config(server, self._config[HUB])

    def configure_district(self, node: NodeId) -> None:
        """Write a district's configuration with the keys that it has now."""
        server = DistrictServer(
            identity=self.identity[node],
            client_port=self.port[node],
            hub=[Address(host="127.0.0.1", port=self.leaf_port)],
        )
        write_district_config(server, self._config[node])

    def read_config(self, node: NodeId) -> str:
        """A server's configuration as it stands."""
        return self._config[node].read_text()

    def write_config(self, node: NodeId, text: str) -> None:
        """Tamper with a server's configuration; it counts from its next start."""
        self._config[node].write_text(text)

    def read_log(self, node: NodeId) -> str:
        """What a server said since its last start."""
        return (self.folder / f"{node}.log").read_text()

    async def connect(self, node: NodeId, identity: Identity | None = None) -> NatsBus:
        """A node's connection to its own server, as soon as that serves."""
        return await connect_bus(self.url[node], node, identity or self.identity[node])

    async def start(self, node: NodeId) -> None:
        """Start a server."""
        with (self.folder / f"{node}.log").open("wb") as log:
            self._running[node] = await asyncio.create_subprocess_exec(
                find_nats_server(), "--config", str(self._config[node]), stdout=log, stderr=log
            )

    async def end(self, node: NodeId) -> None:
        """Kill a server, as a fault does."""
        process = self._running.pop(node)
        with suppress(ProcessLookupError):  # it may have ended by itself
            process.kill()
        await process.wait()

    def reload(self, node: NodeId) -> None:
        """Have a running server read its configuration again."""
        self._running[node].send_signal(signal.SIGHUP)

    async def close(self) -> None:
        """End all."""
        for node in list(self._running):
            await self.end(node)


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[Servers]:
    """The servers, linked as soon as the leaf nodes have found their hub."""
    servers = Servers(tmp_path)
    try:
        for node in NODES:
            await servers.start(node)
        yield servers
    finally:
        await servers.close()


class Buses:
    """The hub's and the districts' connections, each to its own server."""

    def __init__(self, hub: NatsBus, mapo: NatsBus, seocho: NatsBus) -> None:
        self.hub = hub
        self.mapo = mapo
        self.seocho = seocho

    async def linked(self) -> None:
        """Wait until what the districts say reaches the hub."""
        await self.linked_of(MAPO)
        await self.linked_of(SEOCHO)

    async def linked_of(self, node: NodeId) -> None:
        """Wait until what one district says, and has said it listens to, reaches the hub."""
        heard = asyncio.Event()

        async def hear(_: str, __: bytes) -> None:
            heard.set()

        await self.hub.subscribe(subjects.health(node), hear)
        bus = self.mapo if node == MAPO else self.seocho

        async def say() -> bool:
            await bus.publish(subjects.health(node), b"")
            return heard.is_set()

        await eventually(say)


@pytest.fixture
async def buses(servers: Servers) -> AsyncIterator[Buses]:
    """Connected to all servers, the links between them up."""
    async with AsyncExitStack() as stack:
        opened = []
        for node in NODES:
            bus = await servers.connect(node)
            stack.push_async_callback(bus.close)
            opened.append(bus)
        buses = Buses(*opened)
        await buses.linked()
        yield buses
