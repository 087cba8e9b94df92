"""A small embedded city of two districts, all of its processes real."""

import json
import os
import signal
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from safetynet.app.embedded import EmbeddedCity
from safetynet.base.geo import LonLat
from safetynet.city.bundle import TILES, Manifest, write_city
from safetynet.city.synth import small_city
from safetynet.incident.model import IncidentKind, Progress
from safetynet.links.ucp.client import connect_ucp
from safetynet.links.ucp.dispatch119 import encode_119
from tests.support import eventually

SEED = 7


def make_bundle(folder: Path) -> Path:
    """The small city as a bundle, with an empty map."""
    manifest = Manifest(
        name="small",
        title_ko="작은 도시",
        title_en="Small city",
        built_at=datetime(2026, 3, 1, tzinfo=UTC),
        seed=SEED,
        scale=1.0,
        sources=(),
    )
    write_city(small_city(SEED), folder, manifest)
    with sqlite3.connect(folder / TILES) as tiles:
        tiles.execute(
            "CREATE TABLE tiles (zoom_level int, tile_column int, tile_row int, tile_data blob)"
        )
    tiles.close()
    return folder


class Town:
    """The running city and how a test speaks to it."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.embedded = EmbeddedCity(
            make_bundle(folder / "bundle"),
            self.data,
            http_port=0,
            ucp_port=0,
            join_every_s=0.1,
            # Longer than the silence that makes a node away: a killed one is missed before it is back.
            restart_pause_s=5.0,
            at="2026-03-01T12:00:00+09:00",
        )
        self.hub_url = self.embedded.addresses.hub_url
        self.http = httpx.AsyncClient(base_url=self.hub_url, trust_env=False, timeout=20)
        self._numbers = 0

    async def open(self) -> None:
        """Start everything."""
        await self.embedded.start()
        await self.embedded.wait_joined()

    async def close(self) -> None:
        """End everything."""
        await self.http.aclose()
        await self.embedded.stop()

    def new_key(self) -> str:
        """A number that no report had yet."""
        self._numbers += 1
        return f"T20260301{self._numbers:06d}"

    async def get(self, path: str, **query: Any) -> Any:
        """JSON of a GET."""
        answer = await self.http.get(path, params=query)
        answer.raise_for_status()
        return answer.json()

    async def report(self, **fields: Any) -> dict[str, Any]:
        """Report by HTTP; the hub's answer."""
        answer = await self.http.post("/api/reports", json={"sender": "119", **fields})
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def call_119(
        self,
        key: str,
        at: LonLat | None,
        *,
        kind: IncidentKind = IncidentKind.FIRE,
        progress: Progress = Progress.OCCURRED,
        dong_code: str = "",
    ) -> None:
        """Send a frame as a 119 room does; it must be acknowledged."""
        frame = encode_119(
            number=key,
            kind=kind,
            detail="연기가 보인다",
            at=at,
            address="",
            dong_code=dong_code,
            message_time=datetime.now(UTC),
            progress=progress,
        )
        a = self.embedded.addresses
        async with connect_ucp(a.host, a.ucp) as client:
            answer = await client.send(frame)
        assert answer.good, answer.text

    async def incident(self, key: str) -> dict[str, Any]:
        """The incident of a sender's number, as soon as the hub lists it."""

        async def look() -> dict[str, Any] | None:
            listed = await self.get("/api/incidents")
            return next((i for i in listed if i["key"] == key), None)

        return await eventually(look)

    async def place(self, *owners: str) -> LonLat:
        """A street corner that cameras of exactly these owners would show now."""
        city = small_city(SEED)
        lon, lat = city.plane.to_lonlat(city.streets.line.xy[:, 0], city.streets.line.xy[:, 1])
        for k in range(0, len(lon), 5):
            at = LonLat(float(lon[k]), float(lat[k]))
            answer = await self.get("/api/views", lon=at.lon, lat=at.lat, target="fire")
            views = answer["views"]
            if len(views) >= 2 and {v["owner"] for v in views} == set(owners):
                return at
        raise AssertionError(f"no place that {owners} see")

    async def journal(self, node: str, incident: str) -> list[str]:
        """Kinds of a node's entries on an incident, as the hub holds them."""
        lines = await self.get(f"/api/journal/{node}", incident=incident, limit=1000)
        return [json.loads(line["entry"])["kind"] for line in lines]

    async def told(self, node: str, incident: str, *kinds: str) -> list[str]:
        """Wait until a journal holds these kinds."""

        async def look() -> list[str] | None:
            found = await self.journal(node, incident)
            return found if set(kinds) <= set(found) else None

        return await eventually(look)

    async def node(self, name: str, **fields: Any) -> dict[str, Any]:
        """A node's standing as soon as it has these fields."""

        async def look() -> dict[str, Any] | None:
            found = next(n for n in await self.get("/api/nodes") if n["node"] == name)
            return found if all(found[k] == v for k, v in fields.items()) else None

        return await eventually(look)

    def kill(self, name: str) -> int:
        """SIGKILL a child of the city; the pid it had."""
        pid = self.embedded.find_pid(name)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        return pid

    def find_worker(self, name: str) -> int:
        """Pid of the video worker of a district process."""
        parent = self.embedded.find_pid(name)
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
        return int(children.split()[0])


@pytest.fixture(scope="module")
def town_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the city's state lies."""
    return tmp_path_factory.mktemp("town")
