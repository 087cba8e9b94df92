"""H.264 into fragmented MP4 (ISO/IEC 14496-12 and -15), one fragment per frame.

FFmpeg's own MP4 muxer closes a fragment when the next frame arrives, which costs a live viewer one
frame of delay (100 ms at 10 frames/s), and knows no way for PyAV to close it sooner. The boxes of
one video track are few, so they are written here; FFmpeg and Chromium read them in the tests.
"""

import struct
from collections.abc import Sequence

from safetynet.video.h264 import DELIMITER, FILLER, PPS, SPS, Parameters, unit_type

TIMESCALE = 90_000
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_KEY_FLAGS, _DELTA_FLAGS = 0x02000000, 0x01010000
_START_AT = 8 + 16 + 8 + 16 + 12
"""Of ``tfdt``'s time in a fragment: it follows moof's head, mfhd, traf's head, tfhd and its own."""
_LEFT_OUT = {SPS, PPS, DELIMITER, FILLER}
"""``avc1`` samples carry no parameter sets: they stand in the initialisation segment."""


def init_segment(parameters: Parameters) -> bytes:
    """``ftyp`` and ``moov`` of one video track without samples."""
    return _box(b"ftyp", b"iso5", struct.pack(">I", 512), b"iso5iso6mp41avc1") + _movie(parameters)


def fragment(units: Sequence[bytes], *, number: int, start: int, duration: int, key: bool) -> bytes:
    """``moof`` and ``mdat`` of one frame; ``start`` and ``duration`` in 1/90000 s."""
    sample = b"".join(struct.pack(">I", len(u)) + u for u in units if unit_type(u) not in _LEFT_OUT)
    mfhd = _full(b"mfhd", 0, 0, struct.pack(">I", number))
    tfhd = _full(b"tfhd", 0, 0x020000, struct.pack(">I", 1))
    tfdt = _full(b"tfdt", 1, 0, struct.pack(">Q", start))
    # trun: 20 bytes of sample fields follow the box and version words (12), mdat's head is 8.
    moof_bytes = 8 + len(mfhd) + 8 + len(tfhd) + len(tfdt) + 12 + 20
    flags = _KEY_FLAGS if key else _DELTA_FLAGS
    trun = _full(
        b"trun", 0, 0x000701, struct.pack(">5I", 1, moof_bytes + 8, duration, len(sample), flags)
    )
    return _box(b"moof", mfhd, _box(b"traf", tfhd, tfdt, trun)) + _box(b"mdat", sample)


def started_at(data: bytes, start: int) -> bytes:
    """A ``fragment`` whose media time begins elsewhere; ``start`` in 1/90000 s."""
    return data[:_START_AT] + struct.pack(">Q", start) + data[_START_AT + 8 :]


def start_of(data: bytes) -> int:
    """Where the media time of a ``fragment`` begins, in 1/90000 s."""
    (start,) = struct.unpack_from(">Q", data, _START_AT)
    return int(start)


class Timeline:
    """Turns a camera's timestamps into a gapless media time.

    Media Source drops frames up to the next key frame after a jump of more than twice the last
    frame's length, so a camera that stalls or slows while it turns would go black. A jump becomes
    one long frame here instead; the true time of capture travels in the message header.
    """

    FIRST = TIMESCALE // 10
    SHORTEST, LONGEST = TIMESCALE // 200, TIMESCALE

    def __init__(self) -> None:
        self._last: int | None = None
        self._start = -1
        self._duration = self.FIRST

    def place(self, timestamp: int | None) -> tuple[int, int]:
        """Start and expected duration of the frame with this timestamp, all in 1/90000 s.

        FFmpeg gives an RTSP source's first packet no timestamp: None follows the one before at
        the expected distance.
        """
        if self._start < 0:
            self._start = 0
        elif self._last is None or timestamp is None:
            self._start += self._duration
        else:
            step = max(timestamp - self._last, self.SHORTEST)
            self._duration = min(step, 2 * self._duration, self.LONGEST)
            self._start += self._duration
        self._last = timestamp if timestamp is not None else self._last
        return self._start, self._duration


def _box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name + body


def _full(name: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return _box(name, struct.pack(">I", version << 24 | flags), *parts)


def _movie(p: Parameters) -> bytes:
    mvhd = _full(
        b"mvhd",
        0,
        0,
        struct.pack(">4IIH10x", 0, 0, TIMESCALE, 0, 0x10000, 0x100),
        _MATRIX,
        bytes(24),
        struct.pack(">I", 2),
    )
    trex = _full(b"trex", 0, 0, struct.pack(">5I", 1, 1, 0, 0, 0))
    return _box(b"moov", mvhd, _track(p), _box(b"mvex", trex))


def _track(p: Parameters) -> bytes:
    tkhd = _full(
        b"tkhd",
        0,
        3,
        struct.pack(">5I8x4H", 0, 0, 1, 0, 0, 0, 0, 0, 0),
        _MATRIX,
        struct.pack(">2I", p.width << 16, p.height << 16),
    )
    mdhd = _full(b"mdhd", 0, 0, struct.pack(">4IHH", 0, 0, TIMESCALE, 0, 0x55C4, 0))
    hdlr = _full(b"hdlr", 0, 0, bytes(4), b"vide", bytes(12), b"video\x00")
    vmhd = _full(b"vmhd", 0, 1, bytes(8))
    dref = _full(b"dref", 0, 0, struct.pack(">I", 1), _full(b"url ", 0, 1))
    stbl = _box(
        b"stbl",
        _full(b"stsd", 0, 0, struct.pack(">I", 1), _sample_entry(p)),
        _full(b"stts", 0, 0, bytes(4)),
        _full(b"stsc", 0, 0, bytes(4)),
        _full(b"stsz", 0, 0, bytes(8)),
        _full(b"stco", 0, 0, bytes(4)),
    )
    minf = _box(b"minf", vmhd, _box(b"dinf", dref), stbl)
    return _box(b"trak", tkhd, _box(b"mdia", mdhd, hdlr, minf))


def _sample_entry(p: Parameters) -> bytes:
    avcc = b"".join(
        (
            bytes((1, *p.sps[1:4], 0xFF, 0xE1)),
            struct.pack(">H", len(p.sps)) + p.sps,
            b"\x01" + struct.pack(">H", len(p.pps)) + p.pps,
            b"\xfd\xf8\xf8\x00" if p.sps[1] in (100, 110, 122, 144) else b"",
        )
    )
    head = struct.pack(
        ">6xH16xHHIIIH32xHH", 1, p.width, p.height, 0x480000, 0x480000, 0, 1, 0x18, 0xFFFF
    )
    return _box(b"avc1", head, _box(b"avcC", avcc))
