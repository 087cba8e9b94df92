"""What an import did with every row of every source."""

from collections import Counter
from dataclasses import dataclass, field

import msgspec


class SourceReport(msgspec.Struct, frozen=True, kw_only=True):
    """One source's rows: ``rows_read = kept + merged + refused``; ``repaired`` ones are among the kept."""

    file: str
    kind: str
    rows_read: int
    kept: int
    repaired: int
    merged: int
    refused: int
    reasons: dict[str, int]
    """How many rows for each reason of a repair, a merge or a refusal."""
    examples: tuple[str, ...] = ()
    """The first rows of each reason: line number, reason, what was read."""
    inside_declared_district: float | None = None
    """Share of kept points inside the district that their row names; None where rows name none."""
    yields: int = 0
    """Things made of the kept rows: cameras of a pole counted one by one."""


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """All sources of a build, what was left aside, and what an operator should know."""

    sources: tuple[SourceReport, ...] = ()
    ignored: dict[str, str] = {}
    """Files that were not used, and why."""
    warnings: tuple[str, ...] = ()
    camera_gap: dict[str, tuple[int, int]] = {}
    """By district node: cameras in the lists, cameras by the official table. Never filled up."""


@dataclass
class Tally:
    """Counts rows while a source is read."""

    file: str
    kind: str
    rows_read: int = 0
    repaired: int = 0
    merged: int = 0
    refused: int = 0
    yields: int = 0
    inside: float | None = None
    reasons: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def repair(self, reason: str, line: int, what: str) -> None:
        """A row was mended and is kept."""
        self.repaired += 1
        self._note(reason, line, what)

    def merge(self, reason: str, line: int, what: str) -> None:
        """A row says what another has said."""
        self.merged += 1
        self._note(reason, line, what)

    def refuse(self, reason: str, line: int, what: str) -> None:
        """A row cannot be used."""
        self.refused += 1
        self._note(reason, line, what)

    def finish(self) -> SourceReport:
        """The source's part of the report."""
        return SourceReport(
            file=self.file,
            kind=self.kind,
            rows_read=self.rows_read,
            kept=self.rows_read - self.merged - self.refused,
            repaired=self.repaired,
            merged=self.merged,
            refused=self.refused,
            reasons=dict(self.reasons),
            examples=tuple(self.examples),
            inside_declared_district=None if self.inside is None else round(self.inside, 4),
            yields=self.yields,
        )

    def _note(self, reason: str, line: int, what: str) -> None:
        self.reasons[reason] += 1
        if self.reasons[reason] <= 3:
            self.examples.append(f"line {line}: {reason}: {what[:80]}")


def render_report(report: ImportReport) -> str:
    """The report as a table for the terminal."""
    head = f"{'source':44} {'kind':16} {'read':>7} {'kept':>7} {'repaired':>8} {'merged':>7} {'refused':>7} {'inside':>7}"
    lines = [head, "-" * len(head)]
    for s in report.sources:
        inside = "" if s.inside_declared_district is None else f"{s.inside_declared_district:.2%}"
        lines.append(
            f"{s.file[:44]:44} {s.kind:16} {s.rows_read:7} {s.kept:7} {s.repaired:8} {s.merged:7} {s.refused:7} {inside:>7}"
        )
        lines += [f"    {reason}: {n}" for reason, n in s.reasons.items()]
    if report.camera_gap:
        listed = sum(a for a, _ in report.camera_gap.values())
        official = sum(b for _, b in report.camera_gap.values())
        lines.append(f"cameras in the lists {listed}, official {official}, gap {official - listed}")
    lines += [f"warning: {w}" for w in report.warnings]
    return "\n".join(lines)
