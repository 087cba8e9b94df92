"""Looking up what a journal says of an incident: all of it, and without reading the rest."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, update

from safetynet.access.outstanding import list_outstanding
from safetynet.base.clock import ManualClock
from safetynet.base.ids import HUB, IncidentId, NodeId
from safetynet.federation.apart import was_apart
from safetynet.journal.append import Journal
from safetynet.journal.entry import Draft
from safetynet.journal.read import find_entries
from safetynet.store.store import Store
from safetynet.store.tables import journal_entries

FIRST, OTHER = IncidentId("inc_1"), IncidentId("inc_2")


def word(incident: IncidentId, kind: str = "test.word/1") -> Draft:
    return Draft(kind=kind, body={"incident": incident})


async def test_what_one_node_says_of_incidents_in_order(store: Store, clock: ManualClock) -> None:
    hub = Journal(HUB, store, clock, {})
    drafts = [word(FIRST), word(OTHER), word(FIRST, "test.else/1"), word(FIRST), word(FIRST)]
    kept = await hub.append(drafts)
    await Journal(NodeId("mapo"), store, clock, {}).append([word(FIRST)])
    await store.write(
        lambda conn: conn.execute(
            update(journal_entries)
            .where(journal_entries.c.seq == kept[4].seq)
            .values(superseded_by=2)
        )
    )
    found = await store.read(lambda conn: find_entries(conn, [FIRST], ["test.word/1"], HUB))
    assert [e.leaf for e in found] == [kept[0].leaf, kept[3].leaf]


@contextmanager
def plans_of(conn: Connection) -> Iterator[list[str]]:
    """How SQLite goes about each look that is made meanwhile."""
    asked: list[tuple[str, object]] = []

    def note(_c: object, _cur: object, statement: str, parameters: object, *_: object) -> None:
        asked.append((statement, parameters))

    plans: list[str] = []
    event.listen(conn, "before_cursor_execute", note)
    yield plans
    event.remove(conn, "before_cursor_execute", note)
    for statement, parameters in asked:
        rows = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]  # as it came
        plans += [row.detail for row in rows]


LOOKS: dict[str, Callable[[Connection], object]] = {
    "find_entries": lambda conn: find_entries(conn, [FIRST], ["test.word/1"], HUB),
    "was_apart": lambda conn: was_apart(conn, HUB, 1, 9),
    "list_outstanding": lambda conn: list_outstanding(conn, HUB, datetime(2026, 3, 1, tzinfo=UTC)),
}


@pytest.mark.parametrize("look", LOOKS)
async def test_no_look_reads_the_whole_journal(
    look: str, clock: ManualClock, tmp_path: Path
) -> None:
    async with Store(f"sqlite:///{tmp_path}/node.sqlite") as store:
        await Journal(HUB, store, clock, {}).append([word(FIRST)])

        def plan(conn: Connection) -> list[str]:
            with plans_of(conn) as plans:
                LOOKS[look](conn)
            return plans

        plans = await store.read(plan)
    mine = [detail for detail in plans if "journal_entries" in detail]
    assert mine
    assert all(
        "ix_journal_entries_incident" in detail or "ix_journal_entries_kind" in detail
        for detail in mine
    )
