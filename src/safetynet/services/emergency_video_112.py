"""112 센터 긴급영상 (112UC001): the 112 room sees the scene of a crime or a danger at once."""

from datetime import datetime
from typing import Final

from safetynet.incident.model import Incident, IncidentKind
from safetynet.services.model import Plan, ServiceCode, Target
from safetynet.services.quality import Quality
from safetynet.services.trigger import URGENT_DANGER, Service, Trigger, plan_for

_PERSON: Final = Trigger(target=Target.PERSON, quality=Quality.DISCERN)

SERVICE: Final = Service(
    code=ServiceCode.EMERGENCY_VIDEO_112,
    sender="112",
    basis=URGENT_DANGER,
    receivers=("112", "control"),
    triggers={
        IncidentKind.ROBBERY: _PERSON,
        IncidentKind.ABDUCTION: _PERSON,
        IncidentKind.ASSAULT: _PERSON,
        IncidentKind.THEFT: _PERSON,
        IncidentKind.TRAFFIC: Trigger(target=Target.VEHICLE, quality=Quality.OUTLINE),
        IncidentKind.CROWD: Trigger(target=Target.CROWD, quality=Quality.OVERVIEW),
    },
    grades=frozenset({"CODE0", "CODE1", "CODE2"}),
)
"""CODE3 (not urgent) and CODE4 (advice, nobody drives) are no urgent danger in the sense of the
basis. Missing persons, fires and disasters have services of their own."""


def plan(incident: Incident, now: datetime) -> Plan:
    """The plan of 112UC001; raises RefusedError where it does not answer to the incident."""
    return plan_for(SERVICE, incident, now)
