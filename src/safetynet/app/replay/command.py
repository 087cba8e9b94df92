"""``safetynet replay``: asks recorded decisions again, and says whether the answer is the same."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from safetynet.app.demo import default_data
from safetynet.app.replay.ask import Replayed, Replayer, Verdict
from safetynet.app.replay.past import Past, read_past
from safetynet.app.see.table import table
from safetynet.base.errors import NotFoundError
from safetynet.base.ids import IncidentId
from safetynet.city.bundle import MANIFEST, load_city, read_manifest
from safetynet.store.engines import sqlite_url
from safetynet.store.store import Store

STORE = "node.sqlite"
SHOWN = 3
"""Differences of one decision that the table names."""


def run_replay(data: str | None, incident: str | None, *, city: Path | None) -> int:
    """Print a table of decisions; 0 where each one that keeps its moment is the same, else 1.

    ``data`` is a hub's folder, a demo's, a store's file, or its URL. ``city`` is the bundle that the hub
    used; without it the one below the folder that has the recorded version.
    """
    place = data or str(default_data())
    past = asyncio.run(_read(_url_of(place), incident))
    if not past.decided:
        raise NotFoundError("replay.nothing", "no decision found", path=place)
    replayer = Replayer(load_city(city or _find_bundle(Path(place), past)), past)
    replayed = [replayer.replay(one) for one in past.decided if not one.body.refused]
    print(replay_text(replayed))
    proven = all(one.verdict in (Verdict.SAME, Verdict.OLDER) for one in replayed)
    return 0 if proven else 1


def replay_text(replayed: Sequence[Replayed]) -> str:
    """The decisions as a table, and how many fared how."""
    rows = [["incident", "decided at", ">views", "verdict", "where"]]
    for one in replayed:
        body, more = one.decided.body, len(one.where) - SHOWN
        where = " · ".join(one.where[:SHOWN]) + (f" · {more} more" if more > 0 else "")
        if one.verdict is Verdict.DIFFERS and body.moment is not None:
            where += f" (decided by version {body.moment.program})"
        rows.append(
            [body.incident, body.decided_at, str(len(body.views)), one.verdict.value, where]
        )
    counts = {v: sum(one.verdict is v for one in replayed) for v in Verdict}
    summary = ", ".join(f"{n} {verdict.value}" for verdict, n in counts.items() if n)
    return f"{table(rows)}\n\n{summary or 'nothing was chosen'}"


async def _read(url: str, incident: str | None) -> Past:
    async with Store(url) as store:
        return await read_past(store, IncidentId(incident) if incident else None)


def _url_of(place: str) -> str:
    if "://" in place:
        return place
    path = Path(place)
    for file in (path, path / STORE, path / "hub" / STORE):
        if file.is_file():
            return sqlite_url(file)
    raise NotFoundError("replay.no_store", "no store of a hub found", path=place)


def _find_bundle(place: Path, past: Past) -> Path:
    """The bundle below the folder that decisions were made on."""
    wanted = {one.body.moment.bundle for one in past.decided if one.body.moment is not None}
    for manifest in sorted(place.glob(f"city/*/{MANIFEST}")):
        if read_manifest(manifest.parent).version in wanted:
            return manifest.parent
    raise NotFoundError(
        "replay.no_bundle",
        "say with --city which bundle the hub used",
        wanted=" ".join(sorted(wanted)),
    )
