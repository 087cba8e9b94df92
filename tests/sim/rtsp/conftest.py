"""Two cameras that show a test picture, and a server for them."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest

from safetynet.base.clock import SystemClock
from safetynet.base.ids import CameraId
from safetynet.city.model import CameraKind
from safetynet.sim.camera import CameraPark, Pose, VirtualCamera
from safetynet.sim.rtsp.digest import Credentials
from safetynet.sim.rtsp.feed import Feeds
from safetynet.sim.rtsp.pattern import MovingBars
from safetynet.sim.rtsp.server import RtspServer


@dataclass(frozen=True, kw_only=True)
class Studio:
    """A running server and what stands behind it."""

    port: int
    park: CameraPark
    feeds: Feeds
    source: MovingBars

    def url(self, camera: str, who: str = "") -> str:
        return f"rtsp://{who}127.0.0.1:{self.port}/{camera}"


Open = Callable[..., AbstractAsyncContextManager[Studio]]


@asynccontextmanager
async def _open(
    credentials: Credentials | None = None, session_timeout_s: float = 60.0
) -> AsyncIterator[Studio]:
    park, source, clock = CameraPark(), MovingBars(), SystemClock()
    home = Pose(azimuth_deg=90, tilt_deg=20, hfov_deg=60)
    for name, kind in (("mapo-00001", CameraKind.FIXED), ("mapo-00002", CameraKind.PTZ)):
        park.add(VirtualCamera(CameraId(name), name, home, kind))
    async with (
        Feeds(source, clock) as feeds,
        RtspServer(
            park=park,
            feeds=feeds,
            clock=clock,
            rng=random.Random(1),
            credentials=credentials,
            session_timeout_s=session_timeout_s,
        ) as server,
    ):
        yield Studio(port=server.port, park=park, feeds=feeds, source=source)


@pytest.fixture
def open_studio() -> Open:
    """Opens a server with two cameras, one fixed (``mapo-00001``) and one PTZ (``mapo-00002``)."""
    return _open
