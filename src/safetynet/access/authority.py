"""The owner's decision on a viewer that presents a grant."""

from collections.abc import Callable
from dataclasses import dataclass

from safetynet.access import entries
from safetynet.access.grants import decode_grant
from safetynet.access.keys import KeyRing
from safetynet.access.lease import LeaseTable
from safetynet.access.model import EndReason, Grant
from safetynet.access.policy import Action, Policy
from safetynet.access.proof import verify_proof
from safetynet.base.clock import Clock
from safetynet.base.errors import RefusedError
from safetynet.base.ids import HUB, CameraId, NodeId, SessionId
from safetynet.journal.entry import Draft

_REFUSAL = {
    EndReason.CLOSED: ("grant.closed", "the issuer closed the grant"),
    EndReason.HARD_END: ("grant.expired", "the grant has ended"),
    EndReason.LEASE_RAN_OUT: ("grant.lease", "the issuer no longer renews the grant"),
}


def _nowhere(_: NodeId, __: CameraId) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What becomes of a presentation; ``drafts`` must be in the journal before the viewer hears it."""

    session: SessionId
    grant: Grant | None
    """The grant that holds, or that was refused for a reason after its signature held."""
    error: RefusedError | None
    """None where the viewer may watch."""
    drafts: tuple[Draft, ...]

    @property
    def accepted(self) -> bool:
        """True where the viewer may watch."""
        return self.error is None


class Authority:
    """One owner's last word: signature, clock, owner, issuer, policy and lease, in this order.

    A session counts in the lease table only after ``admit``, which the caller does once the drafts
    are on disk.
    """

    def __init__(
        self,
        node: NodeId,
        *,
        keyring: KeyRing,
        policy: Policy,
        leases: LeaseTable,
        owns: Callable[[CameraId], bool],
        clock: Clock,
        at_border: Callable[[NodeId, CameraId], bool] = _nowhere,
    ) -> None:
        """``at_border``: whether a camera stands at the border of the district that issued a grant."""
        self.node = node
        self.leases = leases
        self._keyring = keyring
        self._policy = policy
        self._owns = owns
        self._at_border = at_border
        self._clock = clock

    def judge(
        self,
        session: SessionId,
        token: str,
        proof: str,
        nonce: str,
        *,
        file: str = "",
        check_file: Callable[[Grant], None] | None = None,
    ) -> Verdict:
        """Decide on one presentation; never raises a refusal, it is in the verdict.

        ``file`` is what it wants to fetch instead of watching; ``check_file`` raises ``RefusedError``
        where this grant does not reach it.
        """
        grant: Grant | None = None
        rules: tuple[str, ...] = ()
        try:
            grant = decode_grant(token, self._keyring, self.node, self._clock.now())
            verify_proof(grant.viewer_key, self.node, grant.id, nonce, proof)
            self._check_owner(grant)
            self._check_issuer(grant)
            rules = self._check_policy(grant)
            self._check_lease(grant)
            if check_file is not None:
                check_file(grant)
        except RefusedError as e:
            draft = entries.refused(session, e.code, grant, rules=_rules_of(e))
            return Verdict(session=session, grant=grant, error=e, drafts=(draft,))
        new = self._know(grant)
        drafts = [entries.received(grant, rules=rules)] if new else []
        drafts.append(entries.opened(session, grant, rules=rules, file=file))
        return Verdict(session=session, grant=grant, error=None, drafts=tuple(drafts))

    def admit(self, verdict: Verdict) -> float:
        """The session begins; returns the seconds it may go on. 0 where the grant was closed meanwhile."""
        if verdict.grant is None or not verdict.accepted:
            raise ValueError("only an accepted verdict can be admitted")
        now_s = self._clock.monotonic_s()
        self.leases.open(verdict.session, verdict.grant.id)
        return self.leases.left_s(verdict.session, now_s)

    def _check_owner(self, grant: Grant) -> None:
        if not self._owns(grant.camera):
            raise RefusedError("grant.camera", "not a camera of this owner", camera=grant.camera)

    def _check_issuer(self, grant: Grant) -> None:
        """The hub may ask for any camera, the owner for its own; a neighbour for those at its border."""
        if grant.issuer in (HUB, self.node) or self._at_border(grant.issuer, grant.camera):
            return
        raise RefusedError(
            "grant.beyond_border",
            "a neighbour's right ends at its border",
            issuer=grant.issuer,
            camera=grant.camera,
        )

    def _check_policy(self, grant: Grant) -> tuple[str, ...]:
        decision = self._policy.decide(grant, Action.VIEW)
        if not decision.allowed:
            rules = " ".join(decision.rules)
            raise RefusedError("policy.denied", "the owner's policy says no", rules=rules)
        return decision.rules

    def _check_lease(self, grant: Grant) -> None:
        reason = self.leases.refusal(grant, self._clock.monotonic_s())
        if reason is not None:
            code, message = _REFUSAL[reason]
            raise RefusedError(code, message, grant=grant.id)

    def _know(self, grant: Grant) -> bool:
        """The hard end as a duration from here; an owner's late clock does not lengthen it."""
        left = min(grant.hard_end - self._clock.now(), grant.hard_end - grant.issued_at)
        return self.leases.know(grant, left_s=left.total_seconds(), now_s=self._clock.monotonic_s())


def _rules_of(error: RefusedError) -> tuple[str, ...]:
    rules = error.fields.get("rules")
    return tuple(rules.split()) if isinstance(rules, str) else ()
