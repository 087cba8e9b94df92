"""Entries, what they mean in SQL, and a hub that starts again."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import Connection, select

from safetynet.base.clock import ManualClock
from safetynet.base.errors import InvalidError, NotFoundError
from safetynet.base.geo import LonLat
from safetynet.base.ids import HUB, CameraId, GrantId, IncidentId, NodeId, ReportId, ViewerId
from safetynet.incident.entries import (
    PlaceBody,
    Sealed,
    Words,
    incident_moved,
    message_kept,
    read_words,
    report_accepted,
    words_to_seal,
)
from safetynet.incident.fold import FOLDS
from safetynet.incident.model import (
    IncidentKind,
    IncidentPlace,
    KeptMessage,
    PlaceOrigin,
    Progress,
    Report,
)
from safetynet.incident.moment import AimBody
from safetynet.incident.read import (
    KeptIncident,
    find_kept,
    get_incident,
    list_judgements,
    list_open,
    list_recent,
)
from safetynet.incident.showing import (
    JudgedBody,
    PassedBody,
    Picture,
    ReasonBody,
    ViewBody,
    choice_made,
    eyes_on,
    still_shown,
    view_changed,
    view_judged,
)
from safetynet.incident.state import Change, apply_report, end_incident, identity
from safetynet.journal.append import Journal
from safetynet.journal.entry import Draft, time_text
from safetynet.store.store import Store
from safetynet.store.tables import journal_entries, reports

NOW = datetime(2026, 11, 22, 8, 16, tzinfo=UTC)
SECRET = "양화로 160, 3층"
SEALED = Sealed(sealed="c2VhbGVk", key="key_1")


def report(key: str = "T1", progress: Progress = Progress.OCCURRED, drill: bool = False) -> Report:
    """A report with personal words."""
    return Report(
        id=ReportId(f"rep_{key}{progress}{drill}"),
        sender="119",
        key=key,
        format="ucp-119",
        progress=progress,
        kind=IncidentKind.FIRE,
        grade="",
        detail="검은 연기",
        at=LonLat(126.92398, 37.55634),
        error_m=None,
        address=SECRET,
        dong_code="1144012000",
        occurred_at=NOW - timedelta(seconds=10),
        received_at=NOW,
        drill=drill,
        raw=SECRET.encode(),
        told_at=NOW - timedelta(seconds=5),
    )


def change_of(of: Report) -> Change:
    """What a first report does."""
    place = IncidentPlace(
        at=LonLat(126.92398, 37.55634),
        error_m=20.0,
        origin=PlaceOrigin.REPORTED,
        address=SECRET,
        dong_code="1144012000",
    )
    return apply_report(None, of, place, NOW)


def drafts_of(of: Report, change: Change) -> list[Draft]:
    """All entries of one report."""
    moved = incident_moved(change, words=SEALED, report=of.id)
    accepted = report_accepted(of, change, words=SEALED, raw=SEALED)
    return [accepted, *([moved] if moved else [])]


def view(camera: str) -> ViewBody:
    """A chosen view."""
    return ViewBody.of(
        camera=CameraId(camera),
        owner=NodeId("mapo"),
        aim=AimBody.of(azimuth_deg=123.4567, tilt_deg=12.0, hfov_deg=8.5),
        distance_m=41.25,
        px_per_m=62.5,
        share_seen=0.875,
        slew_s=0.4,
        reasons=[ReasonBody.of("quality", value=62.5, unit="px/m", limit=20.0)],
    )


def choice(incident: IncidentId, *cameras: str) -> Draft:
    """A choice of these cameras."""
    return choice_made(
        incident,
        decided_at=NOW,
        decided_ms=12,
        service="119UC001",
        target="fire",
        min_px_per_m=20.0,
        views=[view(camera) for camera in cameras],
        passed_over=[
            PassedBody.of(
                camera=CameraId("mapo-9"),
                owner=NodeId("mapo"),
                distance_m=10.0,
                reasons=[ReasonBody.of("behind_building")],
            )
        ],
    )


@pytest.fixture
async def journal(store_url: str) -> AsyncIterator[Journal]:
    """A hub's journal in a store of its own."""
    async with Store(store_url) as store:
        yield Journal(HUB, store, ManualClock(NOW), FOLDS)


