"""Which incidents a rehearsal stages: drawn by seed on street length, blind to the cameras."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from safetynet.base.errors import InvalidError
from safetynet.base.geo import Floats
from safetynet.city.model import City, District
from safetynet.sim.world import ThingKind

MIX = (
    ThingKind.PERSON,
    ThingKind.VEHICLE,
    ThingKind.PERSON,
    ThingKind.CROWD,
    ThingKind.FIRE,
)
"""The fixed mix, in turn: two of five are persons."""
_SPREAD = 60
"""Places drawn for each incident, from which one is kept so that districts take turns."""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One incident to stage."""

    number: int
    kind: ThingKind
    lon: float
    lat: float
    x: float
    y: float
    district: str
    """Node of the district; empty where the borders hold none there."""
    via: str
    """``tcp`` or ``http``, in turn."""


def plan_incidents(city: City, count: int, seed: int) -> tuple[Planned, ...]:
    """Incidents at places uniform on covered street length, with districts taking turns.

    Equal arguments give equal incidents. Raises ``InvalidError`` where no street is in coverage.
    """
    rng = np.random.default_rng(seed)
    places = _draw_places(city, count * _SPREAD, rng)
    district = _districts(city, places)
    queues = [list(np.flatnonzero(district == d)) for d in rng.permutation(np.unique(district))]
    chosen: list[int] = []
    while len(chosen) < count:
        for queue in queues:
            if queue and len(chosen) < count:
                chosen.append(int(queue.pop(0)))
    return tuple(_plan(city, n, places[i], int(district[i])) for n, i in enumerate(chosen))


def _plan(city: City, number: int, place: Floats, district: int) -> Planned:
    x, y = float(place[0]), float(place[1])
    lon, lat = city.plane.to_lonlat(x, y)
    return Planned(
        number=number,
        kind=MIX[number % len(MIX)],
        lon=lon,
        lat=lat,
        x=x,
        y=y,
        district=city.districts[district].node if district >= 0 else "",
        via="tcp" if number % 2 == 0 else "http",
    )


def _draw_places(city: City, count: int, rng: np.random.Generator) -> Floats:
    """Points (count, 2) uniform on the length of streets in coverage."""
    line = city.streets.line
    start = np.arange(len(line.xy) - 1)
    street = np.searchsorted(line.offset, start, side="right") - 1
    whole = start + 1 < line.offset[street + 1]
    kept = start[whole & city.streets.in_coverage[np.minimum(street, len(city.streets) - 1)]]
    if not len(kept):
        raise InvalidError("rehearsal.no_street", "the city has no street in coverage")
    a, b = line.xy[kept].astype(np.float64), line.xy[kept + 1].astype(np.float64)
    length = np.hypot(*(b - a).T)
    piece = rng.choice(len(kept), size=count, p=length / length.sum())
    places: Floats = a[piece] + (b - a)[piece] * rng.uniform(0, 1, (count, 1))
    return places


def _districts(city: City, places: Floats) -> NDArray[np.int64]:
    """Index of the district that holds each place; -1 where none does."""
    lon, lat = city.plane.to_lonlat(places[:, 0], places[:, 1])
    found = np.full(len(places), -1, np.int64)
    for i, district in enumerate(city.districts):
        found[(found < 0) & _inside(district, lon, lat)] = i
    return found


def _inside(district: District, lon: Floats, lat: Floats) -> NDArray[np.bool_]:
    inside = np.zeros(len(lon), np.bool_)
    for ring in district.border:
        a = np.array(ring)
        b = np.roll(a, -1, axis=0)
        for (ax, ay), (bx, by) in zip(a.tolist(), b.tolist(), strict=True):
            if ay != by:
                inside ^= ((ay > lat) != (by > lat)) & (
                    lon < ax + (lat - ay) * (bx - ax) / (by - ay)
                )
    return inside
