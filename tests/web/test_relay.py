"""The relay passes what it does not understand, both ways, and closes with a reason."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from safetynet.app.ports import find_free_ports
from tests.support import DEADLINE_S, eventually
from tests.web.conftest import Web
from tests.web.test_live import close_code

Messages = list[str | bytes]


class EchoGateway:
    """Says hello, gives back what it hears, and ends where it is told to."""

    def __init__(self) -> None:
        self.heard: Messages = []
        self.left = 0
        self.url = ""

    async def serve(self, viewer: ServerConnection) -> None:
        await viewer.send("challenge")
        async for message in viewer:
            self.heard.append(message)
            if message == "end":
                await viewer.send("ended")
                return
            await viewer.send(message)
        self.left += 1


@pytest.fixture
async def gateway() -> AsyncIterator[EchoGateway]:
    gateway = EchoGateway()
    async with serve(gateway.serve, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        gateway.url = f"ws://127.0.0.1:{port}/view/mapo"
        yield gateway


def opened(web: Web, owner: str) -> connect:
    return connect(f"{web.socket_url}/api/relay/{owner}", proxy=None, max_size=None)


async def test_text_and_bytes_pass_both_ways_as_they_are(web: Web, gateway: EchoGateway) -> None:
    web.desk.gateways["mapo"] = gateway.url
    said: Messages = ["가", b"\x00\xff", "", b"", b"x" * 16_000]
    async with opened(web, "mapo") as socket, asyncio.timeout(DEADLINE_S):
        assert await socket.recv() == "challenge"
        for message in said:
            await socket.send(message)
            assert await socket.recv() == message
        await socket.send("end")
        assert await socket.recv() == "ended"
        assert await close_code(socket) == (1000, "")
    assert gateway.heard == [*said, "end"]


async def test_a_viewer_that_leaves_leaves_the_gateway_too(web: Web, gateway: EchoGateway) -> None:
    web.desk.gateways["mapo"] = gateway.url
    async with opened(web, "mapo") as socket:
        await socket.recv()
    await eventually(lambda: gateway.left)


async def test_a_viewer_that_sends_too_much_is_let_go(web: Web, gateway: EchoGateway) -> None:
    web.desk.gateways["mapo"] = gateway.url
    async with opened(web, "mapo") as socket:
        await socket.send("x" * 20_000)
        assert (await close_code(socket))[0] == 1000
    assert gateway.heard == []


async def test_an_unknown_owner_is_said_to_be_unknown(web: Web) -> None:
    async with opened(web, "busan") as socket:
        assert await close_code(socket) == (4404, "relay.owner")


async def test_an_owner_whose_gateway_is_away_is_said_to_be_away(web: Web) -> None:
    web.desk.gateways["mapo"] = f"ws://127.0.0.1:{find_free_ports(1)[0]}/view/mapo"
    async with opened(web, "mapo") as socket:
        assert await close_code(socket) == (4503, "relay.gateway_away")
