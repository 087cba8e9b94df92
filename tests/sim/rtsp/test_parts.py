"""RTP payloads, slow viewers and the moving head, each alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safetynet.sim.camera import HeadPosition, PtzHead, magnified_hfov_deg
from safetynet.sim.rtsp.encoder import AccessUnit
from safetynet.sim.rtsp.feed import Viewer
from safetynet.sim.rtsp.rtp import payloads, split_nals

NALS = st.lists(
    st.tuples(st.sampled_from([0x67, 0x68, 0x65, 0x41]), st.binary(min_size=1, max_size=5000)).map(
        lambda p: bytes([p[0]]) + p[1]
    ),
    min_size=1,
    max_size=4,
)


def joined(units: list[bytes]) -> list[bytes]:
    """NAL units out of RTP payloads, as RFC 6184 tells a receiver."""
    nals, part = [], b""
    for unit in units:
        kind = unit[0] & 31
        if kind == 24:
            rest = unit[1:]
            while rest:
                size = int.from_bytes(rest[:2], "big")
                nals.append(rest[2 : 2 + size])
                rest = rest[2 + size :]
        elif kind == 28:
            if unit[1] & 0x80:
                part = bytes([unit[0] & 0xE0 | unit[1] & 31])
            part += unit[2:]
            if unit[1] & 0x40:
                nals.append(part)
        else:
            nals.append(unit)
    return nals


@given(NALS)
def test_a_receiver_gets_every_unit_back_and_no_packet_is_too_long(nals: list[bytes]) -> None:
    units = payloads(nals)
    in_order = sorted(nals, key=lambda n: n[0] & 31 not in (7, 8))
    assert joined(units) == in_order
    assert all(len(u) <= 1400 or u[0] & 31 == 24 for u in units)


def test_start_codes_part_units_and_others_are_left_out() -> None:
    stream = b"\0\0\0\1\x67ab\0\0\1\x06sei\0\0\0\1\x65slice"
    assert split_nals(stream) == [b"\x67ab", b"\x65slice"]


def unit(number: int, *, key: bool) -> AccessUnit:
    return AccessUnit(captured_us=number, key=key, units=(b"x",))


async def test_a_slow_viewer_loses_pictures_up_to_the_next_key_frame() -> None:
    viewer = Viewer()
    for i in range(40):
        viewer.offer(unit(i, key=False))
    viewer.offer(unit(40, key=True))
    viewer.offer(unit(41, key=False))
    viewer.close()
    got = [u.captured_us for u in (await viewer.next(), await viewer.next()) if u]
    assert got == [40, 41]
    assert await viewer.next() is None
    assert viewer.dropped == 40


def test_a_head_turns_the_short_way_at_its_speed() -> None:
    home = HeadPosition(azimuth_deg=350, tilt_deg=10, zoom=0)
    head = PtzHead(home)
    head.move_to(HeadPosition(azimuth_deg=50, tilt_deg=10, zoom=0), 100.0)
    assert head.position(100.25).azimuth_deg == pytest.approx(20)
    assert head.is_moving(100.4)
    assert not head.is_moving(100.5)
    assert head.position(200).azimuth_deg == pytest.approx(50)


@given(st.floats(-720, 720), st.floats(-90, 180), st.floats(-1, 2), st.floats(0, 10))
def test_a_head_never_leaves_its_reach(
    azimuth: float, tilt: float, zoom: float, spent_s: float
) -> None:
    head = PtzHead(HeadPosition(azimuth_deg=0, tilt_deg=0, zoom=0))
    head.move_to(HeadPosition(azimuth_deg=azimuth, tilt_deg=tilt, zoom=zoom), 0.0)
    here = head.position(spent_s)
    assert 0 <= here.azimuth_deg < 360
    assert -10 <= here.tilt_deg <= 90
    assert 0 <= here.zoom <= 1
    assert not head.is_moving(10.0)


def test_zoom_narrows_the_field_of_view_by_the_magnification() -> None:
    assert magnified_hfov_deg(60, 0) == pytest.approx(60)
    assert magnified_hfov_deg(60, 1) == pytest.approx(3.306, abs=0.01)
