"""The owner's policy: readable rules in Cedar that have the last word over every grant."""

from enum import StrEnum
from importlib import resources

import cedarpy
import msgspec

from safetynet.access.model import Grant
from safetynet.base.errors import InvalidError
from safetynet.base.ids import CameraId, IncidentId, NodeId


class Action(StrEnum):
    """What is asked for."""

    VIEW = "view"
    TURN = "turn"
    STILL = "still"
    """Take a still that outlives the view."""
    EXPORT = "export"
    """Record a clip, or fetch one."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One question to the policy."""

    agency: str
    action: Action
    camera: CameraId
    owner: NodeId
    issuer: NodeId
    incident: IncidentId
    service: str
    purpose: str
    basis: str
    drill: bool
    approved_by: str = ""
    """The office that approved an export; empty for anything else."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, with the names of the rules that made it; none where no rule permits."""

    allowed: bool
    rules: tuple[str, ...]


class Policy:
    """One district's rules, parsed once; deciding is pure and takes well under a millisecond."""

    def __init__(self, text: str) -> None:
        """Raises ``InvalidError`` ``policy.malformed`` with the place of the mistake."""
        try:
            self._set = cedarpy.PolicySet.from_str(text)
        except ValueError as e:
            raise InvalidError("policy.malformed", str(e)) from e

    @classmethod
    def default(cls) -> "Policy":
        """The policy that comes with the program: ``access/policies/default.cedar``."""
        return cls(default_text())

    def decide(
        self, grant: Grant, action: Action = Action.VIEW, *, approved_by: str = ""
    ) -> Decision:
        """May the grant's agency do this with its camera?"""
        return self.decide_ask(
            Ask(
                agency=grant.agency,
                action=action,
                camera=grant.camera,
                owner=grant.audience,
                issuer=grant.issuer,
                incident=grant.incident,
                service=grant.service,
                purpose=grant.purpose,
                basis=grant.basis,
                drill=grant.drill,
                approved_by=approved_by,
            )
        )

    def decide_ask(self, ask: Ask) -> Decision:
        """The same for a command that names no grant. A rule that fails to run permits nothing."""
        camera = {"type": "Camera", "id": str(ask.camera)}
        owner = {"uid": camera, "attrs": {"owner": str(ask.owner)}, "parents": []}
        result = cedarpy.is_authorized(_request(ask, camera), self._set, [owner])
        names = result.diagnostics.id_annotations_by_reason
        rules = tuple(sorted(str(names.get(r) or r) for r in result.diagnostics.reasons))
        allowed = result.allowed and not result.diagnostics.errors
        return Decision(allowed=allowed, rules=rules)


def default_text() -> str:
    """The shipped policy's text, for a district to start from."""
    return (resources.files(__package__) / "policies" / "default.cedar").read_text("utf-8")


def _request(ask: Ask, camera: dict[str, str]) -> dict[str, object]:
    return {
        "principal": {"type": "Agency", "id": ask.agency},
        "action": {"type": "Action", "id": ask.action.value},
        "resource": camera,
        "context": {
            "issuer": str(ask.issuer),
            "incident": str(ask.incident),
            "service": ask.service,
            "purpose": ask.purpose,
            "basis": ask.basis,
            "drill": ask.drill,
            "approved_by": ask.approved_by,
        },
    }
