"""The report of one run: its file and its printed tables."""

import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
from bench.measure.times import Row


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """Our time as a multiple of another's; below 1 we are faster."""

    median: float
    """Of medians, or of the two values."""
    p99: float | None = None


class Report(msgspec.Struct, kw_only=True):
    """What a file under ``bench/results`` holds."""

    rows: dict[str, Row] = {}
    peers: dict[str, Row] = {}
    ratios: dict[str, Ratio] = {}
    city: dict[str, object] = {}
    machine: dict[str, object] = {}


type Pairs = Mapping[str, tuple[str, ...]]
"""Ours, and what it is held against."""


def write_report(report: Report, out: Path) -> None:
    """Write the file under ``bench/results``."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")


def finish(report: Report, held: Pairs, out: Path) -> None:
    """The end of a run: ratios, the tables, the file, and which bars were missed.

    Exits with status 1 where an answer was wrong, or a part of ours did not run, however fast the others
    were. A missed bar is said, and changes no status: it is a figure.
    """
    report.ratios = find_ratios(report.rows | report.peers, held)
    print_report(report)
    write_report(report, out)
    missed = [f"{name} ({row.bar})" for name, row in report.rows.items() if row.holds is False]
    print(f"\nmissed: {', '.join(missed)}" if missed else "\nevery bar holds")
    wrong = [f"{name}: {row.wrong}" for name, row in report.rows.items() if row.wrong]
    if wrong:
        sys.exit(f"wrong answers: {', '.join(wrong)}")


def find_ratios(rows: Mapping[str, Row], held: Pairs) -> dict[str, Ratio]:
    """Ours / theirs for every pair that was measured, of single times or of values."""
    return {
        f"{a} / {b}": ratio
        for a, others in held.items()
        for b in others
        if (ours := rows.get(a)) and (theirs := rows.get(b))
        if (ratio := _find_ratio(ours, theirs))
    }


def _find_ratio(ours: Row, theirs: Row) -> Ratio | None:
    if ours.value and theirs.value:
        return Ratio(median=round(ours.value / theirs.value, 2))
    if ours.median_ms and ours.p99_ms and theirs.median_ms and theirs.p99_ms:
        return Ratio(
            median=round(ours.median_ms / theirs.median_ms, 2),
            p99=round(ours.p99_ms / theirs.p99_ms, 2),
        )
    return None


def print_report(report: Report) -> None:
    """Everything, for a terminal."""
    for title, rows in (("ours", report.rows), ("peers", report.peers)):
        print(
            f"\n{title:28}{'median':>10}{'p99':>10}{'most':>10}{'cpu':>9}{'cpu p99':>9}{'n':>6}  where"
        )
        for name, row in rows.items():
            print_row(name, row)
    print(f"\n{'ours / theirs, times':64}{'median':>8}{'p99':>8}")
    for name, ratio in report.ratios.items():
        p99 = "" if ratio.p99 is None else f"{ratio.p99:8.2f}"
        print(f"{name:64}{ratio.median:8.2f}{p99}")


def print_row(name: str, row: Row) -> None:
    """One line, and where it stands to its bar."""
    if row.not_here:
        print(f"{name:28}not here: {row.not_here}", flush=True)
        return
    if row.median_ms is not None:
        found = f"{row.median_ms:10.3f}{row.p99_ms:10.3f}{row.max_ms:10.3f}"
        found += f"{_cpu(row.cpu_median_ms)}{_cpu(row.cpu_p99_ms)}{row.n:6}"
    else:
        found = f"{row.value:10.2f} {row.unit:43}"
    held = "" if row.holds is None else f"  [{row.bar}: {'holds' if row.holds else 'MISSED'}]"
    wrong = f"  WRONG: {row.wrong}" if row.wrong else ""
    print(f"{name:28}{found}  {row.where}{held}{wrong}  {row.note or ''}".rstrip(), flush=True)


def _cpu(ms: float | None) -> str:
    return f"{ms:9.3f}" if ms is not None else " " * 9
