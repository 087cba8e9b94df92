"""What reports do to an incident, in any order and however often."""

from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safetynet.base.errors import BrokenError
from safetynet.base.geo import LonLat
from safetynet.base.ids import IncidentId, ReportId
from safetynet.incident.model import (
    Incident,
    IncidentKind,
    IncidentPlace,
    IncidentState,
    PlaceOrigin,
    Progress,
    Report,
)
from safetynet.incident.state import Change, Outcome, apply_report, end_incident, identity

T0 = datetime(2026, 11, 22, 8, 15, tzinfo=UTC)
NOW = T0 + timedelta(hours=1)


def told(progress: Progress = Progress.OCCURRED, at_s: int = 0, **fields: object) -> Report:
    """A report of one incident, told ``at_s`` seconds after the first."""
    report = Report(
        id=ReportId(f"rep_{progress}{at_s}"),
        sender="119",
        key="T1",
        format="ucp-119",
        progress=progress,
        kind=IncidentKind.FIRE,
        grade="",
        detail="연기",
        at=LonLat(126.92, 37.55),
        error_m=None,
        address="마포구",
        dong_code="1144012000",
        occurred_at=T0 + timedelta(seconds=at_s),
        received_at=T0 + timedelta(seconds=at_s + 1),
        drill=False,
        raw=b"",
        told_at=T0 + timedelta(seconds=at_s),
    )
    return msgspec.structs.replace(report, **fields)


def place_of(report: Report) -> IncidentPlace:
    """A place as locating would give it: poor where the report has no position."""
    return IncidentPlace(
        at=report.at or LonLat(126.9, 37.5),
        error_m=20.0 if report.at else 900.0,
        origin=PlaceOrigin.REPORTED if report.at else PlaceOrigin.LEGAL_DONG,
        address=report.address,
        dong_code=report.dong_code,
    )


def run(*reports: Report) -> list[Change]:
    """The changes that these reports make, one after the other."""
    changes: list[Change] = []
    for report in reports:
        before = changes[-1].after if changes else None
        changes.append(apply_report(before, report, place_of(report), NOW))
    return changes


B, C, H, W, E, S = (
    Progress.OCCURRED,
    Progress.CHANGED,
    Progress.HANDLED,
    Progress.WITHDRAWN,
    Progress.ENDED,
    Progress.ENDED_BY_ITSELF,
)


@pytest.mark.parametrize(
    ("progresses", "outcomes", "state"),
    [
        ((B,), ("opened",), "open"),
        ((C,), ("opened",), "open"),
        ((B, C), ("opened", "changed"), "open"),
        ((C, B), ("opened", "changed"), "open"),
        ((B, H), ("opened", "ended"), "handled"),
        ((B, W), ("opened", "ended"), "withdrawn"),
        ((B, E), ("opened", "ended"), "ended"),
        ((B, S), ("opened", "ended"), "ended_by_itself"),
        ((B, H, E), ("opened", "ended", "changed"), "ended"),
        ((B, E, H), ("opened", "ended", "duplicate"), "ended"),
        ((B, E, C), ("opened", "ended", "late"), "ended"),
        ((E, B), ("ended", "late"), "ended"),
        ((W, C, B), ("ended", "late", "late"), "withdrawn"),
        ((B, E, E), ("opened", "ended", "duplicate"), "ended"),
    ],
)
def test_what_progress_does(
    progresses: tuple[Progress, ...], outcomes: tuple[str, ...], state: str
) -> None:
    order = {B: 0, C: 10, H: 50, W: 90, E: 91, S: 92}
    received = [T0 + timedelta(minutes=10 + i) for i in range(len(progresses))]
    words = zip(progresses, received, strict=True)
    changes = run(*(told(p, order[p], received_at=at, detail=str(p)) for p, at in words))
    assert tuple(c.outcome for c in changes) == outcomes
    assert changes[-1].after.state == state


def test_the_same_report_again_changes_nothing() -> None:
    first, again = run(told(), told(id=ReportId("rep_2"), received_at=NOW))
    assert again.outcome is Outcome.DUPLICATE
    assert again.after == first.after
    assert not again.is_new


def test_the_same_words_told_later_change_nothing_that_shows() -> None:
    _, again = run(told(), told(at_s=5, occurred_at=T0))
    assert again.outcome is Outcome.DUPLICATE
    assert again.after.revision == 1


