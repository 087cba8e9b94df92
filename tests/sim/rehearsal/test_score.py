"""Shares count only what could be seen; a miss is never a fast answer."""

import msgspec

from safetynet.sim.rehearsal.phone import model_phone
from safetynet.sim.rehearsal.scenario import Planned
from safetynet.sim.rehearsal.score import (
    Result,
    Score,
    Spread,
    Trial,
    figures_json,
    render_table,
    score_trials,
)
from safetynet.sim.world import ThingKind

PLAN = Planned(
    number=0,
    kind=ThingKind.PERSON,
    lon=127,
    lat=37.5,
    x=0,
    y=0,
    district="mapo",
    via="tcp",
)


def trial(
    ours: tuple[float | None, ...] = (),
    nearest: tuple[float | None, ...] = (),
    *,
    best: int = 1,
    still: float | None = 0.3,
    errors: tuple[str, ...] = (),
) -> Trial:
    return Trial(
        planned=PLAN,
        accepted=True,
        ours_s=ours,
        nearest_s=nearest,
        best=tuple(f"mapo-{i:05d}" for i in range(best)),
        still_s=still,
        errors=errors,
    )


def test_what_no_camera_could_see_is_left_out_of_every_share() -> None:
    score = score_trials([trial((1.0,)), trial((), best=0)], seed=1)
    assert (score.incidents, score.excluded) == (2, 1)
    assert score.eyes_on_at_1.ours == 1.0


def test_a_view_that_shows_it_proves_that_it_could_be_seen() -> None:
    assert score_trials([trial((None, 1.0), best=0)], seed=1).excluded == 0


def test_only_the_first_k_views_count_and_only_within_the_limit() -> None:
    late, second = trial((5.2, None, None, None, 1.0)), trial((None, 2.0), (None, None, None, 1.0))
    score = score_trials([late, second], seed=1)
    assert (score.eyes_on_at_1.ours, score.eyes_on_at_4.ours) == (0.0, 0.5)
    assert (score.eyes_on_at_1.nearest, score.eyes_on_at_4.nearest) == (0.0, 0.5)
    assert score.shown_of_four.ours == 0.125


def test_misses_are_infinite_in_the_spread() -> None:
    trials = [trial((0.5,)), trial((0.7,)), trial((None,), still=None)]
    score = score_trials(trials, seed=1)
    assert score.time_to_eyes_s == Spread(median=0.7, p95=None)
    assert score.still_s == Spread(median=0.3, p95=None)
    assert "never" in render_table(Result(city="town", seed=1, score=score, trials=tuple(trials)))


def test_errors_are_counted_and_the_score_has_the_promised_keys() -> None:
    score = score_trials([trial((1.0,), errors=("view: gone", "view: gone"))], seed=1)
    assert (score.errors, score.error_texts) == (2, ("view: gone",))
    result = Result(city="town", seed=1, score=score, trials=())
    keys = msgspec.json.decode(figures_json(result)).keys()
    promised = {"accepted", "errors", "excluded", "eyes_on_at_1", "eyes_on_at_4"}
    assert keys >= promised | {"time_to_eyes_s", "still_s"}
    assert msgspec.json.decode(msgspec.json.encode(score), type=Score) == score


def test_nothing_tried_scores_nothing() -> None:
    score = score_trials([], seed=1)
    assert score.time_to_eyes_s == Spread(median=None, p95=None)
    assert score.eyes_on_at_4.ours == 0.0


def test_the_telephone_model_is_the_same_for_a_seed_and_takes_minutes() -> None:
    assert model_phone(7) == model_phone(7)
    assert 60 < model_phone(7).median_s < model_phone(7).p95_s < 900
