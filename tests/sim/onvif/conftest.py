"""A fixed and a PTZ camera with RTSP and ONVIF servers around them."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest

from safetynet.base.clock import SystemClock
from safetynet.base.ids import CameraId
from safetynet.city.model import CameraKind
from safetynet.sim.asgi import serve_asgi
from safetynet.sim.camera import CameraPark, Pose, VirtualCamera
from safetynet.sim.onvif.server import OnvifApp
from safetynet.sim.rtsp.digest import Credentials
from safetynet.sim.rtsp.feed import Feeds
from safetynet.sim.rtsp.pattern import MovingBars
from safetynet.sim.rtsp.server import RtspServer


@dataclass(frozen=True, kw_only=True)
class Site:
    """Both servers' ports and what stands behind them."""

    port: int
    park: CameraPark
    feeds: Feeds


@asynccontextmanager
async def _open(credentials: Credentials | None = None) -> AsyncIterator[Site]:
    park, clock, rng = CameraPark(), SystemClock(), random.Random(1)
    home = Pose(azimuth_deg=90, tilt_deg=18, hfov_deg=60)
    for name, kind in (("mapo-00001", CameraKind.FIXED), ("mapo-00002", CameraKind.PTZ)):
        park.add(VirtualCamera(CameraId(name), name, home, kind))
    async with (
        Feeds(MovingBars(), clock) as feeds,
        RtspServer(park=park, feeds=feeds, clock=clock, rng=rng, credentials=credentials) as rtsp,
    ):
        app = OnvifApp(
            park=park,
            feeds=feeds,
            clock=clock,
            rng=rng,
            credentials=credentials,
            stream_base=f"rtsp://127.0.0.1:{rtsp.port}",
        )
        async with serve_asgi(app, "127.0.0.1", 0) as port:
            yield Site(port=port, park=park, feeds=feeds)


@pytest.fixture
def open_site() -> Callable[..., AbstractAsyncContextManager[Site]]:
    """Opens both servers for a fixed camera ``mapo-00001`` and a PTZ ``mapo-00002``."""
    return _open
