"""A district goes on alone: the hub and its message server die, and the district's own desk takes reports,
chooses, grants, shows and ends; afterwards both sides agree, and the record says who decided what."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio

from safetynet.access.grants import decode_grant, encode_grant
from safetynet.access.keys import KeyRing, open_node_key
from safetynet.app.live_check import run_live_check
from safetynet.app.replay.command import run_replay
from safetynet.base.geo import LonLat
from safetynet.base.ids import CameraId, GrantId, NodeId
from safetynet.city.synth import small_city
from safetynet.incident.model import IncidentKind, Progress
from safetynet.links.ucp.client import connect_ucp
from safetynet.links.ucp.dispatch119 import encode_119
from tests.app.conftest import SEED, Town
from tests.app.viewer import open_console
from tests.support import eventually

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


class Door:
    """A district's own desk, as those who work there speak to it."""

    def __init__(self, town: Town, node: str) -> None:
        found = town.embedded.find_desk(NodeId(node))
        assert found is not None
        self.node = node
        self.settings = found
        self.url = f"http://{found.host}:{found.http_port}"
        self.http = httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=20)

    async def get(self, path: str, **query: Any) -> Any:
        """JSON of a GET."""
        answer = await self.http.get(path, params=query)
        answer.raise_for_status()
        return answer.json()

    async def report(self, **fields: Any) -> dict[str, Any]:
        """Report by HTTP; the desk's answer."""
        answer = await self.http.post("/api/reports", json={"sender": "119", **fields})
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def call_119(self, key: str, at: LonLat, progress: Progress) -> None:
        """Send a frame; it must be acknowledged."""
        frame = encode_119(
            number=key,
            kind=IncidentKind.FIRE,
            detail="연기가 보인다",
            at=at,
            address="",
            dong_code="",
            message_time=datetime.now(UTC),
            progress=progress,
        )
        async with connect_ucp(self.settings.host, self.settings.ucp_port) as client:
            answer = await client.send(frame)
        assert answer.good, answer.text

    async def incident(self, key: str, **fields: Any) -> dict[str, Any]:
        """The incident of a number, as soon as the desk lists it with these fields."""

        async def look() -> dict[str, Any] | None:
            listed = await self.get("/api/incidents")
            found = next((i for i in listed if i["key"] == key), None)
            return found if found and all(found[k] == v for k, v in fields.items()) else None

        return await eventually(look)

    async def place(self, *owners: str) -> LonLat:
        """A street corner that cameras of all these owners would show now, by what this desk knows."""
        city = small_city(SEED)
        lon, lat = city.plane.to_lonlat(city.streets.line.xy[:, 0], city.streets.line.xy[:, 1])

        async def look() -> LonLat | None:
            for k in range(0, len(lon), 3):
                at = LonLat(float(lon[k]), float(lat[k]))
                answer = await self.get("/api/views", lon=at.lon, lat=at.lat, target="fire")
                if set(owners) <= {v["owner"] for v in answer["views"]}:
                    return at
            return None

        return await eventually(look)

    async def hub(self, state: str) -> None:
        """Wait until this desk sees the hub so."""

        async def look() -> bool:
            nodes = await self.get("/api/nodes")
            return any(n["node"] == "hub" and n["state"] == state for n in nodes)

        await eventually(look)


class Outage:
    """The hub's process and its message server, stopped and let go on: frozen, they say nothing, and the
    supervisor does not bring them back before they are wanted."""

    def __init__(self, town: Town) -> None:
        self._town = town

    def _signal(self, name: str, what: signal.Signals) -> None:
        pid = self._town.embedded.find_pid(name)
        assert pid is not None
        os.kill(pid, what)

    @asynccontextmanager
    async def of_the_hub(self) -> AsyncIterator[None]:
        """Freeze both; at the end the frozen ones are killed and started anew, as after a crash."""
        names = ("hub", "nats-hub")
        for name in names:
            self._signal(name, signal.SIGSTOP)
        try:
            yield
        finally:
            for name in names:
                self._signal(name, signal.SIGKILL)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(town_folder: Path) -> AsyncIterator[Town]:
    town = Town(town_folder)
    try:
        await town.open()
        yield town
    finally:
        await town.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mapo(town: Town) -> AsyncIterator[Door]:
    door = Door(town, "mapo")
    yield door
    await door.http.aclose()


async def entries(town: Town, node: str, incident: str) -> list[dict[str, Any]]:
    """A node's entries on an incident, as the hub has them."""
    lines = await town.get(f"/api/journal/{node}", incident=incident, limit=1000)
    return [json.loads(line["entry"]) for line in lines]


