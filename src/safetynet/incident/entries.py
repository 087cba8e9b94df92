"""Bodies of the journal entries on incidents (docs/design/0002).

Integers only, the unit in the name; nothing personal in the clear: a sender's words, the address and
the raw bytes stand sealed. Sealing itself is the caller's: these bodies take what it made.
"""

from typing import Final

import msgspec

from safetynet.base.errors import InvalidError
from safetynet.base.geo import LonLat
from safetynet.base.ids import IncidentId, NodeId, ReportId
from safetynet.incident.model import (
    Incident,
    IncidentKind,
    IncidentPlace,
    IncidentState,
    KeptMessage,
    PlaceOrigin,
    Progress,
    Report,
    Told,
)
from safetynet.incident.state import Change, Outcome, leads
from safetynet.journal.entry import Draft, read_time, time_text

REPORT_ACCEPTED: Final = "report.accepted/1"
REPORT_REJECTED: Final = "report.rejected/1"
MESSAGE_UNUSED: Final = "message.unused/1"
"""A well formed message that nothing uses yet: acknowledged and kept."""
INCIDENT_OPENED: Final = "incident.opened/1"
INCIDENT_CHANGED: Final = "incident.changed/1"
INCIDENT_ENDED: Final = "incident.ended/1"
INCIDENT_KINDS: Final = frozenset({INCIDENT_OPENED, INCIDENT_CHANGED, INCIDENT_ENDED})
INCIDENT_JOINED: Final = "incident.joined/1"
"""Two nodes were told of one event; both incidents stay on the record."""


class Sealed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sealed value as it stands in an entry."""

    sealed: str
    key: str


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """The personal words of a report or an incident: what is sealed, as JSON."""

    detail: str = ""
    address: str = ""


def words_to_seal(of: Report | Incident) -> bytes:
    """The bytes to seal; ``read_words`` is the inverse."""
    address = of.address if isinstance(of, Report) else of.place.address
    return msgspec.json.encode(Words(detail=of.detail, address=address))


def read_words(opened: bytes) -> Words:
    """The words in opened bytes; raises InvalidError ``incident.words``."""
    try:
        return msgspec.json.decode(opened, type=Words)
    except msgspec.MsgspecError as error:
        raise InvalidError("incident.words", "these bytes are no words of an incident") from error


class PlaceBody(msgspec.Struct, frozen=True, kw_only=True):
    """Where an incident is, without its address."""

    lon_e7: int
    lat_e7: int
    error_mm: int
    origin: PlaceOrigin
    dong_code: str

    @classmethod
    def of(cls, place: IncidentPlace) -> "PlaceBody":
        """From a place; 1e-7 degrees are about a centimetre."""
        return cls(
            lon_e7=round(place.at.lon * 1e7),
            lat_e7=round(place.at.lat * 1e7),
            error_mm=round(place.error_m * 1000),
            origin=place.origin,
            dong_code=place.dong_code,
        )

    def place(self, address: str = "") -> IncidentPlace:
        """The place, with an address where one was unsealed."""
        return IncidentPlace(
            at=LonLat(self.lon_e7 / 1e7, self.lat_e7 / 1e7),
            error_m=self.error_mm / 1000,
            origin=self.origin,
            address=address,
            dong_code=self.dong_code,
        )


class ToldBody(msgspec.Struct, frozen=True, kw_only=True):
    """``Told`` in an entry."""

    at: str
    by: Progress
    place_at: str


class IncidentBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``incident.opened/1``, ``incident.changed/1`` and ``incident.ended/1``: the whole
    incident as it is now, so that any one entry is enough to know it."""

    incident: IncidentId
    report: ReportId | None
    """The report that did it; None where an operator did."""
    reason: str
    sender: str
    key: str
    drill: bool
    state: IncidentState
    kind: IncidentKind
    grade: str
    place: PlaceBody
    occurred_at: str
    received_at: str
    changed_at: str
    ended_at: str | None
    revision: int
    told: ToldBody | None
    words: Sealed | None

    def read(self, words: Words | None = None) -> Incident:
        """The incident, with its words where they could be unsealed."""
        words = words or Words()
        return Incident(
            id=self.incident,
            sender=self.sender,
            key=self.key,
            state=self.state,
            kind=self.kind,
            grade=self.grade,
            detail=words.detail,
            place=self.place.place(words.address),
            drill=self.drill,
            occurred_at=read_time(self.occurred_at),
            received_at=read_time(self.received_at),
            changed_at=read_time(self.changed_at),
            ended_at=read_time(self.ended_at) if self.ended_at else None,
            revision=self.revision,
            told=_told(self.told),
        )


class ReportBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``report.accepted/1``."""

    incident: IncidentId
    report: ReportId
    sender: str
    key: str
    format: str
    progress: Progress
    kind: IncidentKind
    grade: str
    drill: bool
    lon_e7: int | None
    """As sent, even where it was swapped or (0, 0); None where none was sent."""
    lat_e7: int | None
    error_mm: int | None
    dong_code: str
    occurred_at: str
    received_at: str
    told_at: str | None
    outcome: Outcome
    reason: str
    words: Sealed | None
    raw: Sealed | None


class KeptBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``report.rejected/1`` and ``message.unused/1``."""

    report: ReportId
    sender: str
    format: str
    code: str
    """Why, as a stable word."""
    octets: int
    received_at: str
    raw: Sealed | None


class JoinedBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``incident.joined/1``."""

    incident: IncidentId
    """Of the node that says it."""
    other: IncidentId
    node: NodeId
    """Whose incident the other is."""
    leads: IncidentId
    """The one of both that was accepted first."""


def incident_joined(own: Incident, other: Incident, node: NodeId) -> Draft:
    """The entry that another node's incident is about the same event as ours."""
    first = own if leads((own.received_at, own.id), (other.received_at, other.id)) else other
    body = JoinedBody(incident=own.id, other=other.id, node=node, leads=first.id)
    return Draft(kind=INCIDENT_JOINED, body=body)


def report_accepted(
    report: Report,
    change: Change,
    *,
    words: Sealed | None,
    raw: Sealed | None,
) -> Draft:
    """The entry that a report is on disk; it comes before the entry on what it changed."""
    at = report.at
    body = ReportBody(
        incident=change.after.id,
        report=report.id,
        sender=report.sender,
        key=report.key,
        format=report.format,
        progress=report.progress,
        kind=report.kind,
        grade=report.grade,
        drill=report.drill,
        lon_e7=None if at is None else _scaled(at.lon, 1e7),
        lat_e7=None if at is None else _scaled(at.lat, 1e7),
        error_mm=None if report.error_m is None else _scaled(report.error_m, 1000),
        dong_code=report.dong_code,
        occurred_at=time_text(report.occurred_at),
        received_at=time_text(report.received_at),
        told_at=time_text(report.told_at) if report.told_at else None,
        outcome=change.outcome,
        reason=change.reason,
        words=words,
        raw=raw,
    )
    return Draft(kind=REPORT_ACCEPTED, body=body)


def message_kept(message: KeptMessage, *, raw: Sealed | None) -> Draft:
    """The entry on bytes that made no report: rejected, or acknowledged and not used yet."""
    body = KeptBody(
        report=message.id,
        sender=message.sender,
        format=message.format,
        code=message.code,
        octets=len(message.raw),
        received_at=time_text(message.received_at),
        raw=raw,
    )
    return Draft(kind=REPORT_REJECTED if message.refused else MESSAGE_UNUSED, body=body)


def incident_moved(
    change: Change, *, words: Sealed | None, report: ReportId | None = None
) -> Draft | None:
    """The entry on what a change did to its incident; None where it did nothing."""
    if not change.is_new:
        return None
    if not change.after.state.is_open and (change.before is None or change.before.state.is_open):
        kind = INCIDENT_ENDED
    else:
        kind = INCIDENT_OPENED if change.before is None else INCIDENT_CHANGED
    return Draft(kind=kind, body=_incident_body(change.after, change.reason, words, report))


def _incident_body(
    i: Incident, reason: str, words: Sealed | None, report: ReportId | None
) -> IncidentBody:
    return IncidentBody(
        incident=i.id,
        report=report,
        reason=reason,
        sender=i.sender,
        key=i.key,
        drill=i.drill,
        state=i.state,
        kind=i.kind,
        grade=i.grade,
        place=PlaceBody.of(i.place),
        occurred_at=time_text(i.occurred_at),
        received_at=time_text(i.received_at),
        changed_at=time_text(i.changed_at),
        ended_at=time_text(i.ended_at) if i.ended_at else None,
        revision=i.revision,
        told=_told_body(i.told),
        words=words,
    )


def _told_body(told: Told | None) -> ToldBody | None:
    if told is None:
        return None
    return ToldBody(at=time_text(told.at), by=told.by, place_at=time_text(told.place_at))


def _told(body: ToldBody | None) -> Told | None:
    if body is None:
        return None
    return Told(at=read_time(body.at), by=body.by, place_at=read_time(body.place_at))


def _scaled(value: float, scale: float) -> int | None:
    """Rounded to an integer; None where a sender's number is too large for an entry."""
    scaled = value * scale
    return round(scaled) if abs(scaled) < 2**53 else None