async def kept(journal: Journal, incident: IncidentId) -> KeptIncident:
    """The incident as it is on disk."""
    return await journal.store.read(lambda conn: get_incident(conn, HUB, incident))


async def test_an_incident_comes_back_as_it_was(journal: Journal) -> None:
    first = report()
    change = change_of(first)
    await journal.append(drafts_of(first, change))
    found = await kept(journal, change.after.id)
    assert found.words == SEALED
    assert found.incident(Words(detail="검은 연기", address=SECRET)) == change.after
    assert found.incident().place.address == ""


async def test_words_are_sealed_and_opened() -> None:
    change = change_of(report())
    assert read_words(words_to_seal(change.after)) == Words(detail="검은 연기", address=SECRET)
    assert words_to_seal(report()) == words_to_seal(change.after)
    with pytest.raises(InvalidError):
        read_words(b"x")


async def test_no_personal_word_stands_in_the_clear(journal: Journal) -> None:
    first = report()
    lost = KeptMessage(
        id=ReportId("rep_x"),
        sender="119",
        format="ucp",
        code="ucp.number",
        refused=True,
        received_at=NOW,
        raw=first.raw,
    )
    await journal.append([*drafts_of(first, change_of(first)), message_kept(lost, raw=SEALED)])

    def lines(conn: Connection) -> list[tuple[str, bytes]]:
        rows = conn.execute(select(journal_entries.c.kind, journal_entries.c.line))
        return [(kind, line) for kind, line in rows]

    found = await journal.store.read(lines)
    assert [kind for kind, _ in found] == [
        "report.accepted/1",
        "incident.opened/1",
        "report.rejected/1",
    ]
    for _, line in found:
        assert "양화로".encode() not in line
        assert "연기".encode() not in line


async def test_a_hub_that_starts_again_finds_its_open_incidents_with_their_views(
    journal: Journal,
) -> None:
    first = report()
    change = change_of(first)
    incident = change.after.id
    showing = {"grant": GrantId("gr_1"), "viewer": ViewerId("vw_1"), "at": NOW}
    await journal.append(
        [
            *drafts_of(first, change),
            choice(incident, "mapo-1", "mapo-2"),
            view_changed(incident, CameraId("mapo-1"), state="ready"),
            still_shown(incident, CameraId("mapo-1"), took_ms=310, **showing),  # type: ignore[arg-type] # one bag of values
            eyes_on(incident, CameraId("mapo-1"), took_ms=640, **showing),  # type: ignore[arg-type]
            eyes_on(incident, CameraId("mapo-1"), took_ms=9000, **showing),  # type: ignore[arg-type]
            view_changed(incident, CameraId("mapo-2"), state="away", note="owner.away"),
        ]
    )
    other = report("T2")
    closed = change_of(other)
    ended = end_incident(closed.after, NOW)
    moved = incident_moved(ended, words=SEALED)
    assert moved is not None
    assert moved.kind == "incident.ended/1"
    await journal.append([*drafts_of(other, closed), moved])

    [found] = await journal.store.read(lambda conn: list_open(conn, HUB))
    assert found.body.incident == incident
    assert [(v.rank, v.camera, v.state, v.note) for v in found.views] == [
        (1, "mapo-1", "ready", ""),
        (2, "mapo-2", "away", "owner.away"),
    ]
    assert (found.still_ms, found.eyes_on_ms) == (310, 640)
    assert found.choice is not None
    assert found.choice.views[0] == view("mapo-1")
    recent = await journal.store.read(lambda conn: list_recent(conn, HUB))
    assert {i.body.key for i in recent} == {"T1", "T2"}


