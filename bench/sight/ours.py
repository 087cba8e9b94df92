"""Our own rows, in process: the questions, the moment they are asked in, and what must hold."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import msgspec
import numpy as np
from bench.measure.times import IN_PROCESS, Row, time_all, time_each, times_row
from bench.sight.places import Places

from safetynet.base.geo import LonLat
from safetynet.base.ids import CameraId
from safetynet.city.model import CameraKind, Cameras, City
from safetynet.city.tables import take_cameras
from safetynet.sight.model import (
    Area,
    CameraNow,
    Choice,
    HealthState,
    Observation,
    Place,
    Request,
    TargetKind,
    Where,
    Witness,
)
from safetynet.sight.now import Now
from safetynet.sight.service import Sight

PX_PER_M = 20.0
"""Overview in IEC/EN 62676-4:2025, what the hub asks for where nobody says otherwise."""
ILL = {HealthState.DEAD: 0.03, HealthState.FROZEN: 0.01, HealthState.OBSTRUCTED: 0.01}
"""Shares of the cameras that are not well while the questions are asked."""
OBSERVATIONS = 1000
"""Words of operators that beliefs have learned from before."""
SIDE_M = 1000.0
AGAIN = 200
BEHIND_M = 60.0
"""A place this far, ±20 m, is wholly out of the picture of a camera that is turned round."""
AWAY_M = 3000.0
"""A camera that was carried this far cannot be an answer any more."""


def question(place: Where, *, count: int = 4, why_not: int = 0) -> Request:
    """A person, wherever in this place."""
    return Request(
        place=place,
        target=TargetKind.PERSON,
        min_px_per_m=PX_PER_M,
        count=count,
        why_not=why_not,
    )


def points(places: Places, error_m: float, *, why_not: int = 0) -> list[Request]:
    """The same question at each place."""
    at = places.lonlat
    return [question(Place(at=p, error_m=error_m), why_not=why_not) for p in at]


def squares(city: City, places: Places) -> list[Request]:
    """A square kilometre around each place, twelve views."""
    east, north = np.array([[-1, 1, 1, -1], [-1, -1, 1, 1]]) * SIDE_M / 2
    asked = []
    for x, y in places.xy:
        lon, lat = city.plane.to_lonlat(east + x, north + y)
        ring = tuple(LonLat(float(a), float(b)) for a, b in zip(lon, lat, strict=True))
        asked.append(question(Area(ring=ring), count=12))
    return asked


def moment(sight: Sight, cameras: Cameras, seed: int) -> Now:
    """Some cameras are ill, as always."""
    now = sight.now()
    rng = np.random.default_rng([seed, 3])
    drawn, edge = rng.random(len(cameras)), 0.0
    for state, share in ILL.items():
        for row in np.flatnonzero((edge <= drawn) & (drawn < edge + share)):
            now.set(cameras.id[row], CameraNow(state=state, since_s=3600.0, checked_s=30.0))
        edge += share
    return now


def learn(sight: Sight, city: City, places: Places, seed: int) -> None:
    """Operators said of cameras without a known direction whether they showed a place."""
    rng = np.random.default_rng([seed, 4])
    c = city.cameras
    unknown = np.flatnonzero(np.isnan(c.azimuth_deg) & (c.kind == CameraKind.FIXED))
    words = []
    for (x, y), at in zip(places.xy[:OBSERVATIONS], places.lonlat, strict=False):
        row = unknown[np.argmin(np.hypot(c.x[unknown] - x, c.y[unknown] - y))]
        words.append(
            Observation(
                camera=c.id[row],
                place=Place(at=at, error_m=10.0),
                target=TargetKind.PERSON,
                shown=bool(rng.random() < 0.5),
                by=Witness.OPERATOR,
            )
        )
    sight.learn(words)


def measure_choice(sight: Sight, now: Now, asked: Sequence[Request], warm_up: int) -> Row:
    """Time each question; asked again afterwards, the answers must be the same."""
    times = time_each(lambda request: sight.choose(request, now), asked, warm_up)
    answers = tuple(sight.choose(request, now) for request in asked)
    again = tuple(sight.choose(request, now) for request in asked[:AGAIN])
    row = times_row(times, IN_PROCESS, say_answers(answers))
    moved = sum(one != other for one, other in zip(answers, again, strict=False))
    return told_wrong(row, f"{moved} of {len(again)} questions have two answers" if moved else "")


def told_wrong(row: Row, wrong: str) -> Row:
    """The row with what is wrong about it."""
    return msgspec.structs.replace(row, wrong=wrong) if wrong else row


def say_answers(answers: Sequence[Choice]) -> str:
    """What came out, in one line: an engine that answers nothing is fast."""
    views = np.mean([len(a.views) for a in answers])
    reasons = np.mean([len(v.reasons) for a in answers for v in a.views] or [0])
    chance = np.mean([a.chance for a in answers])
    over = np.mean([len(a.passed_over) for a in answers])
    said = f"{views:.1f} views with {reasons:.1f} reasons each, chance {chance:.2f}"
    return f"{said}, {over:.0f} passed over" if over else said


def measure_unprepared(city: City, asked: Sequence[Request]) -> Row:
    """The same questions right after a start, when no walls were looked for yet."""
    sight = Sight(city)
    now = sight.now()
    times = time_each(lambda request: sight.choose(request, now), asked, 0)
    return times_row(times, IN_PROCESS, "walls are found as questions ask for them")


def ask_once(city: City) -> None:
    """Every kind of question to a small city: what is made at a first use is made here."""
    sight = Sight(city)
    sight.prepare()
    places = Places(city, 1, 1)
    for request in (*points(places, 20, why_not=20), *points(places, 300), *squares(city, places)):
        sight.choose(request, sight.now())


def measure_update(sight: Sight, now: Now, city: City, asked: Sequence[Request]) -> Row:
    """A chosen camera dies, is carried away or is turned round: until the next answer is there.

    Wrong where that answer still offers it, or where all is not as before when it is put back.
    """
    wrong = Counter[str]()
    times = time_all(_updates(sight, now, city.cameras, asked, wrong))
    row = times_row(times, IN_PROCESS, "dies, moves, turns in turn; with the next answer")
    return told_wrong(row, ", ".join(f"{what} ({n})" for what, n in sorted(wrong.items())))


def _updates(
    sight: Sight, now: Now, cameras: Cameras, asked: Sequence[Request], wrong: Counter[str]
) -> Iterator[Callable[[], object]]:
    """Calls to time; what is around them is looked at between the calls."""
    row_of = {camera: row for row, camera in enumerate(cameras.id)}
    known = np.isfinite(cameras.azimuth_deg)
    # A PTZ that is turned round still looks everywhere; what is learned of one that moves is gone.
    may = {dies: known | ~known, moves: known, turns: known & (cameras.kind == CameraKind.FIXED)}
    for k, request in enumerate(asked):
        before = sight.choose(request, now)
        change = CHANGES[k % len(CHANGES)]
        views = (v for v in before.views if may[change][row_of[v.camera]])
        first = next(
            (v.camera for v in views if change is not turns or v.distance_m > BEHIND_M), None
        )
        if first is None:
            continue
        old = take_cameras(cameras, np.arange(len(cameras)) == row_of[first])
        was, after = now.get(first), [before]
        ill, new = change(old)

        def update(
            first: CameraId = first,
            ill: CameraNow | None = ill,
            new: Cameras | None = new,
            request: Request = request,
            after: list[Choice] = after,
        ) -> None:
            if ill is not None:
                now.set(first, ill)
            if new is not None:
                sight.update(first, new)
            after.append(sight.choose(request, now))

        yield update
        if any(v.camera == first for v in after[-1].views):
            wrong[f"{change.__name__}: still offered"] += 1
        if ill is not None:
            now.set(first, was)
        if new is not None:
            sight.update(first, old)
        if sight.choose(request, now) != before:
            wrong[f"{change.__name__}: put back, not as before"] += 1


type Change = tuple[CameraNow | None, Cameras | None]


def dies(_: Cameras) -> Change:
    """Its owner reports it dead."""
    return CameraNow(state=HealthState.DEAD, since_s=0.0), None


def moves(old: Cameras) -> Change:
    """Carried away."""
    return None, replace(old, x=old.x + AWAY_M)


def turns(old: Cameras) -> Change:
    """Turned round on its pole."""
    return None, replace(old, azimuth_deg=(old.azimuth_deg + 180) % 360)


CHANGES = (dies, moves, turns)
