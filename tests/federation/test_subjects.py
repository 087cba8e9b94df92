"""One grammar of subjects, read and written in one place."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safetynet.base.ids import NodeId
from safetynet.federation import subjects

NODES = st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True).map(NodeId)
WRITERS = [
    subjects.beat,
    subjects.journal,
    subjects.entry_range,
    subjects.head,
    subjects.copy,
    subjects.catalogue,
    subjects.command,
    subjects.health,
    subjects.unwell,
]


@pytest.mark.parametrize("write", WRITERS)
@given(node=NODES)
def test_a_subject_names_its_node(write: Callable[[NodeId], str], node: NodeId) -> None:
    assert subjects.node_of(write(node)) == node


@given(node=NODES)
def test_no_two_words_share_a_subject(node: NodeId) -> None:
    assert len({write(node) for write in WRITERS}) == len(WRITERS)


@pytest.mark.parametrize(
    ("pattern", "write"),
    [
        (subjects.ALL_BEATS, subjects.beat),
        (subjects.ALL_JOURNALS, subjects.journal),
        (subjects.ALL_HEALTH, subjects.health),
    ],
)
def test_a_pattern_matches_each_node(pattern: str, write: Callable[[NodeId], str]) -> None:
    assert write(NodeId("gangnam")) == pattern.replace("*", "gangnam")


def test_the_page_in_the_file_lists_every_subject() -> None:
    assert subjects.__doc__ is not None
    for write in WRITERS:
        assert f"``{write(NodeId('<node>'))}``" in subjects.__doc__
