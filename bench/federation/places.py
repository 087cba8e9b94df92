"""The city that the federation's bench and the chaos harness run in."""

import random
from pathlib import Path

from safetynet.base.clock import SystemClock
from safetynet.base.geo import LonLat
from safetynet.base.ids import NodeId
from safetynet.city.build import BuildOrder, build_city
from safetynet.city.bundle import load_city
from safetynet.city.model import City

SCALE = 0.02
"""Of Seoul's cameras, some sixty a district: what is measured here is not the choice of views."""
HEADER = "id,name,lon,lat,height_m,azimuth_deg,tilt_deg,hfov_deg,kind\n"


def make_city(bundle: Path) -> City:
    """A small Seoul of 25 districts, built where it is not there yet."""
    if not bundle.exists():
        build_city(BuildOrder(name="seoul", out=bundle, scale=SCALE), SystemClock(), lambda _: None)
    return load_city(bundle)


def places_in(city: City, count: int, seed: int) -> list[LonLat]:
    """Where something may happen: on streets of the city."""
    chance = random.Random(seed)
    xy = city.streets.line.xy
    rows = [chance.randrange(len(xy)) for _ in range(count)]
    lon, lat = city.plane.to_lonlat(xy[rows, 0], xy[rows, 1])
    return [LonLat(float(x), float(y)) for x, y in zip(lon, lat, strict=True)]


def write_list(
    path: Path, node: NodeId, count: int, at: LonLat | None = None, turn_deg: float = 0.0
) -> None:
    """A list of fixed cameras around a place as an operator keeps it; the first looks to ``turn_deg``."""
    at = at or LonLat(126.9, 37.5)
    rows = [
        f"{node}-{n:05d},{node} {n},{at.lon + n % 100 * 1e-4:.5f},{at.lat + n // 100 * 1e-4:.5f},"
        f"5,{turn_deg if n == 0 else n % 360},15,60,fixed\n"
        for n in range(count)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + "".join(rows), encoding="utf-8")
