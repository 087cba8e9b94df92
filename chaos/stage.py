"""What a run is played on: districts with their cameras, a hub, links that faults can touch, light for a few scenes."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
from bench.federation.nodes import ROOT, Federation, Process, Shape
from bench.federation.places import make_city, places_in, write_list
from chaos.cameras import write_scene
from chaos.faults import Faults
from chaos.proxy import Link

from safetynet.access.lease import HubLoss
from safetynet.app.ports import find_free_ports
from safetynet.app.settings import CameraAccess
from safetynet.base.geo import LonLat
from safetynet.base.ids import HUB, NodeId

CAMERAS = 40
"""Of a district."""
SEES_WITHIN_S = 300.0
BUNDLE = ROOT / "var" / "bench" / "federation"


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is played on."""

    folder: Path
    seed: int
    nodes: tuple[NodeId, ...]
    centres: dict[NodeId, LonLat]
    """Where something happens; each district's cameras stand there."""
    policies: dict[NodeId, HubLoss]
    """The districts whose cameras show something, and what they do where the hub is away."""

    def list_of(self, node: NodeId) -> Path:
        """A district's list of cameras."""
        return self.folder / "lists" / f"{node}.csv"

    def write_list(self, node: NodeId, turn_deg: float | None = None) -> None:
        """Keep a district's list, its first camera turned to some direction."""
        path, centre = self.list_of(node), self.centres[node]
        if node in self.policies:
            write_scene(path, node, CAMERAS, centre, turn_deg)
        else:
            write_list(path, node, CAMERAS, centre, turn_deg or 0.0)


def set_stage(folder: Path, seed: int, districts: int, scenes: int) -> Stage:
    """So many districts, each with a list of cameras; ``scenes`` of them show something."""
    city_map = make_city(BUNDLE)
    nodes = tuple(d.node for d in city_map.districts)[:districts]
    centres = dict(zip(nodes, places_in(city_map, len(nodes), seed), strict=True))
    wills = (HubLoss.HOLD, HubLoss.CUT)
    policies = {node: wills[n % 2] for n, node in enumerate(nodes[:scenes])}
    stage = Stage(folder=folder, seed=seed, nodes=nodes, centres=centres, policies=policies)
    for node in nodes:
        stage.write_list(node)
    return stage


@asynccontextmanager
async def open_federation(
    stage: Stage, spoil: str, disk: Path | None
) -> AsyncIterator[tuple[Federation, Faults]]:
    """All processes run and all districts have joined; ``disk`` is a small one for the hub's state."""
    target = 0
    links = {node: Link(lambda: target) for node in stage.nodes}
    for link in links.values():
        await link.open()
    (light,) = find_free_ports(1)
    access = CameraAccess(rtsp_url=f"rtsp://127.0.0.1:{light}/{{camera}}")

    def dial(node: NodeId, port: int) -> int:
        nonlocal target
        target = port
        return links[node].port

    def command(name: str) -> tuple[str, ...]:
        guilty = name == (HUB if spoil == "drop" else stage.nodes[0])
        build = spoil if guilty else "none"
        return (sys.executable, "-m", "chaos.node", str(stage.folder), name, build)

    shape = Shape(
        folder=stage.folder,
        bundle=BUNDLE,
        nodes=stage.nodes,
        processes=len(stage.nodes),
        lists={node: stage.list_of(node) for node in stage.nodes},
        data={HUB: disk / "hub"} if disk else {},
        command=command,
        cameras=dict.fromkeys(stage.policies, access),
        when_hub_is_away=stage.policies,
        dial=dial,
    )
    cameras = make_process(stage, "cameras", str(light))
    try:
        async with Federation(shape) as city:
            cameras.start()
            await city.start_hub()
            for process in city.districts:
                process.start()
            await city.joined()
            await _sees(city, stage)
            yield city, Faults(city, links, stage.folder, disk)
    finally:
        await cameras.stop()
        for link in links.values():
            await link.close()


async def _sees(city: Federation, stage: Stage) -> None:
    """Wait until the hub chooses views: the first choice on a machine compiles its loops."""
    url = f"http://127.0.0.1:{city.http_port}/api/views"
    async with httpx.AsyncClient(trust_env=False, timeout=SEES_WITHIN_S) as web:
        for node in stage.policies:
            at = stage.centres[node]
            (await web.get(url, params={"lon": at.lon, "lat": at.lat})).raise_for_status()


def make_process(stage: Stage, name: str, *arguments: str) -> Process:
    """A part of the harness that is a process of its own."""
    command = (sys.executable, "-m", f"chaos.{name}", *arguments)
    return Process(name, command, stage.folder / "log" / f"{name}.log")
