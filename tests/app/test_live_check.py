"""``safetynet check --all``: what two ends must agree on, and what may be open. (The living nodes: tests/chaos.)"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, insert, update

from safetynet.app.cli import main
from safetynet.app.live_check import Ends, find_faults, find_rights
from safetynet.base.ids import NodeId
from safetynet.federation.messages import Beat
from safetynet.journal.entry import time_text
from safetynet.journal.rows import Head
from safetynet.store.store import Store
from safetynet.store.tables import grants, incidents, sessions, views

MAPO = NodeId("mapo")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SAID = Beat(node=MAPO, boot="b", epoch=1, head=7, cameras=3, catalogue="c", gateway="")
GOOD = Ends(
    node=MAPO,
    here=Head(epoch=1, seq=7, leaf="leaf"),
    state="good",
    catalogue="c",
    said=SAID,
    leaf="leaf",
)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, None),
        ({"here": Head(epoch=1, seq=9, leaf="leaf")}, None),  # it wrote more since it spoke
        ({"state": "broken"}, "chain broke"),
        ({"said": None}, "silent"),
        ({"here": Head(epoch=1, seq=5, leaf="leaf")}, "the hub is at 1/5, it is at 1/7"),
        ({"leaf": "another"}, "not the one that the hub has"),
        ({"leaf": None}, "not the one that the hub has"),
        ({"catalogue": "d"}, "catalogue"),
    ],
)
def test_both_ends_agree_on_position_entry_and_cameras(
    change: dict[str, object], fault: str | None
) -> None:
    faults = find_faults(msgspec.structs.replace(GOOD, **change))
    assert not faults if fault is None else fault in faults[0]


def grant(id_: str, side: str, **changes: object) -> dict[str, object]:
    """A row of a grant that is open."""
    words = ("issuer", "owner", "camera", "viewer", "agency", "service", "purpose", "basis")
    return {
        **dict.fromkeys((*words, "generation"), "x"),
        "node": "hub" if side == "issued" else MAPO,
        "id": id_,
        "side": side,
        "incident": "inc_1",
        "drill": False,
        "issued_at": time_text(NOW),
        "hard_end": time_text(NOW + timedelta(hours=1)),
        **changes,
    }


def session(id_: str, of: str) -> dict[str, object]:
    """A row of a session that goes on."""
    words = dict.fromkeys(("incident", "camera", "viewer"), "x")
    return {**words, "node": MAPO, "id": id_, "grant": of, "opened_at": time_text(NOW)}


def incident(ended_at: str | None) -> dict[str, object]:
    """A row of an incident."""
    words = ("sender", "key", "state", "kind", "grade", "document")
    times = {"received_at": time_text(NOW), "changed_at": time_text(NOW), "ended_at": ended_at}
    return {
        **dict.fromkeys(words, "x"),
        **times,
        "node": "hub",
        "id": "inc_1",
        "drill": False,
        "revision": 1,
    }


async def test_what_is_open_has_a_right_to_be(store_url: str) -> None:
    async with Store(store_url) as store:

        def write(conn: Connection) -> None:
            conn.execute(insert(incidents), [incident(None)])
            conn.execute(insert(grants), [grant("gr_1", "issued"), grant("gr_1", "received")])
            conn.execute(insert(sessions), [session("ses_1", "gr_1")])

        await store.write(write)
        assert await store.read(lambda conn: find_rights(conn, NOW)) == []
        assert await store.read(lambda conn: find_rights(conn, NOW + timedelta(hours=2))) == [
            "mapo: session goes on after its grant ended: ses_1"
        ]


async def test_what_outlived_its_end_and_what_nobody_owns_is_told(store_url: str) -> None:
    over = time_text(NOW - timedelta(minutes=1))
    view = {"camera": "c", "owner": "mapo", "rank": 1, "state": "x", "note": "", "changed_at": over}
    async with Store(store_url) as store:

        def write(conn: Connection) -> None:
            conn.execute(insert(incidents), [incident(over)])
            conn.execute(insert(grants), [grant("gr_1", "issued")])
            closed = grant("gr_1", "received", closed_at=over, closed_because="by_issuer")
            conn.execute(insert(grants), [closed])
            conn.execute(insert(sessions), [session("ses_1", "gr_1"), session("ses_2", "gr_9")])
            conn.execute(insert(views), [{**view, "node": "hub", "incident": "inc_9"}])

        await store.write(write)
        assert await store.read(lambda conn: find_rights(conn, NOW)) == [
            "mapo: session goes on after its grant ended: ses_1",
            "mapo: session without a grant: ses_2",
            "hub: grant is open though its incident is over: gr_1",
            "hub: views of no incident: inc_9",
        ]


def test_it_asks_for_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--all"]) == 2
    assert "check.settings" in capsys.readouterr().err
    assert main(["check", "--all", str(tmp_path / "none.json")]) == 2


async def test_one_event_stands_at_both_ends_alike(store_url: str) -> None:
    here = {**incident(None), "node": "mapo", "id": "inc_2"}
    drill = {**here, "id": "inc_3", "key": "x#drill", "state": "y"}
    async with Store(store_url) as store:

        async def told(minutes: int = 1) -> list[str]:
            now = NOW + timedelta(minutes=minutes)
            return await store.read(lambda conn: find_rights(conn, now))

        await store.write(lambda c: c.execute(insert(incidents), [incident(None), here, drill]))
        assert await told() == []
        await store.write(
            lambda c: c.execute(
                update(incidents).where(incidents.c.node == "mapo").values(state="ended")
            )
        )
        assert await told(0) == [], "the word may be on its way"
        assert await told() == [
            "mapo: incident stands otherwise than the hub's on the same event: inc_2"
        ]
