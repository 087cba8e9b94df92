"""The whole benchmark on one town of one seed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from bench.eyes_on.ask import Chooser
from bench.eyes_on.eyes import Eyes
from bench.eyes_on.ours import Ours
from bench.eyes_on.scenario import SPECS, Scenario, Spec, Staged, plan_past, plan_scenario
from bench.eyes_on.simple import all_within, nearest_four, throw_net
from bench.eyes_on.town import Ground, Knows, Town, cut_town, known_city, load_ground
from bench.eyes_on.trial import Trial, try_all
from bench.eyes_on.witness import say

MOVING_SHARE = 0.3
"""Each moving target counts at several moments, so fewer are drawn."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker does."""

    ground: Ground
    seed: int
    incidents: int
    past: int
    scenarios: tuple[str, ...]
    folder: Path
    data: Path


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of an order."""

    trials: list[Trial]
    kept: float
    """Share of the ground's street length on which incidents happen."""
    cameras: int
    seconds: dict[str, float]


def run_order(order: Order) -> Done:
    """All scenarios of one town."""
    clock = _Clock()
    town = cut_town(load_ground(order.ground, order.folder, order.data), order.ground, order.seed)
    eyes = Eyes(town)
    clock.lap("town")
    trials: list[Trial] = []
    specs = [s for s in SPECS if s.ground is order.ground and s.name in order.scenarios]
    for knows in Knows:
        own = [s for s in specs if s.knows is knows]
        if own:
            trials += _stage(order, town, eyes, knows, own, clock.lap)
    return Done(
        trials=trials,
        kept=town.kept,
        cameras=len(town.truth.cameras),
        seconds=clock.laps,
    )


def _stage(
    order: Order,
    town: Town,
    eyes: Eyes,
    knows: Knows,
    specs: list[Spec],
    lap: Callable[[str], None],
) -> list[Trial]:
    known = known_city(town.truth, knows)
    simple: dict[str, Chooser] = {
        "nearest_4": nearest_four(known),
        "within_500": all_within(known),
        "sectors_9": throw_net(known),
    }
    ours = {"ours": Ours(known)}
    lap(f"sight {knows}")
    if knows is not Knows.POSES and order.past:
        ours["ours_learned"] = taught(Ours(known), eyes, past_of(town, order.seed, order.past))
        lap(f"learning {knows}")
    trials: list[Trial] = []
    for spec in specs:
        scenario = plan_scenario(spec, town, order.seed, count_of(spec, order.incidents))
        for one in ours.values():
            one.hear(scenario.heard)
        choosers = simple | {name: one.choose for name, one in ours.items()}
        trials += try_all(scenario, eyes, choosers)
        lap(spec.name)
    return trials


def count_of(spec: Spec, incidents: int) -> int:
    """How many incidents a scenario has."""
    return max(round(incidents * MOVING_SHARE), 1) if spec.moving else incidents


def past_of(town: Town, seed: int, count: int) -> Scenario:
    """The past incidents of a town, all in order."""
    staged: tuple[Staged, ...] = plan_past(town, seed, count)
    spec = Spec(name="past", ground=Ground.SONGPA)
    return Scenario(spec=spec, seed=seed, staged=staged, ill={}, heard={})


def taught(ours: Ours, eyes: Eyes, past: Scenario) -> Ours:
    """Our chooser after the past: it chooses four, somebody says of each whether it showed."""
    for one in past.staged:
        views = ours.choose(one.asked)
        ours.learn(one.asked, say(past, eyes, one, views))
    ours.settle()
    return ours


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = self.laps.get(name, 0.0) + now - self._since
        self._since = now
