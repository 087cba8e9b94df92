"""A console without a screen: it registers a key, keeps what the hub tells it, and opens views."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from safetynet.access.proof import new_viewer_key, sign_proof, viewer_key
from safetynet.base.ids import GrantId, NodeId
from safetynet.sim.rehearsal.picture import Eye
from safetynet.video.wire import decode_media
from tests.support import DEADLINE_S, eventually

Message = dict[str, Any]  # JSON as it came


class View:
    """One connection to an owner's gateway."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._eye = Eye(0)
        self.answer: Message = {}
        self.proof = ""
        self.ended: Message = {}
        """The gateway's last word."""

    @property
    def frames(self) -> int:
        """Decoded so far."""
        return self._eye.frames

    async def present(
        self, grant: Message, key: Any, *, proof: str | None = None, file: str = ""
    ) -> Message:
        """Answer the challenge; what the gateway says to it. ``key`` is an EC private key."""
        challenge = await self._word()
        self.proof = proof or sign_proof(
            key, NodeId(challenge["audience"]), GrantId(grant["id"]), challenge["nonce"]
        )
        present = {"type": "present", "grant": grant["token"], "proof": self.proof}
        present |= {"file": file} if file else {}
        await self._socket.send(json.dumps(present))
        self.answer = await self._word()
        return self.answer

    async def look(self, frames: int) -> None:
        """Decode until that many frames were seen."""
        async with asyncio.timeout(DEADLINE_S):
            until = self.frames + frames
            while self.frames < until:
                await self._take()

    async def fetch(self) -> bytes:
        """The file that it presented itself for, whole."""
        data = b""
        async with asyncio.timeout(DEADLINE_S):
            while isinstance(piece := await self._socket.recv(), bytes):
                data += piece
        self.ended = json.loads(piece)
        return data

    async def end(self) -> Message:
        """Go on looking until the gateway ends it; its last word."""
        async with asyncio.timeout(DEADLINE_S):
            with suppress(ConnectionClosed):
                while not self.ended:
                    await self._take()
        return self.ended

    async def _take(self) -> None:
        message = await self._socket.recv()
        if isinstance(message, bytes):
            await asyncio.to_thread(self._eye.take, decode_media(message))
        else:
            self.ended = json.loads(message)
            assert self.ended["type"] == "ended", self.ended

    async def _word(self) -> Message:
        async with asyncio.timeout(DEADLINE_S):
            word: Message = json.loads(await self._socket.recv())
            return word


class Console:
    """One registered viewer; made by ``open_console``."""

    def __init__(self, socket: ClientConnection, hub_url: str) -> None:
        self.key = new_viewer_key()
        self.viewer = ""
        """Its id, as the hub told it."""
        self.incidents: dict[str, Message] = {}
        self.nodes: dict[str, Message] = {}
        self.grants: dict[str, dict[str, Message]] = {}
        """By incident and camera."""
        self.handed = 0
        self._socket = socket
        self._hub_url = hub_url

    async def follow(self) -> None:
        """Keep what the hub says until it closes."""
        with suppress(ConnectionClosed):
            async for data in self._socket:
                self._take(json.loads(data))

    def _take(self, message: Message) -> None:
        match message["type"]:
            case "snapshot":
                self.viewer = message["viewer"]
                self.incidents |= {i["id"]: i for i in message["incidents"]}
                self.nodes |= {n["node"]: n for n in message["nodes"]}
            case "incident":
                self.incidents[message["incident"]["id"]] = message["incident"]
            case "node":
                self.nodes[message["node"]["node"]] = message["node"]
            case "grants":
                mine = self.grants.setdefault(message["incident"], {})
                mine |= {g["camera"]: g for g in message["grants"]}
                self.handed += 1

    async def granted(self, incident: str, owner: str = "") -> list[Message]:
        """Grants for an incident, best view first, as soon as there are some."""

        def look() -> list[Message]:
            mine = self.grants.get(incident, {}).values()
            return sorted(
                (g for g in mine if owner in ("", g["owner"])), key=lambda g: int(g["rank"])
            )

        return await eventually(look)

    async def shown(self, incident: str, **fields: object) -> Message:
        """An incident as the hub last showed it, as soon as it has these fields."""

        def look() -> Message | None:
            found = self.incidents[incident]
            return found if all(found[k] == v for k, v in fields.items()) else None

        return await eventually(look)

    async def report(self, kind: str, grant: Message) -> None:
        """Say ``eyes_on`` or ``still_shown`` of a grant."""
        line = {
            "type": kind,
            "incident": grant["incident"],
            "camera": grant["camera"],
            "grant": grant["id"],
        }
        await self._socket.send(json.dumps(line))

    async def judge(self, grant: Message, *, shown: bool, picture: str | None = None) -> None:
        """Say whether a view shows the scene."""
        line = {
            "type": "view_judged",
            "incident": grant["incident"],
            "camera": grant["camera"],
            "shown": shown,
        }
        line |= {"picture": picture} if picture else {}
        await self._socket.send(json.dumps(line))

    async def hold(self, grant: Message) -> None:
        """End a view's sweep at what it just showed."""
        line = {
            "type": "view_held",
            "incident": grant["incident"],
            "camera": grant["camera"],
        }
        await self._socket.send(json.dumps(line))

    async def judged(self, grant: Message, *, shown: int, not_shown: int) -> Message:
        """The view of a grant as soon as so many viewers say so and so many say not."""

        def look() -> Message | None:
            views = self.incidents[grant["incident"]]["views"]
            found: Message = next(v for v in views if v["camera"] == grant["camera"])
            said = len(found["shown_by"]), len(found["not_shown_by"])
            return found if said == (shown, not_shown) else None

        return await eventually(look)

    @asynccontextmanager
    async def open(self, grant: Message, *, relay: bool = False) -> AsyncIterator[View]:
        """Connect to the gateway of a grant; not presented yet."""
        address = self._hub_url.replace("http", "ws", 1) + grant["relay"]
        url = address if relay else grant["gateway"]
        async with connect(url, proxy=None, max_size=8 << 20, close_timeout=1) as socket:
            yield View(socket)

    @asynccontextmanager
    async def watch(self, grant: Message, *, relay: bool = False) -> AsyncIterator[View]:
        """Open a view that must be accepted."""
        async with self.open(grant, relay=relay) as view:
            answer = await view.present(grant, self.key)
            assert answer["type"] == "accepted", answer
            yield view


@asynccontextmanager
async def open_console(hub_url: str, agency: str = "control") -> AsyncIterator[Console]:
    """A registered console while entered."""
    address = hub_url.replace("http", "ws", 1) + "/api/live"
    async with connect(address, proxy=None, max_size=64 << 20, close_timeout=1) as socket:
        console = Console(socket, hub_url)
        key = viewer_key(console.key)
        jwk = {"kty": key.kty, "crv": key.crv, "x": key.x, "y": key.y}
        hello = {"type": "hello", "agency": agency, "name": "test", "key": jwk}
        await socket.send(json.dumps(hello))
        following = asyncio.create_task(console.follow())
        try:
            await eventually(lambda: console.nodes)
            yield console
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
