"""Viewers without a screen: they take grants from the hub, watch at the owners' gateways, and note until when a picture came.

``python -m chaos.viewers HUB_URL FOLDER COUNT SEED`` is a process of its own, so that nothing but reading keeps it busy.
Some of them also end incidents, as an operator does. What they saw is in ``FOLDER/viewers.jsonl``.
"""

import asyncio
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import msgspec
from chaos.senders import POLICE, Ending, ending_of
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from safetynet.access.proof import new_viewer_key, sign_proof, viewer_key
from safetynet.app.orphan import run_until_asked
from safetynet.base.ids import GrantId, IncidentId, NodeId, SessionId
from safetynet.web.types import Hello

RANKS = 2
"""Of the views of an incident, how many a viewer opens."""
STAYS_S = (10.0, 40.0)
"""Until a viewer leaves its console and comes back as another."""
AGAIN_AFTER_S = 0.5
TRIES = 20
CLOSE_AFTER_S = (2.0, 12.0)
TICK_S = 0.05
NOTES = "viewers.jsonl"


class Watched(msgspec.Struct, frozen=True, kw_only=True, tag="watched"):
    """One session as its viewer lived it; times are monotonic, as the owner's are."""

    session: SessionId
    grant: GrantId
    incident: IncidentId
    owner: NodeId
    began_s: float
    last_s: float
    """When the last picture was read; no picture came before ``began_s`` where they are the same."""
    came_s: float
    """The earliest moment at which it can have come: before that our own loop was known to be awake."""
    pictures: int
    said: str
    """The gateway's last word; empty where the connection was lost or we ended."""


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """A gateway did not let a viewer in."""

    grant: GrantId
    owner: NodeId
    code: str


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """The hub said that it has an operator's end of an incident."""

    key: str
    sent_s: float
    acknowledged_s: float


Line = Watched | Refused | Ended
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


def read_lines(folder: Path) -> list[Line]:
    """What all viewers noted."""
    return _decoder.decode_lines((folder / NOTES).read_bytes())


class _Granted(msgspec.Struct, frozen=True, kw_only=True):
    """A grant as the hub hands it out (``GrantView``), as far as a viewer needs it."""

    id: GrantId
    incident: IncidentId
    owner: NodeId
    rank: int
    token: str
    gateway: str


class _Incident(msgspec.Struct, frozen=True):
    id: IncidentId
    key: str
    state: str


class _Live(msgspec.Struct, frozen=True):
    """Any message of ``/api/live``, as far as we need it."""

    type: str
    incident: msgspec.Raw = msgspec.Raw(b"null")
    incidents: tuple[_Incident, ...] = ()
    grants: tuple[_Granted, ...] = ()


class _Word(msgspec.Struct, frozen=True):
    """Any text of a gateway."""

    type: str
    nonce: str = ""
    audience: str = ""
    session: str = ""
    code: str = ""
    reason: str = ""


