"""Turn, still and clip of an open view, from the API to the camera and back: a real city of two districts."""

import base64
import hashlib
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import av
import pytest
import pytest_asyncio
from PIL import Image

from tests.app.conftest import Town
from tests.app.viewer import Console, Message, open_console
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


class Scene:
    """An incident with a view that is open, and a console that may see it."""

    def __init__(self, town: Town, console: Console, incident: str, grant: Message) -> None:
        self.town = town
        self.console = console
        self.incident = incident
        self.grant = grant

    async def ask(self, what: str, **fields: Any) -> tuple[int, Message]:
        """POST to the view; status and JSON. Asked again where that may help: a stream is opening."""
        path = f"/api/incidents/{self.incident}/views/{self.grant['camera']}/{what}"
        body = {"viewer": self.console.viewer, **fields}

        async def post() -> tuple[int, Message] | None:
            answer = await self.town.http.post(path, json=body)
            return None if answer.status_code == 503 else (answer.status_code, answer.json())

        return await eventually(post)

    async def entries(self, kind: str, count: int = 1) -> list[Message]:
        """Bodies of the owner's entries of a kind, as the hub has them, as soon as there are so many."""

        async def look() -> list[Message] | None:
            path = f"/api/journal/{self.grant['owner']}"
            lines = await self.town.get(path, incident=self.incident, limit=1000)
            found = [json.loads(line["entry"]) for line in lines]
            bodies = [e["body"] for e in found if e["kind"] == kind]
            return bodies if len(bodies) >= count else None

        return await eventually(look)


async def open_scene(town: Town, console: Console, *, turning: bool = False) -> Scene:
    """Report, and wait until a view is ready; of a camera that turns where asked."""
    at, key = await town.place("mapo"), town.new_key()
    incident = (await town.report(key=key, kind="fire", lon=at.lon, lat=at.lat))["incident"]

    async def ready() -> Message | None:
        views = (await town.get(f"/api/incidents/{incident}"))["views"]
        grants = {g["camera"]: g for g in await console.granted(incident)}
        for view in views:
            turns = view["chosen"]["aim"] is not None
            if view["state"] == "ready" and view["camera"] in grants and turns >= turning:
                return grants[view["camera"]]
        return None

    return Scene(town, console, incident, await eventually(ready))


async def test_a_still_is_taken_once_for_each_key_and_is_in_the_owners_journal(town: Town) -> None:
    async with open_console(town.hub_url) as console:
        scene = await open_scene(town, console)
        status, still = await scene.ask("still", key="one")
        assert status == 201, still
        jpeg = base64.b64decode(still["jpeg"])
        assert Image.open(io.BytesIO(jpeg)).format == "JPEG"
        assert hashlib.sha256(jpeg).hexdigest() == still["sha256"]
        assert (await scene.ask("still", key="one"))[1] == still
        other = (await scene.ask("still"))[1]
        assert other["id"] != still["id"]
        taken = await scene.entries("still.taken/1", 2)
        assert [t["id"] for t in taken] == [still["id"], other["id"]]
        assert (taken[0]["by"]["agency"], taken[0]["ledger"]["division"]) == ("control", "이용")
        await town.http.post(f"/api/incidents/{scene.incident}/close")
        assert (await scene.ask("still"))[1]["type"] == "incident.over"


async def test_a_clip_is_recorded_fetched_with_the_grant_and_proved_by_its_hash(town: Town) -> None:
    async with open_console(town.hub_url) as console:
        scene = await open_scene(town, console)
        refused = await scene.ask("export", seconds=1, approved_by="")
        assert (refused[0], refused[1]["type"]) == (403, "policy.denied")
        status, clip = await scene.ask("export", seconds=1.5, approved_by="control", key="one")
        assert status == 202, clip
        assert (await scene.ask("export", seconds=1.5, approved_by="control", key="one"))[1] == clip
        (made,) = await scene.entries("export.made/1")
        assert (made["id"], made["approved_by"]) == (clip["id"], "control")
        assert made["by"]["basis"]
        (told,) = await town.get(f"/api/incidents/{scene.incident}/exports")
        assert (told["id"], told["sha256"], told["failed"]) == (clip["id"], made["sha256"], "")
        for relay in (False, True):
            async with console.open(scene.grant, relay=relay) as view:
                answer = await view.present(scene.grant, console.key, file=clip["id"])
                assert (answer["type"], answer["mime"]) == ("accepted", "video/mp4"), answer
                data = await view.fetch()
                assert view.ended["reason"] == "complete"
            assert hashlib.sha256(data).hexdigest() == made["sha256"]
        with av.open(io.BytesIO(data), "r") as video:
            assert len(list(video.decode(video=0))) == made["frames"]
        sessions = await scene.entries("session.opened/1", 2)
        assert {s["file"] for s in sessions} == {clip["id"]}
        await town.http.post(f"/api/incidents/{scene.incident}/close")
        await console.shown(scene.incident, state="ended")
        async with console.open(scene.grant) as view:
            late = await view.present(scene.grant, console.key, file=clip["id"])
            assert late["code"] == "grant.closed"
    assert len(await scene.entries("export.asked/1")) == 1


async def test_an_operator_turns_an_open_view(town: Town) -> None:
    async with open_console(town.hub_url) as console:
        scene = await open_scene(town, console, turning=True)
        status, view = await scene.ask("turn", azimuth_deg=200, tilt_deg=12, hfov_deg=30)
        assert status == 200, view
        assert view["chosen"]["aim"]["azimuth_deg"] == 200

        async def moved() -> bool:
            moves = await scene.entries("ptz.moved/1")
            return any(
                m["by"] == "control" and abs(m["azimuth_mdeg"] - 200_000) < 1_500 for m in moves
            )

        await eventually(moved)
        await town.http.post(f"/api/incidents/{scene.incident}/close")


async def test_who_has_no_grant_gets_nothing(town: Town) -> None:
    async with open_console(town.hub_url) as console, open_console(town.hub_url, "112") as police:
        scene = await open_scene(town, console)
        stranger = Scene(town, police, scene.incident, scene.grant)  # a fire is not theirs
        for what, fields in (
            ("still", {}),
            ("turn", {"azimuth_deg": 1, "tilt_deg": 1, "hfov_deg": 9}),
            ("export", {"seconds": 1, "approved_by": "control"}),
        ):
            status, problem = await stranger.ask(what, **fields)
            assert (status, problem["type"]) == (403, "view.no_grant")
        elsewhere = await town.http.post(
            f"/api/incidents/{scene.incident}/views/mapo-none/still",
            json={"viewer": console.viewer},
        )
        assert (elsewhere.status_code, elsewhere.json()["type"]) == (404, "view.unknown")
        await town.http.post(f"/api/incidents/{scene.incident}/close")
