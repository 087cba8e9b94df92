"""When a district was without the hub, as its own journal says it.

What stands in the journal between ``apart.began/1`` and ``apart.ended/1`` was decided apart: that follows
from the order of entries, not from anybody's clock.
"""

from typing import Final

import msgspec
from sqlalchemy import Connection, select

from safetynet.base.ids import HUB, NodeId
from safetynet.journal.entry import Draft
from safetynet.store.tables import journal_entries

APART_BEGAN: Final = "apart.began/1"
APART_ENDED: Final = "apart.ended/1"


class ApartBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``apart.began/1`` and ``apart.ended/1``."""

    of: NodeId
    """The node that is not heard, or heard again."""


def apart_began(of: NodeId = HUB) -> Draft:
    """``apart.began/1``: from here on this node decides alone."""
    return Draft(kind=APART_BEGAN, body=ApartBody(of=of))


def apart_ended(of: NodeId = HUB) -> Draft:
    """``apart.ended/1``: the other is heard again."""
    return Draft(kind=APART_ENDED, body=ApartBody(of=of))


def was_apart(conn: Connection, node: NodeId, epoch: int, seq: int) -> bool:
    """True where an entry of a node's journal was written while it was apart."""
    c = journal_entries.c
    # By kind alone, of which there are few: asked for the node too, SQLite may read its whole journal.
    found = conn.execute(
        select(c.node, c.epoch, c.seq, c.kind, c.superseded_by).where(
            c.kind.in_((APART_BEGAN, APART_ENDED))
        )
    )
    before = [
        ((row.epoch, row.seq), row.kind)
        for row in found
        if row.node == node and row.superseded_by is None and (row.epoch, row.seq) <= (epoch, seq)
    ]
    return max(before, default=((0, 0), APART_ENDED))[1] == APART_BEGAN
