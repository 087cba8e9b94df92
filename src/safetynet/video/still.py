"""A JPEG of one key frame, for the moment before video plays. Runs in a thread: it decodes."""

import io

import av
from av.video.frame import VideoFrame

from safetynet.base.errors import UnavailableError
from safetynet.video.h264 import Parameters

START = b"\x00\x00\x00\x01"
_QUALITY = 80


def make_still(parameters: Parameters, units: tuple[bytes, ...]) -> bytes:
    """Decode one key frame alone and encode it; raises ``UnavailableError`` on a broken one."""
    picture = decode_key(parameters, units)
    out = io.BytesIO()
    image = picture.to_image()  # type: ignore[no-untyped-call]  # PyAV leaves it untyped
    image.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def decode_key(parameters: Parameters, units: tuple[bytes, ...]) -> VideoFrame:
    """The picture of one key frame."""
    codec = av.CodecContext.create("h264", "r")
    codec.thread_count = 1
    data = b"".join(START + u for u in (parameters.sps, parameters.pps, *units))
    try:
        frames = codec.decode(av.Packet(data)) or codec.decode(None)
    except av.FFmpegError as error:
        raise UnavailableError("still.broken", "key frame cannot be decoded") from error
    if not frames or not isinstance(frames[0], VideoFrame):
        raise UnavailableError("still.empty", "key frame gave no picture")
    return frames[0]
