"""What a service wants done about an incident, as a value."""

from enum import StrEnum

import msgspec


class ServiceCode(StrEnum):
    """The linked services by their codes in the legacy interface."""

    EMERGENCY_VIDEO_112 = "112UC001"
    DISPATCH_119 = "119UC001"


class Target(StrEnum):
    """What the pictures must show; the words of ``sight.TargetKind``."""

    PERSON = "person"
    VEHICLE = "vehicle"
    CROWD = "crowd"
    FIRE = "fire"


class LegalBasis(msgspec.Struct, frozen=True, kw_only=True):
    """The law that allows the use, as it stands in the ledger."""

    law: str
    """e.g. ``개인정보 보호법``."""
    clause: str
    """e.g. ``제18조제2항제3호``."""
    title_ko: str
    title_en: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Purpose, basis, receivers, quality, number and duration of the views for one incident."""

    service: ServiceCode
    purpose: str
    """Stable word: ``fire``, ``rescue``, ``robbery`` …; policies decide on it."""
    basis: LegalBasis
    receivers: tuple[str, ...]
    """Agencies that may watch: ``119``, ``112``, ``control``."""
    target: Target
    min_px_per_m: float
    views: int
    lease_s: float
    """Length of one lease; renewed while the incident is open."""
    hard_end_s: float
    """No grant of this plan outlives this, renewed or not."""
    drill: bool = False
    """True where it is an exercise: everything is done alike, and marked."""
