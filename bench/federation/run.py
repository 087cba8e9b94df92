"""What the federation costs and holds, beside plain JetStream sourcing in the same run.

``make bench-federation``, or ``python -m bench.federation.run``; what the rows are: README.md beside this file.
Writes ``bench/results/federation.json``. Exit status 1 where an entry or a report was lost or doubled, however
fast it came.
"""

import argparse
import asyncio
import tempfile
import time
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from bench.federation import catalogue, peers, probing
from bench.federation.nodes import ROOT
from bench.federation.ours import DISTRICTS, PROCESSES, Ours, verify
from bench.measure.machine import describe_machine
from bench.measure.table import Report, finish, print_row, write_report
from bench.measure.times import Bar, Row, judged, value_row

type Rows = dict[str, Row]
type Measured = Callable[[], Coroutine[Any, Any, Rows]]

BARS = {
    "apply_at_hub": Bar(p99_ms=50.0),
    "ack_200": Bar(p99_ms=150.0),
    "catch_up_100k": Bar(value=30.0),
    "hub_restart_first": Bar(value=3.0),
    "verify_1m": Bar(value=60.0),
    "idle_district_memory": Bar(value=150.0),
    "idle_district_cpu": Bar(value=1.0),
    "catalogue_compare": Bar(value=64.0),
    "catalogue_change": Bar(value=1000.0),
}
HELD = {
    "apply_at_hub": ("jetstream_apply",),
    "catch_up_100k": ("jetstream_catch_up",),
    "hub_restart_first": ("jetstream_restart_first",),
}
"""Ours, and what it is held against."""
PART_WITHIN_S = 240.0
PARTS = ("apply", "restart", "catch-up", "ack", "burst", "verify", "idle", "catalogue", "probing")


class Run:
    """One run; each part puts its rows into the report."""

    def __init__(self, report: Report, ours: Ours, a: argparse.Namespace) -> None:
        self._report = report
        self._ours = ours
        self._a = a

    async def measure(self, part: str) -> None:
        """One part: ours, then the peer under the same load. What cannot be measured is a wrong row:
        the parts after it are measured all the same."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(PART_WITHIN_S):
                await self._measure(part)
        except Exception as error:  # noqa: BLE001 - outermost door of a part: the report says so
            traceback.print_exc()
            self._report.rows[part] = Row(wrong=f"{type(error).__name__}: {error}")
        print(f"{part}: {time.perf_counter() - began:.0f} s in all", flush=True)

    async def _measure(self, part: str) -> None:
        ours, a = self._ours, self._a
        parts: dict[str, tuple[Measured, Measured | None]] = {
            "apply": (
                lambda: ours.apply(100, a.seconds),
                lambda: peers.apply(a.districts, 100, a.seconds),
            ),
            "restart": (
                lambda: ours.hub_restart(a.kills),
                lambda: peers.hub_restart(a.districts, a.kills),
            ),
            "catch-up": (
                lambda: ours.catch_up(a.behind, 20),
                lambda: peers.catch_up(a.districts, a.behind),
            ),
            "ack": (lambda: ours.acknowledge("ack_200", 200, a.seconds), None),
            "burst": (lambda: ours.acknowledge("burst_1000", a.burst, a.burst_seconds), None),
            "verify": (lambda: asyncio.to_thread(verify, a.entries), None),
            "idle": (lambda: ours.idle(a.cameras, a.seconds), None),
            "catalogue": (measure_catalogue, None),
            "probing": (measure_probing, None),
        }
        mine, theirs = parts[part]
        self._add(self._report.rows, await mine())
        if theirs is not None and not a.alone:
            self._add(self._report.peers, await theirs())

    def _add(self, into: Rows, rows: Rows) -> None:
        for name, row in rows.items():
            into[name] = shown = judged(row, BARS.get(name)) if row.holds is None else row
            print_row(name, shown)


async def measure_catalogue() -> Rows:
    """Catalogue sync over 170,000 cameras (bench/federation/catalogue.py)."""
    with tempfile.TemporaryDirectory() as folder:
        f = await catalogue.measure(Path(folder))
    return {
        "catalogue_first": value_row(f.first_sync_s, "s", f"{f.cameras_of_district} cameras"),
        "catalogue_compare": value_row(f.compare_bytes / 1024, "KB", "one district, no change"),
        "catalogue_change": value_row(
            f.change_most_ms, "ms", f"most; median {f.change_median_ms}, {f.change_bytes} bytes"
        ),
        "catalogue_added": value_row(f.added_most_ms, "ms", f"most; median {f.added_median_ms}"),
    }


async def measure_probing() -> Rows:
    """What looking at a camera costs the video worker (bench/federation/probing.py)."""
    return {
        f"probe_{name}": value_row(cost.processor_ms, "ms of processor", "one probe")
        for name, cost in (await probing.measure()).items()
    }


def main() -> None:
    """Measure, print, write."""
    a = parse()
    ours = Ours(ROOT / "var" / "bench" / "federation", a.seed, a.districts)
    machine = describe_machine(ROOT) | {"peer": peers.version()}
    city: dict[str, object] = {"districts": a.districts, "district_processes": PROCESSES}
    report = Report(city=city, machine=machine)
    run = Run(report, ours, a)
    for part in a.parts:
        asyncio.run(run.measure(part))
        write_report(report, a.out)
    finish(report, HELD, a.out)


def parse() -> argparse.Namespace:
    """The command line; the defaults are the issue's, and the bars hold for them."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    words.add_argument("--districts", type=int, default=DISTRICTS, metavar="N")
    words.add_argument("--seconds", type=float, default=30.0, metavar="S", help="of steady loads")
    words.add_argument("--kills", type=int, default=5, metavar="N", help="of the hub")
    words.add_argument("--behind", type=int, default=100_000, metavar="N", help="entries")
    words.add_argument("--burst", type=float, default=1000.0, metavar="R", help="reports a second")
    words.add_argument("--burst-seconds", type=float, default=60.0, metavar="S")
    words.add_argument("--entries", type=int, default=1_000_000, metavar="N", help="to verify")
    words.add_argument(
        "--cameras", type=int, default=7000, metavar="N", help="of the idle district"
    )
    words.add_argument("--alone", action="store_true", help="without the peer")
    words.add_argument("--seed", type=int, default=1, metavar="N")
    words.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "federation.json")
    return words.parse_args()


if __name__ == "__main__":
    main()
