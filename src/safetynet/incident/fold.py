"""What the entries on incidents mean in SQL: each fold writes the folded tables of one node."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    delete,
    select,
    update,
)

from safetynet.base.ids import IncidentId, NodeId
from safetynet.incident import entries, showing
from safetynet.incident.entries import IncidentBody, ReportBody
from safetynet.incident.showing import ChoiceBody, JudgedBody, ShownBody, ViewChangedBody
from safetynet.journal.entry import Entry
from safetynet.journal.rows import Folds, Together
from safetynet.store.put import put_rows
from safetynet.store.tables import choices, destructions, incidents, judgements, reports, views

# Made once: to put a statement together takes longer than to run it.
_LET_GO = delete(views).where(
    views.c.node == bindparam("of"),
    views.c.incident == bindparam("which"),
    views.c.camera.not_in(bindparam("kept", expanding=True)),
)
_DESTROYED = select(destructions.c.subject).where(
    destructions.c.node == bindparam("of"),
    destructions.c.subject.in_(bindparam("subjects", expanding=True)),
)


def key_column(key: str, *, drill: bool) -> str:
    """The sender's number as it stands in the column: a drill's is kept apart from a real one's."""
    return f"{key}#drill" if drill else key


def list_destroyed(
    conn: Connection, node: NodeId, incidents: Iterable[IncidentId]
) -> set[IncidentId]:
    """Those whose words are destroyed, by the journal of ``node``."""
    found = conn.scalars(_DESTROYED, {"of": node, "subjects": list(incidents)})
    return {IncidentId(subject) for subject in found}


def fold_reports(conn: Connection, found: Sequence[Entry]) -> None:
    """``report.accepted/1``: one row per report; the words and raw bytes stay in the entry."""
    put_rows(conn, reports, [_report_row(entry, entry.read(ReportBody)) for entry in found])


def fold_incidents(conn: Connection, found: Sequence[Entry]) -> None:
    """``incident.*/1``: incidents as they are now; words that came after their destruction stay out."""
    node, read = found[0].node, [entry.read(IncidentBody) for entry in found]
    last = {body.incident: body for body in read}
    gone = list_destroyed(conn, node, last)
    rows = [_incident_row(node, body, gone=body.incident in gone) for body in last.values()]
    put_rows(conn, incidents, rows)


def _report_row(entry: Entry, body: ReportBody) -> dict[str, object]:
    return {
        "node": entry.node,
        "id": body.report,
        "incident": body.incident,
        "sender": body.sender,
        "key": key_column(body.key, drill=body.drill),
        "format": body.format,
        "progress": int(body.progress),
        "received_at": body.received_at,
        "epoch": entry.epoch,
        "seq": entry.seq,
    }


def _incident_row(node: NodeId, body: IncidentBody, *, gone: bool) -> dict[str, object]:
    words = None if gone else body.words
    return {
        "node": node,
        "id": body.incident,
        "sender": body.sender,
        "key": key_column(body.key, drill=body.drill),
        "state": body.state.value,
        "kind": body.kind.value,
        "grade": body.grade,
        "drill": body.drill,
        "received_at": body.received_at,
        "changed_at": body.changed_at,
        "ended_at": body.ended_at,
        "revision": body.revision,
        "document": _text(msgspec.structs.replace(body, words=None)),
        "sealed": None if words is None else _text(words),
    }


def fold_choice(conn: Connection, entry: Entry) -> None:
    """``choice.made/1``: replaces the choice; views that go on keep their state and times."""
    body = entry.read(ChoiceBody)
    of: dict[str, object] = {"node": entry.node, "incident": body.incident}
    # What it was asked in stays in the entry: nobody needs it to go on.
    document = _text(msgspec.structs.replace(body, moment=None))
    times = {"decided_at": body.decided_at, "decided_ms": body.decided_ms}
    put_rows(conn, choices, [{**of, **times, "document": document}])
    kept = [view.camera for view in body.views]
    conn.execute(_LET_GO, {"of": entry.node, "which": body.incident, "kept": kept})
    asked = {"state": "asked", "note": "", "changed_at": body.decided_at}
    rows = [
        {**of, "camera": view.camera, "owner": view.owner, "rank": rank, **asked}
        for rank, view in enumerate(body.views, start=1)
    ]
    put_rows(conn, views, rows, only_new=frozenset(asked))


def fold_view(conn: Connection, entry: Entry) -> None:
    """``view.changed/1``: how a chosen view stands; of one no longer chosen, nothing."""
    body = entry.read(ViewChangedBody)
    row = {"state": body.state, "note": body.note[:64], "changed_at": entry.time}
    _change_view(conn, entry, body, row)


def fold_eyes_on(conn: Connection, entry: Entry) -> None:
    """``eyes.on/1``: the first one of a view counts."""
    body = entry.read(ShownBody)
    _change_view(conn, entry, body, {"eyes_on_ms": body.took_ms}, only_empty="eyes_on_ms")


def fold_still(conn: Connection, entry: Entry) -> None:
    """``still.shown/1``: the first one of a view counts."""
    body = entry.read(ShownBody)
    _change_view(conn, entry, body, {"still_ms": body.took_ms}, only_empty="still_ms")


def fold_judgement(conn: Connection, entry: Entry) -> None:
    """``view.judged/1``: the last word of each viewer on each view."""
    body = entry.read(JudgedBody)
    key = {
        "node": entry.node,
        "incident": body.incident,
        "camera": body.camera,
        "viewer": body.viewer,
    }
    row = {"shown": body.shown, "judged_at": body.at, "document": _text(body)}
    put_rows(conn, judgements, [{**key, **row}])


_INCIDENTS = Together(fold_incidents)

FOLDS: Folds = {
    entries.REPORT_ACCEPTED: Together(fold_reports),
    entries.INCIDENT_OPENED: _INCIDENTS,
    entries.INCIDENT_CHANGED: _INCIDENTS,
    entries.INCIDENT_ENDED: _INCIDENTS,
    showing.CHOICE_MADE: fold_choice,
    showing.VIEW_CHANGED: fold_view,
    showing.EYES_ON: fold_eyes_on,
    showing.STILL_SHOWN: fold_still,
    showing.VIEW_JUDGED: fold_judgement,
}
"""Give these to the node's ``Journal``. Rejected reports and unused messages stay in the journal only."""


def _change_view(
    conn: Connection,
    entry: Entry,
    body: ViewChangedBody | ShownBody,
    row: Mapping[str, object],
    only_empty: str | None = None,
) -> None:
    where = and_(
        views.c.node == entry.node,
        views.c.incident == body.incident,
        views.c.camera == body.camera,
    )
    if only_empty is not None:
        where = and_(where, views.c[only_empty].is_(None))
    conn.execute(update(views).where(where).values(dict(row)))


def _text(body: msgspec.Struct) -> str:
    return msgspec.json.encode(body).decode()
