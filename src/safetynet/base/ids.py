"""Identifiers as types, and how new ones are made."""

import secrets
from datetime import datetime
from typing import NewType

NodeId = NewType("NodeId", str)
"""A node of the net: ``hub`` or a district's slug such as ``mapo``. Lower-case ASCII, digits, hyphen."""
CameraId = NewType("CameraId", str)
"""A camera in the whole city: ``<district slug>-<number>``, e.g. ``mapo-00123``."""
IncidentId = NewType("IncidentId", str)
ReportId = NewType("ReportId", str)
GrantId = NewType("GrantId", str)
SessionId = NewType("SessionId", str)
ViewerId = NewType("ViewerId", str)

HUB = NodeId("hub")

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str, now: datetime) -> str:
    """A fresh identifier such as ``inc_01j…``: 48 bits of time, 80 of chance, sortable by time.

    Layout after the ULID specification (Crockford base 32, lower case).
    """
    value = (int(now.timestamp() * 1000) << 80) | secrets.randbits(80)
    digits = "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -5, -5))
    return f"{prefix}_{digits}"
