"""What a service answers to, and the refusal of everything else."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from safetynet.base.errors import RefusedError
from safetynet.incident.model import Incident, IncidentKind
from safetynet.services.model import LegalBasis, Plan, ServiceCode, Target
from safetynet.services.quality import PX_PER_M, Quality

VIEWS: Final = 4
LEASE_S: Final = 15.0
HARD_END_S: Final = 15 * 60.0
URGENT_FOR: Final = timedelta(hours=24)
"""A day after the last word on it, an incident is no clear and urgent danger any more."""

URGENT_DANGER: Final = LegalBasis(
    law="개인정보 보호법",
    clause="제18조제2항제3호",
    title_ko="명백히 정보주체 또는 제3자의 급박한 생명, 신체, 재산의 이익을 위하여 필요하다고 인정되는 경우",
    title_en="Clearly necessary for the urgent interest of life, body or property of the data subject or a third party",
)


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """What a service shows for one kind of incident."""

    target: Target
    quality: Quality


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one linked service."""

    code: ServiceCode
    sender: str
    """System code of the agency that may ask."""
    basis: LegalBasis
    receivers: tuple[str, ...]
    triggers: Mapping[IncidentKind, Trigger]
    """The whole list: a kind that is not in it is refused."""
    grades: frozenset[str] | None = None
    """The grades that are urgent enough; None where the sender has no grades."""


def plan_for(service: Service, incident: Incident, now: datetime) -> Plan:
    """The plan by a service's rules.

    Raises RefusedError: ``service.wrong_sender``, ``service.not_a_trigger``,
    ``service.incident_closed``, ``service.not_urgent``.
    """
    trigger = _checked(service, incident, now)
    return Plan(
        service=service.code,
        purpose=incident.kind.value,
        basis=service.basis,
        receivers=service.receivers,
        target=trigger.target,
        min_px_per_m=PX_PER_M[trigger.quality],
        views=VIEWS,
        lease_s=LEASE_S,
        hard_end_s=HARD_END_S,
        drill=incident.drill,
    )


def _checked(service: Service, incident: Incident, now: datetime) -> Trigger:
    where = {"service": service.code.value, "incident": incident.id}
    if incident.sender != service.sender:
        raise RefusedError("service.wrong_sender", "this agency may not ask for it", **where)
    trigger = service.triggers.get(incident.kind)
    graded = service.grades is None or not incident.grade or incident.grade in service.grades
    if trigger is None or not graded:
        raise RefusedError(
            "service.not_a_trigger",
            "the service's list of triggers does not hold this",
            kind=incident.kind.value,
            grade=incident.grade,
            **where,
        )
    if not incident.state.is_open:
        raise RefusedError("service.incident_closed", "the incident is over", **where)
    if now - incident.changed_at > URGENT_FOR:
        raise RefusedError("service.not_urgent", "nothing was heard of it for a day", **where)
    return trigger
