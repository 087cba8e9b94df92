"""From an incident to its plan: which linked service answers, and what it wants done. Pure."""

from datetime import datetime

from safetynet.base.errors import RefusedError
from safetynet.incident.model import Incident
from safetynet.services import dispatch_119, emergency_video_112
from safetynet.services.model import LegalBasis, Plan, ServiceCode

SERVICES = (dispatch_119.SERVICE, emergency_video_112.SERVICE)


def plan_incident(incident: Incident, now: datetime) -> Plan:
    """The plan by the service of the incident's sender; a drill gets the same plan, marked.

    Raises RefusedError: ``service.not_a_trigger``, ``service.no_service`` (no linked service takes
    incidents of this sender), ``service.incident_closed``, ``service.not_urgent``.
    """
    match incident.sender:
        case "119":
            return dispatch_119.plan(incident, now)
        case "112":
            return emergency_video_112.plan(incident, now)
        case _:
            raise RefusedError("service.no_service", "no linked service has this sender")


def find_service(sender: str) -> tuple[ServiceCode, LegalBasis] | None:
    """Code and basis of the service that takes a sender's incidents; None where there is none."""
    return next(((s.code, s.basis) for s in SERVICES if s.sender == sender), None)
