"""A responder without a screen: registers a key, receives grants, opens every view at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec
import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from safetynet.base.clock import Clock
from safetynet.base.errors import UnavailableError
from safetynet.sim.rehearsal.watch import Granted, ViewerKeyPair, Watched, watch_into

log = structlog.get_logger()


class _Incident(msgspec.Struct, frozen=True):
    id: str
    sender: str
    key: str
    received_at: datetime


class _Live(msgspec.Struct, frozen=True):
    """Any message of ``/api/live``, as far as a responder needs it."""

    type: str
    incident: msgspec.Raw = msgspec.Raw(b"null")
    incidents: tuple[_Incident, ...] = ()
    grants: tuple[Granted, ...] = ()


class Followed:
    """One incident as the responder lives it."""

    def __init__(self, incident: _Incident) -> None:
        self.id = incident.id
        self.received_at = incident.received_at
        self.signature: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.views: dict[str, Watched] = {}
        self.changed = asyncio.Event()
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def end(self) -> None:
        """Stop watching."""
        for task in self.tasks.values():
            task.cancel()


class Responder:
    """Follows all incidents of a hub; made by ``open_responder``."""

    def __init__(self, socket: ClientConnection, clock: Clock, group: asyncio.TaskGroup) -> None:
        self._socket = socket
        self._clock = clock
        self._group = group
        self._key = ViewerKeyPair()
        self._incidents: dict[str, Followed] = {}
        self._by_key: dict[tuple[str, str], Followed] = {}
        self._waiting: list[Granted] = []
        """Grants that came before their incident."""
        self._news = asyncio.Event()

    async def greet(self, agency: str, name: str) -> None:
        """Register the key with the hub."""
        hello = {"type": "hello", "agency": agency, "name": name, "key": self._key.jwk()}
        await self._socket.send(msgspec.json.encode(hello).decode())

    async def find(self, sender: str, key: str) -> Followed:
        """The incident with that sender and key, as soon as the hub tells of it."""
        while (found := self._by_key.get((sender, key))) is None:
            self._news.clear()
            await self._news.wait()
        return found

    async def follow(self) -> None:
        """Take the hub's messages until it closes."""
        async for data in self._socket:
            self._take(msgspec.json.decode(data, type=_Live))
        raise UnavailableError("live.closed", "the hub closed the live connection")

    def _take(self, message: _Live) -> None:
        if message.type == "snapshot":
            for incident in message.incidents:
                self._meet(incident)
        elif message.type == "incident":
            self._meet(msgspec.json.decode(message.incident, type=_Incident))
        elif message.type == "grants":
            self._waiting = [g for g in (*self._waiting, *message.grants) if not self._open(g)]

    def _meet(self, incident: _Incident) -> None:
        if incident.id in self._incidents:
            return
        followed = Followed(incident)
        self._incidents[incident.id] = self._by_key[incident.sender, incident.key] = followed
        self._waiting = [g for g in self._waiting if not self._open(g)]
        self._news.set()

    def _open(self, grant: Granted) -> bool:
        """Begin to watch; False where the incident is not known yet."""
        followed = self._incidents.get(grant.incident)
        if followed is None:
            return False
        if grant.camera not in followed.tasks:
            task = self._group.create_task(self._watch(followed, grant))
            followed.tasks[grant.camera] = task
        return True

    async def _watch(self, followed: Followed, grant: Granted) -> None:
        watched = Watched(camera=grant.camera, rank=grant.rank)
        followed.views[grant.camera] = watched

        async def report(kind: str) -> None:
            line = {
                "type": kind,
                "incident": grant.incident,
                "camera": grant.camera,
                "grant": grant.id,
            }
            await self._socket.send(msgspec.json.encode(line).decode())
            followed.changed.set()

        signature = asyncio.shield(followed.signature)
        try:
            await watch_into(watched, grant, self._key, signature, self._clock, report)
        finally:
            followed.changed.set()


@asynccontextmanager
async def open_responder(
    hub_url: str, clock: Clock, *, agency: str = "control"
) -> AsyncIterator[Responder]:
    """A responder at the hub's ``/api/live`` while entered; raises ``UnavailableError``."""
    address = hub_url.rstrip("/").replace("http", "ws", 1) + "/api/live"
    try:
        socket = await connect(address, max_size=64 << 20, proxy=None)
    except (OSError, WebSocketException) as error:
        raise UnavailableError("live.unreachable", "the hub does not answer") from error
    async with socket, asyncio.TaskGroup() as group:
        responder = Responder(socket, clock, group)
        await responder.greet(agency, "rehearsal")
        following = group.create_task(responder.follow())
        try:
            yield responder
        finally:
            following.cancel()
            for followed in responder._incidents.values():
                followed.end()
