"""A TCP proxy in user space between a leaf node and the hub's server: the link that a fault can touch."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum

CHUNK = 64 * 1024


class Mood(StrEnum):
    """What the link does with what passes."""

    PASS = "pass"
    DELAY = "delay"
    """Everything comes ``DELAY_S`` later, in order."""
    STALL = "stall"
    """Connections stay, nothing passes: a cable that was pulled."""
    CUT = "cut"
    """Connections are reset and new ones refused."""


DELAY_S = 0.2


class Link:
    """One link; ``set`` changes its mood at any moment."""

    def __init__(self, target: Callable[[], int]) -> None:
        self.mood = Mood.PASS
        self.port = 0
        self._target = target
        self._changed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen on a free port of loopback."""
        self._server = await asyncio.start_server(self._come, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End the link."""
        if self._server is not None:
            self._server.close()
        self.reset()
        for pump in list(self._pumps):
            pump.cancel()

    def set(self, mood: Mood) -> None:
        """From now on."""
        self.mood = mood
        self._changed.set()
        self._changed = asyncio.Event()
        if mood is Mood.CUT:
            self.reset()

    def reset(self) -> None:
        """Reset what is connected, as a box in between does; new connections may come."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers = set()

    async def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut():
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target())
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        if self._is_cut():  # while we dialled
            self.reset()
            return
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            pump = asyncio.create_task(self._pump(source, sink))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    def _is_cut(self) -> bool:
        return self.mood is Mood.CUT

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(256)
        sending = asyncio.create_task(self._send(waiting, sink))
        loop = asyncio.get_running_loop()
        try:
            with suppress(OSError):
                while chunk := await source.read(CHUNK):
                    late = DELAY_S if self.mood is Mood.DELAY else 0.0
                    await waiting.put((loop.time() + late, chunk))
        finally:
            sending.cancel()
            self._writers.discard(sink)
            sink.transport.abort()

    async def _send(
        self, waiting: "asyncio.Queue[tuple[float, bytes]]", sink: asyncio.StreamWriter
    ) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while True:
                due, chunk = await waiting.get()
                while self.mood is Mood.STALL:
                    await self._changed.wait()
                await asyncio.sleep(max(0.0, due - loop.time()))
                sink.write(chunk)
                await sink.drain()
