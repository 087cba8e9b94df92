"""Trials folded into numbers, the printed table and the JSON."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median, stdev

import msgspec
from bench.eyes_on.scenario import SPECS
from bench.eyes_on.town import Knows
from bench.eyes_on.trial import VIEWS, Trial

STRATEGIES = ("nearest_4", "within_500", "sectors_9", "ours", "ours_learned", "best")
TITLES = {
    "nearest_4": "nearest 4",
    "within_500": "all in 500 m",
    "sectors_9": "투망 (1 + 8)",
    "ours": "ours",
    "ours_learned": "ours, learned",
    "best": "best possible",
}
LIST_ALL = "songpa_list_all"
"""What learning adds where the chooser knows what public lists say, all errors, faults and motion together."""
_T_975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""Student's t by degrees of freedom, from 1."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy in one scenario; shares are of the incidents that some camera could see."""

    at_1: float
    """At least one of the first one (four) delivered views shows it."""
    at_4: float
    at_9: float
    """Of the first nine; more than four are delivered by ``within_500`` and ``sectors_9`` alone."""
    wrong_share: float
    """Share of the first four delivered views that do not show it."""
    n: int
    """Incidents in all, or moments of moving ones."""
    excluded: int
    """Of those, seen by no camera by exhaustive search."""
    excluded_share: float
    px_median: float
    """Pixels of the target in the best of the first four views; 0 for a miss."""
    eyes_s_median: float | None
    """Until one of the first four shows it; a miss is infinite, and then this is None."""
    eyes_s_p95: float | None
    beyond: int
    """Excluded incidents that the strategy showed all the same: the search was not exhaustive."""
    at_1_by_seed: tuple[float, ...]
    at_4_by_seed: tuple[float, ...]


class Gain(msgspec.Struct, frozen=True, kw_only=True):
    """What learning adds to eyes-on@4, in points."""

    points: float
    lower_95: float | None
    """Lower end of the two-sided 95 % interval over seeds, by Student's t; None for a single seed."""
    by_seed: tuple[float, ...]
    points_at_1: float
    """The same of eyes-on@1."""
    lower_95_at_1: float | None


Table = dict[str, dict[str, Figures]]
"""By scenario and strategy."""


def score_trials(trials: Iterable[Trial]) -> Table:
    """Figures by scenario and strategy, strategies in their usual order."""
    sorted_: dict[str, dict[str, list[Trial]]] = {}
    for trial in trials:
        sorted_.setdefault(trial.scenario, {}).setdefault(trial.strategy, []).append(trial)
    return {
        scenario: {name: _figures(own[name]) for name in _in_order(own)}
        for scenario, own in sorted_.items()
    }


def _in_order(names: Iterable[str]) -> list[str]:
    known = {name: i for i, name in enumerate(STRATEGIES)}
    return sorted(names, key=lambda name: (known.get(name, len(known) - 1.5), name))


def _figures(trials: Sequence[Trial]) -> Figures:
    seen = [t for t in trials if t.could]
    views = [hit for t in seen for hit in t.hits[:VIEWS]]
    eyes = [min((s.eyes_s for s in t.sightings[:VIEWS]), default=math.inf) for t in seen]
    pixels = [max((s.px for s in t.sightings[:VIEWS]), default=0) for t in seen]
    seeds = sorted({t.seed for t in trials})
    return Figures(
        at_1=_share(any(t.hits[:1]) for t in seen),
        at_4=_share(any(t.hits[:VIEWS]) for t in seen),
        at_9=_share(any(t.hits[:9]) for t in seen),
        wrong_share=_share(not hit for hit in views),
        n=len(trials),
        excluded=len(trials) - len(seen),
        excluded_share=_share(not t.could for t in trials),
        px_median=float(median(pixels)) if pixels else 0.0,
        eyes_s_median=_rank(eyes, 0.5),
        eyes_s_p95=_rank(eyes, 0.95),
        beyond=sum(any(t.hits[:VIEWS]) for t in trials if not t.could),
        at_1_by_seed=_by_seed(seen, seeds, 1),
        at_4_by_seed=_by_seed(seen, seeds, VIEWS),
    )


def _by_seed(seen: Sequence[Trial], seeds: Sequence[int], k: int) -> tuple[float, ...]:
    return tuple(_share(any(t.hits[:k]) for t in seen if t.seed == seed) for seed in seeds)


