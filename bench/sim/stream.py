"""What a watched camera costs, and how long a newcomer waits for a picture that decodes.

``python bench/sim/stream.py [BUNDLE]``: without a bundle the cameras show a test pattern.
"""

import asyncio
import random
import statistics
import sys
import threading
import time
from pathlib import Path

import av

from safetynet.base.clock import SystemClock
from safetynet.base.ids import CameraId
from safetynet.city.bundle import load_city
from safetynet.city.model import CameraKind
from safetynet.sim.camera import CameraPark, Pose, VirtualCamera
from safetynet.sim.render.scene import Scene
from safetynet.sim.rtsp.feed import Feeds
from safetynet.sim.rtsp.pattern import MovingBars
from safetynet.sim.rtsp.server import RtspServer
from safetynet.sim.world import World

SECONDS = 10
ARRIVALS = 20


async def main() -> None:
    """Print both measurements."""
    park, clock = CameraPark(), SystemClock()
    source: Scene | MovingBars = MovingBars()
    names = [CameraId(f"test-{i:05}") for i in range(8)]
    if len(sys.argv) > 1:
        city = load_city(Path(sys.argv[1]))
        park, source = CameraPark(city), Scene(city, World())
        names = random.Random(7).sample(city.cameras.id, 8)
    else:
        for name in names:
            pose = Pose(azimuth_deg=0, tilt_deg=10, hfov_deg=60)
            park.add(VirtualCamera(name, name, pose, CameraKind.FIXED))
    async with (
        Feeds(source, clock) as feeds,
        RtspServer(park=park, feeds=feeds, clock=clock, rng=random.Random(1)) as server,
    ):
        for count in (1, 4, 8):
            await cost(feeds, park, names[:count])
        for sync in (False, True):
            waits = [await wait(server.port, feeds, names[i % 8], sync) for i in range(ARRIVALS)]
            said = "with SetSynchronizationPoint" if sync else "without"
            print(
                f"PLAY to first decodable frame, {said}: median {statistics.median(waits):.2f} s, "
                f"largest {max(waits):.2f} s of {ARRIVALS}"
            )


async def cost(feeds: Feeds, park: CameraPark, names: list[CameraId]) -> None:
    """CPU of rendering, encoding and handing out, without a network client."""
    viewers = {name: feeds.join(park.get(name)) for name in names}
    for viewer in viewers.values():
        await viewer.next()
    pictures, octets = 0, 0

    async def count(name: CameraId) -> None:
        nonlocal pictures, octets
        while unit := await viewers[name].next():
            pictures += 1
            octets += sum(map(len, unit.units))

    tasks = [asyncio.create_task(count(name)) for name in names]
    cpu_s, wall_s = time.process_time(), time.monotonic()
    await asyncio.sleep(SECONDS)
    cpu_s, wall_s = time.process_time() - cpu_s, time.monotonic() - wall_s
    for name, viewer in viewers.items():
        feeds.leave(name, viewer)
    await asyncio.gather(*tasks)
    print(
        f"{len(names)} watched: {cpu_s / wall_s / len(names):.1%} of a core each, "
        f"{pictures / wall_s / len(names):.1f} pictures/s, "
        f"{octets * 8 / wall_s / len(names) / 1e6:.2f} Mbit/s"
    )


async def wait(port: int, feeds: Feeds, name: CameraId, sync: bool) -> float:
    """Seconds from the first packet's request to the first decoded frame of a fresh client."""
    began = threading.Event()

    def watch() -> float:
        url = f"rtsp://127.0.0.1:{port}/{name}"
        # The stream's parameters stand in the SDP: there is nothing to probe for.
        options = {"rtsp_transport": "tcp", "probesize": "32", "analyzeduration": "0"}
        with av.open(url, options=options, timeout=20) as container:
            start = time.monotonic()
            began.set()
            decoder = av.CodecContext.create("h264", "r")
            decoder.extradata = container.streams.video[0].codec_context.extradata
            for packet in container.demux(video=0):
                if decoder.decode(packet):
                    return time.monotonic() - start
        raise AssertionError("no picture")

    await asyncio.sleep(random.random() * 2)
    task = asyncio.create_task(asyncio.to_thread(watch))
    await asyncio.to_thread(began.wait)
    if sync:
        feeds.want_key(name)
    return await task


if __name__ == "__main__":
    asyncio.run(main())
