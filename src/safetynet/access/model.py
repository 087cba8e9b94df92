"""A grant and what it binds together, as values."""

from datetime import datetime
from enum import StrEnum

import msgspec

from safetynet.base.ids import CameraId, GrantId, IncidentId, NodeId, SessionId, ViewerId


class ViewerKey(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer's public key as a JWK (RFC 7517): EC P-256, for ES256."""

    kty: str
    crv: str
    x: str
    y: str


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """Who watches: one console or app, holding one private key that never leaves it."""

    id: ViewerId
    agency: str
    """``119``, ``112``, ``control``."""
    name: str
    key: ViewerKey


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A right of one viewer to one camera's picture, for a purpose, until a time."""

    id: GrantId
    issuer: NodeId
    audience: NodeId
    """The owner, which checks it."""
    incident: IncidentId
    camera: CameraId
    viewer: ViewerId
    viewer_key: ViewerKey
    agency: str
    service: str
    purpose: str
    basis: str
    """Law and clause in one line, as in the ledger."""
    drill: bool
    issued_at: datetime
    hard_end: datetime
    lease_s: float
    """Length of the first lease; the owner counts it on its own monotonic clock."""


class EndReason(StrEnum):
    """Why a session ended."""

    VIEWER_LEFT = "viewer_left"
    CLOSED = "closed"
    """The issuer closed the grant."""
    LEASE_RAN_OUT = "lease_ran_out"
    HARD_END = "hard_end"
    SOURCE_LOST = "source_lost"
    NODE_STOPPED = "node_stopped"
    COMPLETE = "complete"
    """The whole file was handed out."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One viewer watching under a grant."""

    id: SessionId
    grant: GrantId
    opened_at: datetime
