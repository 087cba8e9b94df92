"""A hub of three processes on one PostgreSQL, a cluster of three NATS servers, and districts' leaf nodes.

Everything is started as an operator starts it, on loopback; what the processes say is in ``<folder>/log``. Who
ends what, and when, is the business of whoever uses this.
"""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import msgspec
from bench.federation.balancer import Backend
from bench.federation.nodes import PRODUCT, READY_WITHIN_S, Process

from safetynet.access.keys import KEY_FILE, open_node_key
from safetynet.app.nats_server import find_nats_server
from safetynet.app.ports import find_free_ports
from safetynet.app.settings import HubSettings, load_settings, save_settings
from safetynet.base.clock import SystemClock
from safetynet.base.ids import HUB, NodeId
from safetynet.federation.bus import NatsBus, connect_bus
from safetynet.federation.identity.city import create_city, create_node, list_members
from safetynet.federation.identity.node import open_identity
from safetynet.federation.nats_config import (
    Address,
    Cluster,
    DistrictServer,
    HubServer,
    write_district_config,
    write_hub_config,
)
from safetynet.web.types import HealthView

PROCESSES = 3
HOST = "127.0.0.1"
LOOK_EVERY_S = 0.02


class HubProcess(msgspec.Struct, frozen=True, kw_only=True):
    """One process of the hub, and where it is reached."""

    process: Process
    settings: Path
    http_port: int
    ucp_port: int

    @property
    def url(self) -> str:
        """Base address of its HTTP API."""
        return f"http://{HOST}:{self.http_port}"


