"""The gateway's door: paths, deadlines, crowds and slow viewers; and the relay beside it."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from safetynet.base.errors import UnavailableError
from safetynet.base.ids import CameraId
from safetynet.video.ipc import Ask, Cut, Ended, Opened
from safetynet.video.limits import Limits
from safetynet.video.relay import relay

from .conftest import DEADLINE_S, OpenControl, Scene, Viewer

OpenViewer = Callable[[str], Awaitable[Viewer]]
CAMERA = CameraId("mapo-00001")


async def test_the_path_names_the_owner_and_every_challenge_is_new(
    open_control: OpenControl, open_viewer: OpenViewer
) -> None:
    control = await open_control(Limits(owner="seocho"))
    address = await control.address()
    said = [await (await open_viewer(a)).receive() for a in (address, address, address[:-5])]
    challenges = [c for c in said if isinstance(c, dict)]
    assert [c["audience"] for c in challenges] == ["mapo", "mapo", "seocho"]
    assert len({c["nonce"] for c in challenges}) == 3
    for path in ("/other", "/view/Mapo!", "/view/mapo/more"):
        with pytest.raises(InvalidStatus):
            await open_viewer(address.replace("/view/mapo", path))


@pytest.mark.parametrize("sent", ["", "[]", '{"type":"present","grant":1}', b"\x00\x01"])
async def test_a_presentation_that_is_none_is_refused_without_asking(
    open_control: OpenControl, open_viewer: OpenViewer, sent: str | bytes
) -> None:
    control = await open_control()
    viewer = await open_viewer(await control.address())
    await viewer.receive()
    await viewer.socket.send(sent)
    answer = await viewer.receive()
    assert isinstance(answer, dict)
    assert answer["code"] == "view.malformed"
    assert not [m for m in control.said if isinstance(m, Ask)]


async def test_a_presentation_beyond_the_limit_closes_the_door(
    open_control: OpenControl, open_viewer: OpenViewer
) -> None:
    control = await open_control()
    viewer = await open_viewer(await control.address())
    await viewer.receive()
    await viewer.socket.send(json.dumps({"type": "present", "grant": "g" * 20_000, "proof": ""}))
    with pytest.raises(ConnectionClosed):
        await viewer.receive()
    assert viewer.socket.close_code == 1009


async def test_who_presents_nothing_is_sent_away(
    open_control: OpenControl, open_viewer: OpenViewer
) -> None:
    control = await open_control(Limits(handshake_s=0.2))
    viewer = await open_viewer(await control.address())
    await viewer.receive()
    answer = await viewer.receive()
    assert isinstance(answer, dict)
    assert answer["code"] == "view.too_slow"


async def test_a_silent_owner_and_a_full_house_are_told_as_such(
    open_control: OpenControl, open_viewer: OpenViewer
) -> None:
    control = await open_control(Limits(verdict_s=0.3, max_sessions=1))
    control.decide = lambda ask: None
    first = await open_viewer(await control.address())
    second = await open_viewer(await control.address())
    full = await second.receive()
    assert isinstance(full, dict)
    assert full["code"] == "gateway.full"
    assert (await first.present())["code"] == "owner.silent"


async def test_a_viewer_that_does_not_read_is_cut_all_the_same(
    scene: Scene, open_control: OpenControl
) -> None:
    control = await open_control(Limits(queue_messages=5, still_s=DEADLINE_S))
    control.prepare(CAMERA, scene.source(CAMERA))
    control.accept(CAMERA)
    async with connect(
        await control.address(), compression=None, max_queue=1, proxy=None
    ) as socket:
        viewer = Viewer(socket)
        await viewer.present()
        (opened,) = await control.heard(Opened)
        socket.transport.pause_reading()
        control.worker.send(Cut(session=opened.session, reason="closed"))
        (ended,) = await control.heard(Ended)
        assert ended.reason == "closed"
        socket.transport.abort()


class Pipe:
    """A viewer's end of the relay, as queues."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[str | bytes | None] = asyncio.Queue(100)
        self.got: asyncio.Queue[str | bytes] = asyncio.Queue(100)

    async def receive(self) -> str | bytes | None:
        return await self.sent.get()

    async def send(self, message: str | bytes) -> None:
        await self.got.put(message)


async def test_the_relay_passes_both_ways_until_the_gateway_closes() -> None:
    async def gateway(socket: ServerConnection) -> None:
        await socket.send("challenge")
        await socket.send(b"\x01" + await socket.recv(decode=False))

    async with serve(gateway, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        pipe = Pipe()
        pipe.sent.put_nowait("present")
        async with asyncio.timeout(DEADLINE_S):
            await relay(pipe, f"ws://127.0.0.1:{port}")
    assert [pipe.got.get_nowait() for _ in range(2)] == ["challenge", b"\x01present"]


async def test_the_relay_closes_the_gateway_when_the_viewer_leaves() -> None:
    left = asyncio.Event()

    async def gateway(socket: ServerConnection) -> None:
        await socket.wait_closed()
        left.set()

    async with serve(gateway, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        pipe = Pipe()
        pipe.sent.put_nowait(None)
        async with asyncio.timeout(DEADLINE_S):
            await relay(pipe, f"ws://127.0.0.1:{port}")
            await left.wait()


async def test_a_gateway_that_is_away_is_said_to_be() -> None:
    async with serve(lambda _: asyncio.sleep(0), "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
    with pytest.raises(UnavailableError) as caught:
        await relay(Pipe(), f"ws://127.0.0.1:{port}")
    assert caught.value.code == "relay.gateway_away"


async def test_a_relayed_viewer_sees_the_camera(scene: Scene, open_control: OpenControl) -> None:
    control = await open_control()
    control.prepare(CAMERA, scene.source(CAMERA))
    control.accept(CAMERA)
    address = await control.address()

    async def hub(socket: ServerConnection) -> None:
        class End:
            async def receive(self) -> str | bytes | None:
                try:
                    return await socket.recv()
                except ConnectionClosed:
                    return None

            async def send(self, message: str | bytes) -> None:
                await socket.send(message)

        await relay(End(), address)

    async with serve(hub, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}", proxy=None) as socket:
            viewer = Viewer(socket)
            assert (await viewer.present())["type"] == "accepted"
            await viewer.media(3)
            (opened,) = await control.heard(Opened)
            control.worker.send(Cut(session=opened.session, reason="closed"))
            _, last = await viewer.rest()
            assert last == {"type": "ended", "reason": "closed"}
