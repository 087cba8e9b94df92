"""A real hub with its districts, asked over a socket."""

import http.client
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from bench.measure.servers import program, wait_for

from safetynet.access.keys import open_node_key
from safetynet.app.nats_server import find_nats_server
from safetynet.app.ports import find_free_ports, is_free
from safetynet.app.settings import (
    WALLS_FILE,
    CameraAccess,
    DistrictProcessSettings,
    DistrictSettings,
    HubSettings,
    save_settings,
)
from safetynet.base.ids import HUB
from safetynet.city.model import City

JOINED_WITHIN_S = 300.0
QUIET_WITHIN_S = 900.0
LOOK_S, QUIET_SHARE = 5.0, 0.1
"""Quiet is a process that takes less than this share of a processor."""


class Hub:
    """A hub with its districts, as an operator starts them."""

    def __init__(self, port: int, pid: int) -> None:
        self._pid = pid
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def wait_until_quiet(self) -> bool:
        """Wait until the hub has nothing to prepare any more; False where that takes too long."""
        ends = time.monotonic() + QUIET_WITHIN_S
        before = self._busy_s()
        while time.monotonic() < ends:
            time.sleep(LOOK_S)
            before, busy_s = (now := self._busy_s()), now - before
            if busy_s < QUIET_SHARE * LOOK_S:
                return True
        return False

    def _busy_s(self) -> float:
        """Processor time of the process so far, all its threads."""
        stat = Path(f"/proc/{self._pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, stat[11:13])) / os.sysconf("SC_CLK_TCK")

    def get(self, path: str) -> bytes:
        """The answer to a GET over the one connection that is kept open."""
        self._http.request("GET", path)
        answer = self._http.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
        return body


@contextmanager
def open_hub(bundle: Path, city: City, walls: Path) -> Iterator[Hub]:
    """A real hub on a real bus, joined by every district; ready when it knows every camera.

    It starts as one that ran before: with what walls hide in a file, where there is one.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        nats, web, ucp = find_free_ports(3)
        stack.enter_context(program(find_nats_server(), "--addr", "127.0.0.1", "--port", str(nats)))
        wait_for(lambda: None if is_free(nats) else True)
        url = f"nats://127.0.0.1:{nats}"
        hub = HubSettings(
            bundle=str(bundle), data=str(folder / "hub"), nats_url=url, http_port=web, ucp_port=ucp
        )
        if walls.exists():
            (folder / "hub").mkdir()
            shutil.copy(walls, folder / "hub" / WALLS_FILE)
        save_settings(folder / "hub.json", hub)
        districts = DistrictProcessSettings(
            bundle=str(bundle),
            districts=tuple(
                DistrictSettings(node=d.node, data=str(folder / d.node), nats_url=url)
                for d in city.districts
            ),
            cameras=CameraAccess(rtsp_url="rtsp://127.0.0.1:9/{camera}"),
            issuers=(open_node_key(folder / "key", HUB).jwk(),),
        )
        save_settings(folder / "districts.json", districts)
        cli = (sys.executable, "-m", "safetynet.app.cli")
        process = stack.enter_context(program(*cli, "hub", "--config", folder / "hub.json"))
        stack.enter_context(program(*cli, "district", "--config", folder / "districts.json"))
        wait_for(lambda: _joined(web, len(city.cameras)), JOINED_WITHIN_S)
        yield Hub(web, process.pid)


def _joined(port: int, cameras: int) -> bool | None:
    nodes = msgspec.json.decode(Hub(port, 0).get("/api/nodes"))
    return True if sum(node["cameras"] for node in nodes) == cameras else None
