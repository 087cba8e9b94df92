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
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]


def new_id(prefix: str, now: datetime) -> str:
    """A fresh identifier such as ``inc_01j…``: 48 bits of time, 80 of chance, sortable by time.

    Layout after the ULID specification (Crockford base 32, lower case).
    """
    value = (int(now.timestamp() * 1000) << 80) | int.from_bytes(secrets.token_bytes(10))
    digits = "".join([_PAIRS[(value >> shift) & 1023] for shift in range(120, -10, -10)])
    return f"{prefix}_{digits}"
