"""A real worker process, real virtual cameras, and a control that says what the test tells it to."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import pytest
from websockets.asyncio.client import ClientConnection, connect

from safetynet.access.proof import new_viewer_key, sign_proof
from safetynet.base.clock import SystemClock
from safetynet.base.ids import CameraId, GrantId, NodeId
from safetynet.city.model import CameraKind
from safetynet.sim.asgi import serve_asgi
from safetynet.sim.camera import CameraPark, Pose, VirtualCamera
from safetynet.sim.onvif.server import OnvifApp
from safetynet.sim.rtsp.digest import Credentials
from safetynet.sim.rtsp.feed import Feeds
from safetynet.sim.rtsp.pattern import MovingBars
from safetynet.sim.rtsp.server import RtspServer
from safetynet.video.control import VideoWorker
from safetynet.video.ipc import Ask, Listening, Prepare, Source, ToControl, Turn, Verdict
from safetynet.video.limits import Limits
from safetynet.video.wire import MediaMessage, decode_media

DEADLINE_S = 20.0
PATIENT = Limits(still_s=DEADLINE_S, source_s=DEADLINE_S)
"""Order is what the tests look at, not speed."""
HOME = Turn(azimuth_deg=90, tilt_deg=18, hfov_deg=60)
USER = Credentials(user="viewer@city", password="p:w/d")


class Scene:
    """Three PTZ cameras that serve RTSP and ONVIF; each asks for a password where told to."""

    def __init__(self, park: CameraPark, feeds: Feeds, rtsp_port: int, onvif_port: int) -> None:
        self.park = park
        self.feeds = feeds
        self._rtsp, self._onvif = rtsp_port, onvif_port

    def source(self, camera: CameraId, *, onvif: bool = True, password: bool = False) -> Source:
        base = f"http://127.0.0.1:{self._onvif}/onvif/{camera}/device_service"
        return Source(
            rtsp_url=f"rtsp://127.0.0.1:{self._rtsp}/{camera}",
            onvif_url=base if onvif else None,
            user=USER.user if password else None,
            password=USER.password if password else None,
            home=HOME if onvif else None,
        )


@asynccontextmanager
async def _scene(credentials: Credentials | None = None) -> AsyncIterator[Scene]:
    park, clock = CameraPark(), SystemClock()
    home = Pose(azimuth_deg=HOME.azimuth_deg, tilt_deg=HOME.tilt_deg, hfov_deg=HOME.hfov_deg)
    for n in range(4):
        name = CameraId(f"mapo-0000{n}")
        park.add(VirtualCamera(name, name, home, CameraKind.PTZ))
    async with (
        Feeds(MovingBars(), clock) as feeds,
        RtspServer(
            park=park, feeds=feeds, clock=clock, rng=random.Random(1), credentials=credentials
        ) as rtsp,
    ):
        app = OnvifApp(
            park=park,
            feeds=feeds,
            clock=clock,
            rng=random.Random(2),
            stream_base=f"rtsp://127.0.0.1:{rtsp.port}",
            credentials=credentials,
        )
        async with serve_asgi(app, "127.0.0.1", 0) as port:
            yield Scene(park, feeds, rtsp.port, port)


class Control:
    """Hears everything that the worker says, and answers each ``Ask`` as ``decide`` does."""

    def __init__(self, worker: VideoWorker) -> None:
        self.worker = worker
        self.said: list[ToControl] = []
        self.decide: Callable[[Ask], Verdict | None] = lambda ask: Verdict(
            session=ask.session, accepted=False, code="grant.unknown", message="no"
        )
        self._news = asyncio.Condition()
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for message in self.worker:
            async with self._news:
                self.said.append(message)
                self._news.notify_all()
            if isinstance(message, Ask) and (verdict := self.decide(message)) is not None:
                self.worker.send(verdict)

    def accept(self, camera: CameraId, lease_s: float = 60) -> None:
        """From now on every viewer is shown this camera."""
        self.decide = lambda ask: Verdict(
            session=ask.session, accepted=True, camera=camera, lease_s=lease_s
        )

    def prepare(self, camera: CameraId, source: Source, lock: str = "inc_1") -> None:
        self.worker.send(Prepare(camera=camera, source=source, turn=None, lock=lock))

    async def heard[T](self, kind: type[T], count: int = 1, **fields: object) -> list[T]:
        """Wait until that many messages of this kind and with these fields have come."""

        def matching() -> list[T]:
            found = [m for m in self.said if isinstance(m, kind)]
            return [m for m in found if all(getattr(m, k) == v for k, v in fields.items())]

        async with asyncio.timeout(DEADLINE_S), self._news:
            await self._news.wait_for(lambda: len(matching()) >= count)
            return matching()

    async def address(self) -> str:
        """Where the gateway listens."""
        (listening,) = await self.heard(Listening)
        return f"ws://{listening.host}:{listening.port}/view/mapo"

    async def close(self) -> int:
        code = await self.worker.stop(patience_s=10)
        await self._listening
        return code


class Viewer:
    """A viewer with a P-256 key of its own."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.key = new_viewer_key()
        self.answer: dict[str, Any] = {}

    async def receive(self) -> MediaMessage | dict[str, Any]:
        async with asyncio.timeout(DEADLINE_S):
            message = await self.socket.recv()
        return decode_media(message) if isinstance(message, bytes) else json.loads(message)

    async def present(self, grant: str = "a grant") -> dict[str, Any]:
        """Answer the challenge; what the gateway says to it."""
        challenge = await self.receive()
        assert isinstance(challenge, dict)
        assert challenge["type"] == "challenge"
        proof = sign_proof(
            self.key, NodeId(challenge["audience"]), GrantId(grant), challenge["nonce"]
        )
        await self.socket.send(json.dumps({"type": "present", "grant": grant, "proof": proof}))
        answer = await self.receive()
        assert isinstance(answer, dict)
        self.answer = answer
        return answer

    async def media(self, count: int) -> list[MediaMessage]:
        """The next media messages."""
        found: list[MediaMessage] = []
        while len(found) < count:
            message = await self.receive()
            assert isinstance(message, MediaMessage), message
            found.append(message)
        return found

    async def rest(self) -> tuple[list[MediaMessage], dict[str, Any]]:
        """Everything up to the end, and what was said last."""
        media = []
        while isinstance(message := await self.receive(), MediaMessage):
            media.append(message)
        return media, message


class OpenControl(Protocol):
    """Starts a worker; it ends with the test."""

    def __call__(self, limits: Limits | None = None) -> Awaitable[Control]: ...


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """Cameras that anybody may open."""
    async with _scene() as found:
        yield found


@pytest.fixture
async def locked_scene() -> AsyncIterator[Scene]:
    """Cameras that ask for a password."""
    async with _scene(USER) as found:
        yield found


@pytest.fixture
async def open_control() -> AsyncIterator[OpenControl]:
    """Starts workers with a control that refuses everybody until told otherwise."""
    opened: list[Control] = []

    async def start(limits: Limits | None = None) -> Control:
        opened.append(Control(await VideoWorker.start(limits or PATIENT)))
        return opened[-1]

    yield start
    for control in opened:
        await control.close()


@pytest.fixture
async def open_viewer() -> AsyncIterator[Callable[[str], Awaitable[Viewer]]]:
    """Connects viewers."""
    opened: list[Viewer] = []

    async def start(address: str) -> Viewer:
        socket = await connect(address, compression=None, max_size=None, proxy=None)
        opened.append(Viewer(socket))
        return opened[-1]

    yield start
    for viewer in opened:
        await viewer.socket.close()
