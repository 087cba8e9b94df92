"""Reading incidents back from the folded tables, so that a restarted hub goes on where it was."""

from collections.abc import Iterable

import msgspec
from sqlalchemy import ColumnElement, Connection, Subquery, and_, bindparam, select

from safetynet.base.errors import NotFoundError
from safetynet.base.ids import CameraId, IncidentId, NodeId
from safetynet.incident.entries import IncidentBody, Sealed, Words
from safetynet.incident.fold import key_column
from safetynet.incident.model import Incident, IncidentState
from safetynet.incident.showing import ChoiceBody, JudgedBody
from safetynet.incident.state import Identity
from safetynet.store.tables import choices, destructions, incidents, judgements, views


class KeptView(msgspec.Struct, frozen=True, kw_only=True):
    """How a chosen view stands."""

    camera: CameraId
    owner: NodeId
    rank: int
    state: str
    note: str
    still_ms: int | None
    eyes_on_ms: int | None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as it is on disk."""

    body: IncidentBody
    words: Sealed | None
    destroyed: bool = False
    """True where its sealed words were destroyed: what still comes for it is sealed apart."""

    def incident(self, words: Words | None = None) -> Incident:
        """The incident; detail and address are empty unless their opened words are given."""
        return self.body.read(words)


class KeptIncident(Kept, frozen=True, kw_only=True):
    """An incident as it is on disk, with its choice and its views in order of rank."""

    choice: ChoiceBody | None
    views: tuple[KeptView, ...]

    @property
    def still_ms(self) -> int | None:
        """From the report accepted to the first still of any view at a viewer."""
        return min((v.still_ms for v in self.views if v.still_ms is not None), default=None)

    @property
    def eyes_on_ms(self) -> int | None:
        """Time-to-eyes: to the first decoded frame of any view at a viewer."""
        return min((v.eyes_on_ms for v in self.views if v.eyes_on_ms is not None), default=None)


def find_kept(
    conn: Connection, node: NodeId, identities: Iterable[Identity]
) -> dict[Identity, Kept]:
    """The incidents of these senders' numbers, one look for each sender; none of those unknown."""
    found: dict[Identity, Kept] = {}
    for sender, numbers in _by_sender(identities).items():
        asked = {"of": node, "by": sender, "keys": list(numbers)}
        for key, document, sealed, destroyed in conn.execute(_KEPT, asked):
            found[numbers[key]] = Kept(
                body=msgspec.json.decode(document, type=IncidentBody),
                words=None if sealed is None else msgspec.json.decode(sealed, type=Sealed),
                destroyed=destroyed is not None,
            )
    return found


_KEPT = (
    select(incidents.c.key, incidents.c.document, incidents.c.sealed, destructions.c.subject)
    .outerjoin(
        destructions,
        and_(destructions.c.node == incidents.c.node, destructions.c.subject == incidents.c.id),
    )
    .where(
        incidents.c.node == bindparam("of"),
        incidents.c.sender == bindparam("by"),
        incidents.c.key.in_(bindparam("keys", expanding=True)),
    )
)
"""Made once: to put a statement together takes longer than to run it."""


def _by_sender(identities: Iterable[Identity]) -> dict[str, dict[str, Identity]]:
    """Numbers as they stand in the column, by sender."""
    found: dict[str, dict[str, Identity]] = {}
    for one in identities:
        sender, key, drill = one
        found.setdefault(sender, {})[key_column(key, drill=drill)] = one
    return found


def find_revision(conn: Connection, node: NodeId, identity: Identity) -> int | None:
    """How often the incident of a sender's number has changed; None where there is none."""
    return conn.scalar(select(incidents.c.revision).where(incidents.c.node == node, *_is(identity)))


def _is(identity: Identity) -> tuple[ColumnElement[bool], ...]:
    sender, key, drill = identity
    return incidents.c.sender == sender, incidents.c.key == key_column(key, drill=drill)


def find_others(
    conn: Connection, node: NodeId, identity: Identity
) -> list[tuple[NodeId, Incident]]:
    """What other nodes made of a sender's number, as far as it is folded here; without words."""
    c = incidents.c
    rows = conn.execute(
        select(c.node, c.document).where(c.node != node, *_is(identity)).order_by(c.node)
    )
    return [
        (NodeId(other), msgspec.json.decode(document, type=IncidentBody).read())
        for other, document in rows
    ]


