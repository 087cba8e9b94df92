"""The viewer's proof that it holds the key of its grant (docs/design/0001, "viewer ↔ gateway")."""

import secrets

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

from safetynet.access import base64url
from safetynet.access.model import ViewerKey
from safetynet.base.errors import RefusedError
from safetynet.base.ids import GrantId, NodeId

PREFIX = "safetynet-view-v1"
_ES256 = ec.ECDSA(SHA256())


def new_nonce() -> str:
    """A fresh challenge: 32 random bytes, base64url."""
    return base64url.encode(secrets.token_bytes(32))


def challenge_text(audience: NodeId, grant: GrantId, nonce: str) -> bytes:
    """What the viewer signs."""
    return f"{PREFIX}\n{audience}\n{grant}\n{nonce}".encode()


def verify_proof(key: ViewerKey, audience: NodeId, grant: GrantId, nonce: str, proof: str) -> None:
    """Check ES256 (raw r‖s, base64url); raises ``RefusedError`` ``proof.malformed`` or ``proof.signature``."""
    try:
        public = _public_key(key)
        raw = base64url.decode(proof)
        if len(raw) != 64:
            raise ValueError("64 bytes expected")
    except ValueError as e:
        raise RefusedError("proof.malformed", "this is no proof", grant=grant) from e
    r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    try:
        public.verify(encode_dss_signature(r, s), challenge_text(audience, grant, nonce), _ES256)
    except InvalidSignature as e:
        raise RefusedError("proof.signature", "the proof does not hold", grant=grant) from e


def new_viewer_key() -> ec.EllipticCurvePrivateKey:
    """A fresh private key for a headless viewer."""
    return ec.generate_private_key(ec.SECP256R1())


def viewer_key(private: ec.EllipticCurvePrivateKey) -> ViewerKey:
    """The public half of a viewer's key."""
    numbers = private.public_key().public_numbers()
    x, y = (base64url.encode(n.to_bytes(32)) for n in (numbers.x, numbers.y))
    return ViewerKey(kty="EC", crv="P-256", x=x, y=y)


def sign_proof(
    private: ec.EllipticCurvePrivateKey, audience: NodeId, grant: GrantId, nonce: str
) -> str:
    """The proof that a headless viewer presents."""
    r, s = decode_dss_signature(private.sign(challenge_text(audience, grant, nonce), _ES256))
    return base64url.encode(r.to_bytes(32) + s.to_bytes(32))


def _public_key(key: ViewerKey) -> ec.EllipticCurvePublicKey:
    if (key.kty, key.crv) != ("EC", "P-256"):
        raise ValueError("not a P-256 key")
    x, y = (int.from_bytes(base64url.decode(c)) for c in (key.x, key.y))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
