"""A still of a stream that is open, for whoever asked control for one."""

import asyncio
import hashlib
from pathlib import Path

from safetynet.base.errors import SafetyNetError
from safetynet.video.ipc import StillTaken, TakeStill
from safetynet.video.stream import Stream
from safetynet.video.wire import decode_media

CARRIED_BYTES = 256 << 10
"""A larger still waits in its file: messages between control and worker, and between nodes, stay small."""


async def take_still(stream: Stream | None, asked: TakeStill) -> StillTaken:
    """The last key frame as JPEG, as soon as there is one; what went wrong is in ``error``."""
    if stream is None or stream.idle:
        return _failed(asked, "still.no_stream")
    try:
        async with asyncio.timeout(asked.within_s):
            message = decode_media((await stream.still()).data)
    except TimeoutError:
        return _failed(asked, "still.too_slow")
    except SafetyNetError as error:
        return _failed(asked, error.code)
    jpeg, carried = message.payload, len(message.payload) <= CARRIED_BYTES
    if not carried:
        try:
            await asyncio.to_thread(write_whole, Path(asked.path), jpeg)
        except OSError:
            return _failed(asked, "still.disk")
    return StillTaken(
        camera=asked.camera,
        still=asked.still,
        captured_us=message.captured_us,
        octets=len(jpeg),
        sha256=hashlib.sha256(jpeg).hexdigest(),
        jpeg=jpeg if carried else b"",
    )


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all."""
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.replace(path)


def _failed(asked: TakeStill, code: str) -> StillTaken:
    return StillTaken(camera=asked.camera, still=asked.still, error=code)