async def test_a_new_choice_keeps_the_views_that_go_on(journal: Journal) -> None:
    first = report()
    change = change_of(first)
    incident = change.after.id
    await journal.append([*drafts_of(first, change), choice(incident, "mapo-1", "mapo-2")])
    ready = view_changed(incident, CameraId("mapo-2"), state="ready")
    await journal.append([ready, choice(incident, "mapo-2", "mapo-3")])
    found = await kept(journal, incident)
    assert [(v.rank, v.camera, v.state) for v in found.views] == [
        (1, "mapo-2", "ready"),
        (2, "mapo-3", "asked"),
    ]


async def test_a_drill_and_a_real_incident_of_one_number_live_side_by_side(
    journal: Journal,
) -> None:
    real, drill = report(), report(drill=True)
    for one in (real, drill):
        await journal.append(drafts_of(one, change_of(one)))
    whose = [identity(real), identity(drill)]
    found = await journal.store.read(lambda conn: find_kept(conn, HUB, whose))
    assert {who: kept.body.drill for who, kept in found.items()} == {
        identity(real): False,
        identity(drill): True,
    }


def judgement(camera: str, viewer: str, shown: bool, *, after_s: int = 0) -> JudgedBody:
    """A viewer's word on a view."""
    return JudgedBody(
        incident=IncidentId("inc_1"),
        camera=CameraId(camera),
        viewer=ViewerId(viewer),
        at=time_text(NOW + timedelta(seconds=after_s)),
        shown=shown,
        place=PlaceBody.of(change_of(report()).after.place),
        target="fire",
        aim=None,
        drill=False,
    )


async def test_of_a_viewers_words_on_a_view_the_last_counts_in_the_order_they_were_said(
    journal: Journal,
) -> None:
    first = judgement("mapo-1", "vw_1", True)
    other = judgement("mapo-1", "vw_2", True, after_s=2)
    beside = judgement("mapo-2", "vw_1", False, after_s=1)
    changed = judgement("mapo-1", "vw_1", False, after_s=3)
    await journal.append([view_judged(body) for body in (first, other, beside)])

    async def told() -> list[JudgedBody]:
        return await journal.store.read(lambda conn: list_judgements(conn, HUB))

    assert await told() == [first, beside, other]
    await journal.append([view_judged(changed)])
    assert await told() == [beside, other, changed]
    await journal.rebuild()
    assert await told() == [beside, other, changed]


async def test_a_word_on_a_still_says_so_and_one_of_before_was_on_the_live_picture(
    journal: Journal,
) -> None:
    live = judgement("mapo-1", "vw_1", True)
    still = msgspec.structs.replace(live, viewer=ViewerId("vw_2"), picture=Picture.STILL)
    before, after = await journal.append([view_judged(live), view_judged(still)])
    assert b"picture" not in before.line
    assert b'"picture":"still"' in after.line
    told = await journal.store.read(lambda conn: list_judgements(conn, HUB))
    assert {word.viewer: word.picture for word in told} == {
        "vw_1": Picture.LIVE,
        "vw_2": Picture.STILL,
    }


async def test_an_unknown_incident_is_not_found(journal: Journal) -> None:
    with pytest.raises(NotFoundError):
        await kept(journal, IncidentId("inc_none"))
    assert not await journal.store.read(lambda c: find_kept(c, HUB, [("119", "T9", False)]))


async def test_folding_again_gives_the_same(journal: Journal) -> None:
    first = report()
    change = change_of(first)
    incident = change.after.id
    await journal.append([*drafts_of(first, change), choice(incident, "mapo-1")])
    again = report(progress=Progress.ENDED)
    ended = apply_report(change.after, again, change.after.place, NOW)
    await journal.append(drafts_of(again, ended))
    before = await kept(journal, incident)
    await journal.rebuild()
    assert await kept(journal, incident) == before
    assert not before.incident().state.is_open
    count = await journal.store.read(lambda conn: len(conn.execute(select(reports)).all()))
    assert count == 2


def test_a_senders_absurd_numbers_still_make_an_entry() -> None:
    odd = msgspec.structs.replace(report(), at=LonLat(1e300, -1e300), error_m=1e300)
    body = msgspec.to_builtins(report_accepted(odd, change_of(odd), words=None, raw=None).body)
    assert (body["lon_e7"], body["lat_e7"], body["error_mm"]) == (None, None, None)
