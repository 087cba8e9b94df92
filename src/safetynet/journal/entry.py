"""Version 1 of the journal's entry: its bytes and its hash (docs/design/0002)."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec

from safetynet.base.errors import InvalidError
from safetynet.base.ids import NodeId

ZERO = "0" * 64
"""``prev`` of the very first entry of a node."""
MAX_INT = 2**53 - 1
EPOCH_KIND = "journal.epoch/1"

_NODE = r"^[a-z0-9-]{1,32}\Z"
_KIND = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+/[1-9][0-9]{0,3}\Z"
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z\Z"
_HASH = r"^[0-9a-f]{64}\Z"
_KIND_RE = re.compile(_KIND)
_NODE_RE = re.compile(_NODE)

type Json = bool | int | str | list[Json] | dict[str, Json] | None


class _Members(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in the bytes, in no order; exactly the members of design 0002."""

    v: Literal[1]
    alg: Literal["sha-256"]
    node: Annotated[str, msgspec.Meta(pattern=_NODE)]
    epoch: Annotated[int, msgspec.Meta(ge=1, le=MAX_INT)]
    seq: Annotated[int, msgspec.Meta(ge=1, le=MAX_INT)]
    time: Annotated[str, msgspec.Meta(pattern=_TIME)]
    kind: Annotated[str, msgspec.Meta(pattern=_KIND)]
    body: msgspec.Raw
    prev: Annotated[str, msgspec.Meta(pattern=_HASH)]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry as read: its members, the very bytes it stands in, and their leaf hash."""

    node: NodeId
    epoch: int
    seq: int
    time: str
    kind: str
    body: bytes
    """JSON bytes of the body as they stand in ``line``."""
    prev: str
    line: bytes
    leaf: str

    def read[T](self, schema: type[T]) -> T:
        """The body as a value of ``schema``; raises ``InvalidError`` ``journal.body``."""
        try:
            return msgspec.json.decode(self.body, type=schema)
        except (msgspec.DecodeError, msgspec.ValidationError) as e:
            raise InvalidError(
                "journal.body", str(e), node=self.node, epoch=self.epoch, seq=self.seq
            ) from e

    @property
    def at(self) -> datetime:
        """``time`` as a datetime."""
        return read_time(self.time)


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A change that is to become an entry; sequence, time and chain are given by the journal.

    A body that belongs to an incident names it in its member ``incident``.
    """

    kind: str
    body: msgspec.Struct | Mapping[str, Any]  # any JSON without floats; checked by ``canonical``


_decoder = msgspec.json.Decoder(_Members)
_encoder = msgspec.json.Encoder()
_sorting = msgspec.json.Encoder(order="deterministic")


def encode_entry(
    *, node: NodeId, epoch: int, seq: int, time: datetime, draft: Draft, prev: str
) -> Entry:
    """Write the canonical bytes of a new entry.

    Raises ``InvalidError`` ``journal.value`` for a float, an integer beyond ±(2^53 − 1), a key
    that is no string or text that is no Unicode, and ``journal.kind`` for a malformed kind.
    """
    if not _KIND_RE.match(draft.kind):
        raise InvalidError("journal.kind", "a kind is area.word/version", kind=draft.kind)
    if not _NODE_RE.match(node):
        raise InvalidError("journal.node", "not a node id", node=node)
    body = canonical(msgspec.to_builtins(draft.body))
    if not body.startswith(b"{"):
        raise InvalidError("journal.value", "a body is an object", kind=draft.kind)
    stamp = time_text(time)
    line = b"".join(
        (
            b'{"alg":"sha-256","body":',
            body,
            f',"epoch":{epoch},"kind":"{draft.kind}","node":"{node}"'.encode(),
            f',"prev":"{prev}","seq":{seq},"time":"{stamp}","v":1}}'.encode(),
        )
    )
    return Entry(
        node=node,
        epoch=epoch,
        seq=seq,
        time=stamp,
        kind=draft.kind,
        body=body,
        prev=prev,
        line=line,
        leaf=leaf_hash(line),
    )


def parse_entry(line: bytes) -> Entry:
    """Read an entry from its bytes; raises ``InvalidError`` ``journal.malformed``.

    Checks members, types and patterns, not that the bytes are canonical: see ``is_canonical``.
    """
    try:
        m = _decoder.decode(line)
    except (msgspec.DecodeError, msgspec.ValidationError) as e:
        raise InvalidError("journal.malformed", str(e)) from e
    return Entry(
        node=NodeId(m.node),
        epoch=m.epoch,
        seq=m.seq,
        time=m.time,
        kind=m.kind,
        body=bytes(m.body),
        prev=m.prev,
        line=line,
        leaf=leaf_hash(line),
    )


def is_canonical(line: bytes) -> bool:
    """True where the bytes are the one canonical form of what they say."""
    try:
        return canonical(msgspec.json.decode(line)) == line
    except (msgspec.DecodeError, InvalidError):
        return False


def leaf_hash(line: bytes) -> str:
    """SHA-256(0x00 ‖ bytes) in hex: RFC 9162 §2.1.1."""
    return hashlib.sha256(b"\x00" + line).hexdigest()


def canonical(value: object) -> bytes:
    """RFC 8785 bytes of a value that holds no floats; raises ``InvalidError`` ``journal.value``."""
    try:
        if _is_plain(value):
            return _sorting.encode(value)
        return _encoder.encode(_ordered(value))
    except UnicodeEncodeError as e:
        raise InvalidError("journal.value", "text holds half a surrogate pair") from e
    except RecursionError as e:
        raise InvalidError("journal.value", "nested too deep") from e


@lru_cache(1024)  # one report's times stand in its entries ten times
def time_text(time: datetime) -> str:
    """An aware time in the entry's form, microseconds and ``Z``."""
    utc = time if time.tzinfo is UTC else time.astimezone(UTC)
    return utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def read_time(text: str) -> datetime:
    """The inverse of ``time_text``; raises ``ValueError`` for any other form."""
    if len(text) != 27 or text[10] != "T" or text[26] != "Z":
        raise ValueError(f"not a time of an entry: {text!r}")
    return datetime.fromisoformat(text)


def _is_plain(value: object) -> bool:
    """True where sorting by ASCII keys is all that is left to do: so it is with all our own bodies.

    Of anything else ``_ordered`` finds the order, or what is wrong with it.
    """
    if type(value) is dict:
        named = all(type(key) is str and key.isascii() for key in value)
        return named and all(map(_is_plain, value.values()))
    if type(value) is list:
        return all(map(_is_plain, value))
    if type(value) is int:
        return -MAX_INT <= value <= MAX_INT
    return value is None or type(value) is str or type(value) is bool


def _ordered(value: object) -> Json:
    match value:
        case None | bool() | str():
            return value
        case int():
            if not -MAX_INT <= value <= MAX_INT:
                raise InvalidError("journal.value", "integer beyond 2^53")
            return value
        case list() | tuple():
            return [_ordered(item) for item in value]
        case dict():
            return {key: _ordered(value[key]) for key in sorted(value, key=_utf16)}
        case _:
            raise InvalidError("journal.value", f"{type(value).__name__} has no canonical form")


def _utf16(key: object) -> bytes:
    """Sort key of RFC 8785 §3.2.3: UTF-16 code units."""
    if not isinstance(key, str):
        raise InvalidError("journal.value", "a key must be text")
    return key.encode("utf-16-be")
