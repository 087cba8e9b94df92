"""Cutting bytes into frames: whatever comes, however it is cut, nothing is lost and nothing raises."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safetynet.links.ucp.frame import (
    ANSWER_BYTES,
    HEADER,
    Answer,
    Frame,
    decode_answer,
    encode_answer,
    encode_frame,
    items,
    parse_frame,
)
from safetynet.links.ucp.reader import MAX_BYTES, FrameReader, Garbage
from safetynet.links.ucp.server import field_count

NOW = datetime(2026, 11, 22, 8, 15, tzinfo=UTC)


def frame(*fields: str, message: str = "10", sender: str = "119") -> bytes:
    """A frame with these fields."""
    return encode_frame(
        message=message,
        progress="10",
        sender=sender,
        receiver="UCP",
        fields=fields,
        message_time=NOW,
        sent_at=NOW,
    )


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """The bytes in chunks that end at these places."""
    at = [0, *sorted(p % (len(data) + 1) for p in places), len(data)]
    return [data[a:b] for a, b in pairwise(at)]


def read(chunks: Sequence[bytes]) -> list[Frame | Garbage]:
    """All that a fresh reader finds."""
    reader = FrameReader(field_count)
    return [piece for chunk in chunks for piece in reader.feed(chunk)] + reader.close()


pieces = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b";", b"\x1e;", b"\x1e", b"\r\n", b"\x00", "화재;".encode(), b"1010"]),
    st.lists(st.text("가;a \x1f1", max_size=6), max_size=9).map(
        lambda fields: frame(*(f.lstrip(";") for f in fields))
    ),
    st.builds(
        lambda n: frame("T20261122171500", "화재", "연기", "1", "2", "주소; 1", "", "")[:n],
        st.integers(0, 120),
    ),
)
streams = st.lists(pieces, max_size=8).map(b"".join)


@given(streams, st.lists(st.integers(0, 2000), max_size=12))
def test_the_result_does_not_depend_on_the_chunks(data: bytes, places: list[int]) -> None:
    whole = read([data])
    assert read(cut(data, places)) == whole
    assert read([bytes([b]) for b in data]) == whole


@given(st.binary(max_size=3000), st.lists(st.integers(0, 3000), max_size=5))
@settings(max_examples=300)
def test_no_byte_is_lost_and_nothing_raises(data: bytes, places: list[int]) -> None:
    kept = b"".join(piece.raw for piece in read(cut(data, places)))
    assert _without_blanks(kept) == _without_blanks(data)


def _without_blanks(data: bytes) -> bytes:
    return bytes(b for b in data if b not in b" \t\r\n\x00")


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x1e\x1f"), max_size=9)
        .map(lambda s: s.lstrip(";"))
        .filter(bool),
        max_size=8,
    )
)
def test_a_frame_written_and_read_says_the_same(fields: list[str]) -> None:
    data = frame(*fields, sender="UCP")
    [found] = read([data]) if fields else [parse_frame(data)]
    assert isinstance(found, Frame)
    assert found.fields == tuple(fields)
    assert found.raw == data


def test_a_semicolon_inside_an_address_is_text() -> None:
    data = frame("T1", "화재", "연기; 불꽃", "127", "37", "가로; 12; 옥상", "1144010100", "id")
    [found] = read([data, data])[:1]
    assert isinstance(found, Frame)
    assert found.fields[5] == "가로; 12; 옥상"
    assert len(read([data + data])) == 2


def test_a_peer_that_forgets_the_last_separator_is_answered_at_once() -> None:
    data = frame("T1", "화재", "", "127", "37", "가로; 12", "1144010100", "id")
    [found] = FrameReader(field_count).feed(data.replace(b"\x1e;", b";"))
    assert isinstance(found, Frame)
    assert found.fields[5:] == ("가로; 12", "1144010100", "id")


def test_silence_ends_a_frame_of_unknown_fields_that_forgets_the_separator() -> None:
    reader = FrameReader()
    assert reader.feed(frame("a", "b").replace(b"\x1e;", b";")) == []
    [found] = reader.pause()
    assert isinstance(found, Frame)
    assert found.fields == ("a", "b")
    assert not reader.waiting


def test_silence_in_the_middle_of_a_frame_ends_nothing() -> None:
    reader = FrameReader(field_count)
    data = frame("T1", "화재", "", "127", "37", "", "", "")
    assert reader.feed(data[:60]) + reader.pause() == []
    assert len(reader.feed(data[60:])) == 1


@pytest.mark.parametrize("length", ["0000000000", "0000000134", "9999999999", "          "])
def test_the_declared_length_is_not_believed(length: str) -> None:
    data = frame("T1", "화재", "", "127", "37", "", "", "")
    lied = data[:38] + length.encode() + data[48:]
    [found] = FrameReader(field_count).feed(lied)
    assert isinstance(found, Frame)
    assert found.fields[0] == "T1"


def test_a_frame_that_is_cut_is_kept_and_the_next_one_is_read() -> None:
    good = frame("T1", "화재", "", "127", "37", "", "", "")
    first, second = read([good[:60] + good])
    assert first == Garbage(code="ucp.cut_short", raw=good[:60])
    assert isinstance(second, Frame)
    assert second.raw == good


def test_garbage_is_kept_and_the_next_frame_is_read() -> None:
    good = frame("T1", "화재", "", "127", "37", "", "", "")
    first, second = read([b"GET / HTTP/1.1" + good])
    assert first == Garbage(code="ucp.no_header", raw=b"GET / HTTP/1.1")
    assert isinstance(second, Frame)


@pytest.mark.parametrize("head", [b"x", frame("T1")[:50]])
def test_too_much_is_given_up_and_the_reader_finds_back(head: bytes) -> None:
    good = frame("T1", "화재", "", "127", "37", "", "", "")
    flood = head + b"y" * (3 * MAX_BYTES)
    whole = read([flood + b";" + good])
    assert [type(piece) for piece in whole] == [Garbage, Frame]
    assert isinstance(whole[0], Garbage)
    assert whole[0].code == "ucp.too_long"
    assert whole[0].raw == flood[:MAX_BYTES]
    assert read(cut(flood + b";" + good, range(0, 4 * MAX_BYTES, 4093))) == whole


def test_old_korean_encoding_and_damaged_text_are_still_read() -> None:
    data = frame("T1", "화재")
    korean = parse_frame(data[:48] + "T1\x1e화재\x1e;".encode("cp949"))
    assert (korean.fields, korean.encoding) == (("T1", "화재"), "cp949")
    damaged = parse_frame(data[:48] + b"T1\x1e\xff\xff\xff\x1e;")
    assert (damaged.fields[0], damaged.encoding) == ("T1", "damaged")


def test_items_of_an_array() -> None:
    assert items("a\x1fb\x1f") == items("a\x1fb") == ("a", "b")
    assert items("") == ()


@given(st.booleans(), st.text(max_size=150))
def test_an_answer_is_always_102_ascii_bytes(good: bool, text: str) -> None:
    data = encode_answer(Answer(good=good, text=text))
    assert len(data) == ANSWER_BYTES
    assert data.isascii()
    assert data.count(b";") == 1
    assert decode_answer(data).good is good


def test_a_header_is_48_bytes() -> None:
    match = HEADER.match(frame())
    assert match is not None
    assert match.end() == 48
