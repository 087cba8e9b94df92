"""One view as a responder opens it: present the grant, take the still, decode, judge."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from datetime import datetime

import av
import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from safetynet.base.clock import Clock
from safetynet.base.errors import RefusedError, SafetyNetError
from safetynet.sim.judge import Seen
from safetynet.sim.rehearsal.picture import Eye
from safetynet.video.wire import MediaType, decode_media


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """A grant as the hub hands it out (``GrantView``), as far as a viewer needs it."""

    id: str
    incident: str
    camera: str
    rank: int
    token: str
    gateway: str


class Watched(msgspec.Struct, kw_only=True):
    """What one view came to; times are moments, None where it never happened."""

    camera: str
    rank: int
    still_at: datetime | None = None
    frame_at: datetime | None = None
    """First decoded frame."""
    eyes_at: datetime | None = None
    """First frame that the judge accepts."""
    frames: int = 0
    best: Seen = Seen(0, 0)
    error: str = ""


class _Gateway(msgspec.Struct, frozen=True):
    """Any text frame of the gateway."""

    type: str
    nonce: str = ""
    audience: str = ""
    code: str = ""
    reason: str = ""


class ViewerKeyPair:
    """A viewer's own P-256 key; the private half never leaves it."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())

    def jwk(self) -> dict[str, str]:
        """The public half as a JWK (RFC 7517)."""
        numbers = self._private.public_key().public_numbers()
        x, y = (_b64(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}

    def prove(self, *, audience: str, grant: str, nonce: str) -> str:
        """The signed challenge (docs/design/0001): ES256, r and s of 32 bytes each."""
        text = f"safetynet-view-v1\n{audience}\n{grant}\n{nonce}".encode()
        r, s = decode_dss_signature(self._private.sign(text, ec.ECDSA(hashes.SHA256())))
        return _b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


async def watch(
    grant: Granted,
    key: ViewerKeyPair,
    signature: Awaitable[int],
    clock: Clock,
    report: Callable[[str], Awaitable[None]],
) -> Watched:
    """Open a view and look until the thing and the still are seen; runs until then, or until it is cancelled or cut.

    ``report`` is called with ``still_shown`` and ``eyes_on`` as each happens first. Errors end up
    in ``Watched.error``, never in an exception.
    """
    watched = Watched(camera=grant.camera, rank=grant.rank)
    await watch_into(watched, grant, key, signature, clock, report)
    return watched


async def watch_into(
    watched: Watched,
    grant: Granted,
    key: ViewerKeyPair,
    signature: Awaitable[int],
    clock: Clock,
    report: Callable[[str], Awaitable[None]],
) -> None:
    """The same, writing into a record that stays whole when the watch is cancelled."""
    try:
        async with connect(grant.gateway, max_size=8 << 20, proxy=None, close_timeout=1) as socket:
            await _present(socket, grant, key)
            await _look(socket, watched, await signature, clock, report)
    except (SafetyNetError, WebSocketException, OSError, av.FFmpegError) as error:
        watched.error = str(error) or type(error).__name__


async def _present(socket: ClientConnection, grant: Granted, key: ViewerKeyPair) -> None:
    challenge = msgspec.json.decode(await socket.recv(), type=_Gateway)
    proof = key.prove(audience=challenge.audience, grant=grant.id, nonce=challenge.nonce)
    present = {"type": "present", "grant": grant.token, "proof": proof}
    await socket.send(msgspec.json.encode(present).decode())
    verdict = msgspec.json.decode(await socket.recv(), type=_Gateway)
    if verdict.type != "accepted":
        raise RefusedError(verdict.code or "view.refused", f"gateway said {verdict.type}")


async def _look(
    socket: ClientConnection,
    watched: Watched,
    signature: int,
    clock: Clock,
    report: Callable[[str], Awaitable[None]],
) -> None:
    eye = Eye(signature)
    async for data in socket:
        if isinstance(data, str):
            if msgspec.json.decode(data, type=_Gateway).type == "ended":
                return
            continue
        message = decode_media(data)
        if message.type is MediaType.STILL:
            if watched.still_at is None:
                watched.still_at = clock.now()
                await report("still_shown")
            if watched.eyes_at is not None:
                return
            continue
        if watched.eyes_at is not None:
            continue  # seen; only the still is still to come
        seen = await asyncio.to_thread(eye.take, message)
        watched.frames, watched.best = eye.frames, eye.best
        if seen is None:
            continue
        if watched.frame_at is None:
            watched.frame_at = clock.now()
            shown_ms = int(watched.frame_at.timestamp() * 1000)
            first = {"type": "first_frame", "shown_at_ms": shown_ms}
            await socket.send(msgspec.json.encode(first).decode())
            await report("eyes_on")
        if seen.accepted:
            watched.eyes_at = clock.now()
            if watched.still_at is not None:
                return


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
