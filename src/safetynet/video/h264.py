"""Just enough of H.264 (ITU-T H.264, Annex B and clause 7.3.2.1.1) to put it into another box."""

import msgspec

from safetynet.base.errors import InvalidError

IDR, SPS, PPS, DELIMITER, FILLER = 5, 7, 8, 9, 12
_HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128}


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """A stream's parameter sets and what they say."""

    sps: bytes
    pps: bytes
    width: int
    height: int

    @property
    def codec(self) -> str:
        """RFC 6381 name: ``avc1.PPCCLL``."""
        return f"avc1.{self.sps[1:4].hex()}"


def split_units(data: bytes) -> list[bytes]:
    """The NAL units of a byte stream, start codes and trailing zeros removed."""
    units = []
    at = data.find(b"\x00\x00\x01")
    while at >= 0:
        start = at + 3
        at = data.find(b"\x00\x00\x01", start)
        unit = data[start : at if at >= 0 else len(data)].rstrip(b"\x00")
        if unit:
            units.append(unit)
    return units


def unit_type(unit: bytes) -> int:
    """``nal_unit_type``."""
    return unit[0] & 0x1F


def find_parameters(units: list[bytes]) -> Parameters | None:
    """The parameter sets among these units; None where one of the two is missing."""
    sps = next((u for u in units if unit_type(u) == SPS), None)
    pps = next((u for u in units if unit_type(u) == PPS), None)
    if sps is None or pps is None:
        return None
    width, height = _size(sps)
    return Parameters(sps=sps, pps=pps, width=width, height=height)


class _Bits:
    """Reads a raw byte sequence payload bit by bit."""

    def __init__(self, unit: bytes) -> None:
        raw = unit.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value = int.from_bytes(raw)
        self._left = len(raw) * 8

    def u(self, n: int) -> int:
        self._left -= n
        if self._left < 0:
            raise InvalidError("h264.sps", "sequence parameter set is cut short")
        return (self._value >> self._left) & ((1 << n) - 1)

    def ue(self) -> int:
        zeros = 0
        while not self.u(1):
            zeros += 1
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)


def _size(sps: bytes) -> tuple[int, int]:
    """Width and height in pixels after cropping."""
    bits = _Bits(sps)
    bits.u(8)
    profile = bits.u(8)
    bits.u(16)
    bits.ue()
    chroma = _high_fields(bits) if profile in _HIGH_PROFILES else 1
    bits.ue()
    _order_count(bits)
    bits.ue()
    bits.u(1)
    width = (bits.ue() + 1) * 16
    map_units = bits.ue() + 1
    frame_only = bits.u(1)
    height = (2 - frame_only) * map_units * 16
    if not frame_only:
        bits.u(1)
    bits.u(1)
    if bits.u(1):
        left, right, top, bottom = (bits.ue() for _ in range(4))
        unit_x = 2 if chroma in (1, 2) else 1
        unit_y = (2 if chroma == 1 else 1) * (2 - frame_only)
        width -= (left + right) * unit_x
        height -= (top + bottom) * unit_y
    return width, height


def _high_fields(bits: _Bits) -> int:
    """``chroma_format_idc``; skips the other fields that only the high profiles have."""
    chroma = bits.ue()
    if chroma == 3:
        bits.u(1)
    bits.ue()
    bits.ue()
    bits.u(1)
    if bits.u(1):
        for i in range(8 if chroma != 3 else 12):
            if bits.u(1):
                _skip_scaling_list(bits, 16 if i < 6 else 64)
    return chroma


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _order_count(bits: _Bits) -> None:
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.u(1)
        bits.se()
        bits.se()
        for _ in range(bits.ue()):
            bits.se()
