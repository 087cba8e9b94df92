"""One part of the bench, in a process of its own: ``python -m bench.federation.part PART OPTIONS OUT``.

``run`` starts one for each part, so that none works in what another left behind, and a part that hangs is
ended and costs its own rows alone.
"""

import asyncio
import sys
import tempfile
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from bench.federation import catalogue, peers, probing, takeover
from bench.federation.nodes import ROOT
from bench.federation.ours import DISTRICTS, Ours, verify
from bench.measure.table import Report, print_row, write_report
from bench.measure.times import Bar, Row, judged, value_row

from safetynet.base.log import configure_logging

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
    "reports_again": Bar(value=5.0),
    "entries_again": Bar(value=10.0),
}
WITHIN_S = 240.0
PEER_KILLS = 2
"""Plain sourcing takes 40 s to come back each time."""
LEAN = ("ack", "burst")
"""Parts whose load is made in the process itself, on a quicker loop. It starts no programs: that loop
forks, which what threads hold may not survive."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured; the bars hold for the defaults."""

    districts: int = DISTRICTS
    seconds: float = 20.0
    kills: int = 5
    behind: int = 100_000
    burst: float = 1000.0
    burst_seconds: float = 60.0
    entries: int = 1_000_000
    cameras: int = 7000
    alone: bool = False
    seed: int = 1


def find_part(part: str, o: Options) -> tuple[Measured, Measured | None]:
    """How a part is measured, and its peer under the same load."""
    ours = Ours(ROOT / "var" / "bench" / "federation", o.seed, o.districts)
    return {
        "apply": (
            lambda: ours.apply(100, o.seconds),
            lambda: peers.apply(o.districts, 100, o.seconds),
        ),
        "restart": (
            lambda: ours.hub_restart(o.kills),
            lambda: peers.hub_restart(o.districts, min(o.kills, PEER_KILLS)),
        ),
        "catch-up": (
            lambda: ours.catch_up(o.behind, 20),
            lambda: peers.catch_up(o.districts, o.behind),
        ),
        "ack": (lambda: ours.acknowledge("ack_200", 200, o.seconds), None),
        "burst": (lambda: ours.acknowledge("burst_1000", o.burst, o.burst_seconds), None),
        "verify": (lambda: asyncio.to_thread(verify, o.entries), None),
        "idle": (lambda: ours.idle(o.cameras, o.seconds), None),
        "catalogue": (measure_catalogue, None),
        "probing": (measure_probing, None),
        "takeover": (lambda: takeover.measure(ours.bundle, o.seed), None),
    }[part]


async def measure(part: str, options: Options, report: Report) -> None:
    """One part: ours, then the peer. What cannot be measured is a wrong row."""
    mine, theirs = find_part(part, options)
    try:
        async with asyncio.timeout(WITHIN_S):
            _add(report.rows, await mine())
            if theirs is not None and not options.alone:
                _add(report.peers, await theirs())
    except Exception as error:  # noqa: BLE001 - outermost door of a part: the report says so
        traceback.print_exc()
        report.rows[part] = Row(wrong=f"{type(error).__name__}: {error}")


def _add(into: Rows, rows: Rows) -> None:
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
    """Measure, and write the rows to where ``run`` reads them."""
    part, options, out = sys.argv[1:]
    configure_logging(node="bench", level="warning")
    report = Report()
    run = uvloop.run if part in LEAN else asyncio.run
    run(measure(part, msgspec.json.decode(options, type=Options), report))
    write_report(report, Path(out))


if __name__ == "__main__":
    main()
