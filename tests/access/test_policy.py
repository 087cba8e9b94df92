"""The shipped policy permits each service its own triggers and receivers, and nothing else."""

import msgspec
import pytest

from safetynet.access.model import Grant
from safetynet.access.policy import Action, Policy, default_text
from safetynet.base.errors import InvalidError

POLICY = Policy.default()


LIVE = [Action.VIEW, Action.TURN, Action.STILL]


@pytest.mark.parametrize("action", LIVE)
@pytest.mark.parametrize(
    ("service", "purpose", "agency", "rule"),
    [
        ("119UC001", "fire", "119", "dispatch-119"),
        ("119UC001", "medical", "control", "dispatch-119"),
        ("112UC001", "robbery", "112", "emergency-video-112"),
        ("112UC001", "crowd", "control", "emergency-video-112"),
    ],
)
def test_a_service_has_its_own_triggers_and_receivers(
    grant: Grant, service: str, purpose: str, agency: str, rule: str, action: Action
) -> None:
    asked = msgspec.structs.replace(grant, service=service, purpose=purpose, agency=agency)
    decision = POLICY.decide(asked, action)
    assert decision.allowed
    assert decision.rules == (rule,)


@pytest.mark.parametrize(
    "change",
    [
        {"agency": "112"},
        {"agency": "SKT"},
        {"purpose": "robbery"},
        {"purpose": ""},
        {"service": "112UC001"},
        {"service": "999"},
        {"agency": '119" || true'},
    ],
)
def test_what_no_rule_permits_is_refused(grant: Grant, change: dict[str, str]) -> None:
    decision = POLICY.decide(msgspec.structs.replace(grant, **change))
    assert not decision.allowed
    assert decision.rules == ()


@pytest.mark.parametrize("change", [{"basis": ""}, {"incident": ""}])
def test_nobody_watches_without_basis_and_incident(grant: Grant, change: dict[str, str]) -> None:
    decision = POLICY.decide(msgspec.structs.replace(grant, **change))
    assert not decision.allowed
    assert decision.rules == ("no-basis-no-view",)


def test_a_district_adds_its_own_rule(grant: Grant) -> None:
    own = default_text() + (
        '@id("school-closed") forbid (principal, action, resource == Camera::"mapo-00001");'
        '@id("no-drills") forbid (principal, action, resource) when { context.drill };'
        '@id("ours") forbid (principal, action, resource) unless { resource.owner == "mapo" };'
    )
    decision = Policy(own).decide(grant)
    assert not decision.allowed
    assert decision.rules == ("school-closed",)
    other = msgspec.structs.replace(grant, camera="mapo-00002")
    assert Policy(own).decide(other).allowed
    assert not Policy(own).decide(msgspec.structs.replace(other, drill=True)).allowed


def test_a_rule_that_fails_to_run_permits_nothing(grant: Grant) -> None:
    text = default_text() + 'forbid (principal, action, resource) when { context.nothing == "x" };'
    assert not Policy(text).decide(grant).allowed


def test_a_malformed_policy_is_refused_at_the_door() -> None:
    with pytest.raises(InvalidError) as e:
        Policy("permit everything")
    assert e.value.code == "policy.malformed"


def test_an_export_needs_an_office_that_approved_it(grant: Grant) -> None:
    assert not POLICY.decide(grant, Action.EXPORT).allowed
    approved = POLICY.decide(grant, Action.EXPORT, approved_by="control")
    assert (approved.allowed, approved.rules) == (True, ("export-approved",))
    foreign = msgspec.structs.replace(grant, agency="112")
    assert not POLICY.decide(foreign, Action.EXPORT, approved_by="control").allowed
