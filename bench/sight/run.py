"""The speed of sight over a whole city, beside PostGIS, Redis and SciPy in the same run.

``make bench-sight``, or ``python -m bench.sight.run``; how to read the tables: docs/guide/bench-sight.md.
Writes ``bench/results/sight.json``.
"""

import argparse
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from bench.measure.machine import describe_machine
from bench.measure.servers import NotHereError
from bench.measure.table import Report, finish, print_row
from bench.measure.times import SOCKET, Bar, Row, judged, rank, time_each, times_row, value_row
from bench.sight.hub import open_hub
from bench.sight.ours import (
    PX_PER_M,
    ask_once,
    learn,
    measure_choice,
    measure_unprepared,
    measure_update,
    moment,
    points,
    squares,
)
from bench.sight.peers_postgis import open_postgis
from bench.sight.peers_redis import open_redis
from bench.sight.peers_scipy import open_scipy
from bench.sight.places import CAMERAS, Places, as_joined, build_bundle

from safetynet.base.geo import Floats
from safetynet.city.bundle import load_city
from safetynet.city.model import City
from safetynet.city.synth import small_city
from safetynet.sight.model import Request
from safetynet.sight.service import Sight

ROOT = Path(__file__).parents[2]
PARTS = ("ours", "starts", "hub", "peers")
ERRORS_M = (20, 100, 300)
WARM_UP = 200
QUICK = Bar(median_ms=0.25, p99_ms=1.0)
BARS = {
    "choose4_20m": QUICK,
    "choose4_100m": QUICK,
    "choose4_300m": Bar(median_ms=2.0, p99_ms=6.0),
    "whynot_20": Bar(p99_ms=5.0),
    "polygon_1km2_12": Bar(p99_ms=20.0),
    "update_one": Bar(p99_ms=20.0),
    "build_all": Bar(value=300.0),
    "cold_start": Bar(value=3.0),
    "rss_serving": Bar(value=1000.0),
}

RATIOS = {
    "choose4_20m": (
        "scipy_kdtree4",
        "redis_geosearch4_in_server",
        "postgis_nearest4_in_server",
        "postgis_sight20_in_server",
    ),
    "choose4_20m_socket": (
        "http_floor",
        "redis_geosearch4",
        "postgis_nearest4",
        "postgis_sight20",
    ),
}
"""Ours, and what it is held against: computing with computing, asking with asking."""


class Peer(Protocol):
    """Another program that holds the same cameras."""

    version: str

    def measure(self, places: Places, nearest_m: Floats, warm_up: int) -> dict[str, Row]:
        """Check its answers, then time its questions."""
        ...


type Opener = Callable[[City], AbstractContextManager[Peer]]
PEERS: list[tuple[Opener, tuple[str, ...]]] = [
    (open_scipy, ("scipy_kdtree4",)),
    (open_redis, ("redis_geosearch4",)),
    (open_postgis, ("postgis_nearest4", "postgis_sight20")),
]
"""With the rows that are missing where the peer is."""


def main() -> None:
    """Build the city or take one, measure, print, write."""
    a = parse()
    bundle = a.city or ROOT / "var" / "bench" / "sight"
    if a.city is None:
        build_bundle(bundle, a.cameras, a.scale, a.seed)
    city = as_joined(load_city(bundle))
    places = Places(city, a.questions, a.seed)
    report = Report(city=describe_city(city), machine=describe_machine(ROOT))
    run = Run(report, city, bundle.resolve(), places, a.seed)
    parts: dict[str, Callable[[], None]] = {
        "ours": run.measure_ours,
        "starts": partial(run.measure_starts, a.starts),
        "hub": run.measure_socket,
        "peers": run.measure_peers,
    }
    for part in a.parts:
        parts[part]()
    finish(report, RATIOS, a.out)