def test_an_older_word_does_not_replace_a_newer_one() -> None:
    changes = run(told(C, 60, detail="번짐"), told(B, 0, detail="연기", occurred_at=T0))
    assert changes[-1].after.detail == "번짐"
    assert changes[-1].after.occurred_at == T0
    late = run(told(B, 0), told(C, 60, detail="번짐"), told(C, 30, detail="연기"))[-1]
    assert (late.outcome, late.reason) == (Outcome.LATE, "older_word")
    assert not late.is_new


def test_a_senders_clock_that_is_ahead_does_not_rule_out_later_words() -> None:
    ahead = told(B, 0, told_at=T0 + timedelta(days=9), occurred_at=T0 + timedelta(days=9))
    kept = run(ahead, told(C, 60, detail="번짐"))[-1].after
    assert kept.detail == "번짐"
    assert kept.occurred_at <= kept.received_at


def test_a_place_that_was_found_is_not_given_up() -> None:
    kept = run(told(), told(C, 60, at=None, detail="번짐"))[-1].after
    assert kept.place.at == LonLat(126.92, 37.55)
    assert kept.detail == "번짐"


def test_an_end_that_says_only_the_number_takes_no_words_away() -> None:
    bare = told(E, 99, kind=IncidentKind.OTHER, detail="", at=None, address="", dong_code="")
    ended = run(told(), bare)[-1].after
    assert (ended.kind, ended.detail, ended.place.address) == (IncidentKind.FIRE, "연기", "마포구")
    assert ended.ended_at == bare.received_at


def test_a_late_beginning_completes_the_record_and_opens_nothing() -> None:
    bare = told(E, 99, kind=IncidentKind.OTHER, detail="", at=None, address="")
    change = run(bare, told())[-1]
    assert (change.outcome, change.reason) == (Outcome.LATE, "after_end")
    assert (change.after.kind, change.after.state) == (IncidentKind.FIRE, IncidentState.ENDED)
    assert change.is_new


def test_a_drill_never_touches_a_real_incident() -> None:
    real, drill = told(), told(E, 9, drill=True)
    assert identity(real) != identity(drill)
    with pytest.raises(BrokenError):
        run(real, drill)


def test_an_operator_ends_an_incident_once() -> None:
    [opened] = run(told())
    ended = end_incident(opened.after, NOW)
    assert (ended.outcome, ended.after.state) == (Outcome.ENDED, IncidentState.ENDED)
    assert (ended.after.ended_at, ended.after.revision) == (NOW, 2)
    assert not end_incident(ended.after, NOW + timedelta(seconds=1)).is_new
    assert run(told())[0].after.state.is_open


reports = st.lists(
    st.builds(
        told,
        st.sampled_from(Progress),
        st.integers(0, 4),
        kind=st.sampled_from([IncidentKind.FIRE, IncidentKind.RESCUE]),
        detail=st.sampled_from(["", "연기", "번짐"]),
        address=st.sampled_from(["", "마포구"]),
        at=st.sampled_from([None, LonLat(126.92, 37.55), LonLat(126.93, 37.55)]),
    ),
    min_size=1,
    max_size=6,
)


def lasting(incident: Incident) -> Incident:
    """The incident without what tells the order of arrival."""
    return msgspec.structs.replace(incident, id=IncidentId("inc_1"), revision=0, changed_at=T0)


@given(reports, st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_end_alike(given_: list[Report], random: Random) -> None:
    shuffled = given_ + random.choices(given_, k=3)
    random.shuffle(shuffled)
    assert lasting(run(*given_)[-1].after) == lasting(run(*shuffled)[-1].after)


@given(reports)
def test_an_end_is_for_ever_and_revisions_only_rise(given_: list[Report]) -> None:
    changes = run(*given_)
    for change in changes:
        if change.before is None:
            continue
        assert change.before.state.is_open or not change.after.state.is_open
        rise = change.after.revision - change.before.revision
        shows = msgspec.structs.replace(change.after, told=None, revision=0, changed_at=T0)
        was = msgspec.structs.replace(change.before, told=None, revision=0, changed_at=T0)
        assert rise == (shows != was)
    ends = [i for i, c in enumerate(changes) if c.outcome is Outcome.ENDED]
    assert len(ends) == any(r.progress not in (B, C) for r in given_)
