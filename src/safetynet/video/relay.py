"""Pass messages between a viewer and the owner's gateway, for networks that route only to the centre.

The relay understands nothing of what it passes: the owner alone checks the grant.
"""

import asyncio
import contextlib
from typing import Protocol

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from safetynet.base.errors import UnavailableError

MAX_MEDIA_BYTES = 8 << 20
MAX_VIEWER_BYTES = 16 << 10
"""A viewer only ever sends a grant and small notes."""
OPEN_S = 3.0

log = structlog.get_logger()


class ViewerSocket(Protocol):
    """The viewer's end, as the web server gives it."""

    async def receive(self) -> str | bytes | None:
        """The next message; None when the viewer has left."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Hand over one message, waiting while the viewer is slow."""
        ...


async def relay(viewer: ViewerSocket, gateway_url: str) -> tuple[int | None, str]:
    """Pass messages both ways until either end closes; one message at a time is in our hands.

    Returns with which code and reason the gateway closed; None where the viewer left. Raises
    ``UnavailableError`` where the gateway cannot be reached. The caller closes the viewer's socket
    afterwards.
    """
    try:
        gateway = await connect(
            gateway_url,
            compression=None,
            max_size=MAX_MEDIA_BYTES,
            max_queue=4,
            open_timeout=OPEN_S,
            close_timeout=1,
            proxy=None,
        )
    except (OSError, TimeoutError, WebSocketException) as error:
        raise UnavailableError("relay.gateway_away", "the owner's gateway is away") from error
    async with gateway:
        ways = {
            asyncio.create_task(_up(viewer, gateway)),
            asyncio.create_task(_down(viewer, gateway)),
        }
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in done:
                way.result()
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        return gateway.close_code, gateway.close_reason or ""


async def _up(viewer: ViewerSocket, gateway: ClientConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        while (message := await viewer.receive()) is not None:
            if len(message) > MAX_VIEWER_BYTES:
                log.info("relay.viewer_too_long", bytes=len(message))
                return
            await gateway.send(message)


async def _down(viewer: ViewerSocket, gateway: ClientConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for message in gateway:
            await viewer.send(message)
