"""One thread that reads one camera: RTSP over TCP in, H.264 pictures out, nothing decoded."""

import struct
import threading
from collections.abc import Callable
from urllib.parse import quote, urlsplit, urlunsplit

import av
import msgspec
from av.container import InputContainer
from av.packet import Packet

from safetynet.base.clock import Clock
from safetynet.base.errors import InvalidError
from safetynet.video.h264 import IDR, Parameters, find_parameters, split_units, unit_type
from safetynet.video.ipc import Source

OPTIONS = {
    "rtsp_transport": "tcp",
    "allowed_media_types": "video",
    # No sound is ever taken (Personal Information Protection Act, article 25 (5)).
    "probesize": "32",
    "analyzeduration": "0",
    "max_delay": "0",
    "reorder_queue_size": "0",
    "fpsprobesize": "0",
}
"""Parameter sets come with SDP or the first key frame, so nothing needs to be probed."""
MAX_SKEW_US = 10_000_000
"""A camera's clock further off than this is not believed."""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """One encoded frame."""

    units: tuple[bytes, ...]
    timestamp: int | None
    """The camera's media time in 1/90000 s, where known."""
    captured_us: int
    key: bool


class PullEnded(msgspec.Struct, frozen=True, kw_only=True):
    """The source closed, fell silent or could not be opened."""

    detail: str


PullEvent = Parameters | Picture | PullEnded


class Pull:
    """Reads a source from ``start`` until ``stop`` or its end, and calls ``tell`` from its thread.

    ``Parameters`` come before the first picture and again whenever they change; ``PullEnded``
    comes last, once.
    """

    def __init__(
        self, source: Source, clock: Clock, silence_s: float, tell: Callable[[PullEvent], None]
    ) -> None:
        self._source = source
        self._clock = clock
        self._silence_s = silence_s
        self._tell = tell
        self._stopping = threading.Event()
        self._parameters: Parameters | None = None
        self._thread = threading.Thread(target=self._run, name="pull", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def stop(self) -> None:
        """End after the packet in hand, or after the silence limit; does not wait."""
        self._stopping.set()

    def _run(self) -> None:
        detail = "the source closed"
        try:
            with open_source(self._source, self._silence_s) as container:
                self._read(container)
        except av.FFmpegError as error:
            # FFmpeg's own text holds the address with its password.
            detail = error.strerror or type(error).__name__
        except InvalidError as error:
            detail = error.message
        self._tell(PullEnded(detail=detail))

    def _read(self, container: InputContainer) -> None:
        stream = container.streams.video[0]
        if stream.codec_context.name != "h264":
            raise InvalidError("source.codec", "the source is not H.264")
        self._learn(split_units(stream.codec_context.extradata or b""))
        for packet in container.demux(stream):
            if self._stopping.is_set():
                return
            if packet.size:
                self._take(packet)

    def _take(self, packet: Packet) -> None:  # type: ignore[type-arg]  # any stream's packet
        units = tuple(split_units(bytes(packet)))
        key = any(unit_type(u) == IDR for u in units)
        if key:
            self._learn(list(units))
        timestamp = packet.dts if packet.dts is not None else packet.pts
        if self._parameters is None or not units:
            return
        base = packet.time_base
        if timestamp is not None:
            timestamp = timestamp * 90_000 * base.numerator // base.denominator
        self._tell(
            Picture(
                units=units,
                timestamp=timestamp,
                captured_us=self._captured_us(packet),
                key=key,
            )
        )

    def _learn(self, units: list[bytes]) -> None:
        found = find_parameters(units)
        if found is not None and found != self._parameters:
            self._parameters = found
            self._tell(found)

    def _captured_us(self, packet: Packet) -> int:  # type: ignore[type-arg]  # any stream's packet
        arrived_us = int(self._clock.now().timestamp() * 1_000_000)
        if packet.has_sidedata("prft"):
            (camera_us,) = struct.unpack_from("=q", bytes(packet.get_sidedata("prft")))
            if abs(camera_us - arrived_us) <= MAX_SKEW_US:
                return int(camera_us)
        return arrived_us


def open_source(source: Source, silence_s: float) -> InputContainer:
    """Connect and play; raises ``av.FFmpegError``."""
    return av.open(
        address_of(source), format="rtsp", options=OPTIONS, timeout=(silence_s, silence_s)
    )


def address_of(source: Source) -> str:
    """The stream's address with its credentials, which only FFmpeg may see."""
    if source.user is None:
        return source.rtsp_url
    parts = urlsplit(source.rtsp_url)
    who = quote(source.user, safe="")
    if source.password is not None:
        who += ":" + quote(source.password, safe="")
    return urlunsplit(parts._replace(netloc=f"{who}@{parts.netloc.rpartition('@')[2]}"))
