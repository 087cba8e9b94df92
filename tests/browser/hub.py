"""The hub and the stage by HTTP, as another program would use them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import httpx
import msgspec

from safetynet.access.entries import SESSION_ENDED
from safetynet.base.ids import CameraId, IncidentId
from safetynet.city.model import City
from safetynet.sight.model import Aim
from safetynet.sim.camera import Pose
from safetynet.sim.judge import Judge
from safetynet.sim.stage import Staged
from safetynet.sim.world import Thing, ThingKind
from safetynet.web.types import (
    CameraPoint,
    IncidentView,
    JournalLine,
    NodeView,
    ViewsAnswer,
)
from tests.support import eventually

_BESIDE_DEG = ((0.0002, 0.0), (-0.0002, 0.0), (0.0, 0.0002), (0.0, -0.0002))
_ERROR_M = 20
"""What a caller's position is good for."""


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A place that cameras see, and what to put there."""

    lon: float
    lat: float
    kind: ThingKind


class Hub:
    """Calls that a test needs."""

    def __init__(self, hub: httpx.AsyncClient, sim: httpx.AsyncClient) -> None:
        self._hub = hub
        self._sim = sim
        self.url = str(hub.base_url)

    @classmethod
    @asynccontextmanager
    async def open(cls, hub_url: str, sim_url: str) -> AsyncIterator[Self]:
        """Clients of both; their connections end with the block."""
        async with (
            httpx.AsyncClient(base_url=hub_url, timeout=20) as hub,
            httpx.AsyncClient(base_url=sim_url, timeout=20) as sim,
        ):
            yield cls(hub, sim)

    async def stage(self, spot: Spot) -> Staged:
        """Put a thing into the world; its callers report it."""
        order = {"kind": spot.kind, "lon": spot.lon, "lat": spot.lat}
        answer = await self._sim.post("/stage", json=order)
        staged = msgspec.json.decode(answer.raise_for_status().content, type=Staged)
        assert staged.reported, staged.text
        return staged

    async def unstage(self, staged: Staged) -> None:
        """Take it away; its callers report the end."""
        (await self._sim.delete(f"/stage/{staged.id}")).raise_for_status()

    async def find_incident(self, staged: Staged) -> IncidentView | None:
        """The incident that a staged thing's report became."""
        known = await self._get("/api/incidents", list[IncidentView])
        return next((i for i in known if (i.sender, i.key) == (staged.sender, staged.key)), None)

    async def find_place(self, camera: CameraId) -> tuple[float, float]:
        """Where a camera hangs, lon and lat."""
        cameras = await self._get("/api/cameras", list[CameraPoint])
        return next((c.lon, c.lat) for c in cameras if c.id == camera)

    async def list_session_ends(self, node: str, incident: IncidentId) -> list[str]:
        """Why sessions of an incident ended, by their owner's journal."""
        query = f"/api/journal/{node}?incident={incident}&limit=1000"
        lines = await self._get(query, list[JournalLine])
        entries = [msgspec.json.decode(line.entry, type=_Entry) for line in lines]
        return [e.body.reason for e in entries if e.kind == SESSION_ENDED]

    async def wait_showing(self, node: str) -> None:
        """Wait until a district is in with its cameras and its gateway."""

        async def showing() -> bool:
            nodes = await self._get("/api/nodes", list[NodeView])
            return any(n.node == node and n.can_show and n.cameras for n in nodes)

        await eventually(showing, within_s=60)

    async def find_spot(self, owner: str, kind: ThingKind, views: int, city: City) -> Spot:
        """A place among an owner's cameras with so many views, each of which the judge accepts."""
        cameras = await self._get(f"/api/cameras?owner={owner}", list[CameraPoint])
        home = {c.id: c.aim for c in cameras}
        judge = Judge(city)
        for lon, lat in ((c.lon + x, c.lat + y) for c in cameras for x, y in _BESIDE_DEG):
            query = f"/api/views?lon={lon}&lat={lat}&error_m={_ERROR_M}&target={kind}"
            chosen = [v.chosen for v in (await self._get(query, ViewsAnswer)).views]
            if len(chosen) < views or any(c.owner != owner for c in chosen):
                continue
            thing = _thing(kind, *city.plane.to_xy(lon, lat))
            poses = {c.camera: _pose(c.aim or home[c.camera]) for c in chosen}
            if all(judge.look(camera, pose, thing).seen.accepted for camera, pose in poses.items()):
                return Spot(lon=lon, lat=lat, kind=kind)
        raise AssertionError(f"no place in {owner} has {views} views")

    async def _get[T](self, path: str, kind: type[T]) -> T:
        answer = await self._hub.get(path)
        return msgspec.json.decode(answer.raise_for_status().content, type=kind)


class _Ended(msgspec.Struct):
    reason: str = ""


class _Entry(msgspec.Struct):
    kind: str
    body: _Ended


def _pose(aim: Aim) -> Pose:
    return Pose(azimuth_deg=aim.azimuth_deg, tilt_deg=aim.tilt_deg, hfov_deg=aim.hfov_deg)


def _thing(kind: ThingKind, x: float, y: float) -> Thing:
    return Thing(id="stg_try", kind=kind, x=x, y=y, signature=0, since=datetime.now(UTC))
