"""119 긴급출동 (119UC001): the 119 room and its crews see the scene of a fire, rescue or medical call."""

from datetime import datetime
from typing import Final

from safetynet.incident.model import Incident, IncidentKind
from safetynet.services.model import Plan, ServiceCode, Target
from safetynet.services.quality import Quality
from safetynet.services.trigger import URGENT_DANGER, Service, Trigger, plan_for

_PERSON: Final = Trigger(target=Target.PERSON, quality=Quality.OUTLINE)

SERVICE: Final = Service(
    code=ServiceCode.DISPATCH_119,
    sender="119",
    basis=URGENT_DANGER,
    receivers=("119", "control"),
    triggers={
        IncidentKind.FIRE: Trigger(target=Target.FIRE, quality=Quality.OVERVIEW),
        IncidentKind.RESCUE: _PERSON,
        IncidentKind.MEDICAL: _PERSON,
        IncidentKind.TRAFFIC: Trigger(target=Target.VEHICLE, quality=Quality.OUTLINE),
        IncidentKind.CROWD: Trigger(target=Target.CROWD, quality=Quality.OVERVIEW),
    },
)
"""Traffic and crowd accidents are rescues that a newer interface names more closely than 구조. 기타 is
refused: it is no danger until the room says which.

The basis is the urgent danger to life, body and property and not "another law" (number 2): no
article of 소방기본법 or 119구조·구급에 관한 법률 that itself provides for handing over camera pictures
was at hand to cite."""


def plan(incident: Incident, now: datetime) -> Plan:
    """The plan of 119UC001; raises RefusedError where it does not answer to the incident."""
    return plan_for(SERVICE, incident, now)
