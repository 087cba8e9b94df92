"""H.264 in RTP (RFC 6184, packetisation mode 1), sender reports (RFC 3550), interleaved in TCP."""

import re
import struct

CLOCK_HZ = 90_000
PAYLOAD_TYPE = 96
_MAX_PAYLOAD = 1400
_START_CODE = re.compile(b"\x00\x00\x00?\x01")
_NTP_EPOCH_S = 2_208_988_800
_SPS, _PPS = 7, 8
_KEPT = {1, 5, _SPS, _PPS}


def split_nals(annex_b: bytes) -> list[bytes]:
    """The slices and parameter sets of a byte stream; other units are left out."""
    return [n for n in _START_CODE.split(annex_b) if n and n[0] & 31 in _KEPT]


def payloads(nals: list[bytes]) -> list[bytes]:
    """RTP payloads of one access unit: STAP-A for parameter sets, FU-A for what is too long."""
    sets = [n for n in nals if n[0] & 31 in (_SPS, _PPS)]
    out = [_stap_a(sets)] if sets else []
    for nal in nals:
        if nal[0] & 31 in (_SPS, _PPS):
            continue
        out += [nal] if len(nal) <= _MAX_PAYLOAD else _fu_a(nal)
    return out


def _stap_a(nals: list[bytes]) -> bytes:
    importance = max(n[0] & 0x60 for n in nals)
    return bytes([importance | 24]) + b"".join(len(n).to_bytes(2, "big") + n for n in nals)


def _fu_a(nal: bytes) -> list[bytes]:
    indicator, kind, body = nal[0] & 0xE0 | 28, nal[0] & 31, memoryview(nal)[1:]
    step = _MAX_PAYLOAD - 2
    out = []
    for i in range(0, len(body), step):
        start = 0x80 if i == 0 else 0
        end = 0x40 if i + step >= len(body) else 0
        out.append(bytes([indicator, start | end | kind]) + body[i : i + step])
    return out


class RtpSender:
    """Sequence numbers, timestamps and counts of one viewer's stream.

    Timestamps follow the wall clock from a random offset, so a sender report ties them to the
    capture time.
    """

    def __init__(self, *, ssrc: int, first_seq: int, offset: int, channel: int) -> None:
        self.ssrc = ssrc
        self.next_seq = first_seq & 0xFFFF
        self._offset = offset
        self._channel = channel
        self._packets = 0
        self._octets = 0

    def timestamp(self, captured_us: int) -> int:
        """RTP time of a capture time."""
        return (captured_us * 9 // 100 + self._offset) & 0xFFFFFFFF

    def frame(self, units: tuple[bytes, ...], captured_us: int) -> bytes:
        """One access unit as interleaved RTP packets."""
        stamp, last, out = self.timestamp(captured_us), len(units) - 1, []
        for i, payload in enumerate(units):
            marker = 0x80 if i == last else 0
            out.append(
                struct.pack(
                    ">cBHBBHII",
                    b"$",
                    self._channel,
                    len(payload) + 12,
                    0x80,
                    marker | PAYLOAD_TYPE,
                    self.next_seq,
                    stamp,
                    self.ssrc,
                )
            )
            out.append(payload)
            self.next_seq = (self.next_seq + 1) & 0xFFFF
            self._octets += len(payload)
        self._packets += len(units)
        return b"".join(out)

    def report(self, captured_us: int) -> bytes:
        """A sender report with its source description, as one interleaved packet."""
        seconds, micros = divmod(captured_us, 1_000_000)
        report = struct.pack(
            ">BBHIIIIII",
            0x80,
            200,
            6,
            self.ssrc,
            (seconds + _NTP_EPOCH_S) & 0xFFFFFFFF,
            (micros << 32) // 1_000_000,
            self.timestamp(captured_us),
            self._packets & 0xFFFFFFFF,
            self._octets & 0xFFFFFFFF,
        )
        name = b"safetynet-sim"
        item = bytes([1, len(name)]) + name
        item += bytes(4 - len(item) % 4)
        source = struct.pack(">BBHI", 0x81, 202, 1 + len(item) // 4, self.ssrc) + item
        packet = report + source
        return struct.pack(">cBH", b"$", self._channel + 1, len(packet)) + packet
