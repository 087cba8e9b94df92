"""A hub of one process to develop the console against: real API, real choice, rendered pictures.

    .venv/bin/python console/dev/fixture.py BUNDLE [--port 8600] [--away mapo] [--incidents 3]

It has no journal, no bus and no districts of its own: what it says is only for the eye. The city,
the choice of views, the pictures and the protocols are the product's.
"""

import argparse
import asyncio
import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from litestar import post
from websockets.asyncio.server import ServerConnection, serve

from safetynet.access.proof import new_nonce, verify_proof
from safetynet.app.hub.why import wall_of
from safetynet.base.geo import LonLat
from safetynet.base.ids import CameraId, GrantId, IncidentId, NodeId, ViewerId, new_id
from safetynet.city.bundle import TILES, load_city
from safetynet.city.model import City
from safetynet.city.tiles import MapTiles
from safetynet.incident.model import IncidentKind, IncidentState, PlaceOrigin
from safetynet.sight.model import Place, Request, TargetKind
from safetynet.sight.service import Sight
from safetynet.sim.camera import Pose
from safetynet.sim.render.scene import Scene
from safetynet.sim.rtsp.encoder import H264Encoder
from safetynet.sim.world import Thing, ThingKind, World
from safetynet.video.fmp4 import TIMESCALE, fragment, init_segment
from safetynet.video.h264 import find_parameters, split_units
from safetynet.video.still import make_still
from safetynet.video.wire import MediaMessage, MediaType, encode_media
from safetynet.web.app import create_app
from safetynet.web.desk import Feed, Tile
from safetynet.web.types import (
    CityView,
    DistrictView,
    FromConsole,
    GrantsEvent,
    GrantView,
    Hello,
    IncidentEvent,
    IncidentView,
    NodeEvent,
    NodeView,
    PlaceView,
    SettingsView,
    Snapshot,
    StillShown,
    ViewView,
    WhyAnswer,
)

KINDS = {
    "fire": (IncidentKind.FIRE, TargetKind.FIRE, "119", "119UC001"),
    "person": (IncidentKind.RESCUE, TargetKind.PERSON, "119", "119UC001"),
    "vehicle": (IncidentKind.TRAFFIC, TargetKind.VEHICLE, "119", "119UC001"),
    "crowd": (IncidentKind.ASSAULT, TargetKind.CROWD, "112", "112UC001"),
}
DETAIL = {
    "fire": "건물에서 연기와 불길이 보인다는 신고",
    "person": "사람이 쓰러져 움직이지 않는다는 신고",
    "vehicle": "차량 추돌, 차로 막힘",
    "crowd": "여러 명이 한 사람을 때린다는 신고",
}


class Watch:
    """One camera's pictures while somebody looks."""

    def __init__(self, scene: Scene, camera: CameraId, pose: Pose) -> None:
        self._scene, self._camera, self._pose = scene, camera, pose
        self._encoder = H264Encoder()
        self._count = 0

    def next(self, messages: list[bytes]) -> list[bytes]:
        """Encode one picture as media messages; the first call gives still and header too."""
        now = datetime.now(UTC)
        us = int(now.timestamp() * 1e6)
        key = self._count % 20 == 0
        rgb = self._scene.render(self._camera, self._pose, now, 2)
        units = split_units(self._encoder.encode_bytes(rgb, us, key=key))

        def media(kind: MediaType, payload: bytes) -> bytes:
            return encode_media(MediaMessage(type=kind, epoch=1, captured_us=us, payload=payload))

        if self._count == 0:
            found = find_parameters(units)
            assert found is not None
            messages += [media(MediaType.STILL, make_still(found, tuple(units)))]
            messages += [media(MediaType.INIT, init_segment(found))]
        step = TIMESCALE // 10
        data = fragment(
            units, number=self._count + 1, start=self._count * step, duration=step, key=key
        )
        self._count += 1
        return [*messages, media(MediaType.KEY if key else MediaType.DELTA, data)]


