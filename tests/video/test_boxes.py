"""H.264 into MP4 fragments, read back by FFmpeg and played by Chromium."""

import asyncio
import base64
import io
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import sync_playwright

from safetynet.base.errors import InvalidError
from safetynet.video.feed import Feed, Piece
from safetynet.video.fmp4 import Timeline
from safetynet.video.group import Group
from safetynet.video.h264 import IDR, Parameters, find_parameters, split_units, unit_type
from safetynet.video.limits import Limits
from safetynet.video.pull import Picture
from safetynet.video.still import make_still
from safetynet.video.wire import HEADER_BYTES, MediaType


def encode(
    count: int, width: int = 320, height: int = 184, profile: str = "high"
) -> Iterator[bytes]:
    """A moving picture in H.264, a key frame every five."""
    codec = av.VideoCodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.time_base, codec.framerate = Fraction(1, 10), Fraction(10)
    codec.max_b_frames = 0
    codec.options = {
        "tune": "zerolatency",
        "profile": "high",
        "g": "5",
        "keyint_min": "5",
        "sc_threshold": "0",
    }
    for i in range(count):
        picture = np.full((height, width, 3), 40 + 20 * (i % 8), np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = i
        for packet in codec.encode(frame):
            yield bytes(packet)


def pictures(count: int, width: int = 320, height: int = 184) -> tuple[Parameters, list[Picture]]:
    units = [tuple(split_units(data)) for data in encode(count, width, height)]
    parameters = find_parameters(list(units[0]))
    assert parameters is not None
    return parameters, [
        Picture(
            units=u,
            timestamp=None if i == 0 else i * 9000,
            captured_us=i,
            key=any(unit_type(x) == IDR for x in u),
        )
        for i, u in enumerate(units)
    ]


def pack(parameters: Parameters, frames: list[Picture]) -> tuple[bytes, list[Piece]]:
    group = Group(parameters, 1, 0, Limits())
    pieces = [p for f in frames if (p := group.add(f)) is not None]
    return group.init.data[HEADER_BYTES:], pieces


def read(data: bytes) -> list[av.VideoFrame]:
    with av.open(io.BytesIO(data), "r") as container:
        return list(container.decode(video=0))


@pytest.mark.parametrize(("width", "height"), [(320, 184), (318, 178), (1280, 720)])
def test_parameters_say_the_size_and_the_codec(width: int, height: int) -> None:
    parameters, _ = pictures(1, width=width, height=height)
    assert (parameters.width, parameters.height) == (width, height)
    assert parameters.codec.startswith("avc1.64")


def test_ffmpeg_plays_the_fragments_from_any_key_frame() -> None:
    parameters, frames = pictures(15)
    init, pieces = pack(parameters, frames)
    keys = [i for i, p in enumerate(pieces) if p.type is MediaType.KEY]
    assert keys == [0, 5, 10]
    for first in keys:
        shown = read(init + b"".join(p.data[HEADER_BYTES:] for p in pieces[first:]))
        assert len(shown) == 15 - first
        assert (shown[0].width, shown[0].height) == (320, 184)
        levels = [int(f.to_ndarray(format="gray").mean()) for f in shown]
        want = [40 + 20 * (i % 8) for i in range(first, 15)]
        assert all(abs(a - b) < 12 for a, b in zip(levels, want, strict=True)), (levels, want)


def test_frames_before_the_first_key_frame_are_left_out() -> None:
    parameters, frames = pictures(10)
    _, pieces = pack(parameters, frames[2:])
    assert [p.type for p in pieces][:1] == [MediaType.KEY]
    assert len(pieces) == 5


def test_a_group_beyond_its_bounds_is_not_kept() -> None:
    parameters, frames = pictures(5)
    group = Group(parameters, 1, 0, Limits(group_frames=3))
    for frame in frames:
        group.add(frame)
    assert group.first() == [group.init]


def test_a_still_shows_the_key_frame() -> None:
    parameters, frames = pictures(1)
    jpeg = make_still(parameters, frames[0].units)
    with av.open(io.BytesIO(jpeg), "r", format="jpeg_pipe") as container:
        (picture,) = container.decode(video=0)
    assert (picture.width, picture.height) == (320, 184)


@given(st.lists(st.one_of(st.none(), st.integers(0, 1 << 33)), min_size=2, max_size=60))
def test_media_time_rises_and_never_jumps_further_than_media_source_bears(
    stamps: list[int | None],
) -> None:
    timeline = Timeline()
    placed = [timeline.place(s) for s in stamps]
    for (a, length), (b, _) in pairwise(placed):
        assert 0 < b - a <= 2 * length


def test_steady_media_time_is_true() -> None:
    timeline = Timeline()
    assert [timeline.place(1000 + i * 3600) for i in range(3)] == [
        (0, 9000),
        (3600, 3600),
        (7200, 3600),
    ]


@given(st.binary(max_size=40))
def test_no_parameter_set_breaks_the_reader(junk: bytes) -> None:
    try:
        found = find_parameters([b"\x67" + junk, b"\x68" + junk])
    except InvalidError as error:
        assert error.code == "h264.sps"
    else:
        assert found is not None


def piece(kind: MediaType, name: str = "") -> Piece:
    return Piece(type=kind, data=name.encode())


async def test_a_slow_viewer_skips_to_the_next_key_frame_and_keeps_the_init() -> None:
    feed = Feed(Limits(queue_messages=4), [])
    for p in (piece(MediaType.INIT, "i"), piece(MediaType.KEY, "k1")):
        feed.put(p)
    for n in range(10):
        feed.put(piece(MediaType.DELTA, f"d{n}"))
    feed.put(piece(MediaType.KEY, "k2"))
    feed.put(piece(MediaType.DELTA, "e"))
    got = [(await feed.get()).data for _ in range(3)]
    assert got == [b"i", b"k2", b"e"]
    assert feed.skipped == 11


@given(
    st.lists(st.sampled_from([MediaType.KEY, MediaType.DELTA, MediaType.INIT]), max_size=80),
    st.integers(2, 6),
)
def test_a_feed_is_bounded_and_never_shows_a_frame_whose_forerunner_is_missing(
    kinds: list[MediaType], bound: int
) -> None:
    feed = Feed(Limits(queue_messages=bound), [])
    for n, kind in enumerate(kinds):
        feed.put(piece(kind, str(n)))
    got = asyncio.run(drain(feed))
    assert len(got) <= bound + 1
    shown = [int(p.data) for p in got]
    assert shown == sorted(shown)
    for before, after in pairwise(got):
        if after.type is MediaType.DELTA:
            assert int(after.data) == int(before.data) + 1
            assert before.type is not MediaType.INIT


async def drain(feed: Feed) -> list[Piece]:
    found: list[Piece] = []
    while feed.waiting:
        found.append(await feed.get())
    return found


PAGE = """<video muted></video><script>
window.play = ([mime, start, parts]) => new Promise((done, fail) => {
  const video = document.querySelector('video'), source = new MediaSource();
  video.src = URL.createObjectURL(source);
  const shown = new Set(), see = (_, frame) => {
    shown.add(Math.round(frame.mediaTime * 100) / 100); video.requestVideoFrameCallback(see); };
  video.requestVideoFrameCallback(see);
  setTimeout(() => fail(new Error('stalled at ' + video.currentTime)), 20000);
  video.onerror = () => fail(new Error(video.error.message));
  source.onsourceopen = () => {
    const buffer = source.addSourceBuffer(mime), rest = parts.map(p =>
      Uint8Array.from(atob(p), c => c.charCodeAt(0)));
    const next = () => rest.length ? buffer.appendBuffer(rest.shift()) : source.endOfStream();
    video.currentTime = start; buffer.onupdateend = next; next();
  };
  source.onsourceended = () => video.play();
  video.onended = () => done({
    ranges: video.buffered.length, end: video.duration,
    shown: [...shown],
    size: [video.videoWidth, video.videoHeight]});
});
</script>"""


@pytest.mark.browser
def test_chromium_plays_from_the_second_key_frame_across_a_stall(chromium_path: Path) -> None:
    parameters, frames = pictures(20)
    stalled = [
        f
        if i < 13 or f.timestamp is None
        else Picture(units=f.units, timestamp=f.timestamp + 400_000, captured_us=0, key=f.key)
        for i, f in enumerate(frames)
    ]
    init, pieces = pack(parameters, stalled)
    parts = [init, *(p.data[HEADER_BYTES:] for p in pieces[5:])]
    texts = [base64.b64encode(p).decode() for p in parts]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_content(PAGE)
        mime = f'video/mp4; codecs="{parameters.codec}"'
        played = page.evaluate("play", [mime, 0.5, texts])
        browser.close()
    assert played["ranges"] == 1
    # Frames 13 and 14 stand between the stall and the next key frame: a jump would have lost them.
    assert {1.4, 1.6} & set(played["shown"]), played
    assert played["size"] == [320, 184]
