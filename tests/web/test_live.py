"""The live socket of a console."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from safetynet.access.proof import new_viewer_key, viewer_key
from safetynet.base.errors import RefusedError
from safetynet.base.ids import NodeId
from safetynet.web import live
from safetynet.web.desk import FEED_LIMIT
from safetynet.web.types import EyesOn, NodeEvent, NodeView
from tests.support import DEADLINE_S, eventually
from tests.web.conftest import Web
from tests.web.desk import NOW

KEY = viewer_key(new_viewer_key())
HELLO = {
    "type": "hello",
    "agency": "119",
    "name": "관제 1",
    "key": {"kty": KEY.kty, "crv": KEY.crv, "x": KEY.x, "y": KEY.y},
}
EYES_ON = {"type": "eyes_on", "incident": "inc_1", "camera": "mapo-00001", "grant": "grant_1"}


def event(number: int) -> NodeEvent:
    node = NodeView(
        node=NodeId("mapo"), state="here", can_show=True, since=NOW, cameras=1, head=number
    )
    return NodeEvent(node=node)


def opened(web: Web) -> connect:
    return connect(web.socket_url + "/api/live", proxy=None, max_size=None)


async def receive(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(DEADLINE_S):
        message: dict[str, Any] = json.loads(await socket.recv())
        return message


async def close_code(socket: ClientConnection) -> tuple[int, str]:
    """Read on until the other side closes; its code and reason."""
    async with asyncio.timeout(DEADLINE_S):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            assert closed.rcvd is not None, "closed without a word"
            return closed.rcvd.code, closed.rcvd.reason


async def test_the_snapshot_comes_first_and_events_in_order(web: Web) -> None:
    async with opened(web) as socket:
        await socket.send(json.dumps(HELLO))
        assert (await receive(socket))["type"] == "snapshot"
        (feed,) = web.desk.feeds
        for number in range(200):
            feed.put(event(number))
        heads: list[int] = []
        while len(heads) < 200:
            message = await receive(socket)
            if message["type"] == "node":
                heads.append(message["node"]["head"])
        assert heads == list(range(200))


async def test_beats_show_that_the_hub_is_alive(web: Web) -> None:
    async with opened(web) as socket:
        await socket.send(json.dumps(HELLO))
        assert [(await receive(socket))["type"] for _ in range(2)] == ["snapshot", "beat"]


async def test_what_the_console_says_reaches_the_desk_and_a_refusal_does_not_end_it(
    web: Web,
) -> None:
    async with opened(web) as socket:
        await socket.send(json.dumps(HELLO))
        await receive(socket)
        web.desk.error = RefusedError("eyes.no_grant", "no such grant")
        await socket.send(json.dumps(EYES_ON | {"grant": "grant_x"}))
        await receive(socket)
        web.desk.error = None
        await socket.send(json.dumps(EYES_ON))
        await eventually(lambda: web.desk.heard)
    assert [m.grant for m in web.desk.heard if isinstance(m, EyesOn)][-1:] == ["grant_1"]


async def test_a_console_that_leaves_is_told_to_the_desk_once(web: Web) -> None:
    async with opened(web) as socket:
        await socket.send(json.dumps(HELLO))
        await receive(socket)
    await eventually(lambda: web.desk.left)
    assert web.desk.left == web.desk.feeds


async def test_a_console_that_vanishes_without_a_word_is_noticed(web: Web) -> None:
    socket = await opened(web)
    await socket.send(json.dumps(HELLO))
    await receive(socket)
    socket.transport.abort()
    await eventually(lambda: web.desk.left)
    assert web.desk.left == web.desk.feeds


@pytest.mark.parametrize(
    "first", ["", "hello", "{}", json.dumps(EYES_ON), json.dumps(HELLO | {"key": 1}), b"\x00"]
)
async def test_what_is_no_hello_closes_the_socket(web: Web, first: str | bytes) -> None:
    async with opened(web) as socket:
        await socket.send(first)
        assert (await close_code(socket))[0] == 4400
    assert web.desk.feeds == []


async def test_a_refused_hello_says_why(web: Web) -> None:
    async with opened(web) as socket:
        await socket.send(json.dumps(HELLO | {"agency": "nobody"}))
        assert await close_code(socket) == (4400, "viewer.agency")


async def test_a_console_that_never_says_hello_is_closed(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HELLO_WITHIN_S", 0.05)
    async with opened(web) as socket:
        assert (await close_code(socket))[0] == 4400


async def test_garbage_later_on_closes_too_and_the_desk_hears_of_it(web: Web) -> None:
    async with opened(web) as socket:
        await socket.send(json.dumps(HELLO))
        await receive(socket)
        await socket.send("{")
        assert (await close_code(socket))[0] == 4400
    await eventually(lambda: web.desk.left)


async def test_a_console_that_is_too_far_behind_is_closed_as_overrun(web: Web) -> None:
    async with opened(web) as socket:
        await socket.send(json.dumps(HELLO))
        await receive(socket)
        for number in range(FEED_LIMIT + 2):
            web.desk.feeds[0].put(event(number))
        assert await close_code(socket) == (4413, "live.overrun")
    await eventually(lambda: web.desk.left)


async def test_two_consoles_do_not_hold_each_other_up(web: Web) -> None:
    async with opened(web) as first, opened(web) as second:
        for socket in (first, second):
            await socket.send(json.dumps(HELLO))
            await receive(socket)
        for number in range(FEED_LIMIT + 2):
            web.desk.feeds[0].put(event(number))
        web.desk.feeds[1].put(event(7))
        assert (await close_code(first))[0] == 4413
        assert await eventually(lambda: receive(second))
