"""H.264 as a camera would make it: baseline, one slice, no reordering, key frames on demand."""

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from safetynet.city.model import PICTURE_PX
from safetynet.sim.rtsp.rtp import payloads, split_nals

FRAMES_PER_S = 10
BIT_RATE = 2_000_000
_X264 = (
    "keyint=infinite:scenecut=0:slices=1:sliced-threads=0:threads=1"
    ":vbv-maxrate=4000:vbv-bufsize=2000"
)


@dataclass(frozen=True, kw_only=True)
class AccessUnit:
    """One encoded picture, cut into RTP payloads once for all viewers."""

    captured_us: int
    """Microseconds since 1970 UTC."""
    key: bool
    units: tuple[bytes, ...]


class H264Encoder:
    """One camera's encoder. Not for two threads at once, but for any thread in turn."""

    def __init__(self) -> None:
        width, height = PICTURE_PX
        codec = av.VideoCodecContext.create("libx264", "w")
        codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
        codec.time_base = Fraction(1, 1_000_000)
        codec.framerate = Fraction(FRAMES_PER_S)
        codec.bit_rate = BIT_RATE
        codec.max_b_frames = 0
        codec.thread_count = 1
        codec.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "profile": "baseline",
            "x264-params": _X264,
        }
        self._codec = codec
        self._first_us: int | None = None

    def encode(self, rgb: NDArray[np.uint8], captured_us: int, *, key: bool) -> AccessUnit:
        """Encode an (h, w, 3) picture; a smaller one is scaled up to the stream's size."""
        nals = split_nals(self.encode_bytes(rgb, captured_us, key=key))
        is_key = any(n[0] & 31 == 5 for n in nals)
        return AccessUnit(captured_us=captured_us, key=is_key, units=tuple(payloads(nals)))

    def encode_bytes(self, rgb: NDArray[np.uint8], captured_us: int, *, key: bool) -> bytes:
        """As ``encode``, but the byte stream of annex B."""
        width, height = PICTURE_PX
        if self._first_us is None:
            self._first_us = captured_us
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
            width=width, height=height, format="yuv420p"
        )
        frame.pts = captured_us - self._first_us
        frame.time_base = Fraction(1, 1_000_000)
        frame.pict_type = PictureType.I if key else PictureType.NONE
        return b"".join(bytes(packet) for packet in self._codec.encode(frame))


def parameter_sets() -> tuple[bytes, bytes]:
    """SPS and PPS; the same for every camera, since all encode alike."""
    width, height = PICTURE_PX
    black = np.zeros((height, width, 3), np.uint8)
    nals = split_nals(H264Encoder().encode_bytes(black, 0, key=True))
    found = {n[0] & 31: n for n in nals}
    return found[7], found[8]
