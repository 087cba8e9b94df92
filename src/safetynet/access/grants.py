"""A grant as a signed text: EdDSA JWT (RFC 7519, 8037), bound to the viewer's key (RFC 7800).

Written over ``cryptography`` with one algorithm and one shape, so that there is nothing to
negotiate: a header that says anything else is refused before its signature is looked at.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, NoReturn

import msgspec

from safetynet.access import base64url
from safetynet.access.keys import KeyRing, NodeKey
from safetynet.access.model import Grant, ViewerKey
from safetynet.base.errors import RefusedError
from safetynet.base.ids import CameraId, GrantId, IncidentId, NodeId, ViewerId

TYPE = "sn-grant+jwt"
ALGORITHM = "EdDSA"
MAX_TOKEN_CHARS = 4096
CLOCK_SKEW = timedelta(seconds=30)
"""How far an issuer's clock may be ahead of the owner's."""

_Coordinate = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{43}\Z")]
_Seconds = Annotated[int, msgspec.Meta(ge=0, le=253402300799)]


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: str
    kid: NodeId
    typ: str


class _Jwk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kty: str
    crv: str
    x: _Coordinate
    y: _Coordinate


class _Confirmation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    jwk: _Jwk


class _Claims(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    iss: NodeId
    aud: NodeId
    jti: GrantId
    iat: _Seconds
    exp: _Seconds
    cnf: _Confirmation
    incident: IncidentId
    camera: CameraId
    viewer: ViewerId
    agency: str
    service: str
    purpose: str
    basis: str
    drill: bool
    lease_ms: Annotated[int, msgspec.Meta(ge=0, le=86_400_000)]


_header = msgspec.json.Decoder(_Header)
_claims = msgspec.json.Decoder(_Claims)


def encode_grant(grant: Grant, key: NodeKey) -> str:
    """Sign a grant as its issuer. Times become whole seconds, rounded down."""
    if key.node != grant.issuer:
        raise RefusedError("grant.issuer", "only the issuer signs", issuer=grant.issuer)
    header = msgspec.json.encode(_Header(ALGORITHM, key.node, TYPE))
    claims = msgspec.json.encode(_claims_of(grant))
    signed = f"{base64url.encode(header)}.{base64url.encode(claims)}"
    return f"{signed}.{base64url.encode(key.sign(signed.encode()))}"


def decode_grant(token: str, keyring: KeyRing, audience: NodeId, now: datetime) -> Grant:
    """Read and check a grant; ``now`` is the owner's own wall time.

    Raises ``RefusedError`` ``grant.malformed``, ``grant.algorithm``, ``grant.unknown_issuer``,
    ``grant.signature``, ``grant.audience``, ``grant.not_yet`` or ``grant.expired``, in this order.
    """
    claims = _verified(token, keyring)
    if claims.aud != audience:
        raise RefusedError("grant.audience", "the grant is for another owner", grant=claims.jti)
    grant = _grant_of(claims)
    if grant.issued_at > now + CLOCK_SKEW:
        raise RefusedError("grant.not_yet", "the grant is from the future", grant=claims.jti)
    if grant.hard_end <= now:
        raise RefusedError("grant.expired", "the grant has ended", grant=claims.jti)
    return grant


def _verified(token: str, keyring: KeyRing) -> _Claims:
    parts = token.split(".")
    if len(token) > MAX_TOKEN_CHARS or len(parts) != 3:
        _malformed()
    try:
        header = _header.decode(base64url.decode(parts[0]))
    except (ValueError, msgspec.DecodeError):
        _malformed()
    if header.alg != ALGORITHM:
        raise RefusedError("grant.algorithm", "only EdDSA signs grants")
    if header.typ != TYPE:
        _malformed()
    if not keyring.knows(header.kid):
        raise RefusedError("grant.unknown_issuer", "no key of this issuer is known")
    try:
        payload, signature = base64url.decode(parts[1]), base64url.decode(parts[2])
    except ValueError:
        _malformed()
    if not keyring.verify(header.kid, signature, f"{parts[0]}.{parts[1]}".encode()):
        raise RefusedError("grant.signature", "the signature does not hold", issuer=header.kid)
    try:
        claims = _claims.decode(payload)
    except msgspec.DecodeError:
        _malformed()
    if claims.iss != header.kid or (claims.cnf.jwk.kty, claims.cnf.jwk.crv) != ("EC", "P-256"):
        _malformed()
    return claims


def _malformed() -> NoReturn:
    raise RefusedError("grant.malformed", "this is no grant") from None


def _claims_of(grant: Grant) -> _Claims:
    key = grant.viewer_key
    return _Claims(
        iss=grant.issuer,
        aud=grant.audience,
        jti=grant.id,
        iat=int(grant.issued_at.timestamp()),
        exp=int(grant.hard_end.timestamp()),
        cnf=_Confirmation(_Jwk(key.kty, key.crv, key.x, key.y)),
        incident=grant.incident,
        camera=grant.camera,
        viewer=grant.viewer,
        agency=grant.agency,
        service=grant.service,
        purpose=grant.purpose,
        basis=grant.basis,
        drill=grant.drill,
        lease_ms=round(grant.lease_s * 1000),
    )


def _grant_of(claims: _Claims) -> Grant:
    jwk = claims.cnf.jwk
    return Grant(
        id=claims.jti,
        issuer=claims.iss,
        audience=claims.aud,
        incident=claims.incident,
        camera=claims.camera,
        viewer=claims.viewer,
        viewer_key=ViewerKey(kty=jwk.kty, crv=jwk.crv, x=jwk.x, y=jwk.y),
        agency=claims.agency,
        service=claims.service,
        purpose=claims.purpose,
        basis=claims.basis,
        drill=claims.drill,
        issued_at=datetime.fromtimestamp(claims.iat, UTC),
        hard_end=datetime.fromtimestamp(claims.exp, UTC),
        lease_s=claims.lease_ms / 1000,
    )