def parse() -> argparse.Namespace:
    """The command line."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--city", type=Path, metavar="BUNDLE", help="default: built anew")
    words.add_argument("--cameras", type=int, default=CAMERAS, metavar="N")
    words.add_argument("--scale", type=float, default=1.0, metavar="S", help="a part of the city")
    words.add_argument("--questions", type=int, default=2000, metavar="N")
    words.add_argument("--starts", type=int, default=5, metavar="N")
    words.add_argument("--seed", type=int, default=1, metavar="N")
    words.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    words.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "sight.json")
    return words.parse_args()


def describe_city(city: City) -> dict[str, object]:
    """What was asked about."""
    c = city.cameras
    return {
        "version": city.version,
        "cameras": len(c),
        "poles": len(np.unique(c.pole)),
        "buildings": len(city.buildings),
        "streets": len(city.streets),
        "direction_unknown": round(float(np.isnan(c.azimuth_deg).mean()), 3),
    }


class Run:
    """One run; each part puts its rows into the report."""

    def __init__(self, report: Report, city: City, bundle: Path, places: Places, seed: int) -> None:
        self._report = report
        self._city = city
        self._bundle = bundle
        self._places = places
        self._seed = seed
        self._walls = ROOT / "var" / "bench" / "walls.npz"

    def measure_ours(self) -> None:
        """What one process answers."""
        began = time.perf_counter()
        ask_once(small_city(self._seed, cameras=60))
        once = "machine code of the loops: made once for an installation, then read"
        self._add("compile", value_row(time.perf_counter() - began, "s", once))
        began, busy = time.perf_counter(), time.process_time()
        sight = Sight(self._city)
        sight.prepare()
        cpu = f"processor {time.process_time() - busy:.0f} s"
        self._add("build_all", value_row(time.perf_counter() - began, "s", cpu))
        sight.walls.save(self._walls)
        learn(sight, self._city, self._places, self._seed)
        now = moment(sight, self._city.cameras, self._seed)
        gc.collect()
        for name, asked in self._questions().items():
            self._add(name, measure_choice(sight, now, asked, WARM_UP))
        asked = points(self._places, 20)
        self._add("choose4_20m_unprepared", measure_unprepared(self._city, asked[:100]))
        self._add("update_one", measure_update(sight, now, self._city, asked))

    def _questions(self) -> dict[str, list[Request]]:
        asked = {f"choose4_{m}m": points(self._places, m) for m in ERRORS_M}
        asked["whynot_20"] = points(self._places, 20, why_not=20)
        few = max(len(self._places) // 4, 1)
        asked["polygon_1km2_12"] = squares(self._city, self._places)[:few]
        return asked

    def measure_starts(self, starts: int) -> None:
        """What a process costs that begins to serve; the first warms the page cache."""
        asked = points(self._places, 20)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "questions.json"
            file.write_bytes(msgspec.json.encode(asked))
            self._start(file)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            took = [self._start(file)[0] for _ in range(starts)]
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            _, memory = self._start(file, self._walls)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        of = f"median of {starts} processes, most {max(took):.2f}; processor {cpu_s / starts:.2f}"
        self._add("cold_start", value_row(rank(took, 0.5), "s", of))
        most = f"at its highest {memory['VmHWM']:.0f}"
        self._add("rss_serving", value_row(memory["VmRSS"], "MB", most))

    def _start(self, *files: Path) -> tuple[float, dict[str, float]]:
        module = (sys.executable, "-m", "bench.sight.fresh")
        command = (*module, str(self._bundle), *map(str, files))
        began = time.perf_counter()
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            if not json.loads(process.stdout.readline())["views"]:
                raise AssertionError("a fresh process finds no view")
            took = time.perf_counter() - began
            last = process.stdout.readline()
        return took, json.loads(last) if last else {}

    def measure_socket(self) -> None:
        """What a real hub answers to ``GET /api/views``, everything of HTTP and JSON counted."""
        began = time.perf_counter()
        with open_hub(self._bundle, self._city, self._walls) as hub:
            self._add("hub_joined", value_row(time.perf_counter() - began, "s"))
            note = None if hub.wait_until_quiet() else "still preparing: the rows below pay for it"
            self._add("hub_prepared", value_row(time.perf_counter() - began, "s", note))
            floor = time_each(hub.get, ["/api/settings"] * len(self._places), WARM_UP)
            for error_m in ERRORS_M:
                paths = [
                    f"/api/views?lon={at.lon}&lat={at.lat}&error_m={error_m}&why_not=0"
                    f"&quality={PX_PER_M}"
                    for at in self._places.lonlat
                ]
                times = time_each(hub.get, paths, WARM_UP)
                self._add(f"choose4_{error_m}m_socket", times_row(times, SOCKET))
            self._add("http_floor", times_row(floor, SOCKET, "GET /api/settings"))

    def measure_peers(self) -> None:
        """The other programs, one after the other."""
        xy = np.column_stack([self._city.cameras.x, self._city.cameras.y])
        away = (np.hypot(*(xy - at).T) for at in self._places.xy)
        nearest_m = np.array([np.sort(np.partition(m, 4)[:4]) for m in away])
        versions: list[str] = []
        for opener, names in PEERS:
            try:
                with opener(self._city) as peer:
                    rows = peer.measure(self._places, nearest_m, WARM_UP)
                    versions.append(peer.version)
            except NotHereError as why:
                rows = {name: Row(not_here=str(why)) for name in names}
            self._report.peers |= rows
            for one, row in rows.items():
                print_row(one, row)
        self._report.machine["peers"] = versions

    def _add(self, name: str, row: Row) -> None:
        self._report.rows[name] = row = judged(row, BARS.get(name))
        print_row(name, row)


if __name__ == "__main__":
    main()
