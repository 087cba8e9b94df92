"""A node's connection to its own NATS server."""

import asyncio
import secrets
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import urlsplit

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.transport import TcpTransport

from safetynet.base.errors import RefusedError, SafetyNetError, UnavailableError
from safetynet.base.ids import NodeId
from safetynet.federation.identity.certificates import LOOPBACK
from safetynet.federation.identity.node import Identity
from safetynet.federation.identity.tls import make_tls
from safetynet.federation.permissions import inbox
from safetynet.federation.subjects import node_of

log = structlog.get_logger()

Handler = Callable[[str, bytes], Awaitable[None]]
Answerer = Callable[[bytes], Awaitable[bytes]]

KEEP_TRYING: dict[str, Any] = {
    "allow_reconnect": True,
    "max_reconnect_attempts": -1,
    "dont_randomize": True,
    "reconnect_time_wait": 0.1,
    "ping_interval": 2,
    "max_outstanding_pings": 2,
    "pending_size": 8 << 20,
}
"""Options of the client; ``Any``: foreign."""
LEAVE_WITHIN_S = 1.0
MAX_TOLD = 100
"""Different troubles of one outage that are logged."""
_LATE = ("APPLICATION_DATA_AFTER_CLOSE_NOTIFY",)
"""Said of a connection that we had left already: no refusal."""
NOBODY_LISTENS = "503"
"""Status with which a server answers where no subscription matches."""
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


class _Transport(TcpTransport):
    """Does not wait for ever for a farewell: a server that stands still never says it, nor does one that broke
    off the handshake."""

    async def wait_closed(self) -> None:
        """Until the connection is closed, by force where it must be."""
        try:
            async with asyncio.timeout(LEAVE_WITHIN_S):
                await super().wait_closed()  # type: ignore[no-untyped-call]  # foreign
        except TimeoutError:
            if self._io_writer is not None:
                self._io_writer.transport.abort()

    def __bool__(self) -> bool:
        """True, or the client would make one of its own."""
        return True


class _Client(Client):
    """The client, over our transport."""

    def __init__(self) -> None:
        super().__init__()
        self._transport = _Transport()  # type: ignore[no-untyped-call]  # foreign


