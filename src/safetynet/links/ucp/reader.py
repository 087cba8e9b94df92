"""Cutting a stream of bytes into frames, whatever the chunks, and never losing what is no frame.

The declared length is not believed: peers count it in four ways. The rules, in the order of the
bytes:

1. A frame begins with 48 bytes that look like a header; white space and NULs before it are skipped.
2. It ends at the first ``;`` that follows a field's separator or the header, or, where the number
   of fields is known, at a ``;`` in the last field, or at a ``;`` that another header follows.
   So a ``;`` inside an address is text. The limit: a field that *begins* with ``;`` is taken for
   the end.
3. A header inside a body ends the frame before it as cut short.
4. Anything else is garbage up to the next ``;`` or header.
5. Frames and garbage of more than 64 KiB are given up: their first 64 KiB are kept, the rest is
   skipped up to the next ``;`` or header.
"""

import re
from collections.abc import Callable
from typing import Final

import msgspec

from safetynet.links.ucp.frame import HEADER, HEADER_BYTES, Frame, parse_frame

MAX_BYTES: Final = 64 * 1024

_BLANK: Final = b" \t\r\n\x00"
_PLAIN: Final = re.sub(rb"\?P<\w+>", b"?:", HEADER.pattern)
_STOP: Final = re.compile(rb";|(?=" + _PLAIN + rb")")
"""An end mark, or the place where a header begins; a header holds no end mark."""
_PREFIX_WIDTHS: Final = ((rb"[0-9]", 4), (rb"[0-9 ]", 14), (rb"[0-9A-Za-z ]", 6), (rb"[0-9 ]", 24))
_PREFIX: Final = re.compile(
    b"".join(b"(?:" + part for part, width in _PREFIX_WIDTHS for _ in range(width))
    + b")?" * HEADER_BYTES
)
"""Matches as much of a header as is there."""


class Garbage(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that are no frame, with the reason."""

    code: str
    """``ucp.no_header``, ``ucp.cut_short`` or ``ucp.too_long``."""
    raw: bytes


type FieldCount = Callable[[bytes], int]
"""How many fields a body with this header has; 1 where any ``;`` ends it, 0 where nobody knows."""


class FrameReader:
    """Takes chunks, gives frames and garbage in the order of the bytes.

    The result depends on the bytes alone, never on how they were cut into chunks. Holds at most
    64 KiB and one chunk.
    """

    def __init__(self, field_count: FieldCount = lambda _header: 0) -> None:
        self._field_count = field_count
        self._buffer = bytearray()
        self._from = 0
        """Up to here the buffer holds no stop: nothing is searched twice."""
        self._skipping = False

    @property
    def waiting(self) -> bool:
        """True where bytes stand in the buffer that are no whole frame yet."""
        return bool(self._buffer) and not self._skipping

    def feed(self, chunk: bytes) -> list[Frame | Garbage]:
        """Take bytes; returns what they complete."""
        self._buffer += chunk
        found: list[Frame | Garbage] = []
        while (step := self._step()) is not None:
            found += step
        return found

    def pause(self) -> list[Frame | Garbage]:
        """The peer has fallen silent: bytes that end with ``;`` are taken for all it meant to say."""
        return self.close() if self._buffer.endswith(b";") else []

    def close(self) -> list[Frame | Garbage]:
        """The peer is gone: returns what is left, if only as garbage."""
        left, whole = self._take(len(self._buffer)), not self._skipping
        self._skipping = False
        if not left or not whole:
            return []
        if HEADER.match(left):
            return [parse_frame(left) if left.endswith(b";") else _cut(left)]
        return [Garbage(code="ucp.no_header", raw=left)]

    def _step(self) -> list[Frame | Garbage] | None:
        """One piece from the front of the buffer; None where more bytes are needed."""
        if self._skipping:
            return self._skip()
        if self._buffer[:1].strip(_BLANK) != self._buffer[:1]:
            self._take(len(self._buffer) - len(self._buffer.lstrip(_BLANK)))
        if not self._buffer:
            return None
        begun = _header_begun(self._buffer, 0)
        if begun == HEADER_BYTES:
            return self._frame()
        if begun == len(self._buffer):
            return None
        return self._garbage()

    def _frame(self) -> list[Frame | Garbage] | None:
        fields = self._field_count(bytes(self._buffer[:HEADER_BYTES]))
        at = max(self._from, HEADER_BYTES)
        seen = self._buffer.count(0x1E, HEADER_BYTES, at)
        while (stop := _STOP.search(self._buffer, at)) is not None and stop.start() < MAX_BYTES:
            if not stop.group():
                return [_cut(self._take(stop.start()))]
            seen += self._buffer.count(0x1E, at, stop.start())
            ends = self._ends(stop.start(), in_last=0 < fields <= seen + 1)
            if ends is None:
                self._from = stop.start()
                return None
            if ends:
                return [parse_frame(self._take(stop.end()))]
            at = stop.end()
        return self._none_found(at)

    def _ends(self, at: int, *, in_last: bool) -> bool | None:
        """Is the ``;`` at this place the frame's end? None where the next bytes decide."""
        if in_last or at == HEADER_BYTES or self._buffer[at - 1] == 0x1E:
            return True
        begun = _header_begun(self._buffer, at + 1)
        if begun == HEADER_BYTES:
            return True
        return None if at + 1 + begun == len(self._buffer) else False

    def _garbage(self) -> list[Frame | Garbage] | None:
        stop = _STOP.search(self._buffer, self._from)
        if stop is None or stop.start() >= MAX_BYTES:
            return self._none_found(self._from)
        return [Garbage(code="ucp.no_header", raw=self._take(stop.end()))]

    def _none_found(self, searched_from: int) -> list[Frame | Garbage] | None:
        """No stop in the buffer, or only beyond the cap; look again when more is there."""
        if len(self._buffer) < MAX_BYTES + HEADER_BYTES + 1:
            self._from = max(searched_from, len(self._buffer) - HEADER_BYTES + 1)
            return None
        self._skipping = True
        return [Garbage(code="ucp.too_long", raw=self._take(MAX_BYTES))]

    def _skip(self) -> list[Frame | Garbage] | None:
        stop = _STOP.search(self._buffer)
        if stop is None:
            self._take(max(0, len(self._buffer) - HEADER_BYTES + 1))
            return None
        self._take(stop.end())
        self._skipping = False
        return []

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._from = 0
        return taken


def _header_begun(buffer: bytearray, at: int) -> int:
    """How many bytes from ``at`` on look like the beginning of a header, up to 48."""
    match = _PREFIX.match(buffer, at)
    return match.end() - at if match else 0


def _cut(raw: bytes) -> Garbage:
    return Garbage(code="ucp.cut_short", raw=raw)
