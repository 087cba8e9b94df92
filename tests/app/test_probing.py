"""Cameras are looked at in turn, within a budget, and never while somebody watches them."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from safetynet.app.district.probing import AT_ONCE, ILL_AGAIN_MOST_S, Probing
from safetynet.base.ids import CameraId

TICK_S = 0.1
CAMERAS = tuple(CameraId(f"mapo-{n:02d}") for n in range(12))
NOBODY: frozenset[CameraId] = frozenset()


def look(
    probing: Probing,
    for_s: float,
    cameras: tuple[CameraId, ...] = CAMERAS,
    watched: frozenset[CameraId] = NOBODY,
    ill: frozenset[CameraId] = NOBODY,
    from_s: float = 0.0,
) -> list[CameraId]:
    """Let time pass tick by tick, each probe answered at once; what was probed, in order."""
    probed: list[CameraId] = []
    for tick in range(round(for_s / TICK_S)):
        now_s = from_s + tick * TICK_S
        for camera in probing.plan(now_s, cameras, watched):
            probed.append(camera)
            probing.note(camera, now_s, well=camera not in ill)
    return probed


def test_without_a_budget_nothing_is_looked_at_but_what_is_ill() -> None:
    probing = Probing(0.0, 0.0)
    assert look(probing, 60) == []
    probing.note(CAMERAS[3], 60.0, well=False)
    assert set(look(probing, 60, from_s=60)) == {CAMERAS[3]}


def test_each_camera_gets_its_turn_and_no_more_than_the_budget() -> None:
    probed = look(Probing(30.0, 0.0), 120)
    assert len(probed) in (60, 61)
    assert set(Counter(probed).values()) == {5} or max(Counter(probed).values()) <= 6
    assert probed[:12] == list(CAMERAS)


def test_a_watched_camera_is_left_alone_and_costs_no_turn_of_another() -> None:
    watched = frozenset(CAMERAS[:6])
    probed = look(Probing(60.0, 0.0), 12, watched=watched)
    assert set(probed) == set(CAMERAS[6:])
    assert len(probed) == 12
    assert look(Probing(60.0, 0.0), 12, watched=frozenset(CAMERAS)) == []


def test_an_ill_camera_is_looked_at_less_and_less_often_until_it_is_well() -> None:
    probing = Probing(0.0, 0.0)
    probing.note(CAMERAS[0], 0.0, well=False)
    hour = look(probing, 3600, ill=frozenset(CAMERAS))
    assert 3600 / ILL_AGAIN_MOST_S < len(hour) < 20
    assert look(probing, 2 * ILL_AGAIN_MOST_S, from_s=3600) == [CAMERAS[0]]


@settings(max_examples=30)
@given(st.sets(st.sampled_from(CAMERAS)), st.floats(0, 10_000))
def test_probes_under_way_are_bounded_and_those_never_answered_are_given_up(
    ill: set[CameraId], per_minute: float
) -> None:
    probing = Probing(per_minute, 0.0)
    for camera in ill:
        probing.note(camera, 0.0, well=False)
    for tick in range(1000):
        now_s = tick * TICK_S
        probing.plan(now_s, CAMERAS, NOBODY)
    under_way = probing.plan(1e6, CAMERAS, NOBODY)
    assert len(under_way) <= AT_ONCE
    if ill or per_minute > 0.01:
        assert under_way, "a worker that died holds up nothing for ever"


def test_turns_go_on_where_cameras_come_and_go() -> None:
    probing = Probing(60.0, 0.0)
    assert look(probing, 3) == list(CAMERAS[:3])
    fewer = CAMERAS[:1] + CAMERAS[5:]
    assert look(probing, 3, fewer, from_s=3) == list(CAMERAS[5:8])
    probing.note(CAMERAS[8], 6.0, well=False)
    probing.forget(CAMERAS[8])
    assert CAMERAS[8] not in look(probing, 60, fewer[:3], from_s=6)
