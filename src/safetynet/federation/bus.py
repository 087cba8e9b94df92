"""A node's connection to its own NATS server."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import nats
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from safetynet.base.errors import SafetyNetError, UnavailableError

log = structlog.get_logger()

Handler = Callable[[str, bytes], Awaitable[None]]
Answerer = Callable[[bytes], Awaitable[bytes]]

PENDING_MESSAGES = 65_536
"""Per subscription; beyond it NATS drops the newest and reports a slow consumer. A dropped journal
entry is asked for again by range, a dropped beat by the next one."""


class Bus(Protocol):
    """Publish, subscribe, ask and answer. Messages may be lost; nothing durable relies on it."""

    async def publish(self, subject: str, data: bytes) -> None:
        """Send to whoever listens."""
        ...

    async def subscribe(self, subject: str, handler: Handler) -> None:
        """Call ``handler(subject, data)`` for each message, one at a time."""
        ...

    async def answer(self, subject: str, answerer: Answerer) -> None:
        """Reply to each request on a subject."""
        ...

    async def ask(self, subject: str, data: bytes, within_s: float) -> bytes:
        """One reply; raises ``UnavailableError`` where none comes in time."""
        ...


class NatsBus:
    """A ``Bus`` over a real NATS server; reconnects for ever."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def publish(self, subject: str, data: bytes) -> None:
        """Send to whoever listens; raises ``UnavailableError`` while the buffer is full."""
        try:
            await self._client.publish(subject, data)
        except nats.errors.Error as error:
            raise UnavailableError("bus.publish", str(error), subject=subject) from error

    async def subscribe(self, subject: str, handler: Handler) -> None:
        """Call ``handler`` for each message, one at a time, in order."""

        async def receive(message: Msg) -> None:
            try:
                await handler(message.subject, message.data)
            except SafetyNetError as error:
                log.warning("bus.message_refused", subject=message.subject, code=error.code)

        await self._client.subscribe(subject, cb=receive, pending_msgs_limit=PENDING_MESSAGES)

    async def answer(self, subject: str, answerer: Answerer) -> None:
        """Reply to each request."""

        async def receive(message: Msg) -> None:
            try:
                await message.respond(await answerer(message.data))
            except SafetyNetError as error:
                log.warning("bus.request_refused", subject=message.subject, code=error.code)

        await self._client.subscribe(subject, cb=receive)

    async def ask(self, subject: str, data: bytes, within_s: float) -> bytes:
        """One reply; raises ``UnavailableError`` where nobody answers in time."""
        try:
            return bytes((await self._client.request(subject, data, timeout=within_s)).data)
        except (nats.errors.Error, TimeoutError) as error:
            raise UnavailableError("bus.no_answer", "no answer in time", subject=subject) from error

    async def close(self) -> None:
        """Leave at once; what was not sent is lost, and asked for again by the other side."""
        await self._client.close()


async def connect_bus(url: str, name: str) -> NatsBus:
    """Connect to a node's own server, waiting until it serves; reconnects for ever.

    Raises ``UnavailableError`` where the server is there and refuses us.
    """

    async def report(error: Exception) -> None:
        log.info("bus.error", error=repr(error))

    try:
        client = await nats.connect(
            url,
            name=name,
            error_cb=report,
            allow_reconnect=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.1,
            ping_interval=2,
            max_outstanding_pings=2,
            pending_size=8 << 20,
        )
    except (nats.errors.Error, OSError) as error:
        raise UnavailableError("bus.connect", str(error), url=url) from error
    return NatsBus(client)
