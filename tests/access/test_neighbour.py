"""A neighbour's right ends at its border, whatever its key signs and whatever the owner's policy permits."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from safetynet.access.authority import Authority, Verdict
from safetynet.access.grants import encode_grant
from safetynet.access.keys import KeyRing, NodeKey, open_node_key
from safetynet.access.lease import HubLoss, LeaseTable
from safetynet.access.model import Grant
from safetynet.access.policy import Policy, default_text
from safetynet.access.proof import sign_proof
from safetynet.base.clock import ManualClock
from safetynet.base.ids import CameraId, NodeId, SessionId

MAPO, SEOCHO = NodeId("mapo"), NodeId("seocho")
AT_BORDER, INSIDE = CameraId("mapo-00001"), CameraId("mapo-00002")
NO_NEIGHBOURS = """
forbid (principal, action, resource)
when { context.issuer != "hub" && context.issuer != resource.owner };
"""


@pytest.fixture(scope="session")
def seocho_key(tmp_path_factory: pytest.TempPathFactory) -> NodeKey:
    return open_node_key(tmp_path_factory.mktemp("seocho"), SEOCHO)


def present_to(
    keys: list[NodeKey], policy: Policy, clock: ManualClock, viewer: EllipticCurvePrivateKey
) -> Callable[[Grant, NodeKey], Verdict]:
    """A presentation to 마포, which knows these keys and has one camera at 서초's border."""
    authority = Authority(
        MAPO,
        keyring=KeyRing(key.jwk() for key in keys),
        policy=policy,
        leases=LeaseTable(HubLoss.HOLD),
        owns={AT_BORDER, INSIDE}.__contains__,
        at_border=lambda issuer, camera: (issuer, camera) == (SEOCHO, AT_BORDER),
        clock=clock,
    )

    def present(grant: Grant, signed_by: NodeKey) -> Verdict:
        proof = sign_proof(viewer, MAPO, grant.id, "n")
        return authority.judge(SessionId("ses_1"), encode_grant(grant, signed_by), proof, "n")

    return present


def of(grant: Grant, issuer: NodeId, camera: CameraId) -> Grant:
    return msgspec.structs.replace(grant, issuer=issuer, camera=camera)


def test_a_neighbour_may_have_what_stands_at_its_border_and_nothing_else(
    grant: Grant,
    seocho_key: NodeKey,
    hub_key: NodeKey,
    clock: ManualClock,
    viewer: EllipticCurvePrivateKey,
) -> None:
    present = present_to([seocho_key, hub_key], Policy.default(), clock, viewer)
    assert present(of(grant, SEOCHO, AT_BORDER), seocho_key).accepted
    refused = present(of(grant, SEOCHO, INSIDE), seocho_key)
    assert refused.error is not None
    assert refused.error.code == "grant.beyond_border"
    assert present(of(grant, NodeId("hub"), INSIDE), hub_key).accepted


def test_an_owner_grants_its_own_cameras_wherever_they_stand(
    grant: Grant, tmp_path: Path, clock: ManualClock, viewer: EllipticCurvePrivateKey
) -> None:
    own = open_node_key(tmp_path, MAPO)
    present = present_to([own], Policy.default(), clock, viewer)
    assert present(of(grant, MAPO, INSIDE), own).accepted


def test_a_neighbour_whose_key_the_owner_does_not_name_is_nobody(
    grant: Grant,
    seocho_key: NodeKey,
    hub_key: NodeKey,
    clock: ManualClock,
    viewer: EllipticCurvePrivateKey,
) -> None:
    present = present_to([hub_key], Policy.default(), clock, viewer)
    refused = present(of(grant, SEOCHO, AT_BORDER), seocho_key)
    assert refused.error is not None
    assert refused.error.code == "grant.unknown_issuer"


def test_an_owner_may_want_no_neighbours(
    grant: Grant,
    seocho_key: NodeKey,
    hub_key: NodeKey,
    clock: ManualClock,
    viewer: EllipticCurvePrivateKey,
) -> None:
    policy = Policy(default_text() + NO_NEIGHBOURS)
    present = present_to([seocho_key, hub_key], policy, clock, viewer)
    refused = present(of(grant, SEOCHO, AT_BORDER), seocho_key)
    assert refused.error is not None
    assert refused.error.code == "policy.denied"
    assert present(of(grant, NodeId("hub"), AT_BORDER), hub_key).accepted
