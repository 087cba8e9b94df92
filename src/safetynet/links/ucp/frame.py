"""Frames and answers of the legacy interface: bytes to values and back.

As observed in public implementations: a header of 48 ASCII bytes, a body of fields each followed by
0x1E, items of an array parted by 0x1F, and ``;`` at the end. How bytes are cut into frames is in
``reader.py``.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from safetynet.base.errors import InvalidError

HEADER_BYTES: Final = 48
ANSWER_BYTES: Final = 102
FIELD: Final = "\x1e"
ITEM: Final = "\x1f"
END: Final = ";"
SEOUL: Final = ZoneInfo("Asia/Seoul")
"""The wire writes times without a zone; they are Korean time."""

HEADER = re.compile(
    rb"(?P<message>[0-9]{2})(?P<progress>[0-9]{2})(?P<message_time>[0-9 ]{14})"
    rb"(?P<sender>[0-9A-Za-z ]{3})(?P<receiver>[0-9A-Za-z ]{3})(?P<sent_at>[0-9 ]{14})"
    rb"(?P<length>[0-9 ]{10})"
)
"""No byte of a header can be a separator or an end: that makes cutting independent of chunks."""


class Message(StrEnum):
    """Message codes."""

    INCIDENT = "10"
    DISPATCH = "20"
    POSITION = "30"
    """Of the lead vehicle."""
    LOGIN = "99"


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One frame, its texts as they stood on the wire."""

    message: str
    progress: str
    message_time: str
    sender: str
    receiver: str
    sent_at: str
    length: str
    """As the sender wrote it; never believed."""
    fields: tuple[str, ...]
    encoding: str
    """``utf-8``, ``cp949`` where a peer still writes that, or ``damaged`` (bytes were replaced)."""
    raw: bytes


def encode_frame(
    *,
    message: str,
    progress: str,
    sender: str,
    receiver: str,
    fields: Sequence[str],
    message_time: datetime,
    sent_at: datetime,
) -> bytes:
    """The bytes of a frame; the length counts the body's bytes, without the header.

    Raises InvalidError for a field that holds a separator or begins with ``;``.
    """
    body = "".join(_checked(field) + FIELD for field in fields) + END
    data = body.encode()
    header = (
        f"{message:0>2}{progress:0>2}{wire_time(message_time)}{sender:<3}{receiver:<3}"
        f"{wire_time(sent_at)}{len(data):010d}"
    )
    encoded = header.encode("ascii", "replace")
    if not HEADER.fullmatch(encoded):
        raise InvalidError("ucp.header", "the header's values do not fit their widths")
    return encoded + data


def _checked(field: str) -> str:
    if FIELD in field or field.startswith(END):
        raise InvalidError("ucp.field", "a field holds a separator or begins with the end mark")
    return field


def parse_frame(raw: bytes) -> Frame:
    """The frame in bytes that begin with a header and end with ``;``; never fails on a body."""
    header = HEADER.match(raw)
    if header is None:
        raise InvalidError("ucp.header", "these bytes do not begin with a header")
    text, encoding = _decoded(raw[HEADER_BYTES:].removesuffix(b";"))
    fields = text.split(FIELD)
    if fields[-1] == "":
        fields.pop()
    parts = {name: value.decode("ascii").strip() for name, value in header.groupdict().items()}
    return Frame(**parts, fields=tuple(fields), encoding=encoding, raw=raw)


def _decoded(body: bytes) -> tuple[str, str]:
    for encoding in ("utf-8", "cp949"):
        try:
            return body.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return body.decode("utf-8", "replace"), "damaged"


def items(field: str) -> tuple[str, ...]:
    """The items of an array field; a separator after the last item is no further item."""
    return tuple(field.removesuffix(ITEM).split(ITEM)) if field else ()


def wire_time(time: datetime) -> str:
    """``yyyyMMddHHmmss`` in Korean time."""
    return time.astimezone(SEOUL).strftime("%Y%m%d%H%M%S")


def find_time(text: str) -> datetime | None:
    """The time that 14 digits say, Korean where no zone is said; None where they say none."""
    if not (len(text) == 14 and text.isascii() and text.isdigit()):
        return None
    try:
        day = int(text[:4]), int(text[4:6]), int(text[6:8])
        korean = datetime(*day, int(text[8:10]), int(text[10:12]), int(text[12:]), tzinfo=SEOUL)
        return korean.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the receiver of a frame says: good or not, and a word on it."""

    good: bool
    text: str


@lru_cache(64)  # most answers are one of a few
def encode_answer(answer: Answer) -> bytes:
    """The 102 bytes of an answer; text is cut to 100 and made ASCII, so bytes are characters."""
    safe = "".join(c if " " <= c <= "~" and c != END else "?" for c in answer.text)[:100]
    return f"{'0' if answer.good else '1'}{safe:<100}{END}".encode("ascii")


def decode_answer(data: bytes) -> Answer:
    """The answer in bytes that end with ``;``; raises InvalidError where they are none."""
    if data[:1] not in (b"0", b"1") or not data.endswith(b";"):
        raise InvalidError("ucp.answer", "these bytes are no answer")
    text = data[1:-1].decode("utf-8", "replace").strip()
    return Answer(good=data[:1] == b"0", text=text)
