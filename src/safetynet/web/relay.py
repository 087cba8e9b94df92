"""The relay: pictures through the hub, for networks that route only to the centre."""

from typing import Any

from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect

from safetynet.video.relay import relay

AnySocket = WebSocket[Any, Any, Any]


class _ViewerSide:
    """The viewer's socket in the words of ``video.relay``."""

    def __init__(self, socket: AnySocket) -> None:
        self._socket = socket

    async def receive(self) -> str | bytes | None:
        """The viewer's next message; None when it left."""
        try:
            event = await self._socket.receive_data(mode="text")
        except WebSocketDisconnect:
            return None
        return event

    async def send(self, message: str | bytes) -> None:
        """Pass a message to the viewer."""
        if isinstance(message, str):
            await self._socket.send_text(message)
        else:
            await self._socket.send_bytes(message)


async def serve_relay(socket: AnySocket, gateway: str) -> None:
    """Pass messages between a viewer and an owner's gateway; the owner still checks the grant."""
    await socket.accept()
    await relay(_ViewerSide(socket), gateway)
