"""Decoding what a viewer receives, and judging it frame by frame."""

import io

import av
import numpy as np
from av.codec.context import Flags as CodecFlags

from safetynet.sim.judge import Seen, judge_frame
from safetynet.video.wire import MediaMessage, MediaType

_OPTIONS = {"probesize": "5000000", "analyzeduration": "0"}


class Eye:
    """Decodes one view's media messages; not for two threads at once."""

    def __init__(self, signature: int) -> None:
        self.signature = signature
        self.frames = 0
        self.best = Seen(0, 0)
        """The clearest look at the thing so far."""
        self._init = b""
        self._decoder: av.VideoCodecContext | None = None

    def take(self, message: MediaMessage) -> Seen | None:
        """Decode a message; what its last frame shows, or None where it held no frame."""
        if message.type is MediaType.INIT:
            self._init, self._decoder = message.payload, None
            return None
        if message.type is MediaType.STILL or not self._init:
            return None
        if self._decoder is None and message.type is not MediaType.KEY:
            return None
        seen = None
        for frame in self._decode(message.payload):
            self.frames += 1
            rgb = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            seen = judge_frame(rgb, self.signature)
            if seen.px > self.best.px:
                self.best = seen
        return seen

    def _decode(self, fragment: bytes) -> list[av.VideoFrame]:
        with av.open(io.BytesIO(self._init + fragment), "r", format="mp4", options=_OPTIONS) as box:
            video = box.streams.video[0]
            if self._decoder is None:
                self._decoder = _decoder(video.codec_context.extradata)
            packets = [packet for packet in box.demux(video) if packet.size]
        return [frame for packet in packets for frame in self._decoder.decode(packet)]


def _decoder(extradata: bytes | None) -> av.VideoCodecContext:
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.extradata = extradata
    decoder.thread_count = 1
    decoder.flags |= CodecFlags.low_delay
    return decoder
