"""Presence is a function of silence and of nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from safetynet.base.ids import NodeId
from safetynet.federation.directory import (
    AWAY_AFTER_S,
    SUSPECT_AFTER_S,
    Directory,
    Presence,
)
from safetynet.federation.messages import Beat

MAPO, SEOCHO = NodeId("mapo"), NodeId("seocho")


def beat(node: NodeId = MAPO, *, boot: str = "b1", gateway: str = "ws://g", head: int = 1) -> Beat:
    return Beat(node=node, boot=boot, epoch=1, head=head, cameras=1, catalogue="c", gateway=gateway)


def expected(silence_s: float) -> Presence:
    if silence_s > AWAY_AFTER_S:
        return Presence.AWAY
    return Presence.SUSPECT if silence_s > SUSPECT_AFTER_S else Presence.HERE


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), max_size=40))
def test_presence_follows_the_silence_since_the_last_beat(
    steps: list[tuple[float, bool]],
) -> None:
    directory, now_s, heard_s = Directory((MAPO, SEOCHO), 0.0), 0.0, -1.0
    for passed_s, speaks in steps:
        now_s += passed_s
        if speaks:
            directory.hear(beat(), now_s)
            heard_s = now_s
        before = directory.get(MAPO).presence
        changed = directory.tick(now_s)
        now = directory.get(MAPO).presence
        assert now is (Presence.ABSENT if heard_s < 0 else expected(now_s - heard_s))
        assert [s.node for s in changed] == ([MAPO] if now is not before else [])
    assert directory.get(SEOCHO).presence is Presence.ABSENT


def test_only_what_changes_is_told() -> None:
    directory = Directory((MAPO,), 0.0)
    assert directory.hear(beat(), 1.0) is not None
    assert directory.hear(beat(head=2), 1.5) is None
    new_gateway = directory.hear(beat(gateway="ws://h"), 2.0)
    assert new_gateway is not None
    assert new_gateway.since_s == 1.0
    assert directory.hear(beat(gateway="ws://h", boot="b2"), 2.5) is not None


def test_a_node_that_comes_back_is_here_since_then() -> None:
    directory = Directory((MAPO,), 0.0)
    directory.hear(beat(), 1.0)
    (gone,) = directory.tick(10.0)
    assert (gone.presence, gone.since_s) == (Presence.AWAY, 10.0)
    back = directory.hear(beat(), 12.0)
    assert back is not None
    assert (back.presence, back.since_s) == (Presence.HERE, 12.0)


def test_a_node_that_nobody_expects_is_not_taken() -> None:
    directory = Directory((MAPO,), 0.0)
    assert directory.hear(beat(NodeId("busan")), 1.0) is None
    assert [s.node for s in directory.list_all()] == [MAPO]


def test_views_can_be_had_only_where_a_gateway_serves() -> None:
    directory = Directory((MAPO, SEOCHO), 0.0)
    assert directory.list_away() == {MAPO, SEOCHO}
    directory.hear(beat(gateway=""), 1.0)
    directory.hear(beat(SEOCHO), 1.0)
    assert directory.list_away() == {MAPO}
    directory.tick(1.0 + SUSPECT_AFTER_S + 0.1)
    assert directory.list_away() == {MAPO}, "a suspect may still show"
    directory.tick(1.0 + AWAY_AFTER_S + 0.1)
    assert directory.list_away() == {MAPO, SEOCHO}
