"""One scenario, every strategy: what each shows of each incident."""

from collections.abc import Mapping, Sequence

import msgspec
from bench.eyes_on.ask import Chooser, View
from bench.eyes_on.eyes import Eyes, Sighting
from bench.eyes_on.scenario import Scenario, Staged

VIEWS = 4


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What one strategy shows of one incident, at one moment."""

    scenario: str
    strategy: str
    seed: int
    incident: str
    could: int
    """Cameras that could show it; 0: it is excluded."""
    sightings: tuple[Sighting, ...]
    """Of the delivered views, best first."""

    @property
    def hits(self) -> tuple[bool, ...]:
        """Which of the delivered views show it."""
        return tuple(s.shown for s in self.sightings)


def try_all(scenario: Scenario, eyes: Eyes, choosers: Mapping[str, Chooser]) -> list[Trial]:
    """Every incident of a scenario by every strategy, and the best possible."""
    trials = []
    for one in scenario.staged:
        answers = {name: tuple(choose(one.asked)) for name, choose in choosers.items()}
        trials += try_one(scenario, eyes, one, answers)
    return trials


def try_one(
    scenario: Scenario, eyes: Eyes, one: Staged, answers: Mapping[str, Sequence[View]]
) -> list[Trial]:
    """One incident; where it moves, each moment counts for itself."""
    trials = []
    for moment in one.moments:
        could = sorted(eyes.search(scenario, one, moment), key=lambda s: (-s.px, s.eyes_s))
        shown = {"best": could[:VIEWS]}
        for name, views in answers.items():
            shown[name] = [eyes.look(scenario, one, moment, view) for view in views]
        trials += [
            Trial(
                scenario=scenario.spec.name,
                strategy=name,
                seed=scenario.seed,
                incident=f"{one.asked.id}+{moment.after_s:g}",
                could=len(could),
                sightings=tuple(sightings),
            )
            for name, sightings in shown.items()
        ]
    return trials