def list_told_twice(conn: Connection) -> list[Identity]:
    """Numbers of senders that more than one node was told, as far as that is folded here."""
    one, other = incidents.alias(), incidents.alias()
    same = (one.c.sender == other.c.sender) & (one.c.key == other.c.key)
    rows = conn.execute(
        select(one.c.document).join(other, same & (one.c.node < other.c.node)).distinct()
    )
    bodies = (msgspec.json.decode(document, type=IncidentBody) for (document,) in rows)
    return [(body.sender, body.key, body.drill) for body in bodies]


def list_elsewhere(conn: Connection, node: NodeId, limit: int) -> list[tuple[NodeId, KeptIncident]]:
    """The newest incidents of other nodes, as far as they are folded here."""
    c = incidents.c
    rows = conn.execute(
        select(c.node, c.id).where(c.node != node).order_by(c.received_at.desc()).limit(limit)
    ).all()
    return [
        (NodeId(other), get_incident(conn, NodeId(other), IncidentId(id_))) for other, id_ in rows
    ]


def get_incident(conn: Connection, node: NodeId, incident: IncidentId) -> KeptIncident:
    """The incident; raises NotFoundError ``incident.unknown``."""
    found = _list(conn, node, incidents.c.id == incident, limit=1)
    if not found:
        raise NotFoundError("incident.unknown", "no such incident", incident=incident)
    return found[0]


def list_open(conn: Connection, node: NodeId) -> list[KeptIncident]:
    """Every open incident, newest first."""
    return _list(conn, node, incidents.c.state == IncidentState.OPEN.value)


def list_recent(conn: Connection, node: NodeId, limit: int = 100) -> list[KeptIncident]:
    """The newest incidents, open or not."""
    return _list(conn, node, limit=limit)


def list_judgements(conn: Connection, node: NodeId) -> list[JudgedBody]:
    """The last word of every viewer on every view that it judged, oldest first."""
    c = judgements.c
    rows = conn.execute(
        select(c.document)
        .where(c.node == node)
        .order_by(c.judged_at, c.incident, c.camera, c.viewer)
    )
    return [msgspec.json.decode(document, type=JudgedBody) for (document,) in rows]


def _list(
    conn: Connection,
    node: NodeId,
    *where: ColumnElement[bool],
    limit: int | None = None,
) -> list[KeptIncident]:
    statement = (
        select(incidents.c.id)
        .where(incidents.c.node == node, *where)
        .order_by(incidents.c.received_at.desc(), incidents.c.id.desc())
        .limit(limit)
    )
    ids = statement.subquery()
    chosen = _choices(conn, node, ids)
    shown = _views(conn, node, ids)
    gone = _destroyed(conn, node, ids)
    rows = conn.execute(
        select(incidents.c.id, incidents.c.document, incidents.c.sealed)
        .where(incidents.c.node == node, incidents.c.id.in_(select(ids.c.id)))
        .order_by(incidents.c.received_at.desc(), incidents.c.id.desc())
    )
    return [
        KeptIncident(
            body=msgspec.json.decode(document, type=IncidentBody),
            words=None if sealed is None else msgspec.json.decode(sealed, type=Sealed),
            choice=chosen.get(id_),
            views=tuple(shown.get(id_, ())),
            destroyed=id_ in gone,
        )
        for id_, document, sealed in rows
    ]


def _choices(conn: Connection, node: NodeId, ids: Subquery) -> dict[str, ChoiceBody]:
    rows = conn.execute(
        select(choices.c.incident, choices.c.document).where(
            choices.c.node == node, choices.c.incident.in_(select(ids.c.id))
        )
    )
    return {id_: msgspec.json.decode(document, type=ChoiceBody) for id_, document in rows}


def _destroyed(conn: Connection, node: NodeId, ids: Subquery) -> set[str]:
    c = destructions.c
    return set(
        conn.scalars(select(c.subject).where(c.node == node, c.subject.in_(select(ids.c.id))))
    )


def _views(conn: Connection, node: NodeId, ids: Subquery) -> dict[str, list[KeptView]]:
    c = views.c
    rows = conn.execute(
        select(c.incident, c.camera, c.owner, c.rank, c.state, c.note, c.still_ms, c.eyes_on_ms)
        .where(c.node == node, c.incident.in_(select(ids.c.id)))
        .order_by(c.incident, c.rank)
    )
    shown: dict[str, list[KeptView]] = {}
    for row in rows.mappings():
        fields = {name: row[name] for name in KeptView.__struct_fields__}
        shown.setdefault(row["incident"], []).append(KeptView(**fields))
    return shown
