"""A real hub with its districts, asked over a socket."""

import http.client
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from bench.sight.servers import program, wait_for

from safetynet.access.keys import open_node_key
from safetynet.app.nats_server import find_nats_server
from safetynet.app.ports import find_free_ports, is_free
from safetynet.app.settings import (
    CameraAccess,
    DistrictProcessSettings,
    DistrictSettings,
    HubSettings,
    save_settings,
)
from safetynet.base.ids import HUB
from safetynet.city.model import City

JOINED_WITHIN_S = 300.0


class Hub:
    """A hub with its districts, as an operator starts them."""

    def __init__(self, port: int, pid: int) -> None:
        self.pid = pid
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(self, path: str) -> bytes:
        """The answer to a GET over the one connection that is kept open."""
        self._http.request("GET", path)
        answer = self._http.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
        return body


@contextmanager
def open_hub(bundle: Path, city: City) -> Iterator[Hub]:
    """A real hub on a real bus, joined by every district; ready when it knows every camera."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        nats, web, ucp = find_free_ports(3)
        stack.enter_context(program(find_nats_server(), "--addr", "127.0.0.1", "--port", str(nats)))
        wait_for(lambda: None if is_free(nats) else True)
        url = f"nats://127.0.0.1:{nats}"
        hub = HubSettings(
            bundle=str(bundle), data=str(folder / "hub"), nats_url=url, http_port=web, ucp_port=ucp
        )
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