def measure_gain(before: Figures, after: Figures) -> Gain:
    """What learning added, seed by seed."""
    return _gain(
        _differ(before.at_4_by_seed, after.at_4_by_seed),
        _differ(before.at_1_by_seed, after.at_1_by_seed),
    )


def _gain(four: tuple[float, ...], one: tuple[float, ...]) -> Gain:
    return Gain(
        points=round(mean(four), 3),
        lower_95=_lower(four),
        by_seed=four,
        points_at_1=round(mean(one), 3),
        lower_95_at_1=_lower(one),
    )


def _differ(before: Sequence[float], after: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(100 * (b - a), 3) for a, b in zip(before, after, strict=True))


def _lower(by_seed: Sequence[float]) -> float | None:
    if len(by_seed) < 2:
        return None
    t = _T_975[min(len(by_seed) - 2, len(_T_975) - 1)]
    return round(mean(by_seed) - t * stdev(by_seed) / math.sqrt(len(by_seed)), 3)


def list_gains(table: Table) -> dict[str, Gain]:
    """By scenario, where something was learned; and ``LIST_ALL``, over all whose chooser has only the list."""
    gains = {
        scenario: measure_gain(own["ours"], own["ours_learned"])
        for scenario, own in table.items()
        if "ours_learned" in own and "ours" in own
    }
    known = {spec.name for spec in SPECS if spec.knows is Knows.LIST}
    listed = [table[name] for name in gains if name in known]
    if len(listed) > 1:
        gains[LIST_ALL] = _measure_gains(listed)
    return gains


def _measure_gains(scenarios: Sequence[Mapping[str, Figures]]) -> Gain:
    """The mean over scenarios, seed by seed: each scenario weighs the same."""
    four = [_differ(o["ours"].at_4_by_seed, o["ours_learned"].at_4_by_seed) for o in scenarios]
    one = [_differ(o["ours"].at_1_by_seed, o["ours_learned"].at_1_by_seed) for o in scenarios]
    return _gain(
        tuple(round(mean(s), 3) for s in zip(*four, strict=True)),
        tuple(round(mean(s), 3) for s in zip(*one, strict=True)),
    )


def render_table(table: Table, gains: Mapping[str, Gain]) -> str:
    """The table for a terminal."""
    lines = []
    for scenario, own in table.items():
        first = next(iter(own.values()))
        lines.append(
            f"{scenario}: {first.n} tried, no camera could see {first.excluded} "
            f"({first.excluded_share:.1%}, excluded below)"
        )
        lines.append(
            f"  {'':15}{'eyes-on@1':>10}{'eyes-on@4':>10}{'wrong':>8}"
            f"{'px':>8}{'median':>9}{'p95':>9}"
        )
        lines += [_row(name, f) for name, f in own.items()]
        if scenario in gains:
            lines.append(f"  learning adds {_say(gains[scenario])}")
        lines.append("")
    if LIST_ALL in gains:
        lines.append(
            f"With nothing but the list, over all such scenarios, learning adds {_say(gains[LIST_ALL])}\n"
        )
    return "\n".join(lines)


def _row(name: str, f: Figures) -> str:
    wide = sum(ord(c) > 0x1100 for c in TITLES.get(name, name))
    return (
        f"  {TITLES.get(name, name):{15 - wide}}{f.at_1:>10.1%}{f.at_4:>10.1%}"
        f"{f.wrong_share:>8.0%}{f.px_median:>8.0f}"
        f"{_seconds(f.eyes_s_median):>9}{_seconds(f.eyes_s_p95):>9}"
    )


def _say(gain: Gain) -> str:
    parts = [
        f"{points:+.1f} points to eyes-on@{k}" + ("" if low is None else f" (95 %: ≥ {low:+.1f})")
        for k, points, low in (
            (VIEWS, gain.points, gain.lower_95),
            (1, gain.points_at_1, gain.lower_95_at_1),
        )
    ]
    return f"{', '.join(parts)}; {len(gain.by_seed)} seeds"


def _share(flags: Iterable[bool]) -> float:
    values = list(flags)
    return round(sum(values) / len(values), 5) if values else 0.0


def _rank(values: Sequence[float], share: float) -> float | None:
    """By nearest rank, so that infinities keep their place."""
    if not values:
        return None
    value = sorted(values)[math.ceil(share * len(values)) - 1]
    return round(value, 3) if math.isfinite(value) else None


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f} s"
