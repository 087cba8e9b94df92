"""What looking at a camera that nobody watches costs: processor time of the video worker, and seconds.

Cameras are the simulation's test pattern over RTSP on this machine; they live, stand still, or do not answer.
Prints one JSON object; ``measure`` gives the same as a value.
"""

import asyncio
import json
import os
import random
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path

from safetynet.base.clock import SystemClock
from safetynet.base.ids import CameraId
from safetynet.city.model import CameraKind
from safetynet.sim.camera import CameraPark, Fault, Pose, VirtualCamera
from safetynet.sim.rtsp.feed import Feeds
from safetynet.sim.rtsp.pattern import MovingBars
from safetynet.sim.rtsp.server import RtspServer
from safetynet.video.control import VideoWorker
from safetynet.video.ipc import Listening, Probe, Probed, Source, ToControl

PROBES = 20
FAULTS = {"living": Fault.NONE, "frozen": Fault.FROZEN, "dead": Fault.DEAD}
STATES = {"living": "ok", "frozen": "frozen", "dead": "dead"}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one probe."""

    processor_ms: float
    took_median_s: float
    told: str


async def measure() -> dict[str, Cost]:
    """By what is the matter with the camera; half a minute."""
    park, clock = CameraPark(), SystemClock()
    pose = Pose(azimuth_deg=0, tilt_deg=10, hfov_deg=60)
    for name, fault in FAULTS.items():
        camera = CameraId(name)
        park.add(VirtualCamera(camera, name, pose, CameraKind.FIXED))
        park.get(name).fault = fault
    async with (
        Feeds(MovingBars(), clock) as feeds,
        RtspServer(park=park, feeds=feeds, clock=clock, rng=random.Random(1)) as server,
    ):
        worker = await VideoWorker.start()
        try:
            return await _probe_all(worker, server.port)
        finally:
            await worker.stop()


async def _probe_all(worker: VideoWorker, port: int) -> dict[str, Cost]:
    said = aiter(worker)
    while not isinstance(await anext(said), Listening):
        pass
    found: dict[str, Cost] = {}
    for name in FAULTS:
        source = Source(rtsp_url=f"rtsp://127.0.0.1:{port}/{name}", onvif_url=None)
        took: list[float] = []
        await _probe(worker, said, name, source)  # the first one loads what all need
        before_s = _processor_s(worker.pid)
        for _ in range(PROBES):
            started = time.perf_counter()
            state = await _probe(worker, said, name, source)
            took.append(time.perf_counter() - started)
        spent_s = _processor_s(worker.pid) - before_s
        if state != STATES[name]:
            raise AssertionError(f"a {name} camera was told to be {state}")
        found[name] = Cost(
            processor_ms=round(1000 * spent_s / PROBES, 1),
            took_median_s=round(statistics.median(took), 2),
            told=state,
        )
    return found


async def _probe(
    worker: VideoWorker, said: AsyncIterator[ToControl], name: str, source: Source
) -> str:
    worker.send(Probe(camera=CameraId(name), source=source))
    while True:
        message = await anext(said)
        if isinstance(message, Probed):
            return message.state


def _processor_s(pid: int) -> float:
    """Of a process so far, all its threads."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return sum(map(int, stat[11:13])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    print(
        json.dumps({name: asdict(cost) for name, cost in asyncio.run(measure()).items()}, indent=2)
    )


if __name__ == "__main__":
    main()
