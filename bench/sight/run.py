"""Times of choosing four views, beside the nearest four on the same cameras and places.

Run: ``python bench/sight/run.py [--bundle FOLDER] [--questions N] [--seed S]``
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from safetynet.base.geo import LonLat
from safetynet.city.bundle import load_city
from safetynet.city.model import City
from safetynet.city.synth import small_city
from safetynet.sight.model import Place, Request, TargetKind
from safetynet.sight.service import Sight


def main() -> None:
    """Print start-up, then median and p99 per target and error, in ms."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--bundle", type=Path)
    words.add_argument("--questions", type=int, default=60)
    words.add_argument("--seed", type=int, default=7)
    args = words.parse_args()
    city = load_city(args.bundle) if args.bundle else small_city(args.seed, cameras=240)
    started = time.perf_counter()
    sight = Sight(city)
    print(f"{len(city.cameras)} cameras, {len(city.buildings)} buildings, ", end="")
    print(f"start-up {time.perf_counter() - started:.2f} s")
    places = draw_places(city, args.questions, args.seed)
    within = [np.hypot(city.cameras.x - x, city.cameras.y - y) <= 500 for x, y in places]
    print(f"cameras within 500 m: median {np.median([w.sum() for w in within]):.0f}")
    print(f"{'question':28}{'median_ms':>10}{'p99_ms':>10}{'views':>7}")
    show("nearest four (NumPy)", places, lambda x, y: nearest_four(city, x, y))
    for target in (TargetKind.PERSON, TargetKind.FIRE):
        for error_m in (0, 20, 100):
            show(f"choose {target} ±{error_m} m", places, asker(city, sight, target, error_m))


def draw_places(city: City, count: int, seed: int) -> list[tuple[float, float]]:
    """Points on covered streets, by seed."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(np.flatnonzero(city.streets.in_coverage), count)
    middles = [city.streets.line[int(i)].mean(axis=0) for i in rows]
    return [(float(x), float(y)) for x, y in middles]


def asker(
    city: City, sight: Sight, target: TargetKind, error_m: float
) -> Callable[[float, float], int]:
    """A question that differs only in its place."""

    def ask(x: float, y: float) -> int:
        at = LonLat(*city.plane.to_lonlat(x, y))
        place = Place(at=at, error_m=error_m)
        return len(sight.choose(Request(place=place, target=target, min_px_per_m=25)).views)

    return ask


def nearest_four(city: City, x: float, y: float) -> int:
    """What is offered elsewhere today: no facing, no walls, no health."""
    away = (city.cameras.x - x) ** 2 + (city.cameras.y - y) ** 2
    return len(np.argpartition(away, 4)[:4])


def show(name: str, places: list[tuple[float, float]], ask: Callable[[float, float], int]) -> None:
    """Ask once to warm up, then time each place."""
    ask(*places[0])
    times, views = [], []
    for x, y in places:
        started = time.perf_counter()
        views.append(ask(x, y))
        times.append((time.perf_counter() - started) * 1000)
    print(f"{name:28}{np.median(times):10.2f}{np.percentile(times, 99):10.2f}{np.mean(views):7.1f}")


if __name__ == "__main__":
    main()
