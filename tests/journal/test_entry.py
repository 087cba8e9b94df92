"""The entry's bytes are RFC 8785's, its hash RFC 9162's, and nothing else is taken for one."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from safetynet.base.errors import InvalidError
from safetynet.base.ids import NodeId
from safetynet.journal.entry import (
    ZERO,
    Draft,
    Entry,
    canonical,
    encode_entry,
    is_canonical,
    parse_entry,
    read_time,
    time_text,
)

AT = datetime(2026, 3, 1, 4, 5, 6, 7, tzinfo=UTC)
VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ints = st.integers(-(2**53) + 1, 2**53 - 1)
values = st.recursive(
    st.none() | st.booleans() | ints | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
bodies = st.dictionaries(texts, values, max_size=5)


def make(body: dict[str, Any], *, seq: int = 1, prev: str = ZERO) -> Entry:
    draft = Draft(kind="test.made/1", body=body)
    return encode_entry(node=NodeId("mapo"), epoch=1, seq=seq, time=AT, draft=draft, prev=prev)


@given(values)
def test_canonical_bytes_are_those_of_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


def test_keys_are_ordered_by_utf_16_code_units_not_by_code_points() -> None:
    keys = {"\ue000": 1, "\U0001f525": 2, "한": 3, "a": 4}
    assert canonical(keys) == rfc8785.dumps(keys)
    assert canonical(keys).decode().index("\U0001f525") < canonical(keys).decode().index("\ue000")


@given(bodies)
def test_an_entry_reads_back_as_it_was_written(body: dict[str, Any]) -> None:
    entry = make(body)
    assert parse_entry(entry.line) == entry
    assert is_canonical(entry.line)
    assert entry.line == rfc8785.dumps(json.loads(entry.line))
    assert json.loads(entry.body) == body
    assert entry.leaf == hashlib.sha256(b"\x00" + entry.line).hexdigest()


@pytest.mark.parametrize(
    "body", [{"x": 1.5}, {"x": [0.0]}, {"x": 2**53}, {"x": {"y": -(2**53)}}, {"x": "\ud800"}]
)
def test_the_writer_refuses_what_has_no_lasting_text(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidError) as e:
        make(body)
    assert e.value.code == "journal.value"


@pytest.mark.parametrize("kind", ["x/1", "a.b", "a.b/0", "A.b/1", 'a.b/1"', "a.b/1\n"])
def test_the_writer_refuses_a_malformed_kind(kind: str) -> None:
    with pytest.raises(InvalidError) as e:
        encode_entry(
            node=NodeId("mapo"),
            epoch=1,
            seq=1,
            time=AT,
            draft=Draft(kind=kind, body={}),
            prev=ZERO,
        )
    assert e.value.code == "journal.kind"


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
def test_golden_vectors_hold_for_ever(vector: dict[str, Any]) -> None:
    entry = parse_entry(vector["line"].encode())
    assert entry.leaf == vector["leaf"]
    made = encode_entry(
        node=entry.node,
        epoch=entry.epoch,
        seq=entry.seq,
        time=read_time(entry.time),
        draft=Draft(kind=entry.kind, body=vector["body"]),
        prev=entry.prev,
    )
    assert made.line.decode() == vector["line"]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("v", 2),
        ("alg", "md5"),
        ("node", "MAPO"),
        ("epoch", 0),
        ("seq", 0),
        ("seq", 1.0),
        ("time", "2026-03-01T04:05:06Z"),
        ("kind", "x"),
        ("prev", "00"),
        ("more", 1),
    ],
)
def test_wrong_members_are_no_entry(member: str, value: object) -> None:
    line = json.dumps(json.loads(make({}).line) | {member: value}).encode()
    with pytest.raises(InvalidError) as e:
        parse_entry(line)
    assert e.value.code == "journal.malformed"


@pytest.mark.parametrize(
    "member", ["v", "alg", "node", "epoch", "seq", "time", "kind", "body", "prev"]
)
def test_a_missing_member_is_no_entry(member: str) -> None:
    members = json.loads(make({}).line)
    del members[member]
    with pytest.raises(InvalidError):
        parse_entry(canonical(members))


def test_other_bytes_of_the_same_meaning_are_not_canonical() -> None:
    line = make({"a": 1}).line
    assert not is_canonical(line.replace(b'{"a":1}', b'{"a": 1}'))
    assert not is_canonical(line.replace(b'{"a":1}', b'{"a":2,"a":1}'))


@given(st.datetimes(timezones=st.just(UTC)))
def test_time_survives_its_text(at: datetime) -> None:
    assert read_time(time_text(at)) == at
    assert len(time_text(at)) == 27
