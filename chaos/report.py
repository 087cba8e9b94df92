"""The report of a run, for people and for programs; and the page of several runs.

``python -m chaos.report FILE…`` prints the page that ``docs/chaos.md`` is, from the files of the runs.
"""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from chaos.finding import Finding
from chaos.plan import Fault, Kind


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was tried, what was broken, what held."""

    seed: int
    districts: int
    seconds: float
    rate: float
    viewers: int
    cores: int
    spoil: str
    left_out: tuple[str, ...]
    """Kinds of faults that this machine does not allow."""
    acknowledged: int
    resent: int
    refused: int
    given_up: int
    longest_s: float
    again_s: float | None
    """The longest from a start of the hub's process to its next acknowledgement; None where it never was."""
    took_s: float
    faults: tuple[Fault, ...]
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """True where every promise was kept."""
        return all(finding.holds for finding in self.findings)

    @property
    def counts(self) -> Counter[Kind]:
        """How often each kind of fault struck."""
        return Counter(fault.kind for fault in self.faults)


def describe(report: Report) -> str:
    """The report as Markdown."""
    r = report
    counts = ", ".join(f"{n} × {kind}" for kind, n in sorted(r.counts.items()))
    left_out = f" Not possible here: {', '.join(r.left_out)}." if r.left_out else ""
    lines = [
        f"# Chaos, seed {r.seed}: {_verdict(r.holds)}",
        "",
        f"{r.districts} districts, {r.rate:g} reports a second for {r.seconds:g} s, {r.viewers} viewers; {r.took_s:g} s in all.",
        f"{r.acknowledged} reports acknowledged, {r.resent} sent again, {r.refused} refused,",
        f"{r.given_up} given up at the end; the longest wait for an answer {r.longest_s:g} s.",
        f"{len(r.faults)} faults: {counts or 'none'}.{left_out}",
        "",
        *_promises(r),
        "",
    ]
    return "\n".join(lines)


def describe_all(reports: Sequence[Report]) -> str:
    """The page of several runs as Markdown; every figure in it is from the runs' own files."""
    first = reports[0]
    lines = [
        "# Chaos report",
        "",
        "Made by these two commands; not edited by hand. What is tried, and why the verdict may be believed, stands in",
        "[design 0018](design/0018-proof-of-federation.md).",
        "",
        "```sh",
        'make chaos ARGS="--out chaos/results"',
        ".venv/bin/python -m chaos.report chaos/results/seed-*.json > docs/chaos.md",
        "```",
        "",
        f"A hub and {first.districts} districts with a NATS server each, {first.rate:g} reports a second and {first.viewers}",
        f"viewers for {first.seconds:g} s, all on {first.cores} cores. Every seed is another schedule of faults.",
        "",
        _row("", *(f"seed {r.seed}" for r in reports)),
        _row(*["---"] * (len(reports) + 1)),
        _row("**verdict**", *(f"**{_verdict(r.holds)}**" for r in reports)),
        *(_row(name, *(f"{value(r):g}" for r in reports)) for name, value in _FIGURES.items()),
        *_faults(reports),
        "",
    ]
    for r in reports:
        lines += [f"## Seed {r.seed}", "", *_promises(r), ""]
    return "\n".join(lines)


_FIGURES: dict[str, Callable[[Report], float]] = {
    "reports acknowledged": lambda r: r.acknowledged,
    "sent again": lambda r: r.resent,
    "given up, never acknowledged": lambda r: r.given_up,
    "longest wait for an answer, s": lambda r: r.longest_s,
    "hub started to first answer, longest, s": lambda r: round(r.again_s or 0.0, 1),
    "faults": lambda r: len(r.faults),
}


def _faults(reports: Sequence[Report]) -> list[str]:
    return [_row(f"— {kind}", *(str(r.counts[kind]) for r in reports)) for kind in Kind]


def _promises(report: Report) -> list[str]:
    return [
        _row("promise", "", ""),
        _row("---", "---", "---"),
        *(_row(f.promise, "holds" if f.holds else "BROKEN", f.detail) for f in report.findings),
    ]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _verdict(holds: bool) -> str:
    return "everything holds" if holds else "BROKEN"


def print_report(report: Report) -> None:
    """For a terminal."""
    print(describe(report), flush=True)


def write_report(report: Report, folder: Path) -> None:
    """``seed-N.json`` and ``seed-N.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"seed-{report.seed}"
    data = msgspec.json.format(msgspec.json.encode(report), indent=1)
    (folder / f"{name}.json").write_bytes(data + b"\n")
    (folder / f"{name}.md").write_text(describe(report), encoding="utf-8")


def read_reports(files: Sequence[Path]) -> list[Report]:
    """The reports of runs, in order of their seeds."""
    reports = [msgspec.json.decode(file.read_bytes(), type=Report) for file in files]
    return sorted(reports, key=lambda report: report.seed)


if __name__ == "__main__":
    print(describe_all(read_reports([Path(name) for name in sys.argv[1:]])), end="")
