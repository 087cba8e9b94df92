"""Each service has its own list of triggers, and a request outside it is refused."""

from datetime import UTC, datetime, timedelta

import pytest

from safetynet.base.errors import RefusedError
from safetynet.base.geo import LonLat
from safetynet.base.ids import IncidentId
from safetynet.incident.model import (
    Incident,
    IncidentKind,
    IncidentPlace,
    IncidentState,
    PlaceOrigin,
)
from safetynet.services.model import ServiceCode, Target
from safetynet.services.plan import find_service, plan_incident
from safetynet.services.quality import CLASSES_2014, PX_PER_M, Quality, class_2014_of, quality_of

NOW = datetime(2026, 11, 22, 8, 16, tzinfo=UTC)
TRIGGERS = {
    "119": {"fire", "rescue", "medical", "traffic", "crowd"},
    "112": {"robbery", "abduction", "assault", "theft", "traffic", "crowd"},
}


def incident(
    sender: str = "119",
    kind: IncidentKind = IncidentKind.FIRE,
    grade: str = "",
    state: IncidentState = IncidentState.OPEN,
    drill: bool = False,
) -> Incident:
    """An incident as a service sees it."""
    place = IncidentPlace(
        at=LonLat(126.9, 37.5), error_m=20, origin=PlaceOrigin.REPORTED, address="", dong_code=""
    )
    return Incident(
        id=IncidentId("inc_1"),
        sender=sender,
        key="T1",
        state=state,
        kind=kind,
        grade=grade,
        detail="",
        place=place,
        drill=drill,
        occurred_at=NOW,
        received_at=NOW,
        changed_at=NOW,
    )


@pytest.mark.parametrize("sender", ["119", "112"])
@pytest.mark.parametrize("kind", list(IncidentKind))
def test_only_what_is_in_the_list_gets_a_plan(sender: str, kind: IncidentKind) -> None:
    if kind in TRIGGERS[sender]:
        plan = plan_incident(incident(sender, kind), NOW)
        assert plan.purpose == kind
        assert plan.receivers == (sender, "control")
        assert (plan.views, plan.lease_s, plan.hard_end_s) == (4, 15.0, 900.0)
        return
    with pytest.raises(RefusedError) as caught:
        plan_incident(incident(sender, kind), NOW)
    assert caught.value.code == "service.not_a_trigger"


@pytest.mark.parametrize(
    ("sender", "kind", "target", "px_per_m"),
    [
        ("119", IncidentKind.FIRE, Target.FIRE, 20),
        ("119", IncidentKind.MEDICAL, Target.PERSON, 40),
        ("119", IncidentKind.TRAFFIC, Target.VEHICLE, 40),
        ("112", IncidentKind.ROBBERY, Target.PERSON, 80),
        ("112", IncidentKind.CROWD, Target.CROWD, 20),
    ],
)
def test_target_and_quality(
    sender: str, kind: IncidentKind, target: Target, px_per_m: float
) -> None:
    plan = plan_incident(incident(sender, kind), NOW)
    assert (plan.target, plan.min_px_per_m) == (target, px_per_m)


def test_the_basis_is_the_urgent_danger_of_the_privacy_act() -> None:
    for sender, kind in (("119", IncidentKind.FIRE), ("112", IncidentKind.ROBBERY)):
        basis = plan_incident(incident(sender, kind), NOW).basis
        assert (basis.law, basis.clause) == ("개인정보 보호법", "제18조제2항제3호")


@pytest.mark.parametrize(
    ("grade", "allowed"),
    [
        ("", True),
        ("CODE0", True),
        ("CODE1", True),
        ("CODE2", True),
        ("CODE3", False),
        ("CODE4", False),
    ],
)
def test_a_112_call_that_is_not_urgent_opens_nothing(grade: str, allowed: bool) -> None:
    case = incident("112", IncidentKind.ASSAULT, grade)
    if allowed:
        assert plan_incident(case, NOW).service is ServiceCode.EMERGENCY_VIDEO_112
        return
    with pytest.raises(RefusedError) as caught:
        plan_incident(case, NOW)
    assert caught.value.code == "service.not_a_trigger"


def test_a_sender_without_a_service_is_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        plan_incident(incident("SKT"), NOW)
    assert caught.value.code == "service.no_service"
    assert find_service("SKT") is None


def test_an_incident_that_is_over_or_old_opens_nothing() -> None:
    for state in set(IncidentState) - {IncidentState.OPEN}:
        with pytest.raises(RefusedError) as caught:
            plan_incident(incident(state=state), NOW)
        assert caught.value.code == "service.incident_closed"
    with pytest.raises(RefusedError) as caught:
        plan_incident(incident(), NOW + timedelta(hours=25))
    assert caught.value.code == "service.not_urgent"


def test_a_drill_gets_the_same_plan_marked() -> None:
    real, drill = plan_incident(incident(), NOW), plan_incident(incident(drill=True), NOW)
    assert drill.drill
    assert not real.drill
    assert (drill.service, drill.target, drill.views) == (real.service, real.target, real.views)


def test_both_editions_of_the_quality_classes_rise() -> None:
    assert list(PX_PER_M) == list(Quality)
    assert list(PX_PER_M.values()) == sorted(PX_PER_M.values())
    old = [c.px_per_m for c in CLASSES_2014]
    assert old == sorted(old)
    assert (quality_of(19.9), quality_of(20), quality_of(130)) == (
        (None, Quality.OVERVIEW, Quality.PERCEIVE)
    )
    reached = class_2014_of(62.5)
    assert reached is not None
    assert reached.name == "observe"
    assert class_2014_of(1) is None
