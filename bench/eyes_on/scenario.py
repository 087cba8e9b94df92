"""Scenarios by seed: what happens where, what is reported of it, and what is out of order."""

import math
from dataclasses import dataclass

import msgspec
import numpy as np
from bench.eyes_on.ask import Incident
from bench.eyes_on.town import REACH_M, Ground, Knows, Town
from bench.eyes_on.walk import Moment, StreetNet, walk

from safetynet.base.geo import Floats, LonLat
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.model import City
from safetynet.sight.model import HealthState, Moving, Place, TargetKind
from safetynet.sim.rehearsal.scenario import MIX
from safetynet.sim.world import ThingKind

SIGMAS = 2.448
"""Radius in standard deviations that holds 95 % of a round normal distribution."""
FAULTS = {HealthState.DEAD: 0.15, HealthState.FROZEN: 0.05, HealthState.OBSTRUCTED: 0.05}
HEARD = {HealthState.DEAD: 0.9, HealthState.FROZEN: 0.6, HealthState.OBSTRUCTED: 0.6}
"""Share of each fault that a chooser knows of; nobody has looked at the rest yet."""
OUTAGE = 0.1
"""Share of incidents with a district away, among those near a border; elsewhere none could help."""
MOMENTS_S = (3.0, 8.0, 13.0, 18.0)
"""When a moving target is looked for, after its report."""
AHEAD_S = 20.0
PAST_ERROR_M = 20.0
_SPEEDS_MPS = {ThingKind.PERSON: (1.2, 3.0), ThingKind.VEHICLE: (4.0, 12.0)}
_MOVING_MIX = (ThingKind.PERSON, ThingKind.VEHICLE)


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario of the benchmark."""

    name: str
    ground: Ground
    knows: Knows = Knows.POSES
    error_m: float = 20.0
    faults: bool = False
    night: bool = False
    moving: bool = False


_SYNTHETIC, _SONGPA = Ground.SYNTHETIC, Ground.SONGPA
SPECS = (
    *(Spec(name=f"synthetic_{e}", ground=_SYNTHETIC, error_m=e) for e in (0, 20, 100, 300)),
    Spec(name="synthetic_faults", ground=_SYNTHETIC, faults=True),
    Spec(name="synthetic_night", ground=_SYNTHETIC, night=True),
    Spec(name="synthetic_moving", ground=_SYNTHETIC, moving=True),
    *(Spec(name=f"songpa_known_{e}", ground=_SONGPA, error_m=e) for e in (20, 100)),
    *(
        Spec(name=f"songpa_{e}", ground=_SONGPA, knows=Knows.LIST, error_m=e)
        for e in (0, 20, 100, 300)
    ),
    Spec(name="songpa_faults", ground=_SONGPA, knows=Knows.LIST, faults=True),
    Spec(name="songpa_moving", ground=_SONGPA, knows=Knows.LIST, moving=True),
    *(
        Spec(name=f"songpa_kinds_{e}", ground=_SONGPA, knows=Knows.KINDS, error_m=e)
        for e in (0, 20, 100, 300)
    ),
)


@dataclass(frozen=True, kw_only=True)
class Staged:
    """One incident: what is asked, and what is true."""

    asked: Incident
    kind: ThingKind
    moments: tuple[Moment, ...]
    """Where it is when somebody looks: one, or several where it moves."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Everything that happens in one town."""

    spec: Spec
    seed: int
    staged: tuple[Staged, ...]
    ill: dict[CameraId, HealthState]
    """What is out of order."""
    heard: dict[CameraId, HealthState]
    """The part of it that a chooser knows."""


def find_spec(name: str) -> Spec:
    """The scenario of that name; raises ``KeyError``."""
    return {spec.name: spec for spec in SPECS}[name]


def plan_scenario(spec: Spec, town: Town, seed: int, count: int) -> Scenario:
    """Equal arguments give equal scenarios; those of one town and seed share their true places."""
    if spec.moving:
        staged = _plan_moving(spec, town, seed, count)
    else:
        staged = plan_standing(spec, town, seed, count, stream=21, prefix="i")
    ill: dict[CameraId, HealthState] = {}
    heard: dict[CameraId, HealthState] = {}
    if spec.faults:
        rng = np.random.default_rng([seed, 31])
        ill, heard = draw_faults(town.truth.cameras.id, rng)
        staged = tuple(_with_outage(one, town.truth, rng) for one in staged)
    return Scenario(spec=spec, seed=seed, staged=staged, ill=ill, heard=heard)


