"""Grants, sessions and moves as rows: a folded view of the journal."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, Table, Update, bindparam, insert, update

from safetynet.access import entries as e
from safetynet.access.destruction import DESTRUCTION_FOLDS
from safetynet.journal.entry import Entry, read_time, time_text
from safetynet.journal.rows import Folds, Together
from safetynet.store.tables import grants, ptz_moves, sessions


def _first(table: Table, which: str, empty: str, *written: str) -> Update:
    """Writes these columns of one row where ``empty`` is still empty: the first word counts.

    Made once: to put a statement together takes longer than to run it.
    """
    c = table.c
    row = (c.node == bindparam("of")) & (c[which] == bindparam("which")) & c[empty].is_(None)
    return update(table).where(row).values({name: bindparam(name) for name in written})


_CLOSED = ("closed_at", "closed_because")
_CLOSE_GRANT = _first(grants, "id", "closed_at", *_CLOSED)
_CLOSE_GRANTS = _first(grants, "incident", "closed_at", *_CLOSED)
_END_SESSION = _first(sessions, "id", "ended_at", "ended_at", "end_reason", "frames", "octets")


def fold_issued(conn: Connection, entry: Entry) -> None:
    """A grant in its issuer's journal."""
    _insert_grant(conn, entry, entry.read(e.IssuedBody).grant, "issued")


def fold_received(conn: Connection, entry: Entry) -> None:
    """A grant in its owner's journal."""
    _insert_grant(conn, entry, entry.read(e.GrantBody), "received")


def fold_over(conn: Connection, entry: Entry) -> None:
    """An incident is over, and with it every grant for it that is still open."""
    body = entry.read(e.OverBody)
    conn.execute(_CLOSE_GRANTS, _closing(entry, body.incident, body.reason))


def fold_closed(conn: Connection, found: Sequence[Entry]) -> None:
    """Grants are over; the first close counts."""
    bodies = ((entry, entry.read(e.ClosedBody)) for entry in found)
    conn.execute(_CLOSE_GRANT, [_closing(entry, body.id, body.reason) for entry, body in bodies])


def _closing(entry: Entry, which: str, reason: str) -> dict[str, str]:
    return {
        "of": entry.node,
        "which": which,
        "closed_at": entry.time,
        "closed_because": reason,
    }


def fold_opened(conn: Connection, entry: Entry) -> None:
    """A session began."""
    body = entry.read(e.OpenedBody)
    conn.execute(
        insert(sessions).values(
            node=entry.node,
            id=body.session,
            grant=body.grant,
            incident=body.incident,
            camera=body.camera,
            viewer=body.viewer,
            opened_at=entry.time,
        )
    )


def fold_first_frame(conn: Connection, entry: Entry) -> None:
    """A session's first frame is on the screen; the first word counts."""
    body = entry.read(e.FirstFrameBody)
    c = sessions.c
    row = (c.node == entry.node) & (c.id == body.session) & c.first_frame_at.is_(None)
    opened_at = conn.scalar(sessions.select().with_only_columns(c.opened_at).where(row))
    if opened_at is not None:
        shown_at = read_time(opened_at) + timedelta(milliseconds=body.took_ms)
        conn.execute(update(sessions).where(row).values(first_frame_at=time_text(shown_at)))


def fold_ended(conn: Connection, entry: Entry) -> None:
    """A session ended; the first end counts."""
    body = entry.read(e.EndedBody)
    values = {
        "ended_at": entry.time,
        "end_reason": body.reason,
        "frames": body.frames,
        "octets": body.octets,
    }
    conn.execute(_END_SESSION, {"of": entry.node, "which": body.session, **values})


def fold_ptz(conn: Connection, entry: Entry) -> None:
    """A camera moved: one row per entry."""
    body = entry.read(e.PtzBody)
    conn.execute(
        insert(ptz_moves).values(
            node=entry.node,
            epoch=entry.epoch,
            seq=entry.seq,
            time=entry.time,
            camera=body.camera,
            incident=body.incident,
            move=body.move,
            document=entry.body.decode(),
        )
    )


ACCESS_FOLDS: Final[Folds] = {
    e.GRANT_ISSUED: fold_issued,
    e.GRANT_RECEIVED: fold_received,
    e.GRANT_CLOSED: Together(fold_closed),
    e.INCIDENT_OVER: fold_over,
    e.SESSION_OPENED: fold_opened,
    e.SESSION_FIRST_FRAME: fold_first_frame,
    e.SESSION_ENDED: fold_ended,
    e.PTZ_MOVED: fold_ptz,
    **DESTRUCTION_FOLDS,
}


def _insert_grant(conn: Connection, entry: Entry, body: e.GrantBody, side: str) -> None:
    """An owner that started anew may write a grant it knew before: the first word counts."""
    row = (grants.c.node == entry.node) & (grants.c.id == body.id)
    if conn.execute(grants.select().with_only_columns(grants.c.id).where(row)).first():
        return
    conn.execute(
        insert(grants).values(
            node=entry.node,
            id=body.id,
            side=side,
            issuer=body.issuer,
            owner=body.owner,
            incident=body.incident,
            camera=body.camera,
            viewer=body.viewer,
            agency=body.agency,
            service=body.service,
            purpose=body.purpose,
            basis=body.basis,
            drill=body.drill,
            generation=body.generation,
            issued_at=body.issued_at,
            hard_end=body.hard_end,
        )
    )
