"""One grammar of subjects, declared in one place; permissions follow from it."""

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from safetynet.base.ids import HUB, NodeId
from safetynet.federation import messages, subjects
from safetynet.federation.messages import Message
from safetynet.federation.permissions import inbox, permissions_of
from safetynet.federation.subjects import GRAMMAR, Subject

NODES = st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True).map(NodeId)
MAPO = NodeId("mapo")


@pytest.mark.parametrize("subject", GRAMMAR, ids=lambda s: s.word)
@given(node=NODES)
def test_a_subject_names_its_node(subject: Subject, node: NodeId) -> None:
    assert subjects.node_of(subject(node)) == node
    assert subject.all == subject(NodeId("*"))


@given(node=NODES)
def test_no_two_words_share_a_subject(node: NodeId) -> None:
    assert len({subject(node) for subject in GRAMMAR}) == len(GRAMMAR)


def test_the_grammar_lists_every_declared_subject() -> None:
    declared = [value for value in vars(subjects).values() if isinstance(value, Subject)]
    assert sorted(s.word for s in declared) == sorted(s.word for s in GRAMMAR)


def test_every_payload_has_a_schema_id_of_its_own() -> None:
    payloads = {p for s in GRAMMAR for p in (*s.carries, *((s.reply,) if s.reply else ()))}
    assert all(issubclass(p, Message) for p in payloads)
    every = {
        value
        for value in vars(messages).values()
        if isinstance(value, type) and issubclass(value, Message) and value is not Message
    }
    assert payloads == every
    ids = [str(p.__struct_config__.tag) for p in every]
    assert len(set(ids)) == len(ids)
    for payload, schema in zip(every, ids, strict=True):
        name, version = schema.split("/")
        assert name.replace("_", "") == payload.__name__.lower()
        assert int(version) >= 1
        fields = {f.encode_name for f in msgspec.structs.fields(payload)}
        assert "schema" not in fields, "the field that names the schema is taken"


def test_a_district_publishes_only_what_names_it_and_answers_in_its_own_name() -> None:
    *words, answers = permissions_of(MAPO).publish
    assert answers == f"{inbox(HUB, MAPO)}.>"
    assert {subjects.node_of(pattern) for pattern in words} == {MAPO}


def test_a_district_hears_itself_and_what_the_hub_says_to_all() -> None:
    *words, answers = permissions_of(MAPO).subscribe
    assert answers == "_INBOX.mapo.>"
    assert {subjects.node_of(pattern) for pattern in words} == {MAPO, HUB}
    assert {pattern for pattern in words if subjects.node_of(pattern) == HUB} == {"sn.beat.hub"}


@given(one=NODES, other=NODES)
def test_what_two_districts_may_do_never_meets(one: NodeId, other: NodeId) -> None:
    assume(len({one, other, HUB}) == 3)
    ours, theirs = permissions_of(one), permissions_of(other)
    assert not set(ours.publish) & set(theirs.publish)
    assert not set(ours.publish) & set(theirs.subscribe)
    assert set(ours.subscribe) & set(theirs.subscribe) == {subjects.beat(HUB)}


def test_the_hub_speaks_for_no_district() -> None:
    may = permissions_of(HUB)
    asked_by_districts = (subjects.head, subjects.copy)
    for subject in (subjects.beat, subjects.journal, subjects.health, *asked_by_districts):
        assert subject(MAPO) not in may.publish
        assert subject.all not in may.publish
        assert subject.all in may.subscribe
