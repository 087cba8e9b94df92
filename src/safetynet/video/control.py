"""Control's side of its video worker: start it, tell it, hear it, end it."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator

import msgspec

from safetynet.base.errors import UnavailableError
from safetynet.video.channel import Channel, open_channel
from safetynet.video.ipc import Stop, ToControl, ToWorker
from safetynet.video.limits import Limits


class VideoWorker:
    """One worker process; made by ``start``. To restart a dead one is its supervisor's business."""

    def __init__(
        self, process: asyncio.subprocess.Process, channel: Channel[ToWorker, ToControl]
    ) -> None:
        self._process = process
        self._channel = channel

    @classmethod
    async def start(cls, limits: Limits | None = None) -> "VideoWorker":
        """Spawn the process; its first message is ``Listening``."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "safetynet.video.__main__",
                "--fd",
                str(theirs.fileno()),
                "--limits",
                msgspec.json.encode(limits or Limits()).decode(),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
            )
        channel: Channel[ToWorker, ToControl] = await open_channel(
            ours, sent=ToWorker, received=ToControl
        )
        return cls(process, channel)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def send(self, message: ToWorker) -> None:
        """Tell the worker; raises ``UnavailableError`` when it is gone or stuck. Never waits."""
        self._channel.send(message)

    def __aiter__(self) -> AsyncIterator[ToControl]:
        """Everything that the worker says, until it is gone; one reader at a time."""
        return self._channel.messages()

    async def wait(self) -> int:
        """Wait for the process's end; its return code."""
        return await self._process.wait()

    async def stop(self, patience_s: float = 2.0) -> int:
        """Ask it to end, insist after ``patience_s``, and give its return code."""
        with contextlib.suppress(UnavailableError):
            self.send(Stop())
            await self._channel.flush()
        try:
            async with asyncio.timeout(patience_s):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
        await self._channel.close()
        return await self._process.wait()