class Hubs:
    """The processes of one such hub, its NATS servers, and those of its districts."""

    def __init__(
        self,
        folder: Path,
        bundle: Path,
        nodes: Sequence[NodeId],
        store_url: str,
        keys_url: str,
        *,
        more: Callable[[int], str] = lambda _: "",
    ) -> None:
        """``more`` is written below the configuration of the hub's NATS server of this number."""
        self.nodes = tuple(nodes)
        self.folder = folder
        self.store_url = store_url
        self._more = more
        ports = find_free_ports(5 * PROCESSES + len(nodes))
        self._clients, self._leafs, self.routes, http, ucp = (
            [ports.pop() for _ in range(PROCESSES)] for _ in range(5)
        )
        self._ports = dict(zip(nodes, ports, strict=True))
        self._make_keys()
        self.servers = [self._hub_server(k) for k in range(PROCESSES)]
        """The hub's cluster."""
        self.leafs = {node: self._leaf(node) for node in nodes}
        self.processes = [
            self._process(k, bundle, keys_url, http[k], ucp[k]) for k in range(PROCESSES)
        ]

    def backends(self) -> list[Backend]:
        """The processes as a balancer knows them: HTTP first, then TCP frames."""
        return [
            Backend(health=f"{one.url}/api/health", ports=(one.http_port, one.ucp_port))
            for one in self.processes
        ]

    async def connect_hub(self, k: int) -> NatsBus:
        """A connection as the hub's process of this number has it: to its own server first."""
        settings = load_settings(self.processes[k].settings, HubSettings)
        identity = open_identity(self.folder / "keys" / f"hub-{k}", HUB)
        return await connect_bus(settings.nats_servers, HUB, identity)

    async def connect(self, node: NodeId) -> NatsBus:
        """A district's connection to its own server."""
        identity = open_identity(self.folder / "keys" / node, node)
        return await connect_bus(f"tls://{HOST}:{self._ports[node]}", node, identity)

    async def __aenter__(self) -> "Hubs":
        """All run; returns when every process takes reports and one answers."""
        for server in (*self.servers, *self.leafs.values()):
            server.start()
        for one in self.processes:
            one.process.start()
        await self.answers()
        for one in self.processes:
            await self.serves(one)
        return self

    async def __aexit__(self, *_: object) -> None:
        processes = [one.process for one in self.processes]
        await asyncio.gather(*(process.kill() for process in processes))
        await asyncio.gather(*(s.stop() for s in (*self.servers, *self.leafs.values())))

    async def answers(self, *, but: Sequence[HubProcess] = ()) -> HubProcess:
        """Wait until a process answers, none of those; which one."""
        while True:
            for one in self.processes:
                if one not in but and (found := await look(one)) is not None and found.answers:
                    return one
            await asyncio.sleep(LOOK_EVERY_S)

    async def serves(self, one: HubProcess) -> None:
        """Wait until a process takes reports."""
        async with asyncio.timeout(READY_WITHIN_S):
            while await look(one) is None:  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(LOOK_EVERY_S)

    def _make_keys(self) -> None:
        now, city, keys = SystemClock().now(), self.folder / "city", self.folder / "keys"
        create_city(city, "several hubs", now)
        for k in range(PROCESSES):  # each machine has its own, all of them the hub's
            create_node(city, keys / f"hub-{k}", HUB, (), now)
        for node in self.nodes:
            create_node(city, keys / node, node, (), now)

    def _hub_server(self, k: int) -> Process:
        name, routes = f"nats-{k}", [Address(host=HOST, port=port) for port in self.routes]
        server = HubServer(
            identity=open_identity(self.folder / "keys" / f"hub-{k}", HUB),
            members=list_members(self.folder / "city"),
            client_port=self._clients[k],
            leaf_port=self._leafs[k],
            cluster=Cluster(own=routes.pop(k), others=routes),
        )
        config = self.folder / "nats" / f"{name}.conf"
        write_hub_config(server, config)
        with config.open("a", encoding="utf-8") as file:
            file.write(self._more(k))
        return self._server(name, config)

    def _leaf(self, node: NodeId) -> Process:
        config = self.folder / "nats" / f"{node}.conf"
        server = DistrictServer(
            identity=open_identity(self.folder / "keys" / node, node),
            client_port=self._ports[node],
            hub=[Address(host=HOST, port=port) for port in self._leafs],
        )
        write_district_config(server, config)
        return self._server(f"nats-{node}", config)

    def _server(self, name: str, config: Path) -> Process:
        return Process(name, (find_nats_server(), "--config", str(config)), self._log(name))

    def _process(self, k: int, bundle: Path, keys_url: str, http: int, ucp: int) -> HubProcess:
        data = self.folder / "data" / f"hub-{k}"
        data.mkdir(parents=True)
        if k == 0:
            open_node_key(data, HUB)
        else:  # one hub signs with one key, whichever process it is
            shutil.copy(self.folder / "data" / "hub-0" / KEY_FILE, data / KEY_FILE)
        own, *others = [f"tls://{HOST}:{port}" for port in rotated(self._clients, k)]
        settings = HubSettings(
            bundle=str(bundle),
            data=str(data),
            store_url=self.store_url,
            keys_url=keys_url,
            nats_url=own,
            nats_urls=tuple(others),
            keys=str(self.folder / "keys" / f"hub-{k}"),
            http_port=http,
            ucp_port=ucp,
        )
        path = self.folder / f"hub-{k}.json"
        save_settings(path, settings)
        command = (*PRODUCT, "hub", "--config", str(path))
        process = Process(f"hub-{k}", command, self._log(f"hub-{k}"))
        return HubProcess(process=process, settings=path, http_port=http, ucp_port=ucp)

    def _log(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"


def rotated[T](items: Sequence[T], by: int) -> list[T]:
    """The same items, beginning with another one."""
    return [*items[by:], *items[:by]]


async def look(one: HubProcess) -> HealthView | None:
    """How a process stands; None where it takes no reports."""
    with suppress(httpx.HTTPError):
        async with httpx.AsyncClient(trust_env=False, timeout=1.0, verify=False) as web:
            answer = await web.get(f"{one.url}/api/health")
            if answer.status_code == 200:
                return msgspec.json.decode(answer.content, type=HealthView)
    return None
