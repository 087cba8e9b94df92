"""Which of the hub's entries concern which districts: their grants, what happens in them and at their
borders, and how either ends. Nobody else's."""

from collections.abc import Callable
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from safetynet.access.entries import GRANT_CLOSED, GRANT_ISSUED, ClosedBody, IssuedBody
from safetynet.base.geo import LonLat
from safetynet.base.ids import HUB, IncidentId, NodeId
from safetynet.city.near import Surroundings
from safetynet.incident.entries import (
    INCIDENT_JOINED,
    INCIDENT_KINDS,
    INCIDENT_OPENED,
    JoinedBody,
)
from safetynet.incident.model import PlaceOrigin
from safetynet.journal.entry import Entry
from safetynet.journal.read import find_entries
from safetynet.store.tables import grants

CONCERNING: Final = frozenset({*INCIDENT_KINDS, INCIDENT_JOINED, GRANT_ISSUED, GRANT_CLOSED})
"""Kinds of entries that may concern a district. What is sealed in them stays so: it has no key of the hub's."""


def concerned_by(around: Surroundings) -> Callable[[Connection, Entry], frozenset[NodeId]]:
    """The rule, over a city's districts."""

    def concerned(conn: Connection, entry: Entry) -> frozenset[NodeId]:
        if entry.kind in INCIDENT_KINDS:
            return _near(around, entry) | _told_before(conn, around, entry)
        if entry.kind == INCIDENT_JOINED:
            return frozenset({entry.read(JoinedBody).node})
        if entry.kind == GRANT_ISSUED:
            return frozenset({entry.read(IssuedBody).grant.owner})
        return _owner(conn, entry.read(ClosedBody))

    return concerned


def _near(around: Surroundings, entry: Entry) -> frozenset[NodeId]:
    place = entry.read(_Placed).place
    if place.origin is PlaceOrigin.UNKNOWN:
        return frozenset()
    at = LonLat(place.lon_e7 / 1e7, place.lat_e7 / 1e7)
    return around.list_near(at)


def _told_before(conn: Connection, around: Surroundings, entry: Entry) -> frozenset[NodeId]:
    """Who knows an incident from before hears how it goes on, wherever it moved."""
    if entry.kind == INCIDENT_OPENED:
        return frozenset()
    incident = entry.read(_Placed).incident
    words = find_entries(conn, [incident], INCIDENT_KINDS, HUB)
    told = [_near(around, e) for e in words if (e.epoch, e.seq) < (entry.epoch, entry.seq)]
    g = grants.c
    asked = conn.scalars(select(g.owner).where(g.node == HUB, g.incident == incident).distinct())
    return frozenset(NodeId(owner) for owner in asked).union(*told)


def _owner(conn: Connection, body: ClosedBody) -> frozenset[NodeId]:
    g = grants.c
    owner = conn.scalar(select(g.owner).where(g.node == HUB, g.id == body.id))
    return frozenset() if owner is None else frozenset({NodeId(owner)})


class _Place(msgspec.Struct):
    lon_e7: int
    lat_e7: int
    origin: PlaceOrigin


class _Placed(msgspec.Struct):
    """The part of an incident's body that says where it is."""

    incident: IncidentId
    place: _Place
