"""The report of one run, for people and for programs."""

from pathlib import Path

import msgspec
from chaos.judge import Finding
from chaos.plan import Fault


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was tried, what was broken, what held."""

    seed: int
    districts: int
    seconds: float
    rate: float
    spoil: str
    left_out: tuple[str, ...]
    """Kinds of faults that this machine does not allow."""
    acknowledged: int
    resent: int
    refused: int
    given_up: int
    longest_s: float
    took_s: float
    faults: tuple[Fault, ...]
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """True where every promise was kept."""
        return all(finding.holds for finding in self.findings)


def describe(report: Report) -> str:
    """The report as Markdown."""
    r = report
    kinds = sorted({fault.kind for fault in r.faults})
    counts = ", ".join(f"{sum(f.kind is k for f in r.faults)} × {k}" for k in kinds)
    left_out = f" Not possible here: {', '.join(r.left_out)}." if r.left_out else ""
    lines = [
        f"# Chaos, seed {r.seed}: {'everything holds' if r.holds else 'BROKEN'}",
        "",
        f"{r.districts} districts, {r.rate:g} reports a second for {r.seconds:g} s; {r.took_s:g} s in all.",
        f"{r.acknowledged} reports acknowledged, {r.resent} sent again, {r.refused} refused,",
        f"{r.given_up} given up at the end; the longest wait for an answer {r.longest_s:g} s.",
        f"{len(r.faults)} faults: {counts or 'none'}.{left_out}",
        "",
        "| promise | | |",
        "|---|---|---|",
        *(f"| {f.promise} | {'holds' if f.holds else 'BROKEN'} | {f.detail} |" for f in r.findings),
        "",
    ]
    return "\n".join(lines)


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