def plan_past(town: Town, seed: int, count: int) -> tuple[Staged, ...]:
    """Incidents to learn from: other places, by day, all in order, known to 20 m."""
    spec = Spec(name="past", ground=_SONGPA, error_m=PAST_ERROR_M)
    return plan_standing(spec, town, seed, count, stream=41, prefix="p")


def plan_standing(
    spec: Spec, town: Town, seed: int, count: int, *, stream: int, prefix: str
) -> tuple[Staged, ...]:
    """Incidents that stay where they are, even on street length, blind to the cameras."""
    places = town.draw_places(count, np.random.default_rng([seed, stream]))
    rng = np.random.default_rng([seed, stream + 1, round(spec.error_m)])
    staged = []
    for number, (x, y) in enumerate(places.tolist()):
        kind = MIX[number % len(MIX)]
        place = Place(at=_reported(town.truth, x, y, spec.error_m, rng), error_m=spec.error_m)
        asked = Incident(
            id=f"{prefix}{number:05d}",
            target=TargetKind(kind.value),
            place=place,
            night=spec.night,
        )
        here = Moment(after_s=0.0, x=x, y=y, heading_deg=0.0)
        staged.append(Staged(asked=asked, kind=kind, moments=(here,)))
    return tuple(staged)


def _plan_moving(spec: Spec, town: Town, seed: int, count: int) -> tuple[Staged, ...]:
    """Targets that walk or drive along the streets, turning at crossings as they please."""
    places = town.draw_places(count, np.random.default_rng([seed, 51]))
    rng = np.random.default_rng([seed, 52, round(spec.error_m)])
    net = StreetNet(town.truth.streets)
    return tuple(
        _moving(spec, town.truth, net, number, place, rng) for number, place in enumerate(places)
    )


def _moving(
    spec: Spec,
    city: City,
    net: StreetNet,
    number: int,
    place: Floats,
    rng: np.random.Generator,
) -> Staged:
    kind = _MOVING_MIX[number % len(_MOVING_MIX)]
    speed_mps = float(rng.uniform(*_SPEEDS_MPS[kind]))
    start, *moments = walk(net, float(place[0]), float(place[1]), speed_mps, MOMENTS_S, rng)
    asked = Incident(
        id=f"m{number:05d}",
        target=TargetKind(kind.value),
        place=Moving(
            at=_reported(city, start.x, start.y, spec.error_m, rng),
            error_m=spec.error_m,
            speed_mps=round(speed_mps, 1),
            heading_deg=round(start.heading_deg, 0) % 360,
            ahead_s=AHEAD_S,
        ),
        night=spec.night,
    )
    return Staged(asked=asked, kind=kind, moments=tuple(moments))


def draw_faults(
    cameras: tuple[CameraId, ...], rng: np.random.Generator
) -> tuple[dict[CameraId, HealthState], dict[CameraId, HealthState]]:
    """What is out of order, and the part of it that is known."""
    ill, heard = {}, {}
    bounds = np.cumsum(list(FAULTS.values()))
    states = list(FAULTS)
    for camera, luck, ear in zip(cameras, *rng.uniform(size=(2, len(cameras))), strict=True):
        which = int(np.searchsorted(bounds, luck, side="right"))
        if which < len(states):
            ill[camera] = states[which]
            if ear < HEARD[states[which]]:
                heard[camera] = states[which]
    return ill, heard


def _with_outage(one: Staged, city: City, rng: np.random.Generator) -> Staged:
    here, c = one.moments[0], city.cameras
    near = np.hypot(c.x - here.x, c.y - here.y) <= REACH_M
    districts = np.unique(c.district[near])
    luck, which = rng.uniform(), rng.integers(max(len(districts), 1))
    if len(districts) < 2 or luck >= OUTAGE:
        return one
    away: tuple[NodeId, ...] = (city.districts[int(districts[which])].node,)
    asked = msgspec.structs.replace(one.asked, away=away)
    return Staged(asked=asked, kind=one.kind, moments=one.moments)


def _reported(city: City, x: float, y: float, error_m: float, rng: np.random.Generator) -> LonLat:
    """The place as a report has it: off by a round normal error whose 95 % radius is ``error_m``."""
    dx, dy = rng.normal(size=2) * (error_m / SIGMAS)
    if math.hypot(dx, dy) == 0:
        dx = dy = 0.0
    return LonLat(*city.plane.to_lonlat(x + float(dx), y + float(dy)))
