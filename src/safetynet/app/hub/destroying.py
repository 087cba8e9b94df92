"""Destroying the words of an incident that is over: decided, written down, carried out."""

from collections.abc import Callable

import msgspec
from sqlalchemy import select

from safetynet.access.destruction import Because, carry_out, destroyed, is_destroyed
from safetynet.access.seal import Vault
from safetynet.base.clock import Clock
from safetynet.base.errors import ConflictError, NotFoundError
from safetynet.base.ids import IncidentId
from safetynet.incident.entries import REPORT_ACCEPTED
from safetynet.incident.model import IncidentState
from safetynet.journal.append import Change, Journal
from safetynet.journal.entry import Entry, time_text
from safetynet.journal.read import find_entries
from safetynet.store.tables import incidents

OWN_SUBJECT = "rep_"
"""A message that made no report, or one that came after a destruction, is sealed under its own id."""


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """What was destroyed."""

    entry: Entry
    key_destroyed: bool
    """False where there was no key any more: it was lost before."""
    reports: int
    """Reports whose words and raw bytes nobody can read from now on."""


class Destroyer:
    """Destroys sealed words. The entry comes first: what it says is made true at each start."""

    def __init__(
        self, journal: Journal, vault: Vault, clock: Clock, forget: Callable[[IncidentId], None]
    ) -> None:
        self._journal = journal
        self._vault = vault
        self._clock = clock
        self._forget = forget

    async def destroy(self, subject: str, *, because: Because, by: str) -> Gone:
        """Destroy a subject's words; returns when no key of it is left on disk or in memory.

        Raises ``NotFoundError`` ``destruction.unknown``, ``ConflictError`` ``destruction.open`` for an
        incident that goes on, ``destruction.done`` where it was done before.
        """
        has_key = await self._vault.has_key(subject)
        if subject.startswith(OWN_SUBJECT) and not has_key:
            raise NotFoundError("destruction.unknown", "nothing is sealed there", subject=subject)
        entry, reports = await self._journal.change(
            lambda change: self._write(change, subject, because, by)
        )
        if not subject.startswith(OWN_SUBJECT):
            self._forget(IncidentId(subject))
        await carry_out(self._journal.store, self._journal.node, self._vault)
        return Gone(entry=entry, key_destroyed=has_key, reports=reports)

    def _write(self, change: Change, subject: str, because: Because, by: str) -> tuple[Entry, int]:
        node, conn = self._journal.node, change.conn
        if is_destroyed(conn, node, subject):
            raise ConflictError("destruction.done", "it is destroyed already", subject=subject)
        incident = None
        reports = 1
        if not subject.startswith(OWN_SUBJECT):
            incident = IncidentId(subject)
            c = incidents.c
            state = conn.scalar(select(c.state).where(c.node == node, c.id == incident))
            if state is None:
                raise NotFoundError("destruction.unknown", "no such incident", subject=subject)
            if IncidentState(state).is_open:
                raise ConflictError(
                    "destruction.open", "an incident that goes on keeps its words", subject=subject
                )
            reports = len(find_entries(conn, [incident], [REPORT_ACCEPTED], node))
        at = time_text(self._clock.now())
        draft = destroyed(subject, incident=incident, because=because, by=by, at=at)
        (entry,) = change.append(draft)
        return entry, reports
