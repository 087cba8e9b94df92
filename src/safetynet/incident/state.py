"""What a report does to an incident. Pure.

Reports come late, twice and out of order, so an incident is a *join*: whatever the order and the
repetitions, the same reports end in the same incident (but for its id, revision and clock). The
state only rises (``RANK``), words come from the newest word of the sender, and a place that was
found is never given up for a poorer one.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import msgspec

from safetynet.base.errors import BrokenError
from safetynet.base.ids import IncidentId
from safetynet.incident.model import (
    Incident,
    IncidentPlace,
    IncidentState,
    PlaceOrigin,
    Progress,
    Report,
    Told,
)

STATE_OF: Final = {
    Progress.OCCURRED: IncidentState.OPEN,
    Progress.CHANGED: IncidentState.OPEN,
    Progress.HANDLED: IncidentState.HANDLED,
    Progress.WITHDRAWN: IncidentState.WITHDRAWN,
    Progress.ENDED: IncidentState.ENDED,
    Progress.ENDED_BY_ITSELF: IncidentState.ENDED_BY_ITSELF,
}
"""The state that a progress code asks for."""

RANK: Final = {
    IncidentState.OPEN: 0,
    IncidentState.HANDLED: 1,
    IncidentState.ENDED_BY_ITSELF: 2,
    IncidentState.ENDED: 3,
    IncidentState.WITHDRAWN: 4,
}
"""A state gives way only to one of a higher rank: nothing reopens, and a withdrawal stands."""

_PLACE_RANK: Final = {
    PlaceOrigin.UNKNOWN: 0,
    PlaceOrigin.LEGAL_DONG: 1,
    PlaceOrigin.SWAPPED: 2,
    PlaceOrigin.REPORTED: 2,
}


class Outcome(StrEnum):
    """What a report did."""

    OPENED = "opened"
    CHANGED = "changed"
    ENDED = "ended"
    DUPLICATE = "duplicate"
    """Nothing new: known content once more."""
    LATE = "late"
    """It comes after a newer word or after the end; ``Change.reason`` says which. What it adds to
    the record (a place, say) is kept; nothing reopens."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a report did to an incident."""

    outcome: Outcome
    before: Incident | None
    after: Incident
    reason: str = ""
    """``ended_before_begun``, ``after_end``, ``older_word``, ``known``, ``restated``,
    ``end_restated`` or empty."""

    @property
    def is_new(self) -> bool:
        """True where there is something to write down."""
        return self.after != self.before


type Identity = tuple[str, str, bool]
"""Sender, key and drill: reports that share it are about one incident."""


def identity(of: Report | Incident) -> Identity:
    """Whose and which incident it is; a drill never touches a real incident of the same number."""
    return (of.sender, of.key, of.drill)


def apply_report(
    incident: Incident | None, report: Report, place: IncidentPlace, now: datetime
) -> Change:
    """What ``report`` does to ``incident`` (None: the first word of it).

    ``place`` is what ``locate`` made of the report. A first report of any progress makes an
    incident; one that ends makes an ended one, so that a late beginning does not open it. Raises
    BrokenError where the report belongs to another incident.
    """
    told = _incident_of(report, place, now)
    if incident is None:
        return _first(told)
    if identity(incident) != identity(report):
        raise BrokenError("incident.identity", "the report belongs to another incident")
    joined = _join(incident, told)
    if joined == incident:
        return _nothing_new(incident, told)
    times = {"told": incident.told, "received_at": incident.received_at}
    if msgspec.structs.replace(joined, **times) == incident:
        return _restated(incident, joined, told)
    after = msgspec.structs.replace(joined, revision=incident.revision + 1, changed_at=now)
    outcome, reason = _outcome(incident, after, told)
    return Change(outcome=outcome, before=incident, after=after, reason=reason)


def end_incident(
    incident: Incident, now: datetime, state: IncidentState = IncidentState.ENDED
) -> Change:
    """What an operator's end does; of an incident that is over already, nothing."""
    if not incident.state.is_open:
        return Change(
            outcome=Outcome.DUPLICATE, before=incident, after=incident, reason="after_end"
        )
    after = msgspec.structs.replace(
        incident, state=state, ended_at=now, changed_at=now, revision=incident.revision + 1
    )
    return Change(outcome=Outcome.ENDED, before=incident, after=after, reason="operator")


def take_in(own: Incident, others: Iterable[Incident], now: datetime) -> Change:
    """What other nodes' incidents do to ours, where all are about one event (``identity``).

    They are joined as reports are (``_join``), so that whatever was told to whom, in whatever order,
    all nodes come to the same state, kind, grade, place and times of occurrence and end. What is sealed
    stays with the node that it was told to: others' words and address count as not said. An end by an
    operator's hand is an end like any other. Each keeps its own id and the time at which it was received.
    Raises BrokenError where one is about another event.
    """
    joined = own
    for other in others:
        if identity(own) != identity(other):
            raise BrokenError("incident.identity", "the other incident is about another event")
        place = msgspec.structs.replace(other.place, address="")
        joined = _join(joined, msgspec.structs.replace(other, detail="", place=place))
    joined = msgspec.structs.replace(joined, detail=own.detail, received_at=own.received_at)
    if joined == own:
        return Change(outcome=Outcome.DUPLICATE, before=own, after=own, reason="agreed")
    after = msgspec.structs.replace(joined, revision=own.revision + 1, changed_at=now)
    ends = own.state.is_open and not after.state.is_open
    outcome = Outcome.ENDED if ends else Outcome.CHANGED
    return Change(outcome=outcome, before=own, after=after, reason="told_elsewhere")


