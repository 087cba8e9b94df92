"""What a group of reports does, decided as one: who changes what, and the entries that say so."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from safetynet.access.seal import Keys
from safetynet.base.errors import RefusedError
from safetynet.base.ids import NodeId
from safetynet.incident.entries import (
    Sealed,
    incident_moved,
    report_accepted,
    words_to_seal,
)
from safetynet.incident.locate import Bounds, Gazetteer, locate
from safetynet.incident.model import Incident, Report
from safetynet.incident.read import Kept, find_kept
from safetynet.incident.state import Change, Identity, apply_report, identity
from safetynet.journal.append import Change as Writing
from safetynet.journal.entry import Draft


@dataclass(eq=False)
class Standing:
    """One incident while a group is decided: as it is on disk, and as earlier reports leave it."""

    kept: Kept | None
    now: Incident | None
    gone: bool
    """True where its words are destroyed: by the journal, or by a key store that knows more than a
    journal from a backup."""
    words: Sealed | None = None
    """``now``'s words, sealed."""
    fits: bool = True
    """False where the store says otherwise by now: its reports are decided anew."""


@dataclass(eq=False, frozen=True)
class Case:
    """One report of a group, and what it does."""

    report: Report
    change: Change
    standing: Standing

    @property
    def subject(self) -> str:
        """Under whose key its words are sealed. What comes after a destruction belongs to its own
        report alone: the incident stays without."""
        return self.report.id if self.standing.gone else self.change.after.id


class Group:
    """Reports that are decided together and go to disk together, in the order they came."""

    def __init__(
        self,
        standing: Mapping[Identity, Standing],
        gazetteer: Gazetteer,
        bounds: Bounds,
        now: datetime,
    ) -> None:
        """``standing``: of every incident that a report of this group is on and that is on disk."""
        self._standing = dict(standing)
        self._gazetteer = gazetteer
        self._bounds = bounds
        self._now = now
        self.cases: list[Case] = []

    def take(self, report: Report) -> Case:
        """Decide what a report does after those taken before it."""
        standing = self._standing.setdefault(
            identity(report), Standing(kept=None, now=None, gone=False)
        )
        told = _in_order(report, standing.now, self._now)
        if standing.gone:
            told = msgspec.structs.replace(told, detail="", address="")
        place = locate(told, self._gazetteer, self._bounds)
        change = apply_report(standing.now, told, place, self._now)
        standing.now = change.after
        case = Case(report, change, standing)
        self.cases.append(case)
        return case

    def subjects(self) -> set[str]:
        """Whose keys are needed."""
        return {case.subject for case in self.cases}

    def draft(self, keys: Keys) -> list[tuple[Case, list[Draft]]]:
        """The entries of each report that still fits."""
        return [(case, self._draft(case, keys)) for case in self.cases]

    def _draft(self, case: Case, keys: Keys) -> list[Draft]:
        standing = case.standing
        try:
            return _drafts(case, keys)
        except RefusedError:
            standing.fits = False  # the key was destroyed since we looked
            return []


def _in_order(report: Report, before: Incident | None, now: datetime) -> Report:
    """A report as its incident takes it. Where our clock has gone back since the incident's last change
    it came no earlier than that: a resend would else be news, because it seems to have come first."""
    if before is None or before.changed_at <= now:
        return report
    return msgspec.structs.replace(report, received_at=before.changed_at)


def _drafts(case: Case, keys: Keys) -> list[Draft]:
    report, change, standing = case.report, case.change, case.standing
    raw = _seal(keys, case.subject, report.raw)
    told = words_to_seal(report)
    words = _seal(keys, case.subject, told)
    drafts = [report_accepted(report, change, words=words, raw=raw)]
    if not standing.gone:
        before, after = change.before, words_to_seal(change.after)
        if before is None or words_to_seal(before) != after:
            # Most reports are their incident's words: sealed once, they stand in both entries.
            standing.words = words if after == told else _seal(keys, case.subject, after)
    moved = incident_moved(change, words=standing.words, report=report.id)
    return [*drafts, moved] if moved is not None else drafts


def _seal(keys: Keys, subject: str, plain: bytes) -> Sealed:
    value = keys.seal(subject, plain)
    return Sealed(sealed=value.sealed, key=value.key)


def write(writing: Writing, node: NodeId, drafted: list[tuple[Case, list[Draft]]]) -> None:
    """Append the entries of every report whose incident is still as it was when we looked.

    Of an incident that moved meanwhile no report is written: its standing no longer fits.
    """
    found = find_kept(writing.conn, node, {identity(case.report) for case, _ in drafted})
    drafts: list[Draft] = []
    for case, own in drafted:
        standing = case.standing
        if _state_of(found.get(identity(case.report))) != _state_of(standing.kept):
            standing.fits = False
        if standing.fits:
            drafts += own
    writing.append(*drafts)


type _State = tuple[int, bool] | None
"""Revision of an incident, and whether its words are destroyed; None where there is none."""


def _state_of(kept: Kept | None) -> _State:
    return None if kept is None else (kept.body.revision, kept.destroyed)
