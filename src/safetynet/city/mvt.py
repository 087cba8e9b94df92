"""Encoding Mapbox Vector Tiles 2.1, many features at a time.

An own encoder, since the general one goes feature by feature: this one encodes all geometry of a
layer in a few array operations.
"""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safetynet.city.model import Shapes

EXTENT = 4096
POINT, LINE, POLYGON = 1, 2, 3

Indices = NDArray[np.signedinteger[Any]]
Value = str | int | float | bool
Tags = tuple[tuple[str, Value], ...]


class LayerWriter:
    """One layer of one tile."""

    def __init__(self, name: str, kind: int) -> None:
        self._name = name
        self._kind = kind
        self._features: list[bytes] = []
        self._keys: dict[str, int] = {}
        self._values: dict[tuple[type, Value], int] = {}
        self._tags: dict[Tags, bytes] = {}

    def add(self, geometry: bytes, tags: Tags) -> None:
        """Add a feature with its encoded geometry commands."""
        coded = self._tags.get(tags)
        if coded is None:
            coded = self._tags[tags] = _block(2, self._encode_tags(tags)) + bytes(
                (0x18, self._kind)
            )
        body = coded + _block(4, geometry)
        self._features.append(_block(2, body))

    def finish(self) -> bytes:
        """The layer as a field of the tile message."""
        body = b"".join(
            [
                b"\x78\x02",
                _block(1, self._name.encode()),
                *self._features,
                *(_block(3, key.encode()) for key in self._keys),
                *(_block(4, _value(v)) for _, v in self._values),
                b"\x28" + varint(EXTENT),
            ]
        )
        return _block(3, body)

    def _encode_tags(self, tags: Tags) -> bytes:
        out = b""
        for key, value in tags:
            k = self._keys.setdefault(key, len(self._keys))
            v = self._values.setdefault((type(value), value), len(self._values))
            out += varint(k) + varint(v)
        return out


def encode_geometries(shapes: Shapes, kind: int) -> list[bytes]:
    """Geometry commands of each shape, whose ``xy`` are whole numbers from the tile's corner, y down.

    Repeated points are left out; a line of one point or a ring without area becomes ``b""``.
    """
    if not len(shapes):
        return []
    xy = shapes.xy.astype(np.int64)
    owner = np.repeat(np.arange(len(shapes)), np.diff(shapes.offset))
    new = np.ones(len(xy), np.bool_)
    if kind != POINT:
        new[1:] = (np.diff(xy, axis=0) != 0).any(axis=1) | (np.diff(owner) != 0)
    xy, owner = xy[new], owner[new]
    count = np.bincount(owner, minlength=len(shapes))
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    delta = np.diff(xy, axis=0, prepend=0)
    delta[first] = xy[first]
    words = _words(delta, count, first, owner, kind)
    data, ends = encode_varints(words[0])
    bounds = ends[words[1]]
    least = {POINT: 1, LINE: 2, POLYGON: 3}[kind]
    blob = data.tobytes()
    return [
        blob[a:b] if n >= least else b""
        for a, b, n in zip(bounds[:-1].tolist(), bounds[1:].tolist(), count.tolist(), strict=True)
    ]


def _words(
    delta: NDArray[np.int64], count: Indices, first: Indices, owner: Indices, kind: int
) -> tuple[NDArray[np.uint64], Indices]:
    """All command words of all shapes, and where each shape's begin (n + 1,)."""
    extra = {POINT: 1, LINE: 2, POLYGON: 3}[kind]
    start = np.concatenate([[0], np.cumsum(2 * count + extra)])
    words = np.zeros(start[-1], np.uint64)
    zigzag = ((delta << 1) ^ (delta >> 63)).astype(np.uint64)
    ordinal = np.arange(len(owner)) - first[owner]
    at = start[owner] + 1 + 2 * ordinal + (ordinal > 0)
    words[at], words[at + 1] = zigzag[:, 0], zigzag[:, 1]
    words[start[:-1]] = (1 << 3) | 1
    if kind != POINT:
        words[start[:-1] + 3] = (((count - 1) << 3) | 2).astype(np.uint64)
    if kind == POLYGON:
        words[start[1:] - 1] = (1 << 3) | 7
    return words, start


def encode_varints(words: NDArray[np.uint64]) -> tuple[NDArray[np.uint8], Indices]:
    """The words as protobuf varints, and the byte where each ends, led by 0 (n + 1,)."""
    size = np.ones(len(words), np.int64)
    for bits in (7, 14, 21, 28, 35):
        size += words >= np.uint64(1 << bits)
    ends = np.concatenate([[0], np.cumsum(size)])
    data = np.zeros(ends[-1], np.uint8)
    for k in range(6):
        has = size > k
        part = (words[has] >> np.uint64(7 * k)) & np.uint64(0x7F)
        more = np.where(size[has] > k + 1, 0x80, 0).astype(np.uint64)
        data[ends[:-1][has] + k] = (part | more).astype(np.uint8)
    return data, ends


def varint(n: int) -> bytes:
    """One protobuf varint."""
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def _block(field: int, data: bytes) -> bytes:
    size = len(data)
    head = bytes((field << 3 | 2, size)) if size < 0x80 else bytes((field << 3 | 2,)) + varint(size)
    return head + data


def _value(value: Value) -> bytes:
    if isinstance(value, bool):
        return b"\x38" + varint(int(value))
    if isinstance(value, int):
        return b"\x28" + varint(value)
    if isinstance(value, float):
        return b"\x15" + struct.pack("<f", value)
    return _block(1, value.encode())
