"""Whatever comes at once, in any order, twice: one incident, every report on disk, nothing lost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection

from safetynet.access.seal import Vault
from safetynet.app.hub.intake import MAX_GROUP, MAX_WAITING, RUSH_S, Intake
from safetynet.base.clock import ManualClock
from safetynet.base.errors import ConflictError, InvalidError, UnavailableError
from safetynet.base.geo import LonLat
from safetynet.base.ids import HUB, ReportId, new_id
from safetynet.city.lookup import Gazetteer
from safetynet.city.synth import small_city
from safetynet.incident.entries import ReportBody
from safetynet.incident.fold import FOLDS
from safetynet.incident.locate import Bounds
from safetynet.incident.model import (
    Accepted,
    IncidentKind,
    IncidentState,
    KeptMessage,
    PlaceOrigin,
    Progress,
    Report,
)
from safetynet.incident.read import KeptIncident, get_incident, list_recent
from safetynet.incident.state import Change, end_incident
from safetynet.journal.append import Journal
from safetynet.journal.entry import time_text
from safetynet.journal.read import read_range
from safetynet.journal.verify import verify_store
from safetynet.store.schema import KEYS_SCHEMA
from safetynet.store.store import Store
from safetynet.store.tables import metadata

NOW = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
BOUNDS = Bounds(west=126.9, south=37.4, east=127.1, north=37.7)
PLACE = LonLat(126.975, 37.53)


@dataclass
class Desk:
    """An intake over real stores."""

    intake: Intake
    journal: Journal
    clock: ManualClock
    changes: list[Change] = field(default_factory=list)

    def report(
        self,
        progress: Progress = Progress.OCCURRED,
        *,
        key: str = "T20260301000001",
        detail: str = "연기가 보인다",
        at: LonLat | None = PLACE,
        dong_code: str = "",
        drill: bool = False,
    ) -> Report:
        self.clock.advance(0.01)
        now = self.clock.now()
        return Report(
            id=ReportId(new_id("rep", now)),
            sender="119",
            key=key,
            format="http",
            progress=progress,
            kind=IncidentKind.FIRE,
            grade="",
            detail=detail,
            at=at,
            error_m=None,
            address="",
            dong_code=dong_code,
            occurred_at=now,
            received_at=now,
            drill=drill,
            raw=f"raw of {detail}".encode(),
        )

    async def kinds(self) -> list[str]:
        return [e.kind for e in await read_range(self.journal.store, HUB)]

    async def kept(self) -> list[KeptIncident]:
        return await self.journal.store.read(lambda conn: list_recent(conn, HUB))


def stored(folder: Path) -> bytes:
    """Everything that lies in the stores' files, their logs included, where they are ours to see."""
    return b"".join(path.read_bytes() for path in folder.rglob("*.db*"))


def told(conn: Connection) -> str:
    """Everything that the store's tables say."""
    tables = metadata.sorted_tables
    return "".join(str(tuple(row)) for table in tables for row in conn.execute(table.select()))


@pytest.fixture
async def desk(make_store_url: Callable[[], str]) -> AsyncIterator[Desk]:
    clock = ManualClock(NOW)
    async with (
        Store(make_store_url()) as store,
        Store(make_store_url(), schema=KEYS_SCHEMA) as keys,
    ):
        journal = Journal(HUB, store, clock, FOLDS)
        changes: list[Change] = []
        intake = Intake(
            journal, Vault(keys, clock), Gazetteer(small_city()), BOUNDS, clock, changes.append
        )
        yield Desk(intake, journal, clock, changes)
        assert (await verify_store(store, HUB)).ok


