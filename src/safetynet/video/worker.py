"""The video worker process: everything of a district that decodes, speaks SOAP or serves viewers.

Started by ``video.control``; ends with the process that started it.
"""

import argparse
import asyncio
import ctypes
import os
import signal
import socket
import sys
from collections import OrderedDict
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor

import av.logging
import msgspec
import structlog
import uvloop

from safetynet.base.clock import Clock, SystemClock
from safetynet.base.errors import InvalidError, UnavailableError
from safetynet.base.ids import CameraId
from safetynet.base.log import configure_logging
from safetynet.base.settling import settle
from safetynet.video.channel import Channel, open_channel
from safetynet.video.device import Devices
from safetynet.video.gateway import Gateway
from safetynet.video.ipc import (
    Cut,
    EndClip,
    Extend,
    Listening,
    Prepare,
    Probe,
    Probed,
    Record,
    Release,
    Source,
    Stop,
    TakeStill,
    ToControl,
    ToWorker,
    Verdict,
)
from safetynet.video.limits import Limits
from safetynet.video.probe import probe
from safetynet.video.ptz import Heads
from safetynet.video.record import Recordings
from safetynet.video.stream import Stream
from safetynet.video.taking import take_still

_PR_SET_PDEATHSIG = 1

log = structlog.get_logger()


class Worker:
    """Joins the gateway, the streams and the heads to control's messages."""

    def __init__(self, channel: Channel[ToControl, ToWorker], limits: Limits, clock: Clock) -> None:
        self._channel = channel
        self._limits = limits
        self._clock = clock
        self._stills = ThreadPoolExecutor(2, "still")
        self._probes = ThreadPoolExecutor(limits.probes, "probe")
        self._devices = Devices()
        self._heads = Heads(self._devices, clock, limits, self._tell)
        self._streams: OrderedDict[CameraId, Stream] = OrderedDict()
        self._gateway = Gateway(limits, clock, self._streams.get, self._tell)
        self._recordings = Recordings(limits, clock, self._streams.get, self._tell)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Serve until control says stop or is gone."""
        host, port = await self._gateway.open()
        self._tell(Listening(host=host, port=port))
        self._start(self._warm_up())
        reading = asyncio.create_task(self._read())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reading.cancel()
            stopping.cancel()
            await self._close()

    async def _warm_up(self) -> None:
        if self._limits.onvif:
            await self._devices.prewarm()
        settle()

    def stop(self) -> None:
        """End in order, however often it is said."""
        self._stopping.set()

    async def _read(self) -> None:
        try:
            async for message in self._channel.messages():
                if isinstance(message, Stop):
                    return
                self._take(message)
        except InvalidError as error:
            log.error("worker.garbage", code=error.code, **error.fields)

    def _take(self, message: ToWorker) -> None:
        match message:
            case Prepare():
                self._prepare(message)
            case Release():
                self._release(message)
            case Verdict():
                self._gateway.decide(message)
            case Extend():
                self._gateway.extend(message.session, message.lease_s)
            case Cut():
                self._gateway.cut(message.session, message.reason)
            case Probe():
                self._start(self._probe(message.camera, message.source))
            case TakeStill():
                self._start(self._take_still(message))
            case Record():
                self._recordings.begin(message)
            case EndClip():
                self._recordings.end(message.clip)

    def _prepare(self, message: Prepare) -> None:
        stream = self._stream(message.camera, message.source)
        stream.need(message.lock)
        self._heads.lock(
            message.camera,
            message.source,
            message.turn,
            message.lock,
            sweep=message.sweep,
            dwell_s=message.dwell_s,
        )

    def _release(self, message: Release) -> None:
        if stream := self._streams.get(message.camera):
            stream.release(message.lock)
        self._heads.release(message.camera, message.lock)

    def _stream(self, camera: CameraId, source: Source) -> Stream:
        stream = self._streams.pop(camera, None) or Stream(
            camera,
            source,
            self._limits,
            self._clock,
            stills=self._stills,
            ask_key_frame=self._devices.ask_key_frame,
            tell=self._tell,
        )
        self._streams[camera] = stream
        stream.use(source)
        if len(self._streams) > self._limits.cameras:
            self._forget_oldest()
        return stream

    def _forget_oldest(self) -> None:
        idle = next((c for c, s in self._streams.items() if s.idle), None)
        if idle is not None:
            del self._streams[idle]

    async def _probe(self, camera: CameraId, source: Source) -> None:
        loop = asyncio.get_running_loop()
        state, detail = await loop.run_in_executor(
            self._probes, probe, source, self._limits.probe_s, self._clock
        )
        self._tell(Probed(camera=camera, state=state, detail=detail))

    async def _take_still(self, asked: TakeStill) -> None:
        self._tell(await take_still(self._streams.get(asked.camera), asked))

    def _start(self, doing: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell(self, message: ToControl) -> None:
        try:
            self._channel.send(message)
        except UnavailableError:
            # Control is gone or stuck: its end of the socket closes, and leases cut the viewers.
            log.warning("worker.control_away", message=type(message).__name__)

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._recordings.close()
        await asyncio.gather(self._gateway.close(), self._heads.close())
        await asyncio.gather(*(s.close() for s in self._streams.values()))
        await self._devices.close()
        await self._channel.flush()
        await self._channel.close()
        self._stills.shutdown(wait=False, cancel_futures=True)
        self._probes.shutdown(wait=False, cancel_futures=True)


async def serve(fd: int, limits: Limits) -> None:
    """Be the worker at the other end of this socket."""
    channel: Channel[ToControl, ToWorker] = await open_channel(
        socket.socket(fileno=fd), sent=ToControl, received=ToWorker
    )
    worker = Worker(channel, limits, SystemClock())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
    await worker.run()


def main() -> None:
    """Entry of ``python -m safetynet.video --fd N``."""
    parser = argparse.ArgumentParser(prog="safetynet.video")
    parser.add_argument("--fd", type=int, required=True, help="our end of the socket pair")
    parser.add_argument("--limits", default="{}", help="video.limits.Limits as JSON")
    arguments = parser.parse_args()
    limits = msgspec.json.decode(arguments.limits, type=Limits)
    _die_with_parent()
    configure_logging(node=limits.owner or "video")
    av.logging.set_level(av.logging.PANIC)
    uvloop.run(serve(arguments.fd, limits))
    # Threads may still wait inside FFmpeg for a camera that says nothing; nobody needs them now.
    sys.stderr.flush()
    os._exit(0)


def _die_with_parent() -> None:
    """The end of the socket says it on every system; Linux also knows a signal for it.

    Both end the worker in order: a camera that was turned is still sent home.

    Ctrl-C reaches the whole foreground group: the parent decides what it means.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    main()
