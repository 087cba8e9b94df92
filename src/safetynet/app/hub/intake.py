"""From a report to an incident on disk."""

import asyncio
from collections.abc import Callable
from weakref import WeakValueDictionary

import msgspec
import structlog

from safetynet.access.seal import SealedValue, Vault
from safetynet.base.clock import Clock
from safetynet.base.errors import ConflictError, NotFoundError, RefusedError
from safetynet.base.ids import NodeId
from safetynet.incident.entries import (
    Sealed,
    Words,
    incident_moved,
    message_kept,
    read_words,
    report_accepted,
    words_to_seal,
)
from safetynet.incident.locate import Bounds, Gazetteer, locate
from safetynet.incident.model import Accepted, Incident, KeptMessage, Report
from safetynet.incident.read import KeptIncident, find_by_identity, find_revision
from safetynet.incident.state import Change, Identity, apply_report, identity
from safetynet.journal.append import Change as Writing
from safetynet.journal.append import Journal
from safetynet.journal.entry import Draft

TRIES = 8
"""How often a report is decided anew because another on the same incident came in between."""

log = structlog.get_logger()
OnChange = Callable[[Change], None]


class Intake:
    """Accepts reports: sealed, decided, journalled and folded in one transaction."""

    def __init__(
        self,
        journal: Journal,
        vault: Vault,
        gazetteer: Gazetteer,
        bounds: Bounds,
        clock: Clock,
        on_change: OnChange,
    ) -> None:
        self._journal = journal
        self._vault = vault
        self._gazetteer = gazetteer
        self._bounds = bounds
        self._clock = clock
        self._on_change = on_change
        self._turns: WeakValueDictionary[Identity, asyncio.Lock] = WeakValueDictionary()

    async def accept(self, report: Report) -> Accepted:
        """Put a report on disk; what it changed is told to ``on_change`` after that.

        Raises ``ConflictError`` ``report.contended`` where so many reports on one incident come at
        once that this one never fitted; the sender may send it again.
        """
        # Reports on one incident take turns: a crowd that reports one fire would else decide anew
        # for each other's sake until some of them give up. The store still has the last word.
        who = identity(report)
        turn = self._turns.setdefault(who, asyncio.Lock())
        async with turn:
            for _ in range(TRIES):
                change = await self._attempt(report)
                if change is not None:
                    self._on_change(change)
                    return Accepted(
                        incident=change.after.id,
                        report=report.id,
                        new=change.before is None,
                        state=change.after.state,
                    )
        raise ConflictError("report.contended", "too many reports on one incident at once")

    async def keep(self, message: KeptMessage) -> None:
        """Put on disk what made no report, sealed."""
        # Sealed under a subject of its own: it belongs to no incident.
        raw = await self._seal(message.id, message.raw)
        await self._journal.append([message_kept(message, raw=raw)])

    async def _attempt(self, report: Report) -> Change | None:
        kept = await self._find(report)
        before = await self.open_words(kept) if kept else None
        gone = await self._is_gone(kept)
        # What comes after a destruction belongs to its own report alone: the incident stays without.
        told = msgspec.structs.replace(report, detail="", address="") if gone else report
        place = locate(told, self._gazetteer, self._bounds)
        change = apply_report(before, told, place, self._clock.now())
        try:
            drafts = await self._drafts(report, change, kept, gone=gone)
        except RefusedError:
            return None  # the key was destroyed since we looked
        fitted = await self._journal.change(
            lambda writing: _write(writing, self._journal.node, report, _state_of(kept), drafts)
        )
        return change if fitted else None

    async def _is_gone(self, kept: KeptIncident | None) -> bool:
        """Its words are destroyed: by the journal, or by a key store that knows more than a journal
        from a backup."""
        if kept is None:
            return False
        return kept.destroyed or await self._vault.is_destroyed(kept.body.incident)

    async def _find(self, report: Report) -> KeptIncident | None:
        node, who = self._journal.node, identity(report)
        return await self._journal.store.read(lambda conn: find_by_identity(conn, node, who))

    async def open_words(self, kept: KeptIncident) -> Incident:
        """The incident with its sealed words; without them where their key is lost."""
        words = Words()
        if kept.words is not None:
            value = SealedValue(sealed=kept.words.sealed, key=kept.words.key)
            try:
                words = read_words(await self._vault.open_sealed(kept.body.incident, value))
            except (NotFoundError, RefusedError) as error:
                log.error("intake.words_lost", incident=kept.body.incident, code=error.code)
        return kept.incident(words)

    async def _drafts(
        self, report: Report, change: Change, kept: KeptIncident | None, *, gone: bool
    ) -> list[Draft]:
        subject = report.id if gone else change.after.id
        raw = await self._seal(subject, report.raw)
        words = await self._seal(subject, words_to_seal(report))
        drafts = [report_accepted(report, change, words=words, raw=raw)]
        kept_words = None if gone else await self._words(change, kept)
        moved = incident_moved(change, words=kept_words, report=report.id)
        return [*drafts, moved] if moved is not None else drafts

    async def _words(self, change: Change, kept: KeptIncident | None) -> Sealed | None:
        """The incident's words sealed; as they stand already where they did not change."""
        before = change.before
        if kept and before and words_to_seal(before) == words_to_seal(change.after):
            return kept.words
        return await self._seal(change.after.id, words_to_seal(change.after))

    async def _seal(self, subject: str, plain: bytes) -> Sealed:
        value = await self._vault.seal(subject, plain)
        return Sealed(sealed=value.sealed, key=value.key)

    async def close(self, kept: KeptIncident, change: Change) -> None:
        """Write an operator's end of an incident; raises ``ConflictError`` where it moved meanwhile."""
        draft = incident_moved(change, words=kept.words)
        if draft is None or change.before is None:
            return
        before = change.before

        def write(writing: Writing) -> bool:
            return _write_if(writing, self._journal.node, before, [draft])

        if not await self._journal.change(write):
            raise ConflictError("incident.moved", "the incident changed meanwhile")
        self._on_change(change)


type _State = tuple[int, bool] | None
"""Revision of an incident, and whether its words are destroyed; None where there is none."""


def _state_of(kept: KeptIncident | None) -> _State:
    return None if kept is None else (kept.body.revision, kept.destroyed)


def _write(
    writing: Writing, node: NodeId, report: Report, state: _State, drafts: list[Draft]
) -> bool:
    if _state_of(find_by_identity(writing.conn, node, identity(report))) != state:
        return False
    writing.append(*drafts)
    return True


def _write_if(writing: Writing, node: NodeId, before: Incident, drafts: list[Draft]) -> bool:
    if find_revision(writing.conn, node, identity(before)) != before.revision:
        return False
    writing.append(*drafts)
    return True