async def test_sixty_reports_at_once_on_one_incident_make_one_and_lose_none(desk: Desk) -> None:
    reports = [
        desk.report(Progress.CHANGED if n else Progress.OCCURRED, detail=f"{n}번째 신고", at=PLACE)
        for n in range(60)
    ]
    accepted = await asyncio.gather(*(desk.intake.accept(r) for r in reports))
    assert len({a.incident for a in accepted}) == 1
    assert [a.new for a in accepted].count(True) == 1
    (kept,) = await desk.kept()
    incident = await desk.intake.open_words(kept)
    assert incident.detail == "59번째 신고", "the newest word stands"
    assert (await desk.kinds()).count("report.accepted/1") == 60
    assert {a.report for a in accepted} == {r.id for r in reports}


async def test_a_resend_is_no_news_even_where_our_clock_has_gone_back_since(desk: Desk) -> None:
    now = desk.clock.now()
    desk.clock.set_wall(now + timedelta(minutes=5))
    words = [desk.report(), desk.report(Progress.ENDED)]
    for report in words:
        await desk.intake.accept(report)
    desk.clock.set_wall(now)
    for report in words:
        again = msgspec.structs.replace(report, id=ReportId(f"{report.id}2"), received_at=now)
        await desk.intake.accept(again)
    entries = await read_range(desk.journal.store, HUB)
    receipts = [e.read(ReportBody) for e in entries if e.kind == "report.accepted/1"]
    assert [r.outcome for r in receipts] == ["opened", "ended", "late", "duplicate"]
    assert receipts[-1].received_at == time_text(now), "the receipt says what the clock said"
    (kept,) = await desk.kept()
    assert kept.incident().received_at == words[0].received_at


async def test_an_end_among_many_reports_stands_whatever_comes_first(desk: Desk) -> None:
    reports = [desk.report(detail=str(n)) for n in range(9)] + [desk.report(Progress.ENDED)]
    await asyncio.gather(*(desk.intake.accept(r) for r in reversed(reports)))
    (kept,) = await desk.kept()
    assert kept.incident().state is IncidentState.ENDED


async def test_incidents_do_not_wait_for_each_other(desk: Desk) -> None:
    reports = [desk.report(key=f"T2026030100{n:04d}") for n in range(40)]
    accepted = await asyncio.gather(*(desk.intake.accept(r) for r in reports))
    assert len({a.incident for a in accepted}) == 40
    assert all(a.new for a in accepted)


async def test_a_drill_with_the_number_of_a_real_incident_is_another_one(desk: Desk) -> None:
    real = await desk.intake.accept(desk.report())
    drill = await desk.intake.accept(desk.report(drill=True))
    assert real.incident != drill.incident


async def test_a_missing_position_falls_back_to_the_legal_dong(desk: Desk) -> None:
    await desk.intake.accept(desk.report(at=LonLat(0, 0), dong_code="1144012000"))
    (kept,) = await desk.kept()
    place = kept.incident().place
    dong = Gazetteer(small_city()).find_dong("1144012000")
    assert dong is not None
    assert (place.origin, place.error_m) == (PlaceOrigin.LEGAL_DONG, dong.radius_m)
    assert (place.at.lon, place.at.lat) == pytest.approx((dong.centre.lon, dong.centre.lat))


async def test_nothing_of_what_people_said_stands_in_the_clear(desk: Desk, tmp_path: Path) -> None:
    await desk.intake.accept(desk.report(detail="김철수 010-1234-5678"))
    for entry in await read_range(desk.journal.store, HUB):
        assert "김철수".encode() not in entry.line
        assert b"1234-5678" not in entry.line
    assert "김철수" not in await desk.journal.store.read(told)
    assert "김철수".encode() not in stored(tmp_path)


async def test_what_makes_no_report_is_kept(desk: Desk) -> None:
    message = KeptMessage(
        id=ReportId(new_id("rep", NOW)),
        sender="",
        format="ucp",
        code="ucp.header",
        refused=True,
        received_at=NOW,
        raw=b"\x00garbage",
    )
    await desk.intake.keep(message)
    assert await desk.kinds() == ["report.rejected/1"]
    assert desk.changes == []


