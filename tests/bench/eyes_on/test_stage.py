"""The whole benchmark in small: every strategy is tried, and learning is heard."""

from dataclasses import replace

import numpy as np
import pytest
from bench.eyes_on.eyes import Eyes
from bench.eyes_on.ours import Ours
from bench.eyes_on.scenario import find_spec, plan_scenario
from bench.eyes_on.score import score_trials
from bench.eyes_on.simple import nearest_four
from bench.eyes_on.stage import past_of, taught
from bench.eyes_on.town import Knows, Town, draw_nights, draw_poses, known_city
from bench.eyes_on.trial import try_all


def test_ours_beats_the_nearest_and_nobody_beats_the_best(town: Town) -> None:
    scenario = plan_scenario(find_spec("synthetic_20"), town, 3, 20)
    choosers = {"ours": Ours(town.truth).choose, "nearest_4": nearest_four(town.truth)}
    table = score_trials(try_all(scenario, Eyes(town), choosers))["synthetic_20"]
    assert table["best"].at_4 == 1
    assert table["nearest_4"].at_4 < table["ours"].at_4 <= 1
    assert table["ours"].wrong_share < table["nearest_4"].wrong_share
    assert {f.n for f in table.values()} == {20}


@pytest.mark.slow
def test_what_was_learned_changes_the_choice_and_helps(town: Town) -> None:
    # Shuffled on their poles, so that the order of the list tells nothing.
    drawn = draw_nights(draw_poses(town.truth, np.random.default_rng(5)), np.random.default_rng(6))
    town = replace(town, truth=drawn)
    eyes, known = Eyes(town), known_city(drawn, Knows.LIST)
    scenario = plan_scenario(find_spec("songpa_20"), town, 3, 30)
    learned = taught(Ours(known), eyes, past_of(town, 3, 150))
    choosers = {"ours": Ours(known).choose, "ours_learned": learned.choose}
    table = score_trials(try_all(scenario, eyes, choosers))["songpa_20"]
    assert table["ours_learned"].at_1 > table["ours"].at_1 + 0.1
    assert table["ours_learned"].wrong_share < table["ours"].wrong_share


def test_ours_never_chooses_what_is_known_to_be_ill_or_away(town: Town) -> None:
    scenario = plan_scenario(find_spec("synthetic_faults"), town, 3, 40)
    ours = Ours(town.truth)
    ours.hear(scenario.heard)
    district = dict(zip(town.truth.cameras.id, town.truth.cameras.district, strict=True))
    for one in scenario.staged:
        for view in ours.choose(one.asked):
            assert view.camera not in scenario.heard
            assert town.truth.districts[district[view.camera]].node not in one.asked.away