class Awake:
    """Knows since when at least this process's loop has been reading."""

    def __init__(self) -> None:
        self._ticks = (time.monotonic(),) * 2

    @property
    def since_s(self) -> float:
        """What is read now cannot have come before that moment: all that was there then was read."""
        return self._ticks[0]

    async def run(self) -> None:
        """Tick, until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            self._ticks = (self._ticks[1], time.monotonic())


class Viewer:
    """One viewer: a console at the hub, and a session for each grant."""

    def __init__(
        self, hub_url: str, note: Callable[[Line], None], awake: Awake, chance: random.Random
    ) -> None:
        self._hub_url = hub_url
        self._note = note
        self._awake = awake
        self._chance = chance
        self._private = new_viewer_key()
        self._granted: dict[GrantId, _Granted] = {}
        self._ending: set[IncidentId] = set()

    async def run(self, group: asyncio.TaskGroup) -> None:
        """Come, stay a while, leave, and come again as somebody else; what is watched goes on."""
        while True:
            with suppress(OSError, WebSocketException, TimeoutError):
                await self._be_there(group)
            self._private = new_viewer_key()
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _be_there(self, group: asyncio.TaskGroup) -> None:
        url = self._hub_url.replace("http", "ws", 1) + "/api/live"
        async with (
            asyncio.timeout(self._chance.uniform(*STAYS_S)),
            connect(url, max_size=64 << 20, proxy=None, close_timeout=1) as socket,
        ):
            hello = Hello(agency="112", name="chaos", key=viewer_key(self._private))
            await socket.send(msgspec.json.encode(hello).decode())
            async for data in socket:
                self._take(msgspec.json.decode(data, type=_Live), group)

    def _take(self, message: _Live, group: asyncio.TaskGroup) -> None:
        incidents = message.incidents
        if message.type == "incident":
            incidents = (msgspec.json.decode(message.incident, type=_Incident),)
        for incident in incidents:
            if _is_ours(incident) and incident.id not in self._ending:
                self._ending.add(incident.id)
                group.create_task(self._end(incident))
        for grant in message.grants:
            known = grant.id in self._granted
            self._granted[grant.id] = grant
            if not known and grant.rank <= RANKS:
                group.create_task(self._watch(grant.id, self._private))

    async def _end(self, incident: _Incident) -> None:
        """End an incident as an operator does, again and again until the hub says that it has it."""
        await asyncio.sleep(self._chance.uniform(*CLOSE_AFTER_S))
        url = f"{self._hub_url}/api/incidents/{incident.id}/close"
        async with httpx.AsyncClient(trust_env=False, timeout=5.0) as web:
            for _ in range(TRIES):
                sent_s = time.monotonic()
                with suppress(httpx.HTTPError):
                    if (await web.post(url)).status_code == httpx.codes.OK:
                        now_s = time.monotonic()
                        self._note(Ended(key=incident.key, sent_s=sent_s, acknowledged_s=now_s))
                        return
                await asyncio.sleep(AGAIN_AFTER_S)

    async def _watch(self, grant: GrantId, private: object) -> None:
        """Watch under a grant; where the connection is lost, come again."""
        for _ in range(TRIES):
            granted = self._granted[grant]
            with suppress(OSError, WebSocketException, TimeoutError):
                async with connect(
                    granted.gateway, max_size=8 << 20, proxy=None, close_timeout=1
                ) as socket:
                    if await self._present(socket, granted, private):
                        return
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _present(self, socket: ClientConnection, granted: _Granted, private: object) -> bool:
        """One session; True where there is no use in coming again."""
        challenge = msgspec.json.decode(await socket.recv(), type=_Word)
        proof = sign_proof(private, NodeId(challenge.audience), granted.id, challenge.nonce)  # type: ignore[arg-type]  # whatever new_viewer_key gave
        present = {"type": "present", "grant": granted.token, "proof": proof}
        await socket.send(msgspec.json.encode(present).decode())
        answer = msgspec.json.decode(await socket.recv(), type=_Word)
        if answer.type != "accepted":
            self._note(Refused(grant=granted.id, owner=granted.owner, code=answer.code))
            return answer.code.startswith(("grant.", "policy.", "proof."))
        return await self._look(socket, granted, SessionId(answer.session))

    async def _look(self, socket: ClientConnection, granted: _Granted, session: SessionId) -> bool:
        began_s = last_s = came_s = time.monotonic()
        pictures, said = 0, ""
        try:
            async for data in socket:
                if isinstance(data, str):
                    said = msgspec.json.decode(data, type=_Word).reason
                    break
                last_s, came_s = time.monotonic(), self._awake.since_s
                pictures += 1
        finally:
            self._note(
                Watched(
                    session=session,
                    grant=granted.id,
                    incident=granted.incident,
                    owner=granted.owner,
                    began_s=began_s,
                    last_s=last_s,
                    came_s=max(began_s, came_s),
                    pictures=pictures,
                    said=said,
                )
            )
        return said in ("closed", "hard_end", "lease_ran_out")


def _is_ours(incident: _Incident) -> bool:
    mine = incident.key.startswith(POLICE.mark) and incident.state == "open"
    return mine and ending_of(incident.key) is Ending.OPERATOR


async def _view(hub_url: str, notes: Path, count: int, seed: int) -> None:
    awake = Awake()
    with notes.open("ab", buffering=0) as file:

        def note(line: Line) -> None:
            file.write(msgspec.json.encode(line) + b"\n")

        async with asyncio.TaskGroup() as group:
            group.create_task(awake.run())
            for n in range(count):
                viewer = Viewer(hub_url, note, awake, random.Random(seed * 100 + n))
                group.create_task(viewer.run(group))


def main() -> None:
    """Entry of ``python -m chaos.viewers``."""
    hub_url, folder, count, seed = sys.argv[1:]
    notes = Path(folder) / NOTES
    notes.parent.mkdir(parents=True, exist_ok=True)
    asyncio.run(run_until_asked(_view(hub_url, notes, int(count), int(seed))))


if __name__ == "__main__":
    main()
