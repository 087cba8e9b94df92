"""How long it takes to turn each kind of place into points, over a whole city.

    python bench/places/run.py BUNDLE

Places are drawn by seed on the corners of the city's streets. Printed: processor time, median and 99th
percentile, and the number of points.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from safetynet.base.geo import LonLat
from safetynet.city.bundle import load_city
from safetynet.sight.graph import StreetGraph
from safetynet.sight.model import Area, Disc, Moving, Stretch, TargetKind
from safetynet.sight.walls import Walls
from safetynet.sight.where import Known, sample_where

PLACES = 100
SEED = 7

Make = Callable[[float, float], Known]


def main(bundle: Path) -> None:
    """Print the table."""
    city = load_city(bundle)

    def at(x: float, y: float) -> LonLat:
        return LonLat(*city.plane.to_lonlat(x, y))

    def square(x: float, y: float) -> Area:
        ways = ((-500, -500), (500, -500), (500, 500), (-500, 500))
        return Area(ring=tuple(at(x + a, y + b) for a, b in ways))

    def moving(x: float, y: float, speed_mps: float) -> Moving:
        return Moving(at=at(x, y), error_m=15, speed_mps=speed_mps, heading_deg=90)

    kinds: dict[str, Make] = {
        "disc of 300 m": lambda x, y: Disc(at=at(x, y), radius_m=300),
        "area of 1 km²": square,
        "stretch of 500 m": lambda x, y: Stretch(line=(at(x, y), at(x + 300, y + 400))),
        "on foot, 1.5 m/s": lambda x, y: moving(x, y, 1.5),
        "a car, 15 m/s": lambda x, y: moving(x, y, 15),
    }
    walls, streets = Walls(city.buildings), StreetGraph(city.streets)
    began = time.process_time()
    net = streets.net
    print(f"{net.a.size} pieces of street in {(time.process_time() - began) * 1e3:.0f} ms, once")
    print(f"{'place':<18}{'median ms':>11}{'p99 ms':>9}{'points':>8}")
    corners = np.random.default_rng(SEED).choice(net.x.size, PLACES)
    for name, make in kinds.items():
        took, points = [], []
        for k in corners.tolist():
            where = make(float(net.x[k]), float(net.y[k]))
            began = time.process_time()
            found = sample_where(where, city.plane, walls, streets, TargetKind.VEHICLE)
            took.append((time.process_time() - began) * 1e3)
            points.append(len(found))
        median, high = np.quantile(took, [0.5, 0.99])
        print(f"{name:<18}{median:>11.2f}{high:>9.2f}{int(np.median(points)):>8}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
