"""Rights as leases, on the owner's monotonic seconds; pure, no clock and no waiting inside."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from safetynet.access.model import EndReason, Grant
from safetynet.base.ids import GrantId, IncidentId, NodeId, SessionId

REMEMBER_S = 24 * 3600.0
"""How long a close is remembered; longer than any grant may last."""
MAX_GRANT_S = 12 * 3600.0
"""No grant is honoured longer than this, whatever it says."""


class HubLoss(StrEnum):
    """The owner's will for running sessions while the issuer cannot be reached."""

    HOLD = "hold"
    """Go on to the grant's hard end."""
    CUT = "cut"
    """End with the lease."""


@dataclass
class _Lease:
    grant: Grant
    hard_end_s: float
    lease_end_s: float
    sessions: set[SessionId] = field(default_factory=set)


@dataclass(frozen=True)
class Due:
    """A session that must be cut now, and why."""

    session: SessionId
    grant: GrantId
    reason: EndReason


class LeaseTable:
    """Which sessions may go on. Every ``now_s`` is the owner's monotonic time."""

    def __init__(self, hub_loss: HubLoss) -> None:
        self.hub_loss = hub_loss
        self._leases: dict[GrantId, _Lease] = {}
        self._of_session: dict[SessionId, GrantId] = {}
        self._renewed_early: dict[GrantId, float] = {}
        self._closed_grants: dict[GrantId, float] = {}
        self._closed_incidents: dict[IncidentId, float] = {}
        self._away: frozenset[NodeId] = frozenset()
        self._back_s: dict[NodeId, float] = {}

    def know(self, grant: Grant, *, left_s: float, now_s: float) -> bool:
        """Take in a grant with ``left_s`` to its hard end; True where it is new here.

        The first lease begins now, or with a renewal that came before the grant itself.
        """
        if grant.id in self._leases:
            return False
        hard_end_s = now_s + min(left_s, MAX_GRANT_S)
        lease_end_s = max(now_s + grant.lease_s, self._renewed_early.pop(grant.id, 0.0))
        self._leases[grant.id] = _Lease(grant, hard_end_s, min(lease_end_s, hard_end_s))
        return True

    def is_closed(self, grant: GrantId, incident: IncidentId) -> bool:
        """True where the issuer took the grant back, or its incident is over; seen here or not."""
        return grant in self._closed_grants or incident in self._closed_incidents

    def refusal(self, grant: Grant, now_s: float) -> EndReason | None:
        """Why no session may begin under a grant now, or None where one may."""
        if self.is_closed(grant.id, grant.incident):
            return EndReason.CLOSED
        lease = self._leases.get(grant.id)
        return None if lease is None else self._over(lease, now_s)

    def open(self, session: SessionId, grant: GrantId) -> None:
        """A session begins under a known grant."""
        self._leases[grant].sessions.add(session)
        self._of_session[session] = grant

    def end(self, session: SessionId) -> None:
        """A session ended by itself; unknown ones are no matter."""
        grant = self._of_session.pop(session, None)
        if grant is not None and (lease := self._leases.get(grant)) is not None:
            lease.sessions.discard(session)

    def renew(self, grants: Iterable[GrantId], lease_s: float, now_s: float) -> list[SessionId]:
        """The issuer lets grants go on for ``lease_s`` from now; returns the sessions that gain.

        A lease never passes the hard end, never shrinks, and never revives what is over.
        """
        gaining: list[SessionId] = []
        for grant in grants:
            lease = self._leases.get(grant)
            if lease is None:
                self._renewed_early[grant] = now_s + lease_s
            elif not self._is_closed(lease) and now_s < lease.hard_end_s:
                end_s = min(now_s + lease_s, lease.hard_end_s)
                lease.lease_end_s = max(lease.lease_end_s, end_s)
                gaining += sorted(lease.sessions)
        return gaining

    def close_grants(self, grants: Iterable[GrantId], now_s: float) -> None:
        """The issuer takes grants back, known here or not; ``due`` cuts what runs."""
        for grant in grants:
            self._closed_grants[grant] = now_s

    def close_incident(self, incident: IncidentId, now_s: float) -> None:
        """An incident is over: no grant for it is worth anything, seen already or not."""
        self._closed_incidents[incident] = now_s

    def is_over(self, incident: IncidentId) -> bool:
        """True for an incident that was closed here, as far as that is remembered."""
        return incident in self._closed_incidents

    def due(self, now_s: float, away: Collection[NodeId] = ()) -> list[Due]:
        """Take out the sessions to be cut now; ``away`` are the issuers that cannot be reached.

        Under ``hold``, sessions of an issuer that came back get one lease's time to be renewed.
        """
        self._note_away(frozenset(away), now_s)
        due = [
            Due(session, lease.grant.id, reason)
            for lease in self._leases.values()
            if lease.sessions and (reason := self._over(lease, now_s)) is not None
            for session in sorted(lease.sessions)
        ]
        for item in due:
            self.end(item.session)
        self._forget(now_s)
        return due

    def left_s(self, session: SessionId, now_s: float) -> float:
        """Seconds a running session may go on as known now; 0 where it is not running."""
        grant = self._of_session.get(session)
        if grant is None:
            return 0.0
        lease = self._leases[grant]
        if self._is_closed(lease):
            return 0.0
        return max(0.0, self._end_s(lease) - now_s)

    def running(self) -> dict[SessionId, Grant]:
        """Running sessions with their grants."""
        return {s: self._leases[g].grant for s, g in self._of_session.items()}

    def grant_of(self, session: SessionId) -> Grant | None:
        """The grant of a running session."""
        grant = self._of_session.get(session)
        return None if grant is None else self._leases[grant].grant

    def _is_closed(self, lease: _Lease) -> bool:
        return self.is_closed(lease.grant.id, lease.grant.incident)

    def _over(self, lease: _Lease, now_s: float) -> EndReason | None:
        if self._is_closed(lease):
            return EndReason.CLOSED
        if now_s >= lease.hard_end_s:
            return EndReason.HARD_END
        return EndReason.LEASE_RAN_OUT if now_s >= self._end_s(lease) else None

    def _end_s(self, lease: _Lease) -> float:
        if self.hub_loss is HubLoss.CUT:
            return lease.lease_end_s
        if lease.grant.issuer in self._away:
            return lease.hard_end_s
        grace_s = self._back_s.get(lease.grant.issuer, float("-inf")) + lease.grant.lease_s
        return min(max(lease.lease_end_s, grace_s), lease.hard_end_s)

    def _note_away(self, away: frozenset[NodeId], now_s: float) -> None:
        for node in self._away - away:
            self._back_s[node] = now_s
        self._away = away

    def _forget(self, now_s: float) -> None:
        self._leases = {
            g: lease
            for g, lease in self._leases.items()
            if lease.sessions or now_s < lease.hard_end_s + REMEMBER_S
        }
        self._renewed_early = {g: t for g, t in self._renewed_early.items() if now_s < t}
        _drop_older(self._closed_grants, now_s - REMEMBER_S)
        _drop_older(self._closed_incidents, now_s - REMEMBER_S)


def _drop_older[K](times: dict[K, float], than_s: float) -> None:
    for key in [k for k, t in times.items() if t < than_s]:
        del times[key]
