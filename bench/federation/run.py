"""What the federation costs and holds, beside plain JetStream sourcing in the same run.

``make bench-federation``, or ``python -m bench.federation.run``; what the rows are: README.md beside this file.
Writes ``bench/results/federation.json``, after each part. Exit status 1 where an entry or a report was lost or
doubled, or something could not be measured; a missed bar is told, and is no failure.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from bench.federation import peers
from bench.federation.nodes import ROOT
from bench.federation.ours import DISTRICTS, PROCESSES
from bench.federation.part import WITHIN_S, Options
from bench.measure.machine import describe_machine
from bench.measure.table import Report, finish, write_report
from bench.measure.times import Row

from safetynet.app.orphan import bound_to_parent

HELD = {
    "apply_at_hub": ("jetstream_apply",),
    "catch_up_100k": ("jetstream_catch_up",),
    "hub_restart_first": ("jetstream_restart_first",),
}
"""Ours, and what it is held against."""
PARTS = (
    "apply",
    "restart",
    "catch-up",
    "ack",
    "burst",
    "verify",
    "idle",
    "catalogue",
    "probing",
    "takeover",
)
GRACE_S = 30.0
"""Beyond a part's own limit: then it is ended by force."""


def main() -> None:
    """Measure part by part, print, write."""
    a = parse()
    options = Options(**{name: getattr(a, name) for name in Options.__struct_fields__})
    machine = describe_machine(ROOT) | {"peer": peers.version()}
    city: dict[str, object] = {"districts": a.districts, "district_processes": PROCESSES}
    report = Report(city=city, machine=machine)
    for part in a.parts:
        began = time.perf_counter()
        found = measure(part, options)
        report.rows |= found.rows
        report.peers |= found.peers
        write_report(report, a.out)
        print(f"{part}: {time.perf_counter() - began:.0f} s in all", flush=True)
    finish(report, HELD, a.out)


def measure(part: str, options: Options) -> Report:
    """One part in a process of its own, which is ended where it does not end."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.json"
        words = (sys.executable, "-m", "bench.federation.part", part)
        command = (*words, msgspec.json.encode(options).decode(), str(out))
        process = subprocess.Popen(bound_to_parent(command), cwd=ROOT, start_new_session=True)
        try:
            status = process.wait(WITHIN_S + GRACE_S)
        except subprocess.TimeoutExpired:
            return Report(rows={part: Row(wrong="it hung, and was ended")})
        finally:
            if (
                process.poll() is None
            ):  # we are interrupted, or it hangs: what it started ends with it
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if not out.exists():
            return Report(rows={part: Row(wrong=f"it ended with status {status}")})
        return msgspec.json.decode(out.read_bytes(), type=Report)


def parse() -> argparse.Namespace:
    """The command line."""
    of = Options()
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    words.add_argument("--districts", type=int, default=DISTRICTS, metavar="N")
    words.add_argument(
        "--seconds", type=float, default=of.seconds, metavar="S", help="of steady loads"
    )
    words.add_argument("--kills", type=int, default=of.kills, metavar="N", help="of the hub")
    words.add_argument("--behind", type=int, default=of.behind, metavar="N", help="entries")
    words.add_argument(
        "--burst", type=float, default=of.burst, metavar="R", help="reports a second"
    )
    words.add_argument("--burst-seconds", type=float, default=of.burst_seconds, metavar="S")
    words.add_argument("--entries", type=int, default=of.entries, metavar="N", help="to verify")
    words.add_argument(
        "--cameras", type=int, default=of.cameras, metavar="N", help="of the idle district"
    )
    words.add_argument("--alone", action="store_true", help="without the peer")
    words.add_argument("--seed", type=int, default=of.seed, metavar="N")
    words.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "federation.json")
    return words.parse_args()


if __name__ == "__main__":
    main()
