"""Only the holder of the viewer's key, for this owner, this grant and this challenge."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from safetynet.access import base64url
from safetynet.access.model import ViewerKey
from safetynet.access.proof import (
    challenge_text,
    new_nonce,
    new_viewer_key,
    sign_proof,
    verify_proof,
    viewer_key,
)
from safetynet.base.errors import RefusedError
from safetynet.base.ids import GrantId, NodeId

MAPO, GRANT = NodeId("mapo"), GrantId("gr_1")


def test_the_challenge_is_the_text_of_the_seam() -> None:
    assert challenge_text(MAPO, GRANT, "n") == b"safetynet-view-v1\nmapo\ngr_1\nn"
    assert len(base64url.decode(new_nonce())) == 32


def test_a_proof_holds_for_its_own_challenge_alone(viewer: EllipticCurvePrivateKey) -> None:
    key, nonce = viewer_key(viewer), new_nonce()
    proof = sign_proof(viewer, MAPO, GRANT, nonce)
    verify_proof(key, MAPO, GRANT, nonce, proof)
    for args in (
        (viewer_key(new_viewer_key()), MAPO, GRANT, nonce),
        (key, NodeId("seocho"), GRANT, nonce),
        (key, MAPO, GrantId("gr_2"), nonce),
        (key, MAPO, GRANT, new_nonce()),
    ):
        with pytest.raises(RefusedError) as e:
            verify_proof(*args, proof)
        assert e.value.code == "proof.signature"


@pytest.mark.parametrize("proof", ["", "AA", "*" * 86, "A" * 87, "한" * 86])
def test_what_is_no_proof_is_malformed(viewer: EllipticCurvePrivateKey, proof: str) -> None:
    with pytest.raises(RefusedError) as e:
        verify_proof(viewer_key(viewer), MAPO, GRANT, "n", proof)
    assert e.value.code == "proof.malformed"


def test_zeros_are_no_signature(viewer: EllipticCurvePrivateKey) -> None:
    with pytest.raises(RefusedError) as e:
        verify_proof(viewer_key(viewer), MAPO, GRANT, "n", base64url.encode(bytes(64)))
    assert e.value.code == "proof.signature"


@pytest.mark.parametrize(
    "change", [{"x": base64url.encode(bytes(32))}, {"x": "*"}, {"kty": "RSA"}, {"crv": "P-384"}]
)
def test_a_point_off_the_curve_or_another_kind_is_refused(
    viewer: EllipticCurvePrivateKey, change: dict[str, str]
) -> None:
    key: ViewerKey = msgspec.structs.replace(viewer_key(viewer), **change)
    with pytest.raises(RefusedError) as e:
        verify_proof(key, MAPO, GRANT, "n", sign_proof(viewer, MAPO, GRANT, "n"))
    assert e.value.code == "proof.malformed"
