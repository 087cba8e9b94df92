"""The peer: plain JetStream, whose hub sources one stream from a stream in each leaf node.

The same programs in the same shape as ours: a hub's ``nats-server``, and a leaf node for each district that keeps
a stream on disk. What JetStream gives by itself: sequence, resending, sourcing again after a loss; no chain, no
folded state, and by its default a write reaches the disk within two minutes, not before it is acknowledged.
"""

import asyncio
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import nats
import nats.errors
from bench.federation.load import pace
from bench.federation.nodes import Process
from bench.measure.times import Row, Times, rank, times_row, value_row
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ExternalStream, StreamConfig, StreamSource
from nats.js.errors import Error as JetStreamError

from safetynet.app.nats_server import find_nats_server
from safetynet.app.ports import find_free_ports

ALL = "ALL"
BODY = b"x" * 400
"""As long as an ordinary entry."""
WITHIN_S = 300.0
AT_ONCE = 500


class Sourcing:
    """A hub's server and its leaf nodes, with JetStream."""

    def __init__(self, folder: Path, leaves: int) -> None:
        self.names = [f"leaf{n:02d}" for n in range(leaves)]
        self._hub_port, leaf_port, *ports = find_free_ports(2 + leaves)
        self._ports = dict(zip(self.names, ports, strict=True))
        self.hub = _server(
            folder, "hub", self._hub_port, f'leafnodes {{ listen: "127.0.0.1:{leaf_port}" }}'
        )
        remote = f'leafnodes {{ reconnect: 1, remotes: [{{ url: "nats-leaf://127.0.0.1:{leaf_port}" }}] }}'
        self._leaves = [_server(folder, name, self._ports[name], remote) for name in self.names]
        self.clients: dict[str, Client] = {}

    async def open(self) -> None:
        """Start everything; the hub's stream sources from every leaf."""
        for server in (self.hub, *self._leaves):
            server.start()
        for name, port in self._ports.items():
            self.clients[name] = await _connect(port)
            await self.js(name).add_stream(StreamConfig(name=name, subjects=[f"j.{name}"]))
        hub = await self.connect_hub()
        sources = [
            StreamSource(name=name, external=ExternalStream(api=f"$JS.{name}.API"))
            for name in self.names
        ]
        await hub.jetstream().add_stream(StreamConfig(name=ALL, sources=sources))
        await hub.close()
        for name in self.names:
            await self.put(name)
        await self.reach(len(self.names))

    async def close(self) -> None:
        """End everything."""
        for client in self.clients.values():
            await client.close()
        for server in (*self._leaves, self.hub):
            await server.kill()

    def js(self, name: str) -> JetStreamContext:
        """A leaf's JetStream."""
        return self.clients[name].jetstream(timeout=30)

    async def connect_hub(self) -> Client:
        """A connection to the hub's server, as soon as it serves."""
        return await _connect(self._hub_port)

    async def put(self, name: str, body: bytes = BODY) -> None:
        """One message into a leaf's stream; returns when the leaf has it."""
        await self.js(name).publish(f"j.{name}", body)

    async def reach(self, count: int) -> None:
        """Until the hub's stream has so many messages."""
        hub = await self.connect_hub()
        js = hub.jetstream(timeout=1)
        async with asyncio.timeout(WITHIN_S):
            while True:
                with suppress(JetStreamError, nats.errors.Error, TimeoutError):
                    if (await js.stream_info(ALL)).state.messages >= count:
                        break
                await asyncio.sleep(0.02)
        await hub.close()


@asynccontextmanager
async def sourcing(leaves: int) -> AsyncIterator[Sourcing]:
    """All servers, linked and sourced from."""
    folder = Path(tempfile.mkdtemp(prefix="safetynet-bench-"))
    peer = Sourcing(folder, leaves)
    try:
        await peer.open()
        yield peer
    finally:
        await peer.close()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def apply(leaves: int, per_s: float, seconds: float) -> dict[str, Row]:
    """Message handed to a leaf → delivered from the hub's stream."""
    took: list[float] = []
    async with sourcing(leaves) as peer:
        hub = await peer.connect_hub()
        js = hub.jetstream()

        async def hear(message: nats.aio.msg.Msg) -> None:
            told = message.data.split(b" ", 1)[0]
            if told.isdigit():
                took.append(time.time() - int(told) / 1e9)

        await js.subscribe("", stream=ALL, ordered_consumer=True, cb=hear)
        count = round(per_s * seconds)

        async def put(n: int) -> None:
            stamp = f"{time.time_ns()} ".encode()
            await peer.put(peer.names[n % leaves], stamp + BODY)

        await pace(per_s, count, put)
        async with asyncio.timeout(WITHIN_S):
            while len(took) < count:  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.02)
        await hub.close()
    note = f"{per_s:g}/s over {leaves} leaves, to the hub's subscriber"
    return {"jetstream_apply": times_row(Times([1000 * t for t in took], []), "", note)}


async def catch_up(leaves: int, entries: int) -> dict[str, Row]:
    """The hub's server comes back with messages of one leaf waiting."""
    async with sourcing(leaves) as peer:
        await peer.hub.stop()
        name = peer.names[0]
        for done in range(0, entries, AT_ONCE):
            await asyncio.gather(*(peer.put(name) for _ in range(min(AT_ONCE, entries - done))))
        began = time.perf_counter()
        peer.hub.start()
        await peer.reach(leaves + entries)
        took_s = time.perf_counter() - began
    note = f"{entries} messages of one leaf, from the server's start"
    return {"jetstream_catch_up": value_row(took_s, "s", note)}


async def hub_restart(leaves: int, times: int) -> dict[str, Row]:
    """The hub's server is killed and started → the first message put after that is in its stream."""
    took: list[float] = []
    async with sourcing(leaves) as peer:
        for n in range(times):
            await peer.hub.kill()
            began = time.perf_counter()
            peer.hub.start()
            await peer.put(peer.names[n % leaves])
            await peer.reach(leaves + n + 1)
            took.append(time.perf_counter() - began)
    note = f"median of {times} kills, most {max(took):.2f}"
    return {"jetstream_restart_first": value_row(rank(took, 0.5), "s", note)}


def version() -> str:
    """Of the server."""
    said = subprocess.run((find_nats_server(), "--version"), capture_output=True, text=True)
    return said.stdout.strip()


def _server(folder: Path, name: str, port: int, links: str) -> Process:
    config = folder / f"{name}.conf"
    config.write_text(
        f'server_name: "{name}"\nlisten: "127.0.0.1:{port}"\n{links}\n'
        f'jetstream {{ store_dir: "{folder / name}", domain: "{name}" }}\n',
        encoding="utf-8",
    )
    return Process(name, (find_nats_server(), "--config", str(config)), folder / f"{name}.log")


async def _connect(port: int) -> Client:
    async with asyncio.timeout(WITHIN_S):
        while True:
            with suppress(OSError, nats.errors.Error):
                return await nats.connect(
                    f"nats://127.0.0.1:{port}", allow_reconnect=False, error_cb=_ignore
                )
            await asyncio.sleep(0.05)


async def _ignore(_: Exception) -> None:
    return None
