"""The simulation as others start it: a process, its line, its interfaces, its end."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest

from safetynet.base.clock import SystemClock
from safetynet.base.ids import IncidentId
from safetynet.city.model import City
from safetynet.incident.model import (
    Accepted,
    IncidentKind,
    IncidentState,
    KeptMessage,
    Progress,
    Report,
)
from safetynet.links.ucp.server import open_ucp_server
from safetynet.sim.world import SIGNATURES


class Inbox:
    """A hub that puts reports into a queue."""

    def __init__(self) -> None:
        self.reports: asyncio.Queue[Report] = asyncio.Queue()

    async def accept(self, report: Report) -> Accepted:
        await self.reports.put(report)
        return Accepted(
            incident=IncidentId("inc_1"), report=report.id, new=True, state=IncidentState.OPEN
        )

    async def keep(self, message: KeptMessage) -> None:
        raise AssertionError(f"no report: {message}")


@asynccontextmanager
async def simulation(bundle: Path, *more: str) -> AsyncIterator[tuple[Any, dict[str, Any]]]:
    """The process and its line; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "safetynet.sim.process", "--city", str(bundle), *more),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            line = await process.stdout.readline()
        yield process, json.loads(line)
    finally:
        if process.returncode is None:
            process.kill()
        # communicate closes all pipes
        await process.communicate()


def frame(url: str) -> Any:
    """One decoded frame, RGB."""
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=20) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def pixels_like(picture: Any, rgb: tuple[int, int, int]) -> int:
    """How many pixels are near that colour."""
    apart = np.abs(picture.astype(np.int16) - np.array(rgb, np.int16)).max(axis=2)
    return int((apart < 70).sum())


async def test_a_staged_person_is_reported_stands_in_the_picture_and_ends(
    bundle: Path, city: City
) -> None:
    inbox = Inbox()
    lon, lat = city.plane.to_lonlat(0.0, 16.0)
    async with (
        open_ucp_server(
            host="127.0.0.1", port=0, accept=inbox.accept, keep=inbox.keep, clock=SystemClock()
        ) as door,
        simulation(bundle, "--ucp", f"127.0.0.1:{door.port}", "--at", "2024-06-01T12:00+09:00") as (
            process,
            ready,
        ),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{ready['control_port']}") as control,
    ):
        order = {"kind": "person", "lon": lon, "lat": lat}
        staged = (await control.post("/stage", json=order, timeout=30)).json()
        assert staged["reported"], staged
        report = await inbox.reports.get()
        assert (report.sender, report.key) == ("119", staged["key"])
        assert report.kind is IncidentKind.MEDICAL
        assert report.dong_code == "1144012200"
        assert report.at is not None
        assert report.at.lat == pytest.approx(lat, abs=1e-6)

        things = (await control.get("/world")).json()["things"]
        assert [t["id"] for t in things] == [staged["id"]]
        camera = (await control.get("/cameras/mapo-00001")).json()
        picture = await asyncio.to_thread(frame, camera["rtsp"])
        rgb = SIGNATURES[staged["signature"]]
        assert pixels_like(picture, rgb) >= 50

        ended = (await control.delete(f"/stage/{staged['id']}", timeout=30)).json()
        assert ended["reported"]
        assert (await inbox.reports.get()).progress is Progress.ENDED
        picture = await asyncio.to_thread(frame, camera["rtsp"])
        assert pixels_like(picture, rgb) == 0

        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_it_ends_when_its_parents_pipe_closes(bundle: Path) -> None:
    async with simulation(bundle) as (process, ready):
        assert ready["cameras"] == 2
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_a_bundle_that_is_none_is_a_clear_error(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "safetynet.sim.process", "--city", str(tmp_path)),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert said.startswith(b"city.no_bundle:"), said
