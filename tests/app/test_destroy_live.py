"""A real hub: words are destroyed over its API, and a key store from a backup does not bring them back."""

import contextlib
import json
import shutil
import sqlite3
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import Fence
from tests.docs.test_guides import Hub, run_example, running_hub
from tests.support import eventually

pytestmark = pytest.mark.slow
WORDS = "김철수 010-1234-5678"


def call(hub: Hub, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the hub, or tell it something; the JSON that it answers."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{hub.http}/api{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


async def command(*words: str) -> str:
    """Run a command of ours."""
    return await run_example(Fence("sh", " ".join([".venv/bin/safetynet", *words])), {})


def live_keys(store: Path) -> int:
    with contextlib.closing(sqlite3.connect(store)) as db:
        (count,) = db.execute("SELECT count(secret) FROM sealing_keys").fetchone()
        return int(count)


async def test_what_is_destroyed_stays_destroyed_over_restarts_and_restores(
    tmp_path: Path,
) -> None:
    report = {"sender": "119", "key": "T1", "kind": "fire", "lon": 126.975, "lat": 37.53}
    async with running_hub(tmp_path) as hub:
        made = call(hub, "/reports", {**report, "detail": WORDS})
        incident = made["incident"]
        call(hub, f"/incidents/{incident}/close", {})
        assert call(hub, f"/incidents/{incident}")["detail"] == WORDS
        keys = hub.data / "keys" / "keys.sqlite"
        assert live_keys(keys) == 1
        with (
            contextlib.closing(sqlite3.connect(keys)) as source,
            contextlib.closing(sqlite3.connect(tmp_path / "keys.backup")) as target,
        ):
            source.backup(target)
        hub_url = f"http://127.0.0.1:{hub.http}"
        said = await command("destroy", incident, "--because", "subject_request", "--hub", hub_url)
        assert "key_destroyed\tTrue" in said
        assert "제36조제2항" in said
        assert call(hub, f"/incidents/{incident}")["detail"] == ""
        assert live_keys(keys) == 0
        call(hub, "/reports", {**report, "progress": 40, "detail": "뒤늦은 신고"})
    for path in keys.parent.iterdir():
        path.unlink()
    shutil.copy(tmp_path / "keys.backup", keys)
    assert live_keys(keys) == 1
    (tmp_path / "again").mkdir()
    shutil.copytree(hub.data, tmp_path / "again" / "hub")
    async with running_hub(tmp_path / "again") as again:
        assert live_keys(again.data / "keys" / "keys.sqlite") == 0, "before anything is served"
        lines = await eventually(lambda: call(again, "/journal/hub?after=0&limit=100") or None)
        kinds = [json.loads(line["entry"])["kind"] for line in lines]
        assert kinds.count("subject.destroyed/1") == 1
        assert "journal.epoch/1" not in kinds, "keys from a backup are no restored journal"
    assert "holds" in await command("check", str(again.data))
    assert "파기" in await command("ledger", str(again.data / "node.sqlite"))
