"""Cameras of the scenes that viewers watch: real RTSP, one recorded loop of H.264 for all of them.

``python -m chaos.cameras PORT``. What is tried is when a picture stops, so nothing is rendered, and each picture
was encoded once.
"""

import asyncio
import math
import random
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from bench.federation.places import HEADER

from safetynet.app.orphan import run_until_asked
from safetynet.base.clock import SystemClock
from safetynet.base.geo import LonLat
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.model import PICTURE_PX, CameraKind
from safetynet.sim.camera import CameraPark, Pose, VirtualCamera
from safetynet.sim.rtsp.encoder import FRAMES_PER_S, AccessUnit, H264Encoder
from safetynet.sim.rtsp.feed import KEY_PERIOD_S, Feeds
from safetynet.sim.rtsp.lens import Picture
from safetynet.sim.rtsp.server import RtspServer

RING_M = 9.0
"""Cameras of a scene stand in a ring around the place and look at it."""
HEIGHT_M = 5.0
M_PER_DEG = 111_320.0
HOME = Pose(azimuth_deg=0.0, tilt_deg=30.0, hfov_deg=60.0)


class Gray:
    """A source that costs nothing: the tape does not look at it."""

    def __init__(self) -> None:
        self._picture = np.full((PICTURE_PX[1], PICTURE_PX[0], 3), 128, np.uint8)

    def render(self, camera: CameraId, pose: Pose, at: datetime, scale: int = 1) -> Picture:
        """Always the same picture."""
        return self._picture


class Tape:
    """An encoder that plays what was encoded before: a key frame, and then what follows it."""

    def __init__(self, units: list[AccessUnit]) -> None:
        self._units = units
        self._next = 0

    def encode(self, rgb: Picture, captured_us: int, *, key: bool) -> AccessUnit:
        """The next unit of the loop, which begins anew where a key frame is due."""
        if key:
            self._next = 0
        unit = self._units[self._next]
        self._next = (self._next + 1) % len(self._units)
        return replace(unit, captured_us=captured_us)


def record() -> list[AccessUnit]:
    """One group of pictures: a dark block that wanders over gray."""
    encoder = H264Encoder()
    at_us = int(datetime.now(UTC).timestamp() * 1e6)
    units = []
    for n in range(KEY_PERIOD_S * FRAMES_PER_S):
        picture = np.full((PICTURE_PX[1], PICTURE_PX[0], 3), 128, np.uint8)
        picture[300:400, 40 * n : 40 * n + 100] = 32
        units.append(encoder.encode(picture, at_us + n * 1_000_000 // FRAMES_PER_S, key=n == 0))
    return units


class AnyCamera(CameraPark):
    """Every camera that somebody names is there."""

    def find(self, camera: str) -> VirtualCamera | None:
        """The camera of that id, made where it is not there yet."""
        known = super().find(camera)
        if known is None:
            known = VirtualCamera(CameraId(camera), camera, HOME, CameraKind.FIXED)
            self.add(known)
        return known


def write_scene(
    path: Path, node: NodeId, count: int, at: LonLat, turn_deg: float | None = None
) -> None:
    """A district's list of cameras: in a ring around ``at``, each looking there; the first where it is told."""
    rows = []
    tilt_deg = math.degrees(math.atan2(HEIGHT_M, RING_M))
    for n in range(count):
        bearing_deg = 360.0 * n / count
        east_m = RING_M * math.sin(math.radians(bearing_deg))
        north_m = RING_M * math.cos(math.radians(bearing_deg))
        lon = at.lon + east_m / (M_PER_DEG * math.cos(math.radians(at.lat)))
        lat = at.lat + north_m / M_PER_DEG
        azimuth_deg = (bearing_deg + 180.0) % 360.0
        if n == 0 and turn_deg is not None:
            azimuth_deg = turn_deg
        rows.append(
            f"{node}-{n:05d},{node} {n},{lon:.6f},{lat:.6f},"
            f"{HEIGHT_M:g},{azimuth_deg:.1f},{tilt_deg:.1f},60,fixed\n"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + "".join(rows), encoding="utf-8")


async def serve(port: int) -> None:
    """Until asked to end."""
    clock, units = SystemClock(), await asyncio.to_thread(record)
    async with (
        Feeds(Gray(), clock, lambda: Tape(units)) as feeds,
        RtspServer(park=AnyCamera(), feeds=feeds, clock=clock, rng=random.Random(1), port=port),
    ):
        await asyncio.Event().wait()


def main() -> None:
    """Entry of ``python -m chaos.cameras PORT``."""
    asyncio.run(run_until_asked(serve(int(sys.argv[1]))))


if __name__ == "__main__":
    main()
