"""What a rehearsal achieved, as numbers, a table and JSON."""

import math
from collections.abc import Sequence

import msgspec

from safetynet.sim.rehearsal.phone import model_phone
from safetynet.sim.rehearsal.scenario import Planned

LIMIT_S = 5.0
"""A view that shows nothing within this time shows nothing."""
VIEWS = 4


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One incident, tried. Seconds count from the report accepted; lists are in order of rank."""

    planned: Planned
    accepted: bool
    """The hub acknowledged the report."""
    ours_s: tuple[float | None, ...] = ()
    """Time of the first accepted frame of each of our views; None for a miss."""
    nearest_s: tuple[float | None, ...] = ()
    """The same for the nearest cameras, from the moment they were asked for."""
    best: tuple[str, ...] = ()
    """Cameras that could show it, best first, by exhaustive search."""
    still_s: float | None = None
    errors: tuple[str, ...] = ()

    @property
    def visible(self) -> bool:
        """True where any camera could see it; the others are excluded."""
        return bool(self.best) or _hit(self.ours_s, VIEWS) or _hit(self.nearest_s, VIEWS)

    @property
    def summary(self) -> str:
        """One line for whoever waits."""
        ours = [t for t in self.ours_s if t is not None]
        eyes = f"seen after {min(ours):.2f} s" if ours else "not seen"
        could = "" if self.visible else ", no camera could"
        wrong = f", {len(self.errors)} errors" if self.errors else ""
        shown = f"{len(ours)} of {len(self.ours_s)} views"
        return f"{self.planned.kind} in {self.planned.district}: {eyes}{could}, {shown}{wrong}"


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A share of the incidents that any camera could see, three ways of choosing."""

    ours: float
    nearest: float
    best: float


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds; None where it never came to be (a miss counts as infinite)."""

    median: float | None
    p95: float | None


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON of a rehearsal."""

    incidents: int
    accepted: int
    """Reports that the hub acknowledged."""
    errors: int
    excluded: int
    """Incidents that no camera could see."""
    eyes_on_at_1: Compared
    eyes_on_at_4: Compared
    shown_of_four: Compared
    """Share of the first four views that show it."""
    time_to_eyes_s: Spread
    nearest_to_eyes_s: Spread
    still_s: Spread
    phone_model_s: Spread
    """A MODEL, not a measurement: see ``phone.py``."""
    error_texts: tuple[str, ...]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A whole rehearsal."""

    city: str
    seed: int
    score: Score
    trials: tuple[Trial, ...]


def score_trials(trials: Sequence[Trial], seed: int) -> Score:
    """Fold trials into the score."""
    seen = [t for t in trials if t.visible]
    phone = model_phone(seed)
    errors = [e for t in trials for e in t.errors]
    return Score(
        incidents=len(trials),
        accepted=sum(t.accepted for t in trials),
        errors=len(errors),
        excluded=len(trials) - len(seen),
        eyes_on_at_1=_compare(seen, 1),
        eyes_on_at_4=_compare(seen, VIEWS),
        shown_of_four=Compared(
            ours=_mean([_shown(t.ours_s) for t in seen]),
            nearest=_mean([_shown(t.nearest_s) for t in seen]),
            best=_mean([min(len(t.best), VIEWS) / VIEWS for t in seen]),
        ),
        time_to_eyes_s=_spread([_first(t.ours_s) for t in seen]),
        nearest_to_eyes_s=_spread([_first(t.nearest_s) for t in seen]),
        still_s=_spread([math.inf if t.still_s is None else t.still_s for t in seen]),
        phone_model_s=Spread(median=phone.median_s, p95=phone.p95_s),
        error_texts=tuple(sorted(set(errors))),
    )


def _hit(times: Sequence[float | None], k: int) -> bool:
    return any(t is not None and t <= LIMIT_S for t in times[:k])


def _compare(seen: Sequence[Trial], k: int) -> Compared:
    return Compared(
        ours=_mean([_hit(t.ours_s, k) for t in seen]),
        nearest=_mean([_hit(t.nearest_s, k) for t in seen]),
        best=_mean([1.0 for _ in seen]),
    )


def _shown(times: Sequence[float | None]) -> float:
    return sum(t is not None and t <= LIMIT_S for t in times[:VIEWS]) / VIEWS


def _first(times: Sequence[float | None]) -> float:
    return min((t for t in times[:VIEWS] if t is not None and t <= LIMIT_S), default=math.inf)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _spread(values: Sequence[float]) -> Spread:
    """Median and 95th percentile by nearest rank, so that infinities keep their place."""
    if not values:
        return Spread(median=None, p95=None)
    ordered = sorted(values)
    median, p95 = (ordered[math.ceil(q * len(ordered)) - 1] for q in (0.5, 0.95))
    return Spread(median=_finite(median), p95=_finite(p95))


def _finite(value: float) -> float | None:
    return round(value, 3) if math.isfinite(value) else None


def render_table(result: Result) -> str:
    """The score as text for a terminal."""
    s = result.score
    percent = [
        ("eyes-on@1", s.eyes_on_at_1),
        ("eyes-on@4", s.eyes_on_at_4),
        ("share of the four", s.shown_of_four),
    ]
    unseen = f"{s.excluded} ({s.excluded / max(s.incidents, 1):.0%}, excluded below)"
    lines = [
        f"{result.city}: {s.incidents} incidents, seed {result.seed}",
        f"reports accepted {s.accepted}   errors {s.errors}   no camera could see {unseen}",
        "",
        f"{'':22}{'ours':>9}{'nearest':>9}{'best':>9}{'telephone*':>13}",
    ]
    lines += [
        f"{name:22}{c.ours:>9.0%}{c.nearest:>9.0%}{c.best:>9.0%}{'':>13}" for name, c in percent
    ]
    for name, q in (("median", "median"), ("p95", "p95")):
        ours, nearest, phone = (
            _seconds(getattr(x, q))
            for x in (s.time_to_eyes_s, s.nearest_to_eyes_s, s.phone_model_s)
        )
        lines.append(f"{'time to eyes, ' + name:22}{ours:>9}{nearest:>9}{'':>9}{phone:>13}")
    lines.append(
        f"{'still, median / p95':22}{_seconds(s.still_s.median):>9}{_seconds(s.still_s.p95):>9}"
    )
    lines += ["", "* a model of telephoning the district, not a measurement (phone.py)"]
    return "\n".join([*lines, *(f"error: {e}" for e in s.error_texts)])


def figures_json(result: Result) -> bytes:
    """The score as a JSON document, with the city, the seed and what each trial came to."""
    head = {"city": result.city, "seed": result.seed}
    figures = {**head, **msgspec.to_builtins(result.score), "trials": result.trials}
    return msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n"


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f} s"