def begin_with(others: Sequence[Incident], as_id: IncidentId, now: datetime) -> Change:
    """An incident of ours on an event that only other nodes were told of; it says what theirs say."""
    first, *rest = others
    place = msgspec.structs.replace(first.place, address="")
    own = msgspec.structs.replace(first, id=as_id, detail="", place=place, received_at=now)
    joined = take_in(own, rest, now).after
    after = msgspec.structs.replace(joined, changed_at=now, revision=1)
    outcome = Outcome.OPENED if after.state.is_open else Outcome.ENDED
    return Change(outcome=outcome, before=None, after=after, reason="told_elsewhere")


def agree(a: Incident, b: Incident) -> bool:
    """True where two nodes' incidents say the same of one event, but for what each keeps to itself."""
    return take_in(a, [b], a.changed_at).after == a and take_in(b, [a], b.changed_at).after == b


def leads(a: tuple[datetime, str], b: tuple[datetime, str]) -> bool:
    """Of two incidents on one event, by when each was received and its id: True where ``a`` leads.

    The one that was accepted first does; both stay on the record.
    """
    return a < b


def _incident_of(report: Report, place: IncidentPlace, now: datetime) -> Incident:
    """The incident that this report alone would make.

    A sender's clock that is ahead is held to ours, or its word would stand against all later ones.
    """
    state = STATE_OF[report.progress]
    received_at = report.received_at.astimezone(UTC)
    told_at = min((report.told_at or received_at).astimezone(UTC), received_at)
    return Incident(
        id=IncidentId("inc_" + report.id.rpartition("_")[2]),
        sender=report.sender,
        key=report.key,
        state=state,
        kind=report.kind,
        grade=report.grade,
        detail=report.detail,
        place=place,
        drill=report.drill,
        occurred_at=min(report.occurred_at.astimezone(UTC), received_at),
        received_at=received_at,
        changed_at=now,
        ended_at=None if state.is_open else received_at,
        told=Told(at=told_at, by=report.progress, place_at=told_at),
    )


def _first(told: Incident) -> Change:
    if told.state.is_open:
        return Change(outcome=Outcome.OPENED, before=None, after=told)
    return Change(outcome=Outcome.ENDED, before=None, after=told, reason="ended_before_begun")


def _join(a: Incident, b: Incident) -> Incident:
    """Both words on one incident as one; commutative and associative, but for ``a``'s id."""
    words = max(a, b, key=_words)
    place = max(a, b, key=_place)
    ends = [i.ended_at for i in (a, b) if i.ended_at is not None]
    return msgspec.structs.replace(
        a,
        state=max(a.state, b.state, key=RANK.__getitem__),
        kind=words.kind,
        grade=words.grade,
        detail=words.detail,
        place=place.place,
        occurred_at=min(a.occurred_at, b.occurred_at),
        received_at=min(a.received_at, b.received_at),
        ended_at=min(ends, default=None),
        told=Told(at=_told(words).at, by=_told(words).by, place_at=_told(place).place_at),
    )


def _words(i: Incident) -> tuple[bool, datetime, int, str, str, str]:
    """Order of words: who opens or changes knows more than who ends; then time, then any fixed order."""
    told = _told(i)
    opens = STATE_OF[told.by].is_open
    return (opens, told.at, int(told.by), i.kind.value, i.grade, i.detail)


def _place(i: Incident) -> tuple[int, datetime, float, float, float, str, str, str]:
    """Order of places: a found position, then time, then the surer, then any fixed order.

    The address comes last: another node does not know it and must come to the same place.
    """
    p = i.place
    rank, at = _PLACE_RANK[p.origin], _told(i).place_at
    return (rank, at, -p.error_m, p.at.lon, p.at.lat, p.origin.value, p.dong_code, p.address)


def _told(i: Incident) -> Told:
    return i.told or Told(at=i.received_at, by=Progress.OCCURRED, place_at=i.received_at)


def _nothing_new(incident: Incident, told: Incident) -> Change:
    begins = told.state.is_open
    if begins and not incident.state.is_open:
        return Change(outcome=Outcome.LATE, before=incident, after=incident, reason="after_end")
    older = begins and _told(told).at < _told(incident).at
    return Change(
        outcome=Outcome.LATE if older else Outcome.DUPLICATE,
        before=incident,
        after=incident,
        reason="older_word" if older else "known",
    )


def _restated(incident: Incident, joined: Incident, told: Incident) -> Change:
    """Known words said anew: only their time is kept, for the order of what comes later. They may have come
    before those that are known: a sender that was not answered tries another process of the hub, and both
    words get through."""
    if told.state.is_open and not incident.state.is_open:
        return Change(outcome=Outcome.LATE, before=incident, after=joined, reason="after_end")
    return Change(outcome=Outcome.DUPLICATE, before=incident, after=joined, reason="restated")


def _outcome(before: Incident, after: Incident, told: Incident) -> tuple[Outcome, str]:
    if before.state.is_open:
        return (Outcome.CHANGED if after.state.is_open else Outcome.ENDED), ""
    if told.state.is_open:
        return Outcome.LATE, "after_end"
    return Outcome.CHANGED, "end_restated"
