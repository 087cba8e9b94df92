"""The header before each media message between a gateway and a viewer (docs/design/0001)."""

import struct
from enum import IntEnum

import msgspec

from safetynet.base.errors import InvalidError

_HEADER = struct.Struct(">BBHIQ")
VERSION = 1
HEADER_BYTES = _HEADER.size


class MediaType(IntEnum):
    """What a media message holds."""

    INIT = 1
    KEY = 2
    """A fragment that begins with a key frame."""
    DELTA = 3
    STILL = 4
    """A JPEG."""


class MediaMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One media message."""

    type: MediaType
    epoch: int
    """Rises when the source was opened anew."""
    captured_us: int
    """Microseconds since 1970 UTC."""
    payload: bytes


def encode_media(message: MediaMessage) -> bytes:
    """Header and payload as one binary WebSocket message."""
    head = _HEADER.pack(VERSION, message.type, 0, message.epoch, message.captured_us)
    return head + message.payload


def decode_media(data: bytes) -> MediaMessage:
    """The inverse of ``encode_media``; raises ``InvalidError`` on a short or unknown message."""
    if len(data) < HEADER_BYTES:
        raise InvalidError(
            "media.short", "media message is shorter than its header", bytes=len(data)
        )
    version, kind, _, epoch, captured_us = _HEADER.unpack_from(data)
    if version != VERSION:
        raise InvalidError("media.version", "unknown version of media message", version=version)
    try:
        media_type = MediaType(kind)
    except ValueError:
        raise InvalidError("media.type", "unknown type of media message", type=kind) from None
    return MediaMessage(
        type=media_type, epoch=epoch, captured_us=captured_us, payload=data[HEADER_BYTES:]
    )
