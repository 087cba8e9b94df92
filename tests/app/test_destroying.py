"""Destroying an incident's words: nothing of them is left, and nothing that comes later is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from safetynet.access.destruction import Because, carry_out
from safetynet.access.fold import ACCESS_FOLDS
from safetynet.access.seal import SealedValue, Vault
from safetynet.app.hub.destroying import Destroyer
from safetynet.app.hub.intake import Intake
from safetynet.base.clock import ManualClock
from safetynet.base.errors import ConflictError, NotFoundError, RefusedError
from safetynet.base.geo import LonLat
from safetynet.base.ids import HUB, IncidentId, ReportId, new_id
from safetynet.city.lookup import Gazetteer
from safetynet.city.synth import small_city
from safetynet.incident.entries import REPORT_ACCEPTED, ReportBody, Words, read_words
from safetynet.incident.fold import FOLDS
from safetynet.incident.locate import Bounds
from safetynet.incident.model import IncidentKind, KeptMessage, Progress, Report
from safetynet.incident.read import KeptIncident, get_incident
from safetynet.incident.state import Change
from safetynet.journal.append import Journal
from safetynet.journal.read import read_incident
from safetynet.journal.rows import Head
from safetynet.journal.snapshot import make_snapshot, rebuild
from safetynet.store.schema import KEYS_SCHEMA
from safetynet.store.store import Store

NOW = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
BOUNDS = Bounds(west=126.9, south=37.4, east=127.1, north=37.7)
WHY = Because.RETENTION_ENDED
ALL = {**FOLDS, **ACCESS_FOLDS}


@dataclass
class Desk:
    """Intake and destroyer over real stores."""

    intake: Intake
    destroyer: Destroyer
    journal: Journal
    vault: Vault
    clock: ManualClock
    changes: list[Change]
    forgotten: list[IncidentId]

    async def report(
        self, progress: Progress = Progress.OCCURRED, detail: str = "김철수 010-1234-5678"
    ) -> tuple[IncidentId, ReportId]:
        self.clock.advance(1)
        now = self.clock.now()
        report = Report(
            id=ReportId(new_id("rep", now)),
            sender="119",
            key="T20260301000001",
            format="http",
            progress=progress,
            kind=IncidentKind.FIRE,
            grade="",
            detail=detail,
            at=LonLat(126.975, 37.53),
            error_m=None,
            address="양화로 160",
            dong_code="",
            occurred_at=now,
            received_at=now,
            drill=False,
            raw=f"raw of {detail}".encode(),
        )
        accepted = await self.intake.accept(report)
        return accepted.incident, report.id

    async def ended(self) -> IncidentId:
        incident, _ = await self.report()
        await self.report(Progress.ENDED)
        return incident

    async def destroy(self, subject: str) -> None:
        await self.destroyer.destroy(subject, because=WHY, by="control")

    async def kept(self, incident: IncidentId) -> KeptIncident:
        return await self.journal.store.read(lambda conn: get_incident(conn, HUB, incident))

    async def reports(self, incident: IncidentId) -> list[ReportBody]:
        found = await read_incident(self.journal.store, incident)
        return [e.read(ReportBody) for e in found if e.kind == REPORT_ACCEPTED]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock = ManualClock(NOW)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(Store(f"sqlite:///{tmp_path}/node.sqlite"))
        keys = await stack.enter_async_context(
            Store(f"sqlite:///{tmp_path}/keys.sqlite", schema=KEYS_SCHEMA)
        )
        journal, vault = Journal(HUB, store, clock, ALL), Vault(keys, clock)
        changes: list[Change] = []
        forgotten: list[IncidentId] = []
        intake = Intake(journal, vault, Gazetteer(small_city()), BOUNDS, clock, changes.append)
        destroyer = Destroyer(journal, vault, clock, forgotten.append)
        yield Desk(intake, destroyer, journal, vault, clock, changes, forgotten)


async def test_nothing_of_an_incident_can_be_read_any_more(desk: Desk) -> None:
    incident = await desk.ended()
    gone = await desk.destroyer.destroy(incident, because=WHY, by="control")
    assert (gone.key_destroyed, gone.reports) == (True, 2)
    kept = await desk.kept(incident)
    assert (kept.words, kept.destroyed) == (None, True)
    for body in await desk.reports(incident):
        assert body.raw is not None
        value = SealedValue(sealed=body.raw.sealed, key=body.raw.key)
        with pytest.raises(RefusedError):
            await desk.vault.open_sealed(incident, value)
    assert desk.forgotten == [incident]
    assert "김철수" not in (gone.entry.line.decode())


async def test_an_open_incident_keeps_its_words(desk: Desk) -> None:
    incident, _ = await desk.report()
    with pytest.raises(ConflictError) as refused:
        await desk.destroy(incident)
    assert refused.value.code == "destruction.open"
    assert (await desk.intake.open_words(await desk.kept(incident))).detail


async def test_what_is_unknown_or_done_is_refused(desk: Desk) -> None:
    incident = await desk.ended()
    await desk.destroy(incident)
    with pytest.raises(ConflictError) as again:
        await desk.destroy(incident)
    assert again.value.code == "destruction.done"
    for unknown in ("inc_1", "rep_1"):
        with pytest.raises(NotFoundError):
            await desk.destroy(unknown)


async def test_a_report_that_comes_afterwards_is_kept_and_can_be_destroyed_by_itself(
    desk: Desk,
) -> None:
    incident = await desk.ended()
    await desk.destroy(incident)
    again, late = await desk.report(Progress.CHANGED, detail="또 다른 말")
    assert again == incident
    kept = await desk.kept(incident)
    assert kept.words is None
    told = desk.changes[-1].after
    assert (told.detail, told.place.address) == ("", ""), "memory and consoles get none of it"
    body = (await desk.reports(incident))[-1]
    assert body.words is not None
    value = SealedValue(sealed=body.words.sealed, key=body.words.key)
    words = read_words(await desk.vault.open_sealed(late, value))
    assert words == Words(detail="또 다른 말", address="양화로 160")
    await desk.destroy(late)
    with pytest.raises(RefusedError):
        await desk.vault.open_sealed(late, value)
    assert desk.forgotten == [incident]


async def test_a_message_that_made_no_report_is_destroyed_by_its_own_id(desk: Desk) -> None:
    message = KeptMessage(
        id=ReportId(new_id("rep", NOW)),
        sender="",
        format="ucp",
        code="ucp.header",
        refused=True,
        received_at=NOW,
        raw=b"garbage",
    )
    await desk.intake.keep(message)
    await desk.destroy(message.id)
    assert not await desk.vault.has_key(message.id)


async def test_reports_that_come_while_words_are_destroyed_are_all_kept(desk: Desk) -> None:
    incident = await desk.ended()
    await asyncio.gather(
        *(desk.report(Progress.CHANGED, detail=str(n)) for n in range(10)),
        desk.destroy(incident),
        *(desk.report(Progress.CHANGED, detail=str(n)) for n in range(10)),
    )
    assert len(await desk.reports(incident)) == 22
    kept = await desk.kept(incident)
    assert (kept.words, kept.destroyed) == (None, True)
    before = msgspec.json.encode(kept)
    await desk.journal.rebuild()
    assert msgspec.json.encode(await desk.kept(incident)) == before


async def test_words_that_are_destroyed_are_in_no_snapshot_made_before_or_during(
    desk: Desk, tmp_path: Path
) -> None:
    incident = await desk.ended()
    sealed = (await desk.kept(incident)).words
    assert sealed is not None
    store = desk.journal.store
    await make_snapshot(store, HUB, desk.clock)
    await asyncio.gather(desk.destroy(incident), make_snapshot(store, HUB, desk.clock))
    kept = msgspec.json.encode(await desk.kept(incident))
    done = await store.write(lambda conn: rebuild(conn, HUB, ALL))
    assert done.base is not None
    assert msgspec.json.encode(await desk.kept(incident)) == kept
    rows = await store.read(
        lambda conn: conn.exec_driver_sql("SELECT count(*) FROM snapshot_seals").scalar()
    )
    assert rows == 0


async def test_a_report_is_taken_although_the_journal_lost_the_destruction(desk: Desk) -> None:
    """A journal from a backup beside newer keys: the key is gone, the entry is not there."""
    incident, _ = await desk.report()
    await desk.vault.destroy([incident], HUB, Head(seq=9))
    again, late = await desk.report(Progress.CHANGED, detail="뒤늦은 말")
    assert again == incident
    assert await desk.vault.has_key(late)
    assert (await desk.kept(incident)).words is None


async def test_a_hub_whose_keys_are_lost_still_starts(desk: Desk, tmp_path: Path) -> None:
    incident, _ = await desk.report()
    async with Store(f"sqlite:///{tmp_path}/new.sqlite", schema=KEYS_SCHEMA) as keys:
        vault = Vault(keys, desk.clock)
        intake = Intake(
            desk.journal, vault, Gazetteer(small_city()), BOUNDS, desk.clock, desk.changes.append
        )
        assert await carry_out(desk.journal.store, HUB, vault) == 0
        kept = await desk.kept(incident)
        assert (await intake.open_words(kept)).detail == ""
