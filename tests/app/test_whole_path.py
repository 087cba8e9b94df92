"""The whole path in a real city of two districts: a call comes in, a picture goes out, all of it
written down, and none of it longer than it may be."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from safetynet.app.replay.command import run_replay
from safetynet.city.synth import small_city
from safetynet.incident.model import IncidentKind, Progress
from tests.app.conftest import SEED, Town
from tests.app.viewer import open_console
from tests.support import eventually

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(town_folder: Path) -> AsyncIterator[Town]:
    town = Town(town_folder)
    try:
        await town.open()
        yield town
    finally:
        await town.close()


async def test_a_119_frame_becomes_pictures_and_its_end_ends_them(town: Town) -> None:
    at = await town.place("mapo")
    key = town.new_key()
    async with open_console(town.hub_url) as console:
        await town.call_119(key, at)
        incident = (await town.incident(key))["id"]
        best, *_ = await console.granted(incident)
        async with console.watch(best) as view:
            await view.look(frames=3)
            await console.report("eyes_on", best)
            shown = await eventually(lambda: console.incidents[incident]["time_to_eyes_ms"])
            assert shown > 0
            await town.call_119(key, at, progress=Progress.ENDED)
            assert (await view.end())["reason"] == "closed"
        await console.shown(incident, state="ended")
        async with console.open(best) as late:
            assert (await late.present(best, console.key))["code"] == "grant.closed"
    hub = await town.told("hub", incident, "grant.closed/1")
    story = ["report.accepted/1", "incident.opened/1", "grant.issued/1", "grant.closed/1"]
    assert [k for k in dict.fromkeys(hub) if k in story] == story
    owner = await town.told(best["owner"], incident, "session.ended/1", "session.refused/1")
    story = ["grant.received/1", "session.opened/1", "session.ended/1"]
    assert [k for k in dict.fromkeys(owner) if k in story] == story


async def test_every_kind_of_place_can_be_asked_and_every_camera_has_a_reason(town: Town) -> None:
    at = await town.place("mapo")
    east, north = at.lon + 0.0006, at.lat + 0.0005
    point = {"lon": at.lon, "lat": at.lat}
    ring = f"{at.lon},{at.lat};{east},{at.lat};{east},{north};{at.lon},{north}"
    asked: list[dict[str, Any]] = [
        point | {"error_m": 100},
        point | {"radius_m": 60},
        {"ring": ring},
        {"line": f"{at.lon},{at.lat};{east},{at.lat}", "half_width_m": 6},
        point | {"speed_mps": 8, "heading_deg": 90, "ahead_s": 10},
        point | {"speed_mps": 1.5},
    ]
    for query in asked:
        answer = await town.get("/api/views", **query, target="fire", count=6)
        assert 1 <= len(answer["views"]) <= 6, query
        assert 0 < answer["chance"] <= 1, query
        plan = answer["hand_over"]
        assert (plan is not None) == ("speed_mps" in query)
        if plan is not None:
            assert len(plan["until_s"]) == len(answer["views"])
            assert 0 <= plan["ask_s"] <= (plan["leaves_s"] or query.get("ahead_s", 20))

    nowhere = await town.http.get("/api/views", params={"address": "없는길 1~9"})
    assert (nowhere.status_code, nowhere.json()["type"]) == (404, "city.no_such_street")

    key = town.new_key()
    await town.report(key=key, kind="fire", **point)

    async def decided() -> dict[str, Any] | None:
        incident = await town.incident(key)
        return incident if incident["views"] else None

    incident = await eventually(decided)
    why = f"/api/incidents/{incident['id']}/why"
    for camera in await town.get("/api/cameras"):
        told = await town.get(why, camera=camera["id"])
        ranks = [v["rank"] for v in incident["views"] if v["camera"] == camera["id"]]
        assert (told["rank"], bool(told["reasons"])) == (ranks[0] if ranks else None, True)
        now = await town.get("/api/views/why", **point, camera=camera["id"], target="fire")
        assert now["reasons"]
    unknown = await town.http.get(why, params={"camera": "nobody-1"})
    assert (unknown.status_code, unknown.json()["type"]) == (404, "views.no_camera")
    await town.report(key=key, kind="fire", progress=90)


async def test_a_report_is_idempotent_and_a_new_place_gets_new_views(town: Town) -> None:
    west, east = await town.place("mapo"), await town.place("seocho")
    key = town.new_key()
    fields = {"key": key, "kind": "fire"}
    first = await town.report(**fields, lon=west.lon, lat=west.lat)
    again = await town.report(**fields, lon=west.lon, lat=west.lat)
    assert (first["new"], again["new"]) == (True, False)
    assert first["incident"] == again["incident"]

    async def owners() -> set[str]:
        views = (await town.get(f"/api/incidents/{first['incident']}"))["views"]
        return {v["owner"] for v in views if v["state"] == "ready"}

    assert "mapo" in await eventually(owners)
    moved = await town.report(**fields, progress=40, lon=east.lon, lat=east.lat)
    assert (moved["incident"], moved["new"]) == (first["incident"], False)

    async def arrived() -> bool:
        return "seocho" in await owners()

    await eventually(arrived)
    await town.report(**fields, progress=91)


async def test_a_sweep_is_held_by_who_watches_and_stays_held(town: Town) -> None:
    at = await swept_place(town)
    key = town.new_key()
    fields = {"key": key, "kind": "rescue", "lon": at["lon"], "lat": at["lat"], "error_m": 100}
    async with open_console(town.hub_url) as console:
        incident = (await town.report(**fields))["incident"]
        grants = {g["camera"]: g for g in await console.granted(incident)}

        def sweeping() -> dict[str, Any] | None:
            views = console.incidents[incident]["views"]
            return next((v for v in views if v["chosen"]["sweep"] and v["state"] == "ready"), None)

        view = await eventually(sweeping)
        stops = view["chosen"]["sweep"]["stops"]
        owner = view["owner"]

        async def moved() -> list[Any] | None:
            lines = await town.get(f"/api/journal/{owner}", incident=incident, limit=1000)
            bodies = [json.loads(line["entry"])["body"] for line in lines]
            turns = [
                b for b in bodies if b.get("move") == "turned" and b["camera"] == view["camera"]
            ]
            return turns if len(turns) >= len(stops) else None

        moves = await eventually(moved)
        assert [m["stop"] for m in moves] == list(range(1, len(stops) + 1))
        await console.hold(grants[view["camera"]])

        def held() -> dict[str, Any] | None:
            views = console.incidents[incident]["views"]
            now = next(v for v in views if v["camera"] == view["camera"])
            return now if now["chosen"]["sweep"] is None else None

        assert (await eventually(held))["chosen"]["aim"] in stops
        hub = await town.get("/api/journal/hub", incident=incident, limit=1000)
        entries = [json.loads(line["entry"]) for line in hub]
        (changed,) = [e for e in entries if "held" in e["body"]]
        assert changed["kind"] == "view.changed/1"
        await town.report(key=key, kind="rescue", progress=91)


async def swept_place(town: Town) -> dict[str, Any]:
    """A street corner that a PTZ would sweep for a person somewhere within 100 m."""
    city = small_city(SEED)
    lon, lat = city.plane.to_lonlat(city.streets.line.xy[:, 0], city.streets.line.xy[:, 1])
    for k in range(0, len(lon), 3):
        point = {"lon": float(lon[k]), "lat": float(lat[k])}
        answer = await town.get("/api/views", **point, error_m=100, target="person")
        if any(v["chosen"]["sweep"] for v in answer["views"]):
            return point
    raise AssertionError("nothing is swept in this town")


async def test_a_position_of_zero_falls_back_to_the_legal_dong(town: Town) -> None:
    key = town.new_key()
    await town.call_119(key, None, dong_code="1165010800")
    place = (await town.incident(key))["place"]
    assert (place["origin"], place["error_m"], place["dong"]) == ("legal_dong", 320.0, "서초동")
    await town.call_119(key, None, progress=Progress.ENDED)


async def test_what_is_no_trigger_is_kept_and_refused_and_shown_to_nobody(town: Town) -> None:
    at = await town.place("mapo")
    key = town.new_key()
    async with open_console(town.hub_url) as console:
        await town.call_119(key, at, kind=IncidentKind.OTHER)
        incident = (await town.incident(key))["id"]
        shown = await console.shown(incident, refused="service.not_a_trigger")
        assert (shown["views"], shown["state"]) == ([], "open")
        kinds = await town.told("hub", incident, "report.accepted/1")
        assert "grant.issued/1" not in kinds
        assert incident not in console.grants
        # The caller learns more: now it is a fire, and that is a trigger.
        await town.call_119(key, at, kind=IncidentKind.FIRE, progress=Progress.CHANGED)
        await console.granted(incident)
        assert console.incidents[incident]["refused"] == ""
    await town.call_119(key, at, progress=Progress.ENDED)


async def test_a_console_that_leaves_takes_its_rights_with_it_and_no_others(town: Town) -> None:
    at = await town.place("mapo")
    key = town.new_key()
    async with open_console(town.hub_url) as stays, AsyncExitStack() as open_views:
        async with open_console(town.hub_url) as leaves:
            await town.call_119(key, at)
            incident = (await town.incident(key))["id"]
            kept, *_ = await stays.granted(incident)
            lost, *_ = await leaves.granted(incident)
            view = await open_views.enter_async_context(leaves.watch(lost))
            await view.look(frames=1)
        assert (await view.end())["reason"] == "closed"
        async with stays.open(lost) as again:
            assert (await again.present(lost, leaves.key))["code"] == "grant.closed"
        async with stays.watch(kept) as view:
            await view.look(frames=2)
    await town.call_119(key, at, progress=Progress.ENDED)


async def test_what_the_hub_decided_so_far_is_the_same_when_it_is_asked_again(town: Town) -> None:
    at = await town.place("mapo")
    keys = [town.new_key(), town.new_key()]
    for key in keys:  # the second one finds the cameras held that the first one turned
        await town.call_119(key, at)
        incident = (await town.incident(key))["id"]
        await town.told("hub", incident, "choice.made/1")
    store, bundle = town.data / "hub", town.data.parent / "bundle"

    async def proven() -> bool:  # as soon as the copies of the districts' journals are here
        return await asyncio.to_thread(run_replay, str(store), None, city=bundle) == 0

    assert await eventually(proven)
    for key in keys:
        await town.call_119(key, at, progress=Progress.ENDED)


async def test_a_grant_is_worth_nothing_in_other_hands_or_twice(town: Town) -> None:
    at = await town.place("mapo")
    key = town.new_key()
    async with open_console(town.hub_url) as owner, open_console(town.hub_url) as thief:
        await town.call_119(key, at)
        incident = (await town.incident(key))["id"]
        grant, *_ = await owner.granted(incident)
        async with thief.open(grant) as view:
            assert (await view.present(grant, thief.key))["code"] == "proof.signature"
        async with owner.watch(grant) as first, thief.open(grant) as view:
            answer = await view.present(grant, thief.key, proof=first.proof)
            assert answer["code"] == "proof.signature"
        # Nor can somebody else say that this viewer has seen it.
        await thief.report("eyes_on", grant)
        await thief.report("eyes_on", (await thief.granted(incident))[0])
        await eventually(lambda: owner.incidents[incident]["time_to_eyes_ms"])
        told = await town.get("/api/journal/hub", incident=incident, limit=1000)
        eyes = [e["entry"] for e in told if "eyes_on" in e["entry"]]
        assert not any(grant["id"] in e for e in eyes)
    await town.call_119(key, at, progress=Progress.ENDED)


async def test_the_relay_shows_the_same_pictures(town: Town) -> None:
    at = await town.place("mapo")
    key = town.new_key()
    async with open_console(town.hub_url) as console:
        await town.call_119(key, at)
        grant, *_ = await console.granted((await town.incident(key))["id"])
        async with console.watch(grant, relay=True) as view:
            await view.look(frames=2)
            await town.call_119(key, at, progress=Progress.ENDED)
            assert (await view.end())["reason"] == "closed"


async def test_an_operators_close_ends_the_pictures(town: Town) -> None:
    at = await town.place("mapo")
    key = town.new_key()
    async with open_console(town.hub_url) as console:
        await town.call_119(key, at)
        incident = (await town.incident(key))["id"]
        grant, *_ = await console.granted(incident)
        async with console.watch(grant) as view:
            await view.look(frames=1)
            closed = await town.http.post(f"/api/incidents/{incident}/close")
            assert closed.json()["state"] == "ended"
            assert (await view.end())["reason"] == "closed"


async def test_a_district_that_dies_costs_its_views_and_comes_back_by_itself(town: Town) -> None:
    west, east = await town.place("mapo"), await town.place("seocho")
    keys = town.new_key(), town.new_key()
    async with open_console(town.hub_url) as console:
        for key, at in zip(keys, (west, east), strict=True):
            await town.call_119(key, at)
        here, there = [(await town.incident(key))["id"] for key in keys]
        mine, *_ = await console.granted(here, "mapo")
        other, *_ = await console.granted(there, "seocho")
        async with console.watch(other) as view:
            await view.look(frames=1)
            town.kill("mapo")
            await eventually(lambda: console.nodes["mapo"]["state"] == "away")
            await view.look(frames=10)
            await town.node("mapo", state="here", can_show=True)

            def again() -> bool:
                views = console.incidents[here]["views"]
                fresh = console.grants[here].get(mine["camera"], mine)
                ready = [v["state"] for v in views if v["owner"] == "mapo"]
                return "ready" in ready and fresh["gateway"] != mine["gateway"]

            await eventually(again)
            best, *_ = [
                g for g in await console.granted(here, "mapo") if g["gateway"] != mine["gateway"]
            ]
            async with console.watch(best) as back:
                await back.look(frames=1)
    for key, at in zip(keys, (west, east), strict=True):
        await town.call_119(key, at, progress=Progress.ENDED)


async def test_a_video_worker_that_dies_is_replaced_and_its_sessions_are_closed_in_the_record(
    town: Town,
) -> None:
    at = await town.place("mapo")
    key = town.new_key()
    async with open_console(town.hub_url) as console:
        await town.call_119(key, at)
        incident = (await town.incident(key))["id"]
        grant, *_ = await console.granted(incident)
        async with console.watch(grant) as view:
            await view.look(frames=1)
            os.kill(town.find_worker("mapo"), signal.SIGKILL)
            await view.end()
        await town.told("mapo", incident, "session.ended/1")

        def moved() -> bool:
            return bool(console.grants[incident][grant["camera"]]["gateway"] != grant["gateway"])

        await eventually(moved)
        async with console.watch(console.grants[incident][grant["camera"]]) as again:
            await again.look(frames=1)
    await town.call_119(key, at, progress=Progress.ENDED)


async def test_a_hub_that_is_restarted_goes_on_with_what_is_open(town: Town) -> None:
    at = await town.place("mapo")
    key = town.new_key()
    await town.call_119(key, at)
    before = (await town.incident(key))["id"]
    pid = town.kill("hub")
    await eventually(lambda: (new := town.embedded.find_pid("hub")) and new != pid)

    async def listed() -> bool:
        try:
            return any(i["id"] == before for i in await town.get("/api/incidents"))
        except httpx.TransportError:
            return False

    await eventually(listed)
    async with open_console(town.hub_url) as console:
        grant, *_ = await console.granted(before)
        async with console.watch(grant) as view:
            await view.look(frames=1)
            await town.call_119(key, at, progress=Progress.ENDED)
            assert (await view.end())["reason"] == "closed"
    await town.node("mapo", state="here")
    await town.node("seocho", state="here", can_show=True)


async def test_viewers_say_whether_a_view_shows_the_scene_and_their_last_word_counts(
    town: Town,
) -> None:
    at, key = await town.place("mapo"), town.new_key()
    async with open_console(town.hub_url) as first, open_console(town.hub_url, "119") as second:
        incident = (await town.report(key=key, kind="fire", lon=at.lon, lat=at.lat))["incident"]
        best, other, *_ = await first.granted(incident)
        await second.granted(incident)
        await first.judge(best, shown=True)
        await second.judge(best, shown=False)
        await first.judged(best, shown=1, not_shown=1)
        await first.judge(best, shown=True)  # said before: nothing to write down
        await first.judge(best, shown=False)
        await second.judged(best, shown=0, not_shown=2)
        await second.judge(other | {"camera": "mapo-none"}, shown=True)  # refused, and no harm
        await second.judge(other, shown=True, picture="still")
        await second.judged(other, shown=1, not_shown=0)
        await town.http.post(f"/api/incidents/{incident}/close")
        await first.shown(incident, state="ended")
        await first.judge(best, shown=True)  # its grant is closed
        await first.judge(other, shown=True)
    lines = await town.get("/api/journal/hub", incident=incident, limit=1000)
    entries = [json.loads(line["entry"]) for line in lines]
    words = [e["body"] for e in entries if e["kind"] == "view.judged/1"]
    assert [(w["camera"], w["shown"]) for w in words] == [
        (best["camera"], True),
        (best["camera"], False),
        (best["camera"], False),
        (other["camera"], True),
    ]
    assert [w.get("picture") for w in words] == [None, None, None, "still"]
    assert words[0]["viewer"] == words[2]["viewer"] != words[1]["viewer"]
    assert abs(words[0]["place"]["lon_e7"] / 1e7 - at.lon) < 1e-6