async def known(town: Town, key: str, **fields: Any) -> dict[str, Any]:
    """What the hub lists of a number, as soon as it has these fields."""

    async def look() -> dict[str, Any] | None:
        listed = [i for i in await town.get("/api/incidents") if i["key"] == key]
        return next((i for i in listed if all(i[k] == v for k, v in fields.items())), None)

    return await eventually(look)


async def back(town: Town) -> None:
    """The hub serves again and has heard of both districts."""

    async def listed() -> bool:
        try:
            nodes = await town.get("/api/nodes")
        except httpx.TransportError:
            return False
        return all(n["state"] == "here" and n["can_show"] for n in nodes)

    await eventually(listed)


async def agrees(town: Town) -> None:
    """``safetynet check --all`` finds nothing wrong."""
    settings = town.data / "settings" / "hub.json"

    async def look() -> bool:
        return await asyncio.to_thread(run_live_check, str(settings)) == 0

    await eventually(look)


async def test_a_district_that_starts_without_the_hub_knows_its_neighbours(
    town: Town, mapo: Door
) -> None:
    """Killed while apart: it comes back apart, with what it had open, and still knows the border."""
    at = await mapo.place("mapo", "seocho")
    key = town.new_key()
    async with Outage(town).of_the_hub():
        await mapo.hub("away")
        taken = await mapo.report(key=key, kind="fire", lon=at.lon, lat=at.lat)
        pid = town.kill("mapo")
        await eventually(lambda: (new := town.embedded.find_pid("mapo")) and new != pid)

        async def again() -> bool:
            try:
                return bool(await mapo.get("/api/nodes"))
            except httpx.TransportError:
                return False

        await eventually(again)
        assert (await mapo.incident(key))["apart"] is True
        async with open_console(mapo.url) as console:
            grant, *_ = await console.granted(taken["incident"], "seocho")
            async with console.watch(grant) as view:
                await view.look(frames=1)
        later = town.new_key()
        await mapo.report(key=later, kind="fire", lon=at.lon, lat=at.lat)
        assert (await mapo.incident(later))["apart"] is True
    await back(town)
    for one in (key, later):
        await known(town, one, apart=True, state="open")
        await mapo.report(key=one, kind="fire", progress=91)
        await known(town, one, state="ended")
    await agrees(town)


async def test_a_district_without_the_hub_takes_chooses_grants_shows_and_ends(
    town: Town, mapo: Door
) -> None:
    at = await mapo.place("mapo", "seocho")
    by_frame, by_http = town.new_key(), town.new_key()
    async with Outage(town).of_the_hub():
        await mapo.hub("away")
        async with open_console(mapo.url) as console:
            await mapo.call_119(by_frame, at, Progress.OCCURRED)
            taken = await mapo.incident(by_frame, apart=True, decided_by="mapo")
            incident = taken["id"]
            own, *_ = await console.granted(incident, "mapo")
            beside, *_ = await console.granted(incident, "seocho")
            async with console.watch(own) as view, console.watch(beside) as other:
                await view.look(frames=2)
                await other.look(frames=2)
                await console.report("eyes_on", own)
                second = await mapo.report(key=by_http, kind="fire", lon=at.lon, lat=at.lat)
                assert second["new"]
                await mapo.call_119(by_frame, at, Progress.ENDED)
                assert (await view.end())["reason"] == "closed"
            await console.shown(incident, state="ended")
            async with console.open(own) as late:
                assert (await late.present(own, console.key))["code"] == "grant.closed"
    await back(town)
    for key, state in ((by_frame, "ended"), (by_http, "open")):
        listed = await known(town, key, decided_by="mapo", apart=True, state=state)
        assert listed["detail"] == "", "words stay sealed with the district"
        own_word = await town.http.post(f"/api/incidents/{listed['id']}/close")
        assert (own_word.status_code, own_word.json()["type"]) == (409, "incident.elsewhere")
    await town.told("mapo", incident, "session.ended/1")
    told = await entries(town, "mapo", incident)
    kinds = [e["kind"] for e in told]
    story = ["report.accepted/1", "incident.opened/1", "grant.issued/1", "session.ended/1"]
    assert set(story) <= set(kinds)
    issuers = {e["body"]["grant"]["issuer"] for e in told if e["kind"] == "grant.issued/1"}
    owners = {e["body"]["grant"]["owner"] for e in told if e["kind"] == "grant.issued/1"}
    assert (issuers, {"mapo", "seocho"} <= owners) == ({"mapo"}, True)
    assert await town.told("seocho", incident, "grant.received/1", "session.ended/1")
    await mapo.report(key=by_http, kind="fire", progress=91)
    await mapo.incident(by_http, state="ended")
    await agrees(town)
    # What was decided apart can be asked again at the hub, the neighbour's cameras with it.
    store, bundle = str(town.data / "hub"), town.data.parent / "bundle"
    assert await asyncio.to_thread(run_replay, store, incident, city=bundle) == 0


