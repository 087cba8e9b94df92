"""A federation of real processes on loopback: a hub, districts, and a NATS server beside each node.

Everything is started as an operator starts it, with settings files under one folder; what the processes say is
in ``<folder>/log``. The bench and the chaos harness share this: who ends what, and when, is theirs to say.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx

from safetynet.access.keys import open_node_key
from safetynet.access.lease import HubLoss
from safetynet.app.nats_server import find_nats_server
from safetynet.app.orphan import bound_to_parent
from safetynet.app.ports import find_free_ports
from safetynet.app.settings import (
    CameraAccess,
    DistrictProcessSettings,
    DistrictSettings,
    HubSettings,
    save_settings,
)
from safetynet.base.clock import SystemClock
from safetynet.base.ids import HUB, NodeId
from safetynet.federation.bus import NatsBus, connect_bus
from safetynet.federation.identity.city import create_city, create_node, list_members
from safetynet.federation.identity.node import open_identity
from safetynet.federation.nats_config import (
    Address,
    DistrictServer,
    HubServer,
    write_district_config,
    write_hub_config,
)

ROOT = Path(__file__).parents[2]
PRODUCT = (sys.executable, "-m", "safetynet.app.cli")
NOWHERE = CameraAccess(rtsp_url="rtsp://127.0.0.1:9/{camera}")
"""Cameras that nobody can reach: a federation moves words, not pictures."""
BY_ONVIF = CameraAccess(
    rtsp_url=NOWHERE.rtsp_url, onvif_url="http://127.0.0.1:9/{camera}/device_service"
)
"""The same with ONVIF, which their worker then makes ready."""
READY_WITHIN_S = 300.0
GRACE_S = 20.0


class Process:
    """One program that can be ended, stopped, and started again."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self.starts = 0
        self._command = command
        self._log = log
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of what runs now; raises ``LookupError`` where nothing does."""
        if self._running is None:
            raise LookupError(f"{self.name} does not run")
        return self._running.pid

    @property
    def runs(self) -> bool:
        """True while it runs."""
        return self._running is not None and self._running.poll() is None

    def start(self) -> None:
        """Start it; nothing where it runs."""
        if self.runs:
            return
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as output:
            self._running = subprocess.Popen(
                bound_to_parent(self._command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                start_new_session=True,
            )
        self.starts += 1

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing where it does not run."""
        if self._running is not None and self.runs:
            self._running.send_signal(number)

    async def kill(self) -> None:
        """End it as a fault does."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """End it as an operator does; by force where it does not end."""
        await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> None:
        process = self._running
        if process is None:
            return
        self.send(signal.SIGCONT)  # what stands still ends by nothing but force
        self.send(number)
        try:
            await asyncio.to_thread(process.wait, GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)
        self._running = None


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a federation is made of."""

    folder: Path
    bundle: Path
    nodes: tuple[NodeId, ...]
    processes: int
    """Over which the districts are spread; they share a process, never state."""
    lists: Mapping[NodeId, Path]
    """Lists of cameras of districts that do not take the bundle's."""
    data: Mapping[NodeId, Path]
    """Folders of state that are to be elsewhere."""
    command: Callable[[str], Sequence[str]] = lambda _: PRODUCT
    """The program for a process of this name."""
    cameras: Mapping[NodeId, CameraAccess] = MappingProxyType({})
    """Of processes by their first district, where cameras can be reached."""
    when_hub_is_away: Mapping[NodeId, HubLoss] = MappingProxyType({})
    """Owners' will, where it is not the default."""
    dial: Callable[[NodeId, int], int] = lambda _, port: port
    """The port at which a district's server finds the hub's leaf port."""