class FixtureDesk:
    """As much of a hub as a console can see."""

    def __init__(self, bundle: Path, port: int) -> None:
        self.city: City = load_city(bundle)
        self.tiles = MapTiles(bundle / TILES)
        self.sight = Sight(self.city)
        self.world = World()
        self.scene = Scene(self.city, self.world)
        self.port = port
        self.gateway = ""
        self.feed: Feed | None = None
        self.hello: Hello | None = None
        self.incidents: dict[str, IncidentView] = {}
        self.nodes: dict[str, NodeView] = {}
        self.grants: dict[str, GrantView] = {}
        self.started: dict[str, float] = {}

    def get_settings(self) -> SettingsView:
        """Staging goes to this process too."""
        return SettingsView(
            version="dev",
            demo=True,
            staging=f"http://127.0.0.1:{self.port}/dev",
        )

    def get_city(self) -> CityView:
        """The bundle's city."""
        c = self.city
        rings = [p for d in c.districts for ring in d.border for p in ring]
        counts = [int((c.cameras.district == i).sum()) for i in range(len(c.districts))]
        return CityView(
            name=c.name,
            title_ko=c.title_ko,
            title_en=c.title_en,
            bounds=(
                min(p[0] for p in rings),
                min(p[1] for p in rings),
                max(p[0] for p in rings),
                max(p[1] for p in rings),
            ),
            cameras=len(c.cameras),
            scaled=c.scaled,
            synthetic=True,
            districts=tuple(
                DistrictView(
                    node=d.node,
                    name_ko=d.name_ko,
                    name_en=d.name_en,
                    centre=next(
                        ((x.centre.lon, x.centre.lat) for x in c.dongs if x.district == d.node),
                        d.border[0][0],
                    ),
                    border=d.border,
                    quarter=d.quarter,
                    cameras=n,
                )
                for d, n in zip(c.districts, counts, strict=True)
            ),
        )

    def find_tile(self, z: int, x: int, y: int) -> Tile | None:
        """From the bundle."""
        data = self.tiles.get_tile(z, x, y)
        return Tile(data) if data else None

    async def open_console(self, hello: Hello) -> tuple[Feed, Snapshot]:
        """One console at a time is enough here."""
        self.hello = hello
        self.feed = Feed(ViewerId("vwr_dev"))
        snapshot = Snapshot(
            now=datetime.now(UTC),
            viewer=self.feed.viewer,
            incidents=tuple(self.incidents.values()),
            nodes=tuple(self.nodes.values()),
        )
        for incident in self.incidents.values():
            self.give_grants(incident)
        return self.feed, snapshot

    async def close_console(self, feed: Feed) -> None:
        """Forget it."""
        if feed is self.feed:
            self.feed = None

    async def hear_console(self, feed: Feed, message: FromConsole) -> None:
        """Close the clocks."""
        if isinstance(message, Hello):
            return
        incident = self.incidents[message.incident]
        ms = int((time.monotonic() - self.started[message.incident]) * 1000)
        name = "still_ms" if isinstance(message, StillShown) else "time_to_eyes_ms"
        if getattr(incident, name) is None:
            self.put(msgspec.structs.replace(incident, **{name: ms}))

    async def close_incident(self, incident: IncidentId) -> IncidentView:
        """End it; the gateway sees that on its next frame."""
        ended = msgspec.structs.replace(
            self.incidents[incident], state=IncidentState.ENDED, ended_at=datetime.now(UTC)
        )
        self.put(ended)
        return ended

    async def explain_for(self, camera: CameraId, incident: IncidentId) -> WhyAnswer:
        """By the reasons that were given, or by asking anew."""
        shown = self.incidents[incident]
        place = LonLat(shown.place.lon, shown.place.lat)
        asked = Request(place=Place(at=place, error_m=25), target=TargetKind.FIRE, min_px_per_m=20)
        told = self.sight.why_not(asked, camera)
        chosen = next((v for v in shown.views if v.camera == camera), None)
        c = self.city.cameras
        row = c.id.index(camera)
        lon, lat = self.city.plane.to_lonlat(float(c.x[row]), float(c.y[row]))
        return WhyAnswer(
            camera=camera,
            camera_name=c.name[row],
            owner=told.owner,
            at=(lon, lat),
            place=(place.lon, place.lat),
            distance_m=told.distance_m,
            rank=chosen.rank if chosen else None,
            reasons=chosen.chosen.reasons if chosen else told.reasons,
            area=self.sight.visible_area(camera, chosen.chosen.aim if chosen else None),
            wall=wall_of(self.city, told.reasons),
        )

    def put(self, incident: IncidentView) -> None:
        """Keep and tell."""
        self.incidents[incident.id] = incident
        if self.feed:
            self.feed.put(IncidentEvent(incident=incident))

    def set_node(self, node: str, state: str) -> None:
        """A district joins, goes or comes back."""
        index = [d.node for d in self.city.districts].index(NodeId(node))
        cameras = int((self.city.cameras.district == index).sum())
        view = NodeView(
            node=NodeId(node),
            state=state,
            since=datetime.now(UTC),
            cameras=cameras,
            head=1,
            can_show=True,
        )
        self.nodes[node] = view
        if self.feed:
            self.feed.put(NodeEvent(node=view))

    def seen_places(self) -> Iterator[LonLat]:
        """Places on streets, far apart, that four cameras see."""
        streets, last = self.city.streets, (0.0, 0.0)
        for i in range(0, len(streets), 37):
            if not streets.in_coverage[i]:
                continue
            x, y = (float(v) for v in streets.line[i].mean(axis=0))
            at = self.city.plane.to_lonlat(x, y)
            here = LonLat(float(at[0]), float(at[1]))
            asked = Request(
                place=Place(at=here, error_m=25), target=TargetKind.FIRE, min_px_per_m=20
            )
            if (
                abs(x - last[0]) + abs(y - last[1]) > 150
                and len(self.sight.choose(asked).views) > 3
            ):
                last = (x, y)
                yield here

    def stage(self, kind: str, at: LonLat, drill: bool = False) -> IncidentView:
        """Put a thing there, and say that somebody reported it."""
        x, y = self.city.plane.to_xy(at.lon, at.lat)
        now = datetime.now(UTC)
        thing = ThingKind(kind)
        self.world.add(Thing(id=new_id("thg", now), kind=thing, x=x, y=y, signature=0, since=now))
        started = time.monotonic()
        what, target, sender, service = KINDS[kind]
        away = frozenset(NodeId(n) for n, v in self.nodes.items() if v.state == "away")
        asked = Request(place=Place(at=at, error_m=25), target=target, min_px_per_m=20)
        choice = self.sight.choose(asked, owners_away=away)
        dong = min(
            self.city.dongs,
            key=lambda d: (d.centre.lon - at.lon) ** 2 + (d.centre.lat - at.lat) ** 2,
        )
        incident = IncidentView(
            id=IncidentId(new_id("inc", now)), sender=sender, key=f"T{now:%Y%m%d%H%M%S}",
            service=service, state=IncidentState.OPEN, kind=what,
            grade="CODE0" if sender == "112" else "", detail=DETAIL[kind], drill=drill,
            place=PlaceView(lon=at.lon, lat=at.lat, error_m=25, origin=PlaceOrigin.REPORTED,
                            address=f"{dong.name_ko} 월드컵로 12길 {len(self.incidents) + 3}", dong=dong.name_ko),
            basis_ko="개인정보 보호법 제18조제2항제3호 (급박한 생명·신체·재산의 이익)",
            basis_en="PIPA art. 18(2)3 (clear, urgent danger to life, body, property)",
            occurred_at=now, received_at=now, ended_at=None, hard_end=now + timedelta(minutes=15),
            lease_s=10.0, views=tuple(self._view(v, i + 1) for i, v in enumerate(choice.views)),
            passed_over=choice.passed_over, decided_ms=round((time.monotonic() - started) * 1000, 1),
            refused="", still_ms=None, time_to_eyes_ms=None, revision=1,
        )  # fmt: skip
        self.started[incident.id] = started
        self.put(incident)
        self.give_grants(incident)
        return incident

    def _view(self, chosen: Any, rank: int) -> ViewView:
        row = self.city.cameras.id.index(chosen.camera)
        c = self.city.cameras
        lon, lat = self.city.plane.to_lonlat(c.x[row : row + 1], c.y[row : row + 1])
        return ViewView(
            rank=rank,
            camera=chosen.camera,
            camera_name=c.name[row],
            owner=chosen.owner,
            at=(float(lon[0]), float(lat[0])),
            chosen=chosen,
            area=self.sight.visible_area(chosen.camera, chosen.aim),
            state="ready",
            note="",
        )

    def give_grants(self, incident: IncidentView) -> None:
        """Grants whose token is only their id: nobody checks them here."""
        if not self.feed or incident.state is not IncidentState.OPEN:
            return
        fresh = []
        for view in incident.views:
            grant = GrantView(
                id=GrantId(new_id("grt", datetime.now(UTC))), incident=incident.id,
                camera=view.camera, owner=view.owner, rank=view.rank, token="", gateway=self.gateway,
                relay=f"/api/relay/{view.owner}", hard_end=datetime.now(UTC) + timedelta(minutes=15),
            )  # fmt: skip
            grant = msgspec.structs.replace(grant, token=grant.id)
            self.grants[grant.id] = grant
            fresh.append(grant)
        self.feed.put(GrantsEvent(incident=incident.id, grants=tuple(fresh)))

    def find_gateway(self, owner: NodeId) -> str | None:
        """One for all."""
        return self.gateway.replace("ws://unreachable.invalid", "ws://127.0.0.1")

    async def serve_view(self, socket: ServerConnection) -> None:
        """The gateway's side of the view protocol."""
        nonce = new_nonce()
        challenge = {"type": "challenge", "nonce": nonce, "audience": "mapo"}
        await socket.send(msgspec.json.encode(challenge).decode())
        present = msgspec.json.decode(await socket.recv())
        grant = self.grants[present["grant"]]
        assert self.hello is not None
        verify_proof(self.hello.key, NodeId("mapo"), grant.id, nonce, present["proof"])
        view = next(v for v in self.incidents[grant.incident].views if v.camera == grant.camera)
        accepted = {
            "type": "accepted", "session": "ses_dev", "width": 1280, "height": 720,
            "mime": 'video/mp4; codecs="avc1.42c01f"',
        }  # fmt: skip
        await socket.send(msgspec.json.encode(accepted).decode())
        watch = Watch(self.scene, grant.camera, self._pose(view))
        while self.incidents[grant.incident].state is IncidentState.OPEN:
            began = time.monotonic()
            for message in await asyncio.to_thread(watch.next, []):
                await socket.send(message)
            await asyncio.sleep(max(0.0, 0.1 - (time.monotonic() - began)))
        await socket.send('{"type":"ended","reason":"closed"}')

    def _pose(self, view: ViewView) -> Pose:
        row = self.city.cameras.id.index(view.camera)
        c, aim = self.city.cameras, view.chosen.aim
        if aim:
            return Pose(azimuth_deg=aim.azimuth_deg, tilt_deg=aim.tilt_deg, hfov_deg=aim.hfov_deg)
        return Pose(
            azimuth_deg=float(c.azimuth_deg[row]),
            tilt_deg=float(c.tilt_deg[row]),
            hfov_deg=float(c.hfov_deg[row]),
        )


