"""Reports and incidents as values."""

from datetime import datetime
from enum import IntEnum, StrEnum

import msgspec

from safetynet.base.geo import LonLat
from safetynet.base.ids import IncidentId, ReportId


class Progress(IntEnum):
    """State words of the wire (DOMAIN: progress codes), as observed in public implementations."""

    OCCURRED = 10
    CHANGED = 40
    HANDLED = 50
    WITHDRAWN = 90
    ENDED = 91
    ENDED_BY_ITSELF = 92


class IncidentState(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    HANDLED = "handled"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"
    ENDED_BY_ITSELF = "ended_by_itself"

    @property
    def is_open(self) -> bool:
        """True while views may be shown for it."""
        return self is IncidentState.OPEN


class IncidentKind(StrEnum):
    """What happened, across all services."""

    FIRE = "fire"
    RESCUE = "rescue"
    MEDICAL = "medical"
    OTHER = "other"
    ROBBERY = "robbery"
    ABDUCTION = "abduction"
    ASSAULT = "assault"
    THEFT = "theft"
    TRAFFIC = "traffic"
    CROWD = "crowd"
    DISASTER = "disaster"
    MISSING = "missing"


class PlaceOrigin(StrEnum):
    """How the place of a report was found; decides its uncertainty."""

    REPORTED = "reported"
    SWAPPED = "swapped"
    """Longitude and latitude stood in each other's field."""
    LEGAL_DONG = "legal_dong"
    """No usable position: the legal dong stands for it."""
    UNKNOWN = "unknown"


class Report(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a sender sent, read but not judged. Personal fields stay in ``raw``, which is sealed."""

    id: ReportId
    sender: str
    """System code of the sender: ``119``, ``112``, …"""
    key: str
    """The sender's own number of the incident; (sender, key) is one incident."""
    format: str
    """``ucp-119``, ``ucp-112``, ``http``."""
    progress: Progress
    kind: IncidentKind
    grade: str
    """``CODE0``…``CODE4`` for 112; empty elsewhere."""
    detail: str
    """The sender's words on what happened."""
    at: LonLat | None
    """As sent; may be (0, 0), swapped or absent."""
    error_m: float | None
    """Where the sender says how sure the position is."""
    address: str
    dong_code: str
    occurred_at: datetime
    received_at: datetime
    drill: bool
    raw: bytes
    told_at: datetime | None = None
    """When the sender sent this word; orders the words on one incident. None: when received."""


class IncidentPlace(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where an incident is, and how well that is known."""

    at: LonLat
    error_m: float
    origin: PlaceOrigin
    address: str
    dong_code: str


class Incident(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event, made of all reports with one (sender, key)."""

    id: IncidentId
    sender: str
    key: str
    state: IncidentState
    kind: IncidentKind
    grade: str
    detail: str
    place: IncidentPlace
    drill: bool
    occurred_at: datetime
    received_at: datetime
    """Of the first report: time-to-eyes counts from here."""
    changed_at: datetime
    ended_at: datetime | None = None
    revision: int = 1
    """Rises by one with every accepted change."""
    told: "Told | None" = None
    """Which reports the present words come from; None in values made outside the state rules."""


class Told(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where an incident's words come from: what decides when reports come out of order."""

    at: datetime
    """When the sender sent the words that stand now."""
    by: Progress
    place_at: datetime
    """When the sender sent the place that stands now."""


class Accepted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the hub says of a report once it is on disk."""

    incident: IncidentId
    report: ReportId
    new: bool
    """True where the report opened an incident."""
    state: IncidentState


class KeptMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Bytes from a sender that made no report: kept whole, with the reason."""

    id: ReportId
    sender: str
    """System code where it could be read; else empty."""
    format: str
    code: str
    """Stable word of the reason: ``ucp.header``, ``ucp.not_used_yet`` …"""
    refused: bool
    """False for messages that are well formed and acknowledged, only not used yet."""
    received_at: datetime
    raw: bytes
