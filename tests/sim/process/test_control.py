"""What the control interface promises, in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import av
import httpx
import msgspec
import pytest

from safetynet.base.clock import SystemClock
from safetynet.city.model import City
from safetynet.links.ucp.frame import Answer, encode_answer, parse_frame
from safetynet.sim.asgi import Receive, Scope, Send, read_body, send_response, serve_asgi
from safetynet.sim.callers import Hub
from safetynet.sim.process import Options, open_simulation


@asynccontextmanager
async def running(city: City, hub: Hub | None = None) -> AsyncIterator[Any]:
    """A client of the control interface, and the ports."""
    async with (
        open_simulation(city, Options(hub=hub or Hub()), SystemClock()) as ready,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{ready.control_port}", timeout=60) as control,
    ):
        yield control


@asynccontextmanager
async def grumpy_hub(refusals: int) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Answers that many frames with an error, then well; gives its port and the frames it saw."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            seen.append(await reader.readuntil(b"\x1e;"))
            good = len(seen) > refusals
            writer.write(encode_answer(Answer(good=good, text="OK" if good else "disk full")))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], seen


async def test_callers_repeat_the_same_key_until_they_are_acknowledged(city: City) -> None:
    async with grumpy_hub(2) as (port, seen), running(city) as control:
        await control.put("/hub", json={"ucp": f"127.0.0.1:{port}"})
        order = {"kind": "crowd", "lon": 126.92, "lat": 37.55, "drill": True}
        staged = (await control.post("/stage", json=order)).json()
    assert staged["reported"]
    assert staged["sender"] == "112"
    frames = [parse_frame(raw) for raw in seen]
    assert [f.fields[0] for f in frames] == [staged["key"]] * 3
    assert frames[0].fields[1] == "CODE1"
    assert "[훈련]" in frames[0].fields[2]


async def test_a_hub_that_never_answers_leaves_the_thing_in_the_world(city: City) -> None:
    async with running(city) as control:
        order = {"kind": "fire", "lon": 126.92, "lat": 37.55}
        staged = (await control.post("/stage", json=order)).json()
        assert not staged["reported"]
        assert [t["kind"] for t in (await control.get("/world")).json()["things"]] == ["fire"]


async def test_reports_travel_by_http_too(city: City) -> None:
    seen: list[Any] = []

    async def hub(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(msgspec.json.decode(await read_body(receive, 1 << 16) or b""))
        await send_response(send, 201, b"{}", {"content-type": "application/json"})

    async with serve_asgi(hub, "127.0.0.1", 0) as port:
        where = Hub(http_report_url=f"http://127.0.0.1:{port}/api/reports")
        async with running(city, where) as control:
            order = {"kind": "vehicle", "lon": 126.92, "lat": 37.55, "via": "http"}
            staged = (await control.post("/stage", json=order)).json()
            await control.delete(f"/stage/{staged['id']}")
    assert [(r["key"], r["kind"], r["progress"]) for r in seen] == [
        (staged["key"], "rescue", 10),
        (staged["key"], "rescue", 91),
    ]


async def test_wrong_orders_are_told_what_is_wrong(city: City) -> None:
    async with running(city) as control:
        wrong = await control.post("/stage", json={"kind": "ufo", "lon": 1, "lat": 1})
        assert (wrong.status_code, wrong.json()["type"]) == (400, "http.body")
        nowhere = await control.post("/stage", json={"kind": "fire", "lon": 0, "lat": 0})
        assert nowhere.json()["type"] == "stage.place"
        unknown = await control.post("/faults", json={"camera": "x", "fault": "dead"})
        assert (unknown.status_code, unknown.json()["type"]) == (404, "camera.unknown")
        assert (await control.delete("/stage/none")).status_code == 404
        assert (await control.get("/nothing")).status_code == 404


async def test_only_pages_of_this_machine_may_ask(city: City) -> None:
    async with running(city) as control:
        ours = {"origin": "http://localhost:8080", "access-control-request-method": "POST"}
        allowed = await control.options("/stage", headers=ours)
        assert allowed.headers["access-control-allow-origin"] == "http://localhost:8080"
        assert "content-type" in allowed.headers["access-control-allow-headers"]
        theirs = await control.get("/world", headers={"origin": "http://localhost.evil.example"})
        assert theirs.status_code == 403


async def test_a_dead_camera_closes_and_a_healed_one_answers(city: City) -> None:
    def read(url: str) -> None:
        with av.open(url, options={"rtsp_transport": "tcp"}, timeout=20) as container:
            next(container.decode(video=0))

    async with running(city) as control:
        url = (await control.get("/cameras/mapo-00002")).json()["rtsp"]
        await control.post("/faults", json={"camera": "mapo-00002", "fault": "dead"})
        with pytest.raises(av.error.FFmpegError):
            await asyncio.to_thread(read, url)
        await control.post("/faults", json={"camera": "mapo-00002", "fault": "none"})
        await asyncio.to_thread(read, url)


async def test_where_the_hub_does_not_take_it_the_districts_own_desk_is_told(city: City) -> None:
    async with grumpy_hub(0) as (port, seen), running(city) as control:
        hub = {"ucp": "127.0.0.1:1", "desks": {"11440": f"127.0.0.1:{port}", "11650": "x:1"}}
        await control.put("/hub", json=hub)
        order = {"kind": "fire", "lon": 126.92, "lat": 37.55}
        staged = (await control.post("/stage", json=order)).json()
    assert staged["reported"]
    assert [parse_frame(raw).fields[0] for raw in seen] == [staged["key"]]
