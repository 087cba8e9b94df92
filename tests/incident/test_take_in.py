"""One event told at two doors: whatever is told where, and whenever each hears of the other, both agree."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.incident.test_state import place_of, told

from safetynet.base.errors import BrokenError
from safetynet.base.geo import LonLat
from safetynet.base.ids import IncidentId, ReportId
from safetynet.incident.model import Incident, IncidentKind, IncidentState, Progress, Report
from safetynet.incident.state import (
    agree,
    apply_report,
    begin_with,
    end_incident,
    leads,
    take_in,
)

T0 = datetime(2026, 11, 22, 8, 15, tzinfo=UTC)
NOW = T0 + timedelta(hours=1)
HERE, THERE = 0, 1


def taken(*reports: Report) -> Incident:
    """What one node makes of reports."""
    incident: Incident | None = None
    for report in reports:
        incident = apply_report(incident, report, place_of(report), NOW).after
    assert incident is not None
    return incident


def shared(i: Incident) -> tuple[object, ...]:
    """What nodes must agree on: all but ids, sealed words, revision and each one's own times."""
    place = msgspec.structs.replace(i.place, address="")
    return i.state, i.kind, i.grade, place, i.occurred_at, i.ended_at, i.told


B, C, H, W, E, S = (
    Progress.OCCURRED,
    Progress.CHANGED,
    Progress.HANDLED,
    Progress.WITHDRAWN,
    Progress.ENDED,
    Progress.ENDED_BY_ITSELF,
)
TABLE = [
    # told at the hub, told at the district, what both come to
    ((B,), (B,), "open"),
    ((B,), (B, C), "open"),
    ((B, E), (B,), "ended"),
    ((B,), (E,), "ended"),
    ((B, E), (C,), "ended"),
    ((B, C), (E,), "ended"),
    ((B, H), (C,), "handled"),
    ((B, H), (E,), "ended"),
    ((B, E), (W,), "withdrawn"),
    ((B, W), (E,), "withdrawn"),
    ((B, S), (E,), "ended"),
    ((B, E), (S,), "ended"),
    ((B, W), (C,), "withdrawn"),
]


@pytest.mark.parametrize(("there", "here", "state"), TABLE)
def test_the_table_of_cases(
    there: tuple[Progress, ...], here: tuple[Progress, ...], state: str
) -> None:
    hub = taken(*(told(p, k) for k, p in enumerate(there)))
    district = taken(*(told(p, 10 + k) for k, p in enumerate(here)))
    both = take_in(hub, [district], NOW).after, take_in(district, [hub], NOW).after
    assert [i.state for i in both] == [state, state]
    assert shared(both[0]) == shared(both[1])
    assert agree(*both)
    assert not agree(hub, district) or shared(hub) == shared(district)


def test_an_operators_end_here_stands_against_a_change_there() -> None:
    hub = end_incident(taken(told(B)), NOW).after
    district = taken(told(C, 30, kind=IncidentKind.RESCUE, at=LonLat(126.93, 37.56)))
    after = take_in(district, [hub], NOW).after
    assert (after.state, after.ended_at, after.kind) == ("ended", NOW, IncidentKind.RESCUE)
    again = take_in(hub, [district], NOW).after
    assert (again.state, again.kind) == (IncidentState.ENDED, IncidentKind.RESCUE)
    assert again.place.at == LonLat(126.93, 37.56), "the newer place is known in the record"


def test_words_stay_with_whom_they_were_told_to() -> None:
    hub = taken(told(B, detail="연기", address="합정동"))
    district = taken(told(C, 30, detail="불길", address="망원동", at=LonLat(126.93, 37.56)))
    after = take_in(hub, [district], NOW).after
    assert (after.detail, after.place.address) == ("연기", "")
    assert (after.id, after.received_at, after.revision) == (hub.id, hub.received_at, 2)
    same = taken(told(B, detail="불길", address="망원동"))
    kept = take_in(hub, [same], NOW).after
    assert (kept.detail, kept.place.address) == ("연기", "합정동")


def test_what_was_accepted_first_leads() -> None:
    early, late = taken(told(B)), taken(told(B, received_at=NOW))
    first, second = (early.received_at, early.id), (late.received_at, late.id)
    assert (leads(first, second), leads(second, first)) == (True, False)


@pytest.mark.parametrize(
    "other", [told(B, key="T2"), told(B, sender="112"), told(B, drill=True)], ids=str
)
def test_another_event_is_not_taken_in(other: Report) -> None:
    with pytest.raises(BrokenError):
        take_in(taken(told(B)), [taken(other)], NOW)