async def run(args: argparse.Namespace) -> None:
    """Serve until interrupted."""
    desk = FixtureDesk(args.bundle, args.port)
    nodes = [d.node for d in desk.city.districts]
    for node in nodes[: args.joined]:
        desk.set_node(node, "here")
    for node in args.away:
        desk.set_node(node, "away")
    for node in args.suspect:
        desk.set_node(node, "suspect")

    @post("/dev/stage")
    async def stage(data: dict[str, Any]) -> dict[str, str]:
        return {"id": desk.stage(data["kind"], LonLat(data["lon"], data["lat"])).id}

    @post("/dev/node/{node:str}/{becomes:str}")
    async def node_state(node: str, becomes: str) -> None:
        desk.set_node(node, becomes)

    app = create_app(desk)  # type: ignore[arg-type]  # reports and journal are left out
    app.register(stage)
    app.register(node_state)
    async with serve(desk.serve_view, "127.0.0.1", 0) as gateway:
        port = gateway.sockets[0].getsockname()[1]
        host = "unreachable.invalid" if args.relay else "127.0.0.1"
        desk.gateway = f"ws://{host}:{port}/view"
        kinds = ["crowd", "vehicle", "person", "fire"][-args.incidents :]
        for kind, at in zip(kinds, desk.seen_places(), strict=False):
            desk.stage(kind, at, drill=kind == "person")
        config = uvicorn.Config(app, port=args.port, log_level="warning")
        with contextlib.suppress(KeyboardInterrupt):
            await uvicorn.Server(config).serve()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--port", type=int, default=8600)
    parser.add_argument("--joined", type=int, default=25)
    parser.add_argument("--incidents", type=int, default=3)
    parser.add_argument("--away", nargs="*", default=[])
    parser.add_argument("--suspect", nargs="*", default=[])
    parser.add_argument(
        "--relay", action="store_true", help="name a gateway that cannot be reached"
    )
    asyncio.run(run(parser.parse_args()))
