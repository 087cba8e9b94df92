"""The whole embedded city on one machine: hub, districts, their NATS servers, and the simulation."""

import asyncio
import fcntl
import http.client
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from safetynet.access.keys import NodeJwk, open_node_key
from safetynet.app.children import FIRST_PAUSE_S, Children, OnChange, Program, python_program
from safetynet.app.nats_server import nats_program
from safetynet.app.ports import find_free_ports, is_free
from safetynet.app.settings import (
    WALLS_FILE,
    CameraAccess,
    DeskSettings,
    DistrictProcessSettings,
    DistrictSettings,
    HubSettings,
    save_settings,
)
from safetynet.base.clock import SystemClock
from safetynet.base.errors import UnavailableError
from safetynet.base.ids import HUB, NodeId
from safetynet.city.bundle import PLACES, Places
from safetynet.city.model import District
from safetynet.federation.identity.city import create_city, create_node, list_members
from safetynet.federation.identity.node import open_identity
from safetynet.federation.nats_config import (
    Address,
    DistrictServer,
    HubServer,
    write_district_config,
    write_hub_config,
)

PILOTS = (NodeId("mapo"), NodeId("seocho"))
"""The two pilot districts of 2018; they have processes of their own and join first."""
SHARED_PROCESSES = 2
JOIN_EVERY_S = 2.0
READY_WITHIN_S = 60.0
HTTP_PORT = 8600
UCP_PORT = 8619


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where the embedded city can be reached."""

    http: int
    ucp: int
    control: int
    rtsp: int
    onvif: int
    host: str = "127.0.0.1"

    @property
    def hub_url(self) -> str:
        """Base address of the hub's API and console."""
        return f"http://{self.host}:{self.http}"

    @property
    def sim_url(self) -> str:
        """Base address of the simulation's control API."""
        return f"http://{self.host}:{self.control}"