class NatsBus:
    """A ``Bus`` over a real NATS server; reconnects for ever."""

    def __init__(self, client: Client, node: NodeId) -> None:
        self._client = client
        self._node = node
        self._mark = secrets.token_urlsafe(9)
        self._asked: dict[str, asyncio.Future[bytes]] = {}
        self._answering: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Begin to hear answers; once, before the first question."""
        own = inbox(self._node, NodeId("*"))
        await self._client.subscribe(f"{own}.{self._mark}.*", cb=self._hear_answer)

    async def _hear_answer(self, message: Msg) -> None:
        future = self._asked.get(message.subject)
        if future is None or future.done():
            return
        if message.headers and message.headers.get("Status") == NOBODY_LISTENS:
            future.set_exception(UnavailableError("bus.no_answer", "nobody listens"))
        else:
            future.set_result(message.data)

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

    async def answer(self, subject: str, answerer: Answerer, at_once: int = 1) -> None:
        """Reply to each request; ``at_once`` of them may be under way, and they begin in order."""
        room = asyncio.Semaphore(at_once)

        async def respond(message: Msg) -> None:
            try:
                await message.respond(await answerer(message.data))
            except SafetyNetError as error:
                log.warning("bus.request_refused", subject=message.subject, code=error.code)
            except nats.errors.Error as error:
                log.info("bus.not_answered", subject=message.subject, error=str(error))
            finally:
                room.release()

        async def receive(message: Msg) -> None:
            await room.acquire()
            task = asyncio.create_task(respond(message))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

        await self._client.subscribe(subject, cb=receive)

    async def ask(self, subject: str, data: bytes, within_s: float) -> bytes:
        """One reply; raises ``UnavailableError`` where nobody answers in time."""
        named = inbox(self._node, node_of(subject))
        reply = f"{named}.{self._mark}.{secrets.token_urlsafe(9)}"
        future = asyncio.get_running_loop().create_future()
        self._asked[reply] = future
        try:
            async with asyncio.timeout(within_s):
                await self._client.publish(subject, data, reply=reply)
                return bytes(await future)
        except (nats.errors.Error, TimeoutError) as error:
            raise UnavailableError("bus.no_answer", "no answer in time", subject=subject) from error
        finally:
            del self._asked[reply]

    async def close(self) -> None:
        """Leave at once; what was not sent is lost, and asked for again by the other side."""
        await leave(self._client)


async def connect_bus(
    servers: str | Sequence[str], node: NodeId, identity: Identity | None = None
) -> NatsBus:
    """Connect to a node's own server, waiting until it serves; reconnects for ever.

    Of several servers, which are one cluster, the first that serves is taken, in their order; when it
    is gone, the next.

    Without an identity there is neither secrecy nor proof of who speaks: that is for one machine
    whose accounts trust each other, and raises ``RefusedError`` ``bus.plain`` for any but a loopback
    address. Raises ``RefusedError`` ``bus.refused`` where the server is there and we do not believe
    each other: waiting would not help.
    """
    urls = [servers] if isinstance(servers, str) else list(servers)
    client, refusal = _Client(), asyncio.get_running_loop().create_future()

    told: set[str] = set()

    async def report(error: Exception) -> None:
        _tell(error, told)
        if _is_refusal(error) and not refusal.done():
            refusal.set_result(error)

    async def report_back() -> None:
        told.clear()
        log.info("bus.connected_again")

    options = KEEP_TRYING | _prove(urls, identity)
    connecting = asyncio.ensure_future(
        client.connect(urls, name=node, error_cb=report, reconnected_cb=report_back, **options)
    )
    try:
        await asyncio.wait({connecting, refusal}, return_when=asyncio.FIRST_COMPLETED)
        if not connecting.done():
            error = refusal.result()
            raise RefusedError("bus.refused", str(error), url=_list(urls)) from error
        await connecting
        bus = NatsBus(client, node)
        await bus.listen()
    except BaseException as error:
        connecting.cancel()
        await asyncio.wait({connecting})
        await leave(client)
        if isinstance(error, nats.errors.Error | OSError):
            raise UnavailableError("bus.connect", str(error), url=_list(urls)) from error
        raise
    return bus


async def leave(client: Client) -> None:
    """Close a client, bounded: after a handshake that was broken off it waits for ever for its end."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LEAVE_WITHIN_S):
            await client.close()


def _tell(error: Exception, told: set[str]) -> None:
    """Log what the client says: once for each trouble, which it finds again ten times a second."""
    text = repr(error)
    if "permissions violation" in text.lower():
        log.warning("bus.denied", error=text)
    elif text not in told and len(told) < MAX_TOLD:
        told.add(text)
        log.info("bus.error", error=text)


def _is_refusal(error: Exception) -> bool:
    """True where one of both ends does not believe the other; NATS says its own no in words only."""
    if isinstance(error, ssl.SSLError):
        broken_off = isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
        return not broken_off and error.reason not in _LATE
    return "authorization violation" in str(error).lower()


def _list(urls: Sequence[str]) -> str:
    return ", ".join(urls)


def _prove(urls: Sequence[str], identity: Identity | None) -> dict[str, Any]:
    """Options of the client (``Any``: foreign): who we are, and whose signature we ask for."""
    if identity is not None:
        return {
            "tls": make_tls(identity),
            "tls_handshake_first": True,
            "nkeys_seed": str(identity.seed),
        }
    for url in urls:
        if (urlsplit(url).hostname or "") not in LOOPBACK:
            raise RefusedError("bus.plain", "without keys only a loopback address is used", url=url)
    return {}