async def test_an_operators_end_of_an_incident_that_moved_meanwhile_is_refused(
    desk: Desk,
) -> None:
    accepted = await desk.intake.accept(desk.report())
    stale = await desk.journal.store.read(lambda conn: get_incident(conn, HUB, accepted.incident))
    change = end_incident(await desk.intake.open_words(stale), desk.clock.now())
    await desk.intake.accept(desk.report(Progress.CHANGED, detail="불이 커진다"))
    with pytest.raises(ConflictError) as refused:
        await desk.intake.move(stale, change)
    assert refused.value.code == "incident.moved"
    (kept,) = await desk.kept()
    assert kept.incident().state is IncidentState.OPEN


async def test_reports_that_wait_together_share_a_commit_and_keep_their_order(desk: Desk) -> None:
    first = desk.report(key="T1")
    waiting = [desk.report(key=f"T{n % 5}", detail=str(n)) for n in range(MAX_GROUP // 2)]
    before = desk.journal.store.commits
    await asyncio.gather(*(desk.intake.accept(r) for r in (first, *waiting)))
    assert desk.journal.store.commits == before + 1
    entries = await read_range(desk.journal.store, HUB)
    accepted = [e.read(ReportBody).report for e in entries if e.kind == "report.accepted/1"]
    assert accepted == [first.id, *(r.id for r in waiting)]
    assert [change.after.key for change in desk.changes] == ["T1", *(r.key for r in waiting)]


async def test_one_report_that_cannot_be_written_costs_no_other(desk: Desk) -> None:
    # No entry can hold half a surrogate pair.
    broken = msgspec.structs.replace(desk.report(key="T2"), dong_code="\ud800")
    reports = [desk.report(key="T1"), broken, desk.report(key="T3")]
    done = await asyncio.gather(*(desk.intake.accept(r) for r in reports), return_exceptions=True)
    assert [type(one) for one in done] == [Accepted, InvalidError, Accepted]
    assert {kept.body.key for kept in await desk.kept()} == {"T1", "T3"}


async def test_an_operators_end_between_look_and_write_makes_the_report_decide_anew(
    desk: Desk,
) -> None:
    accepted = await desk.intake.accept(desk.report())
    kept = await desk.journal.store.read(lambda conn: get_incident(conn, HUB, accepted.incident))
    end = end_incident(await desk.intake.open_words(kept), desk.clock.now())
    late = desk.report(Progress.CHANGED, detail="불이 커진다")
    told, _ = await asyncio.gather(desk.intake.accept(late), desk.intake.move(kept, end))
    (now,) = await desk.kept()
    assert told.state is now.incident().state is IncidentState.ENDED


async def test_who_gives_up_waiting_stops_nobody_else(desk: Desk) -> None:
    one, other = (
        asyncio.create_task(desk.intake.accept(desk.report(key=key))) for key in ("T1", "T2")
    )
    await asyncio.sleep(0)
    one.cancel()
    assert (await other).new
    assert (await asyncio.gather(one, return_exceptions=True))[0] is not None
    assert (await desk.intake.accept(desk.report(key="T3"))).new


async def test_where_too_many_reports_wait_the_next_is_refused_and_nothing_of_it_is_kept(
    desk: Desk,
) -> None:
    waiting = [desk.report(key=f"T{n}") for n in range(MAX_WAITING)]
    tasks = [asyncio.create_task(desk.intake.accept(r)) for r in waiting]
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError) as refused:
        await desk.intake.accept(desk.report(key="one too many"))
    assert refused.value.code == "report.busy"
    for task in tasks[1:]:
        task.cancel()
    assert (await tasks[0]).new
    assert {kept.body.key for kept in await desk.kept()} == {"T0"}


async def test_a_rush_goes_on_between_two_groups_and_ends_soon_after_the_last(desk: Desk) -> None:
    reports = [desk.report(key=f"T{n}") for n in range(20)]
    await asyncio.gather(*(desk.intake.accept(r) for r in reports))
    assert desk.intake.pending == 20, "their senders send on as soon as they are told"
    desk.clock.advance(RUSH_S)
    assert desk.intake.pending == 0