class EmbeddedCity:
    """Starts everything, ends everything. State of an earlier run in ``data`` is removed."""

    def __init__(
        self,
        bundle: Path,
        data: Path,
        *,
        http_port: int = HTTP_PORT,
        ucp_port: int = UCP_PORT,
        at: str | None = None,
        join_every_s: float = JOIN_EVERY_S,
        restart_pause_s: float = FIRST_PAUSE_S,
        on_change: OnChange | None = None,
    ) -> None:
        self._bundle = bundle.resolve()
        self._data = data.resolve()
        self._children = Children(on_change, first_pause_s=restart_pause_s)
        self._at = at
        self._lock: IO[str] | None = None
        self._join_every_s = join_every_s
        districts = _list_districts(self._bundle)
        self._nodes = [district.node for district in districts]
        self._codes = {district.node: district.code for district in districts}
        self._pilots = [node for node in PILOTS if node in self._nodes]
        lon, lat = districts[0].border[0][0]
        self._question = f"/api/views?lon={lon:.6f}&lat={lat:.6f}"
        self._keys = self._data / "keys"
        desks = 2 * len(self._pilots)
        free = find_free_ports(4 + 1 + len(self._nodes) + desks)
        control, rtsp, onvif, self._leaf, *nats = free[desks:]
        self._nats = dict(zip([HUB, *self._nodes], nats, strict=True))
        self._desks = {
            pilot: DeskSettings(
                http_port=free[2 * k],
                ucp_port=free[2 * k + 1],
                staging=f"http://127.0.0.1:{control}",
                demo=True,
            )
            for k, pilot in enumerate(self._pilots)
        }
        self.addresses = Addresses(
            http=http_port if http_port and is_free(http_port) else find_free_ports(1)[0],
            ucp=ucp_port if ucp_port and is_free(ucp_port) else find_free_ports(1)[0],
            control=control,
            rtsp=rtsp,
            onvif=onvif,
        )

    async def start(self) -> None:
        """Start all processes; returns when the hub and the simulation serve.

        The pilots join at once, the others one by one. Raises ``UnavailableError`` where the hub
        does not serve within a minute; its log then says why.
        """
        self._take_folder()
        self._clear()
        self._children.start(self._sim())  # needs no keys, and takes longest
        await asyncio.to_thread(self._make_keys)
        self._start_nats(HUB)
        self._children.start(self._hub())
        for pilot in self._pilots:
            self._start_nats(pilot)
            self._children.start(self._districts(str(pilot), [pilot], 0.0))
        others = [node for node in self._nodes if node not in PILOTS]
        for k in range(SHARED_PROCESSES):
            group = others[k::SHARED_PROCESSES]
            if not group:
                continue
            for node in group:
                self._start_nats(node)
            name = f"districts-{k + 1}"
            first_s = self._join_every_s * (1 + k / SHARED_PROCESSES)
            self._children.start(self._districts(name, group, first_s))
        await self._wait_for(self.addresses.http, "/api/settings", "hub")
        await self._wait_for(self.addresses.control, "/world", "sim")

    async def wait_joined(self, within_s: float = READY_WITHIN_S) -> None:
        """Wait until every district is in with its cameras, and the hub answers where it would look.

        The table of all their cameras is made before the first question is answered: until then the hub
        is here, and not ready. Raises ``UnavailableError`` where one is still missing then.
        """
        try:
            async with asyncio.timeout(within_s):
                while await asyncio.to_thread(_list_missing, self.addresses):  # noqa: ASYNC110 - they are other processes
                    await asyncio.sleep(0.2)
        except TimeoutError:
            missing = ", ".join(await asyncio.to_thread(_list_missing, self.addresses))
            raise UnavailableError(
                "embedded.not_joined", "districts are missing", missing=missing
            ) from None
        await self._wait_for(self.addresses.http, self._question, "hub")

    async def stop(self) -> None:
        """End all processes."""
        await self._children.stop()
        if self._lock is not None:
            self._lock.close()

    def find_pid(self, name: str) -> int | None:
        """Process id of ``hub``, ``sim``, ``mapo``, ``districts-1``, ``nats-hub`` …"""
        return self._children.find_pid(name)

    def find_desk(self, node: NodeId) -> DeskSettings | None:
        """Where a pilot's own desk serves; None for a district without one."""
        return self._desks.get(node)

    def _take_folder(self) -> None:
        """One embedded city per folder: a second one would clear the first one's state."""
        self._data.mkdir(parents=True, exist_ok=True)
        self._lock = (self._data / "in-use").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UnavailableError(
                "embedded.in_use", "another demo runs in this folder", data=str(self._data)
            ) from None

    def _clear(self) -> None:
        for name in ("keys", "nats", "log", "settings"):
            shutil.rmtree(self._data / name, ignore_errors=True)
        for path in [p for name in ("hub", "nodes") for p in (self._data / name).rglob("*")]:
            if not path.is_dir() and path.name != WALLS_FILE:
                path.unlink()

    def _log(self, name: str) -> Path:
        return self._data / "log" / f"{name}.log"

    def _make_keys(self) -> None:
        """A city of its own, for one run: as on a real wire, nobody is believed unproved."""
        now, city = SystemClock().now(), self._keys / "city"
        create_city(city, "embedded city", now)
        for node in (HUB, *self._nodes):
            create_node(city, self._keys / node, node, (), now)

    def _start_nats(self, node: NodeId) -> None:
        path = self._data / "nats" / f"{node}.conf"
        identity = open_identity(self._keys / node, node)
        if node == HUB:
            server = HubServer(
                identity=identity,
                members=list_members(self._keys / "city"),
                client_port=self._nats[HUB],
                leaf_port=self._leaf,
            )
            write_hub_config(server, path)
        else:
            leaf = DistrictServer(
                identity=identity,
                client_port=self._nats[node],
                hub=[Address(host=self.addresses.host, port=self._leaf)],
            )
            write_district_config(leaf, path)
        name = f"nats-{node}"
        self._children.start(nats_program(name, path, self._log(name)))

    def _nats_url(self, node: NodeId) -> str:
        return f"tls://{self.addresses.host}:{self._nats[node]}"

    def _hub(self) -> Program:
        path = self._data / "settings" / "hub.json"
        settings = HubSettings(
            bundle=str(self._bundle),
            data=str(self._data / "hub"),
            nats_url=self._nats_url(HUB),
            keys=str(self._keys / HUB),
            host=self.addresses.host,
            http_port=self.addresses.http,
            ucp_port=self.addresses.ucp,
            staging=self.addresses.sim_url,
            demo=True,
        )
        save_settings(path, settings)
        return python_program("hub", self._log("hub"), "hub", "--config", str(path))

    def _districts(self, name: str, nodes: Sequence[NodeId], first_s: float) -> Program:
        path = self._data / "settings" / f"{name}.json"
        host = self.addresses.host
        base = f"http://{host}:{self.addresses.onvif}/onvif"
        settings = DistrictProcessSettings(
            bundle=str(self._bundle),
            districts=tuple(
                DistrictSettings(
                    node=node,
                    data=str(self._data / "nodes" / node),
                    nats_url=self._nats_url(node),
                    keys=str(self._keys / node),
                    join_after_s=first_s + k * self._join_every_s if first_s else 0.0,
                    desk=self._desks.get(node),
                )
                for k, node in enumerate(nodes)
            ),
            cameras=CameraAccess(
                rtsp_url=f"rtsp://{host}:{self.addresses.rtsp}/{{camera}}",
                onvif_url=f"{base}/{{camera}}/device_service",
            ),
            issuers=self._issuers(),
        )
        save_settings(path, settings)
        return python_program(name, self._log(name), "district", "--config", str(path))

    def _issuers(self) -> tuple[NodeJwk, ...]:
        """Whose grants are honoured: the hub's, and at their borders those of districts with a desk."""
        desks = [(self._data / "nodes" / node, node) for node in self._desks]
        return tuple(open_node_key(*where).jwk() for where in [(self._data / "hub", HUB), *desks])

    def _sim(self) -> Program:
        a = self.addresses
        ports = f"--rtsp-port={a.rtsp} --onvif-port={a.onvif} --control-port={a.control}".split()
        report = f"--http-report-url={a.hub_url}/api/reports"
        command = [sys.executable, "-m", "safetynet.sim.process", "--city", str(self._bundle)]
        command += [*ports, report, f"--ucp={a.host}:{a.ucp}"]
        command += [
            f"--desk={self._codes[node]}={desk.host}:{desk.ucp_port}"
            for node, desk in self._desks.items()
        ]
        if self._at:
            command.append(f"--at={self._at}")
        return Program(name="sim", command=command, log_file=self._log("sim"))

    async def _wait_for(self, port: int, path: str, name: str) -> None:
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                while not await asyncio.to_thread(_answers, self.addresses.host, port, path):  # noqa: ASYNC110 - it is another process
                    await asyncio.sleep(0.1)
        except TimeoutError:
            log = self._log(name)
            raise UnavailableError(
                "embedded.not_ready", f"the {name} does not serve; see its log", log=str(log)
            ) from None


def _list_districts(bundle: Path) -> tuple[District, ...]:
    return msgspec.json.decode((bundle / PLACES).read_bytes(), type=Places).districts


def _answers(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _list_missing(addresses: Addresses) -> list[str]:
    """Districts that are not here, or whose cameras are not known yet."""
    connection = http.client.HTTPConnection(addresses.host, addresses.http, timeout=2)
    try:
        connection.request("GET", "/api/nodes")
        nodes = msgspec.json.decode(connection.getresponse().read(), type=list[_Node])
    finally:
        connection.close()
    return [n.node for n in nodes if not n.can_show or n.cameras == 0]


class _Node(msgspec.Struct):
    node: str
    can_show: bool
    cameras: int
