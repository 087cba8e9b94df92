"""The relay: pictures through the hub, for networks that route only to the centre."""

from typing import Any

import structlog
from litestar import WebSocket

from safetynet.base.errors import UnavailableError
from safetynet.video.relay import relay
from safetynet.web.live import close_socket

CLOSE_DONE = 1000
CLOSE_UNKNOWN = 4404
CLOSE_AWAY = 4503

AnySocket = WebSocket[Any, Any, Any]
log = structlog.get_logger()


class ViewerSide:
    """The viewer's socket in the words of ``video.relay``."""

    def __init__(self, socket: AnySocket) -> None:
        self._socket = socket

    async def receive(self) -> str | bytes | None:
        """The viewer's next message; None when it left."""
        # Not ``receive_data``: it wants to know beforehand whether text or bytes will come.
        event = await self._socket.receive()
        if event["type"] != "websocket.receive":
            return None
        text: str | None = event.get("text")
        return text if text is not None else event.get("bytes") or b""

    async def send(self, message: str | bytes) -> None:
        """Pass a message to the viewer."""
        if isinstance(message, str):
            await self._socket.send_text(message)
        else:
            await self._socket.send_bytes(message)


async def serve_relay(socket: AnySocket, gateway: str | None) -> None:
    """Pass messages between a viewer and an owner's gateway; the owner still checks the grant.

    Closes with 4404 where there is no such owner (``gateway`` is None), with 4503 where its gateway
    is away. After the handshake, for a browser learns nothing from one that was refused.
    """
    await socket.accept()
    code, reason = CLOSE_DONE, ""
    if gateway is None:
        code, reason = CLOSE_UNKNOWN, "relay.owner"
    else:
        try:
            await relay(ViewerSide(socket), gateway)
        except UnavailableError as error:
            code, reason = CLOSE_AWAY, error.code
        except OSError:
            log.info("relay.viewer_gone")
    await close_socket(socket, code, reason)
