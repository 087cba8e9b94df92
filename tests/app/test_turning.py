"""Which stop of a sweep a viewer means who says something about it."""

from safetynet.app.district.turning import REACTION_S, Turning, said_turn
from safetynet.base.ids import CameraId
from safetynet.federation.messages import WantedView
from safetynet.video.ipc import Turn, Turned

STOPS = tuple(Turn(azimuth_deg=a, tilt_deg=5.0, hfov_deg=60.0) for a in (10.0, 100.0, 190.0))
CAMERA = CameraId("mapo-00001")


def wanted(stops: tuple[Turn, ...] = STOPS) -> WantedView:
    said = tuple(said_turn(stop) for stop in stops)
    return WantedView(camera=CAMERA, turn=said[0], sweep=said, dwell_s=1.2)


def reached(stop: int) -> Turned:
    return Turned(camera=CAMERA, lock="inc_1", to=STOPS[stop - 1], took_s=0.5, stop=stop, round_=1)


def test_a_sweep_is_held_at_what_was_shown_a_moment_before_the_word() -> None:
    turning = Turning.of(wanted())
    assert turning.sweep == STOPS
    turning.note(reached(1), 10.0)
    turning.note(reached(2), 11.7)
    assert turning.held(11.7 + REACTION_S / 2).turn == STOPS[0]
    assert turning.held(11.7 + REACTION_S).turn == STOPS[1]
    turning.note(reached(3), 13.4)
    assert turning.held(13.4).turn == STOPS[1]
    assert turning.held(20.0).turn == STOPS[2]
    assert turning.held(20.0).sweep == ()


def test_before_it_arrived_anywhere_the_first_aim_is_held() -> None:
    assert Turning.of(wanted()).held(0.0).turn == STOPS[0]


def test_what_stands_stays_as_it_is() -> None:
    standing = Turning.of(wanted(STOPS[:1]))
    assert (standing.turn, standing.sweep) == (STOPS[0], ())
    assert standing.held(5.0) is standing
    assert Turning.of(WantedView(camera=CAMERA, turn=None)).turn is None
