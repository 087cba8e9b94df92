"""The commands that mend stores: rebuild, snapshot, reinstate; refused while the node runs."""

import asyncio
import contextlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from safetynet.access import entries
from safetynet.access.destruction import Because
from safetynet.access.fold import ACCESS_FOLDS
from safetynet.app import cli
from safetynet.app.cli import main
from safetynet.base.clock import ManualClock
from safetynet.base.ids import GrantId, IncidentId, NodeId
from safetynet.journal.append import Journal
from safetynet.journal.entry import ZERO, Draft, encode_entry
from safetynet.journal.follow import Follower, NodeState
from safetynet.journal.mark import HeadMark
from safetynet.journal.read import read_range
from safetynet.store.store import Store
from tests.postgres import Server

MAPO = NodeId("mapo")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A stopped node's folder with a journal of some entries."""
    folder = tmp_path / "nodes" / "mapo"
    folder.mkdir(parents=True)
    with HeadMark(folder):
        asyncio.run(write(folder))
    return folder


async def write(folder: Path) -> None:
    async with Store(f"sqlite:///{folder}/node.sqlite") as store:
        journal = Journal(MAPO, store, ManualClock(NOW), ACCESS_FOLDS)
        turned = entries.PtzBody(
            camera="mapo-1",  # type: ignore[arg-type]
            move=entries.PtzMove.TURNED,
            incident=None,
            purpose="fire",
            azimuth_mdeg=1,
            tilt_mdeg=2,
            hfov_mdeg=3,
            took_ms=4,
        )
        over = entries.closed(GrantId("grant_1"), IncidentId("inc_1"), "ended")
        await journal.append([entries.ptz_moved(turned), over] * 10)


def spoil(store: Path) -> None:
    with contextlib.closing(sqlite3.connect(store)) as db:
        assert db.execute("DELETE FROM ptz_moves WHERE seq < 9").rowcount
        db.commit()


def test_spoiled_rows_are_folded_again(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place in (str(node), str(node / "node.sqlite"), f"sqlite:///{node}/node.sqlite"):
        spoil(node / "node.sqlite")
        assert main(["check", str(node)]) == 1
        assert main(["rebuild", place]) == 0
        assert "mapo: 20 entries folded again after entry 1" in capsys.readouterr().out
        assert main(["check", str(node)]) == 0


def test_a_snapshot_shortens_a_rebuild(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with HeadMark(node):
        assert main(["snapshot", str(node), "mapo"]) == 0
    assert "snapshot at epoch 1 seq 20" in capsys.readouterr().out
    assert main(["snapshot", str(node), "mapo"]) == 0
    assert "nothing new" in capsys.readouterr().out
    spoil(node / "node.sqlite")
    assert main(["rebuild", str(node), "mapo"]) == 0
    said = capsys.readouterr().out
    assert "0 entries folded again after snapshot at epoch 1 seq 20" in said
    assert main(["check", str(node)]) == 0
    with contextlib.closing(sqlite3.connect(node / "node.sqlite")) as db:
        db.execute("UPDATE snapshots SET digest = 'f'")
        db.commit()
    assert main(["rebuild", str(node)]) == 0
    said = capsys.readouterr().out
    assert "snapshot not used: epoch 1 seq 20: its digest" in said
    assert "20 entries folded again after entry 1" in said
    assert main(["rebuild", "--from-the-start", str(node)]) == 0


def test_the_store_of_a_running_node_is_left_alone(
    node: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with HeadMark(node):
        assert main(["rebuild", str(node)]) == 1
        assert main(["reinstate", str(node), "mapo"]) == 1
    assert capsys.readouterr().err.count("store.in_use") == 2


def test_what_is_not_there_is_said(
    node: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rebuild", str(tmp_path / "empty")]) == 2
    assert main(["rebuild", str(node), "seocho"]) == 2
    assert main(["reinstate", str(node), "seocho"]) == 2
    errors = capsys.readouterr().err
    assert all(code in errors for code in ("store.none", "store.no_journal", "journal.no_copy"))


async def _follow(hub: str, node: Path) -> list[bytes]:
    """A hub that took two entries of another history, and refused what came then."""
    async with Store(f"sqlite:///{node}/node.sqlite") as store:
        lines = [e.line for e in await read_range(store, MAPO)]
    async with Store(hub) as store:
        follower = Follower(store, ManualClock(NOW), ACCESS_FOLDS)
        applied = await follower.apply(MAPO, lines[:5])
        prev = applied.head.leaf
        for seq in (6, 7):
            draft = Draft(kind="test.word/1", body={"n": seq})
            other = encode_entry(node=MAPO, epoch=1, seq=seq, time=NOW, draft=draft, prev=prev)
            await follower.apply(MAPO, [other.line])
            prev = other.leaf
        assert prev != ZERO
        assert (await follower.apply(MAPO, lines[5:])).broken is not None
    return lines


async def _apply(hub: str, lines: list[bytes]) -> int:
    async with Store(hub) as store:
        follower = Follower(store, ManualClock(NOW), ACCESS_FOLDS)
        assert await follower.state(MAPO) is NodeState.GOOD
        return (await follower.apply(MAPO, lines)).head.seq


def test_a_refused_copy_is_taken_again_and_the_other_history_is_kept_as_evidence(
    node: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub = tmp_path / "hub"
    hub.mkdir()
    url = f"sqlite:///{hub}/node.sqlite"
    lines = asyncio.run(_follow(url, node))
    assert main(["reinstate", str(hub), "mapo", "--after", "99"]) == 2
    assert "journal.no_copy" in capsys.readouterr().err
    assert main(["reinstate", str(hub), "mapo", "--after", "5"]) == 0
    assert "2 entries are kept in" in capsys.readouterr().out
    (evidence,) = (hub / "evidence").iterdir()
    assert len(evidence.read_bytes().splitlines()) == 2
    assert asyncio.run(_apply(url, lines)) == 20
    assert main(["check", str(hub)]) == 0


@pytest.mark.postgres
def test_stores_on_postgresql_are_mended_by_the_same_commands(
    node: Path, postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = postgres.make_database()
    lines = asyncio.run(_follow(url, node))
    assert main(["snapshot", url]) == 0
    assert main(["reinstate", url, "mapo", "--after", "5"]) == 0
    assert len(list((tmp_path / "evidence").iterdir())) == 1
    assert asyncio.run(_apply(url, lines)) == 20
    assert main(["rebuild", url]) == 0
    assert main(["check", url]) == 0


def test_the_command_offers_every_reason_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["destroy", "--help"])
    said = capsys.readouterr().out
    assert all(reason.value in said for reason in Because)


def test_a_hub_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["destroy", "inc_1", "--because", "purpose_served", "--hub", "http://127.0.0.1:9"]
    assert main(asked) == 1
    assert "destroy.no_hub" in capsys.readouterr().err
    assert main([*asked[:-2], "--by", "김철수"]) == 2
    assert "destroy.asked" in capsys.readouterr().err
