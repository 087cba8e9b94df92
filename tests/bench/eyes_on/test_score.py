"""Shares count what some camera could see; a miss is never a fast answer; gains have their bound."""

import math

import pytest
from bench.eyes_on.eyes import NOTHING, Sighting
from bench.eyes_on.score import LIST_ALL, list_gains, measure_gain, render_table, score_trials
from bench.eyes_on.trial import Trial


def sees(px: int = 100, eyes_s: float = 1.0) -> Sighting:
    return Sighting(shown=True, px=px, eyes_s=eyes_s)


def trial(
    *sightings: Sighting,
    could: int = 3,
    seed: int = 1,
    strategy: str = "ours",
    scenario: str = "s",
) -> Trial:
    return Trial(
        scenario=scenario,
        strategy=strategy,
        seed=seed,
        incident="i",
        could=could,
        sightings=sightings,
    )


def test_figures_by_hand() -> None:
    figures = score_trials(
        [
            trial(sees(400, 2.0), NOTHING, sees(500, 0.5), NOTHING),
            trial(NOTHING, NOTHING, NOTHING, sees(60, 1.5)),
            trial(NOTHING, NOTHING, NOTHING, NOTHING, sees()),
            trial(could=0),
        ]
    )["s"]["ours"]
    assert (figures.n, figures.excluded, figures.excluded_share) == (4, 1, 0.25)
    assert figures.at_1 == pytest.approx(1 / 3, abs=1e-4)
    assert figures.at_4 == pytest.approx(2 / 3, abs=1e-4)
    assert figures.at_9 == 1
    assert figures.wrong_share == pytest.approx(9 / 12)
    assert figures.px_median == 60
    assert (figures.eyes_s_median, figures.eyes_s_p95) == (1.5, None)


def test_whoever_delivers_nothing_sees_nothing() -> None:
    figures = score_trials([trial(), trial()])["s"]["ours"]
    assert (figures.at_1, figures.at_4, figures.wrong_share, figures.px_median) == (0, 0, 0, 0)
    assert figures.eyes_s_median is None


def test_what_the_search_missed_is_told() -> None:
    assert score_trials([trial(sees(), could=0), trial(sees())])["s"]["ours"].beyond == 1


def test_the_gain_is_bounded_over_seeds() -> None:
    def four(seed: int, shown: int, strategy: str) -> list[Trial]:
        hits = [sees()] * shown + [NOTHING] * (10 - shown)
        return [trial(hit, seed=seed, strategy=strategy) for hit in hits]

    before = [t for seed in (1, 2, 3) for t in four(seed, 5, "ours")]
    after = [
        t for seed, shown in ((1, 6), (2, 7), (3, 8)) for t in four(seed, shown, "ours_learned")
    ]
    table = score_trials(before + after)
    gain = list_gains(table)["s"]
    assert list(gain.by_seed) == [10, 20, 30]
    assert gain.points == 20
    assert gain.lower_95 == pytest.approx(20 - 4.303 * 10 / math.sqrt(3), abs=0.01)
    one = score_trials([*four(1, 5, "ours")])["s"]["ours"]
    assert measure_gain(one, one).lower_95 is None


def test_the_gain_with_nothing_but_the_list_is_over_all_such_scenarios() -> None:
    def learned(scenario: str, before: bool, after: bool) -> list[Trial]:
        return [
            trial(*([sees()] if hit else []), seed=seed, strategy=strategy, scenario=scenario)
            for seed in (1, 2)
            for strategy, hit in (("ours", before), ("ours_learned", after))
        ]

    known = learned("songpa_kinds_20", before=False, after=True)
    gains = list_gains(score_trials(known))
    assert LIST_ALL not in gains
    both = [
        *learned("songpa_20", before=False, after=True),
        *learned("songpa_100", before=True, after=True),
    ]
    table = score_trials([*known, *both])
    gains = list_gains(table)
    assert list(gains[LIST_ALL].by_seed) == [50, 50]
    assert (gains[LIST_ALL].points, gains[LIST_ALL].lower_95) == (50, 50)
    assert "+50.0 points to eyes-on@4" in render_table(table, gains).splitlines()[-1]


def test_the_table_names_everybody() -> None:
    table = score_trials([trial(sees(), strategy=s) for s in ("best", "mine", "nearest_4")])
    text = render_table(table, {})
    assert list(table["s"]) == ["nearest_4", "mine", "best"]
    assert all(name in text for name in ("nearest 4", "mine", "best possible", "excluded"))
