"""Generations: of a node's processes one at a time answers for it, and each such life is a generation.

Who answers is found by a duty (``store.duty``), which two may believe to have for a moment: a process
that was frozen wakes, a connection breaks unnoticed. What tells them apart is written here, under the
store's own lock: from the moment a generation has begun nothing of an older one is written.
"""

from datetime import timedelta

import msgspec
from sqlalchemy import Connection, insert, select, update

from safetynet.base.clock import Clock
from safetynet.base.errors import UnavailableError
from safetynet.base.ids import NodeId, new_id
from safetynet.journal.entry import read_time, time_text
from safetynet.store.store import Store
from safetynet.store.tables import answering

_NEXT = timedelta(milliseconds=1)
"""The time in a generation's name counts milliseconds."""


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers for a node."""

    generation: str
    """Names of generations order as they began, however the processes' clocks stand."""
    address: str
    """Where the node's other processes reach this one."""
    since: str


async def begin_generation(store: Store, node: NodeId, address: str, clock: Clock) -> Answering:
    """Answer for a node from now on; returns when no older generation can write any more."""

    def begin(conn: Connection) -> Answering:
        before = read_answering(conn, node)
        now = clock.now()
        if before is not None:
            now = max(now, read_time(before.since) + _NEXT)
        mine = Answering(generation=new_id("gen", now), address=address, since=time_text(now))
        values = msgspec.structs.asdict(mine)
        moved = update(answering).where(answering.c.node == node).values(values)
        if conn.execute(moved).rowcount == 0:
            conn.execute(insert(answering).values(node=node, **values))
        return mine

    return await store.write(begin)


async def find_answering(store: Store, node: NodeId) -> Answering | None:
    """Who answers for a node, or did last; None where nobody ever did."""
    return await store.read(lambda conn: read_answering(conn, node))


def read_answering(conn: Connection, node: NodeId) -> Answering | None:
    """The same, inside a transaction."""
    c = answering.c
    row = conn.execute(select(c.generation, c.address, c.since).where(c.node == node)).first()
    return None if row is None else Answering(**row._mapping)


def check_generation(conn: Connection, node: NodeId, generation: str) -> None:
    """Raises ``UnavailableError`` ``journal.replaced`` where a newer generation has begun."""
    now = read_answering(conn, node)
    if now is None or now.generation != generation:
        raise UnavailableError("journal.replaced", "another process answers for this node now")