def test_what_only_others_were_told_of_begins_as_theirs_stand() -> None:
    one = taken(told(B, detail="연기", address="합정동"))
    two = taken(told(B), told(E, 40))
    change = begin_with([one, two], IncidentId("inc_hub"), NOW)
    after = change.after
    assert (change.before, after.id, after.revision) == (None, "inc_hub", 1)
    assert (after.state, after.detail, after.place.address) == ("ended", "", "")
    assert shared(take_in(one, [after], NOW).after) == shared(take_in(two, [after], NOW).after)


def reports() -> st.SearchStrategy[Report]:
    """Words on one event: few times, places and kinds, so that they meet in every way."""

    def make(
        progress: Progress, at_s: int, kind: IncidentKind, place: int, words: str, dong: str
    ) -> Report:
        at = (None, LonLat(126.92, 37.55), LonLat(126.93, 37.56))[place]
        return told(
            progress,
            at_s,
            id=ReportId(f"rep_{progress}{at_s}{kind}{place}{words}{dong}"),
            kind=kind,
            at=at,
            detail=words,
            address=words,
            dong_code=dong,
        )

    return st.builds(
        make,
        st.sampled_from(list(Progress)),
        st.integers(0, 3),
        st.sampled_from([IncidentKind.FIRE, IncidentKind.RESCUE]),
        st.integers(0, 2),
        st.sampled_from(["가", "나"]),
        st.sampled_from(["1144012000", "1165010800"]),
    )


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("report"), st.sampled_from([HERE, THERE]), reports()),
        st.tuples(st.just("hear"), st.sampled_from([HERE, THERE]), st.integers(0, 50)),
        st.tuples(st.just("end"), st.sampled_from([HERE, THERE]), st.integers(0, 3)),
    ),
    max_size=14,
)


class Ends:
    """Two nodes, and every version of its incident that each has told the other so far."""

    def __init__(self) -> None:
        self.now: list[Incident | None] = [None, None]
        self.said: list[list[Incident]] = [[], []]

    def become(self, node: int, after: Incident) -> None:
        """A node's incident changed: the other may hear of it, late, twice or never."""
        if after != self.now[node]:
            self.now[node] = after
            self.said[node].append(after)

    def hear(self, node: int, other: Incident) -> None:
        own = self.now[node]
        if own is not None:
            self.become(node, take_in(own, [other], NOW).after)


def play(ends: Ends, steps: list[tuple[str, int, object]]) -> None:
    """Reports, operators' ends, and words of the other in any order."""
    for what, node, how in steps:
        own, said = ends.now[node], ends.said[1 - node]
        if what == "report":
            assert isinstance(how, Report)
            ends.become(node, apply_report(own, how, place_of(how), NOW).after)
        elif what == "hear" and said:
            assert isinstance(how, int)
            ends.hear(node, said[how % len(said)])
        elif what == "end" and own is not None:
            assert isinstance(how, int)
            ends.become(node, end_incident(own, NOW + timedelta(seconds=how)).after)


@given(STEPS)
def test_whatever_was_told_where_both_agree_once_each_has_heard_the_others_last_word(
    steps: list[tuple[str, int, object]],
) -> None:
    ends = Ends()
    play(ends, steps)
    here, there = ends.now
    if here is None or there is None:
        return
    ends.hear(HERE, there)
    here = ends.now[HERE]
    assert here is not None
    ends.hear(THERE, here)
    here, there = ends.now
    assert here is not None and there is not None
    assert shared(here) == shared(there)
    assert agree(here, there)
    before = list(ends.now)
    for node in (HERE, THERE):  # and whatever comes late, twice or out of order changes nothing
        for word in ends.said[1 - node]:
            ends.hear(node, word)
    assert ends.now == before


@given(st.lists(reports(), min_size=1, max_size=4), st.lists(reports(), min_size=1, max_size=4))
def test_two_doors_come_to_what_one_door_would_have_come_to(
    first: list[Report], second: list[Report]
) -> None:
    one = taken(*first, *second)
    here, there = taken(*first), taken(*second)
    assert shared(take_in(here, [there], NOW).after) == shared(one)


@given(st.lists(reports(), min_size=3, max_size=9), st.integers(0, 1))
def test_others_may_be_taken_in_in_any_order(told_words: list[Report], turn: int) -> None:
    third = len(told_words) // 3
    own = taken(*told_words[:third])
    others = [taken(*told_words[third : 2 * third]), taken(*told_words[2 * third :])]
    at_once = take_in(own, others, NOW).after
    one, two = others if turn else reversed(others)
    by_turns = take_in(take_in(own, [one], NOW).after, [two], NOW).after
    assert shared(at_once) == shared(by_turns)