async def test_what_the_hub_began_is_ended_here_and_changed_there_and_both_agree(
    town: Town, mapo: Door
) -> None:
    """Closed at the district while the hub could not be told; changed at the hub before it hears."""
    at = await town.place("mapo")
    key = town.new_key()
    async with open_console(town.hub_url) as console:
        await town.call_119(key, at)
        begun = (await town.incident(key))["id"]
        grant, *_ = await console.granted(begun, "mapo")
        async with console.watch(grant) as view:
            await view.look(frames=1)
            async with Outage(town).of_the_hub():
                await mapo.hub("away")
                await mapo.call_119(key, at, Progress.ENDED)
                assert (await view.end())["reason"] == "closed", "its own pictures end at once"
    await back(town)
    ended = await town.incident(key)

    async def over() -> bool:
        return bool((await town.get(f"/api/incidents/{begun}"))["state"] == "ended")

    await eventually(over)
    assert ended["key"] == key
    told = [e for e in await entries(town, "hub", begun) if e["kind"] == "incident.ended/1"]
    assert [e["body"]["reason"] for e in told] == ["told_elsewhere"]
    joined = [e for e in await entries(town, "hub", begun) if e["kind"] == "incident.joined/1"]
    assert [(e["body"]["node"], e["body"]["leads"]) for e in joined] == [("mapo", begun)]
    # A late change at the hub reopens nothing, there or here.
    await town.call_119(key, at, progress=Progress.CHANGED)
    assert (await town.get(f"/api/incidents/{begun}"))["state"] == "ended"
    assert (await mapo.incident(key))["state"] == "ended"
    await agrees(town)


async def test_with_the_hub_a_close_crosses_the_border_at_once(town: Town, mapo: Door) -> None:
    at = await mapo.place("mapo", "seocho")
    key = town.new_key()
    async with open_console(mapo.url) as console:
        taken = await mapo.report(key=key, kind="fire", lon=at.lon, lat=at.lat)
        beside, *_ = await console.granted(taken["incident"], "seocho")
        async with console.watch(beside) as view:
            await view.look(frames=1)
            closed = await mapo.http.post(f"/api/incidents/{taken['incident']}/close")
            assert closed.json()["state"] == "ended"
            assert (await view.end())["reason"] == "closed", "the hub carried the word"
    assert (await known(town, key, state="ended"))["apart"] is False


async def test_a_neighbours_right_beyond_the_border_is_refused_by_the_owner(
    town: Town, mapo: Door
) -> None:
    """The district's own key signs for a camera far inside: a desk that was tampered with."""
    at = await mapo.place("mapo", "seocho")
    key = town.new_key()
    async with open_console(mapo.url) as console:
        taken = await mapo.report(key=key, kind="fire", lon=at.lon, lat=at.lat)
        good, *_ = await console.granted(taken["incident"], "seocho")
        at_border = {c["id"] for c in await mapo.get("/api/cameras", owner="seocho")}
        inside = [c["id"] for c in await town.get("/api/cameras", owner="seocho")]
        beyond = next(c for c in inside if c not in at_border)
        forged = forge(town, good, beyond)
        async with console.open(forged) as view:
            assert (await view.present(forged, console.key))["code"] == "grant.beyond_border"
    await mapo.http.post(f"/api/incidents/{taken['incident']}/close")


def forge(town: Town, good: dict[str, Any], camera: str) -> dict[str, Any]:
    """A grant like a good one, for another camera, signed by 마포's own key."""
    key = open_node_key(town.data / "nodes" / "mapo", NodeId("mapo"))
    ring = KeyRing([key.jwk()])
    grant = decode_grant(good["token"], ring, NodeId("seocho"), datetime.now(UTC))
    forged = msgspec.structs.replace(grant, id=GrantId("grant_forged"), camera=CameraId(camera))
    return good | {"id": forged.id, "camera": camera, "token": encode_grant(forged, key)}


async def test_one_event_told_to_both_is_marked_the_same_and_one_end_ends_both(
    town: Town, mapo: Door
) -> None:
    at = await mapo.place("mapo")
    key = town.new_key()
    await mapo.report(key=key, kind="fire", lon=at.lon, lat=at.lat)
    first = await mapo.incident(key)
    second = await town.report(key=key, kind="fire", lon=at.lon, lat=at.lat)
    assert second["incident"] != first["id"]

    async def marked() -> list[dict[str, Any]]:
        told = await entries(town, "hub", second["incident"])
        return [e for e in told if e["kind"] == "incident.joined/1"]

    (mark,) = await eventually(marked)
    assert mark["body"]["leads"] == first["id"], "what was accepted first leads"
    await town.call_119(key, at, progress=Progress.ENDED)
    await mapo.incident(key, state="ended")
    await agrees(town)
