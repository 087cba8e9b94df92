"""Destroying sealed words: the entry, what it means in SQL, and its effect on the keys.

The entry is the decision. Its fold clears the sealed columns; its effect, the end of the key, is made
up for at each start from what the journal says, so that neither a process that died in between nor a
key store from a backup keeps a key that is gone by the record (docs/design/0015).
"""

from enum import StrEnum
from typing import Annotated, Final

import msgspec
from sqlalchemy import Connection, delete, insert, select, tuple_, update

from safetynet.access.entries import Division, Ledger
from safetynet.access.seal import Vault
from safetynet.base.ids import IncidentId, NodeId
from safetynet.journal.entry import Draft, Entry
from safetynet.journal.rows import Folds, Head, read_leaf
from safetynet.store.store import Store
from safetynet.store.tables import FOLDED, destructions, journal_entries, snapshot_seals

SUBJECT_DESTROYED: Final = "subject.destroyed/1"
READ_AT_ONCE = 1000

type Office = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,32}\Z")]
"""A desk or an office, e.g. ``control``; never a person's name."""


class Because(StrEnum):
    """Why words are destroyed. A list, not free text: nobody can write a name into it."""

    RETENTION_ENDED = "retention_ended"
    """The time for which they may be kept is over."""
    PURPOSE_SERVED = "purpose_served"
    """What they were collected for is done."""
    SUBJECT_REQUEST = "subject_request"
    """The person asked for it."""
    PERSON_FOUND = "person_found"
    """A missing person was found."""


BASIS: Final = {
    Because.RETENTION_ENDED: "개인정보 보호법 제21조제1항",
    Because.PURPOSE_SERVED: "개인정보 보호법 제21조제1항",
    Because.SUBJECT_REQUEST: "개인정보 보호법 제36조제2항",
    Because.PERSON_FOUND: "실종아동등의 보호 및 지원에 관한 법률",
}
_REASON_KO: Final = {
    Because.RETENTION_ENDED: "보유기간 경과",
    Because.PURPOSE_SERVED: "처리목적 달성",
    Because.SUBJECT_REQUEST: "정보주체의 삭제 요구",
    Because.PERSON_FOUND: "실종자 발견",
}


class DestroyedBody(msgspec.Struct, frozen=True, kw_only=True):
    """The sealed words of a subject are destroyed; also a line of the ledger (파기)."""

    subject: str
    """Whose key is gone: an incident, or a message that made no report."""
    incident: IncidentId | None
    because: Because
    basis: str
    by: str
    """The office that decided; never a person's name."""
    ledger: Ledger


def destroyed(
    subject: str, *, incident: IncidentId | None, because: Because, by: str, at: str
) -> Draft:
    """``subject.destroyed/1``; ``at`` in the journal's text form."""
    ledger = Ledger(
        division=Division.DESTRUCTION,
        at=at,
        file=f"{subject} 신고 내용·원문",
        in_charge=by,
        reason=_REASON_KO[because],
        third_party="",
        basis=BASIS[because],
        form="암호키 파기",
        until=at,
    )
    body = DestroyedBody(
        subject=subject,
        incident=incident,
        because=because,
        basis=BASIS[because],
        by=by,
        ledger=ledger,
    )
    return Draft(kind=SUBJECT_DESTROYED, body=body)


def fold_destroyed(conn: Connection, entry: Entry) -> None:
    """``subject.destroyed/1``: nothing sealed of the subject stays in the tables of this journal,
    nor in snapshots of them; the first word counts."""
    body = entry.read(DestroyedBody)
    if is_destroyed(conn, entry.node, body.subject):
        return
    conn.execute(
        insert(destructions).values(
            node=entry.node,
            subject=body.subject,
            epoch=entry.epoch,
            seq=entry.seq,
            time=entry.time,
            because=body.because.value,
            by=body.by,
        )
    )
    for table in FOLDED:
        if (column := table.info.get("sealed_under")) is not None:
            mine = (table.c.node == entry.node) & (table.c[column] == body.subject)
            conn.execute(update(table).where(mine).values(sealed=None))
    c = snapshot_seals.c
    conn.execute(delete(snapshot_seals).where(c.node == entry.node, c.subject == body.subject))


DESTRUCTION_FOLDS: Final[Folds] = {SUBJECT_DESTROYED: fold_destroyed}


def is_destroyed(conn: Connection, node: NodeId, subject: str) -> bool:
    """True where the journal of ``node`` says that the subject's words are destroyed."""
    c = destructions.c
    found = select(c.subject).where(c.node == node, c.subject == subject)
    return conn.scalar(found) is not None


async def carry_out(store: Store, node: NodeId, vault: Vault) -> int:
    """Destroy every key that the journal of ``node`` says is destroyed; returns how many were left.

    Cost: one look where nothing is new, because the key store remembers up to which entry it went.
    Where it remembers an entry that this journal does not have, it goes through all of them again.
    """
    count = 0
    done = await vault.carried_out(node)
    if not await store.read(lambda conn: _holds(conn, node, done)):
        done = Head(seq=0)
    while True:
        since = done
        rows = await store.read(lambda conn, since=since: _after(conn, node, since))  # type: ignore[misc]
        if not rows:
            return count
        subjects = [subject for subject, _ in rows]
        done = rows[-1][1]
        count += await vault.destroy(subjects, node, done)


def _holds(conn: Connection, node: NodeId, at: Head) -> bool:
    return at.seq == 0 or read_leaf(conn, node, at.epoch, at.seq) == at.leaf


def _after(conn: Connection, node: NodeId, since: Head) -> list[tuple[str, Head]]:
    d, j = destructions.c, journal_entries.c
    entry = (j.node == d.node) & (j.epoch == d.epoch) & (j.seq == d.seq)
    rows = conn.execute(
        select(d.subject, d.epoch, d.seq, j.leaf)
        .join(journal_entries, entry)
        .where(d.node == node, tuple_(d.epoch, d.seq) > (since.epoch, since.seq))
        .order_by(d.epoch, d.seq)
        .limit(READ_AT_ONCE)
    )
    return [(r.subject, Head(epoch=r.epoch, seq=r.seq, leaf=r.leaf)) for r in rows]
