"""``safetynet check`` believes nothing but the bytes."""

import asyncio
import contextlib
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from safetynet.access import entries
from safetynet.access.fold import ACCESS_FOLDS
from safetynet.app.check import FOLDS
from safetynet.app.cli import main
from safetynet.base.clock import ManualClock
from safetynet.base.ids import GrantId, IncidentId, NodeId
from safetynet.journal.append import Journal
from safetynet.journal.read import read_range
from safetynet.store.store import Store
from tests.postgres import Server

MAPO = NodeId("mapo")


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A node's folder with a journal of some entries, cleanly closed."""
    folder = tmp_path / "nodes" / "mapo"
    folder.mkdir(parents=True)

    async def write() -> None:
        clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
        async with Store(f"sqlite:///{folder}/node.sqlite") as store:
            journal = Journal(MAPO, store, clock, ACCESS_FOLDS)
            for n in range(20):
                clock.advance(1)
                incident = IncidentId(f"inc_{n}")
                await journal.append(
                    [
                        entries.closed(GrantId(f"grant_{n:04d}"), incident, "ended"),
                        entries.incident_over(incident, "ended"),
                    ]
                )
            lines = [e.line for e in await read_range(store, MAPO)]
        (folder / "exported.jsonl").write_bytes(b"\n".join(lines) + b"\n")

    asyncio.run(write())
    return folder


def tamper(store: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(store)) as db:
        assert db.execute(statement).rowcount == 1
        db.commit()


def test_a_journal_that_holds_exits_with_0(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (node.parents[1], node / "node.sqlite", node / "exported.jsonl"):
        assert main(["check", str(path)]) == 0
        said = capsys.readouterr().out
        assert "holds" in said
        assert "BROKEN" not in said
        assert "40" in said


def test_a_byte_changed_in_a_copied_store_is_found(
    node: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = tmp_path / "copy.sqlite"
    shutil.copy(node / "node.sqlite", copied)
    data = bytearray(copied.read_bytes())
    place = data.index(b'"id":"grant_0007"')
    data[place + len(b'"id":"grant_000')] ^= 1
    copied.write_bytes(data)
    assert main(["check", str(copied)]) == 1
    said = capsys.readouterr().out
    assert "BROKEN" in said
    assert "seq 15" in said
    assert main(["check", str(node)]) == 0, "the original is as it was"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM journal_entries WHERE seq = 9",
        "DELETE FROM journal_entries WHERE seq = 40",
        "DELETE FROM journal_entries WHERE seq = 1",
        "UPDATE journal_entries SET kind = 'other.kind/1', leaf = 'f' WHERE seq = 3",
        "UPDATE journal_entries SET line = CAST(x'7b7d' AS BLOB) WHERE seq = 3",
        "UPDATE nodes SET seq = 39 WHERE node = 'mapo'",
    ],
)
def test_what_is_taken_out_or_put_in_is_found(
    node: Path, statement: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper(node / "node.sqlite", statement)
    assert main(["check", str(node.parents[1])]) == 1
    assert "BROKEN" in capsys.readouterr().out


def test_a_line_changed_in_an_exported_file_is_found(
    node: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = node / "exported.jsonl"
    path.write_bytes(path.read_bytes().replace(b"grant_0003", b"grant_9003"))
    assert main(["check", str(path)]) == 1
    assert "previous" in capsys.readouterr().out


def test_where_there_is_no_journal_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(tmp_path)]) == 2
    assert "check.nothing" in capsys.readouterr().err


def test_a_file_that_is_no_store_is_said_to_be_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "node.sqlite").write_bytes(b"this is no database" * 100)
    assert main(["check", str(tmp_path)]) != 0
    assert "safetynet:" in capsys.readouterr().err


@pytest.fixture
def database(postgres: Server) -> str:
    """The URL of a store on PostgreSQL with a journal of some entries."""
    url = postgres.make_database()

    async def write() -> None:
        async with Store(url) as store:
            journal = Journal(MAPO, store, ManualClock(datetime(2026, 3, 1, tzinfo=UTC)), FOLDS)
            for n in range(20):
                await journal.append([entries.closed(GrantId(f"g{n}"), IncidentId("i"), "ended")])
            await journal.append([entries.incident_over(IncidentId("i"), "ended")])

    asyncio.run(write())
    return url


def fold_of(conn: psycopg.Connection) -> list[tuple[object, ...]]:
    return conn.execute("SELECT xmin::text, * FROM grants ORDER BY id").fetchall()


@pytest.mark.postgres
def test_a_database_is_checked_where_it_stands_and_left_as_it_was(
    database: str, postgres: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    with postgres.connect(postgres.newest) as conn:
        before = fold_of(conn)
        with conn.transaction(force_rollback=True):
            # A node that writes meanwhile is neither waited for nor kept waiting.
            conn.execute("UPDATE nodes SET seq = 1")
            conn.execute("DELETE FROM grants")
            assert main(["check", database]) == 0
        assert fold_of(conn) == before
    said = capsys.readouterr().out
    assert (postgres.newest in said, "holds" in said, "21" in said) == (True, True, True)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DELETE FROM journal_entries WHERE seq = 9", "sequence"),
        ("UPDATE nodes SET seq = 20", "head"),
        ("INSERT INTO camera_states VALUES ('mapo', 'c', 'dead', '', '')", "camera_states"),
    ],
)
def test_what_was_done_to_a_database_by_hand_is_found(
    statement: str, named: str, database: str, postgres: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    with postgres.connect(postgres.newest) as conn:
        conn.execute(statement.encode())
    assert main(["check", database]) == 1
    said = capsys.readouterr().out
    assert ("BROKEN" in said, named in said) == (True, True)


@pytest.mark.postgres
def test_a_database_without_a_store_is_said_to_be_none(
    postgres: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", postgres.make_database()]) != 0
    assert "check.no_store" in capsys.readouterr().err
    assert main(["check", postgres.url("not_there")]) != 0
    assert "store.unavailable" in capsys.readouterr().err


@pytest.mark.postgres
def test_the_ledger_of_a_database_is_printed(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ledger", database]) == 0
    assert "번호" in capsys.readouterr().out