class Federation:
    """The processes of one federation, and where each can be reached."""

    def __init__(self, shape: Shape) -> None:
        self.nodes = shape.nodes
        self._shape = shape
        self._leaf, self.http_port, self.ucp_port, *nats = find_free_ports(4 + len(shape.nodes))
        self._nats = dict(zip([HUB, *shape.nodes], nats, strict=True))
        self._make_keys()
        self.servers = {node: self._server(node) for node in self._nats}
        self.hub = self._hub()
        self.districts = [
            self._district(shape.nodes[k :: shape.processes]) for k in range(shape.processes)
        ]

    @property
    def hub_settings(self) -> Path:
        """The hub's settings file."""
        return self._shape.folder / "hub.json"

    def data_of(self, node: NodeId) -> Path:
        """The folder of a node's state."""
        return self._shape.data.get(node, self._shape.folder / "data" / node)

    def store_of(self, node: NodeId) -> Path:
        """The file of a node's store."""
        return self.data_of(node) / "node.sqlite"

    def url_of(self, node: NodeId) -> str:
        """A node's own NATS server."""
        return f"tls://127.0.0.1:{self._nats[node]}"

    def keys_of(self, node: NodeId) -> Path:
        """The folder of a node's certificate and nkey."""
        return self._shape.folder / "keys" / node

    async def connect(self, node: NodeId) -> NatsBus:
        """A connection to a node's server, as that node."""
        return await connect_bus(self.url_of(node), node, open_identity(self.keys_of(node), node))

    def process_of(self, node: NodeId) -> Process:
        """The process that a node runs in."""
        if node == HUB:
            return self.hub
        return self.districts[self.nodes.index(node) % len(self.districts)]

    def all_processes(self) -> list[Process]:
        """In the order in which they may be ended."""
        return [self.hub, *self.districts, *self.servers.values()]

    async def __aenter__(self) -> "Federation":
        """The NATS servers run; the nodes are started by whoever uses this."""
        for server in self.servers.values():
            server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self.all_processes():
            await process.stop()

    async def start_hub(self) -> float:
        """Start the hub; returns the seconds until its API answered."""
        began = time.perf_counter()
        self.hub.start()
        await self.serves()
        return time.perf_counter() - began

    async def serves(self) -> None:
        """Wait until the hub's API answers."""
        await self._wait(lambda nodes: True)

    async def joined(self, count: int | None = None) -> None:
        """Wait until so many districts, by default all, are here with their cameras."""
        needed = len(self.nodes) if count is None else count
        await self._wait(
            lambda nodes: sum(n["state"] == "here" and n["cameras"] > 0 for n in nodes) >= needed
        )

    async def _wait(self, good: Callable[[Sequence[dict[str, Any]]], bool]) -> None:
        address = f"http://127.0.0.1:{self.http_port}/api/nodes"
        async with asyncio.timeout(READY_WITHIN_S), httpx.AsyncClient(trust_env=False) as web:
            while True:
                with suppress(httpx.HTTPError):
                    if good((await web.get(address)).raise_for_status().json()):
                        return
                await asyncio.sleep(0.05)

    def _make_keys(self) -> None:
        """A city of its own: on this wire, too, nobody is believed unproved."""
        now, city = SystemClock().now(), self._shape.folder / "city"
        create_city(city, "bench", now)
        for node in (HUB, *self.nodes):
            create_node(city, self.keys_of(node), node, (), now)

    def _server(self, node: NodeId) -> Process:
        config = self._shape.folder / "nats" / f"{node}.conf"
        identity = open_identity(self.keys_of(node), node)
        if node == HUB:
            server = HubServer(
                identity=identity,
                members=list_members(self._shape.folder / "city"),
                client_port=self._nats[HUB],
                leaf_port=self._leaf,
            )
            write_hub_config(server, config)
        else:
            leaf = DistrictServer(
                identity=identity,
                client_port=self._nats[node],
                hub=[Address(host="127.0.0.1", port=self._shape.dial(node, self._leaf))],
            )
            write_district_config(leaf, config)
        command = (find_nats_server(), "--config", str(config))
        return Process(f"nats-{node}", command, self._log(f"nats-{node}"))

    def _hub(self) -> Process:
        settings = HubSettings(
            bundle=str(self._shape.bundle),
            data=str(self.data_of(HUB)),
            nats_url=self.url_of(HUB),
            keys=str(self.keys_of(HUB)),
            http_port=self.http_port,
            ucp_port=self.ucp_port,
            log_level="warning",
        )
        save_settings(self.hub_settings, settings)
        return self._product(HUB, "hub", self.hub_settings)

    def _district(self, nodes: Sequence[NodeId]) -> Process:
        lists = self._shape.lists
        settings = DistrictProcessSettings(
            bundle=str(self._shape.bundle),
            districts=tuple(
                DistrictSettings(
                    node=node,
                    data=str(self.data_of(node)),
                    nats_url=self.url_of(node),
                    keys=str(self.keys_of(node)),
                    cameras_file=str(lists[node]) if node in lists else None,
                    when_hub_is_away=self._shape.when_hub_is_away.get(node, HubLoss.HOLD),
                )
                for node in nodes
            ),
            cameras=self._shape.cameras.get(nodes[0], NOWHERE),
            issuers=(open_node_key(self.data_of(HUB), HUB).jwk(),),
            log_level="warning",
        )
        name = nodes[0] if len(nodes) == 1 else f"districts-of-{nodes[0]}"
        config = self._shape.folder / f"{name}.json"
        save_settings(config, settings)
        return self._product(name, "district", config)

    def _product(self, name: str, role: str, config: Path) -> Process:
        command = (*self._shape.command(name), role, "--config", str(config))
        return Process(name, command, self._log(name))

    def _log(self, name: str) -> Path:
        return self._shape.folder / "log" / f"{name}.log"


def spent_s(pid: int) -> float:
    """Processor time of a process so far, all its threads."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return sum(map(int, stat[11:13])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def resident_once_mb(pids: Sequence[int]) -> float:
    """Resident memory of processes together; of a file that several have mapped the largest part counts."""
    alone_kb, files_kb = 0, dict[str, int]()
    for pid in pids:
        mapped: dict[str, int] = {}
        path = ""
        for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
            words = line.split()
            if "-" in words[0] and not words[0].endswith(":"):
                path = words[5] if len(words) > 5 and words[5].startswith("/") else ""
            elif words[0] == "Rss:" and path:
                mapped[path] = mapped.get(path, 0) + int(words[1])
            elif words[0] == "Rss:":
                alone_kb += int(words[1])
        for name, kb in mapped.items():
            files_kb[name] = max(files_kb.get(name, 0), kb)
    return (alone_kb + sum(files_kb.values())) * 1024 / 1e6


def children_of(pid: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            found += [int(child), *children_of(int(child))]
    return found
