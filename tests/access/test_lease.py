"""Leases: nothing outlives its hard end, a close cuts, and the owner decides what silence means."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from safetynet.access.lease import Due, HubLoss, LeaseTable
from safetynet.access.model import EndReason, Grant, ViewerKey
from safetynet.base.ids import CameraId, GrantId, IncidentId, NodeId, SessionId, ViewerId

HUB = NodeId("hub")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
LEASE_S, HARD_S = 5.0, 60.0


def make(name: str, incident: str = "inc") -> Grant:
    return Grant(
        id=GrantId(name),
        issuer=HUB,
        audience=NodeId("mapo"),
        incident=IncidentId(incident),
        camera=CameraId("mapo-1"),
        viewer=ViewerId("v"),
        viewer_key=ViewerKey(kty="EC", crv="P-256", x="", y=""),
        agency="119",
        service="119UC001",
        purpose="fire",
        basis="b",
        drill=False,
        issued_at=NOW,
        hard_end=NOW + timedelta(seconds=HARD_S),
        lease_s=LEASE_S,
    )


S, G = SessionId("s"), GrantId("g")


def table(will: HubLoss = HubLoss.HOLD) -> LeaseTable:
    leases = LeaseTable(will)
    leases.know(make("g"), left_s=HARD_S, now_s=0)
    leases.open(S, G)
    return leases


@pytest.mark.parametrize("will", HubLoss)
def test_a_lease_that_is_not_renewed_runs_out(will: HubLoss) -> None:
    leases = table(will)
    assert leases.due(4.9) == []
    assert leases.due(5) == [Due(S, G, EndReason.LEASE_RAN_OUT)]
    assert leases.due(5) == []
    assert leases.refusal(make("g"), 5) is EndReason.LEASE_RAN_OUT


def test_a_renewed_session_goes_on_to_its_hard_end_and_no_further() -> None:
    leases = table()
    for now in range(60):
        assert leases.renew([G], LEASE_S, now) == [S]
        assert leases.due(now) == []
    assert leases.left_s(S, 59) == 1
    assert leases.renew([G], LEASE_S, 60) == []
    assert leases.due(60) == [Due(S, G, EndReason.HARD_END)]


def test_a_close_cuts_at_once_even_while_the_issuer_is_away() -> None:
    leases = table()
    leases.close_grants([G], 1)
    assert leases.left_s(S, 1) == 0
    assert leases.renew([G], LEASE_S, 1) == []
    assert leases.due(1, away=[HUB]) == [Due(S, G, EndReason.CLOSED)]


def test_a_close_counts_for_grants_that_come_later() -> None:
    leases = table()
    leases.close_grants([GrantId("late")], 1)
    leases.close_incident(IncidentId("over"), 1)
    assert leases.refusal(make("late"), 2) is EndReason.CLOSED
    assert leases.refusal(make("new", "over"), 2) is EndReason.CLOSED
    assert leases.refusal(make("new"), 2) is None


def test_the_owner_holds_to_the_hard_end_or_cuts_at_the_lease() -> None:
    hold, cut = table(HubLoss.HOLD), table(HubLoss.CUT)
    assert hold.due(59, away=[HUB]) == []
    assert hold.due(60, away=[HUB]) == [Due(S, G, EndReason.HARD_END)]
    assert cut.due(5, away=[HUB]) == [Due(S, G, EndReason.LEASE_RAN_OUT)]


def test_an_issuer_that_came_back_has_one_lease_to_renew() -> None:
    leases = table()
    leases.due(20, away=[HUB])
    assert leases.due(21) == []
    assert leases.due(25.9) == []
    assert leases.due(26) == [Due(S, G, EndReason.LEASE_RAN_OUT)]


def test_a_renewal_may_come_before_the_grant() -> None:
    leases = LeaseTable(HubLoss.CUT)
    leases.renew([G], 10, 0)
    leases.know(make("g"), left_s=HARD_S, now_s=1)
    leases.open(S, G)
    assert leases.due(9.9) == []
    assert leases.due(10) == [Due(S, G, EndReason.LEASE_RAN_OUT)]


def test_a_viewer_that_left_is_not_cut() -> None:
    leases = table()
    leases.end(S)
    leases.end(S)
    assert leases.due(100) == []
    assert leases.running() == {}


@dataclass
class Known:
    hard_end_s: float
    closed: bool = False
    sessions: set[SessionId] = field(default_factory=set)


class Life(RuleBasedStateMachine):
    """Any order of events; a second, simpler book says what must never be seen running."""

    will = HubLoss.HOLD

    def __init__(self) -> None:
        super().__init__()
        self.leases = LeaseTable(self.will)
        self.now_s = 0.0
        self.known: dict[GrantId, Known] = {}
        self.away: list[NodeId] = []
        self.count = 0

    @rule(left_s=st.floats(1, 100))
    def grant(self, left_s: float) -> None:
        self.count += 1
        grant = make(f"g{self.count}", f"i{self.count % 2}")
        if self.leases.refusal(grant, self.now_s) is None:
            self.leases.know(grant, left_s=left_s, now_s=self.now_s)
            self.known[grant.id] = Known(self.now_s + left_s)

    @rule(data=st.data())
    def open(self, data: st.DataObject) -> None:
        if self.known:
            grant = data.draw(st.sampled_from(sorted(self.known)))
            self.count += 1
            number = int(grant[1:])
            if self.leases.refusal(make(grant, f"i{number % 2}"), self.now_s) is None:
                session = SessionId(f"s{self.count}")
                self.leases.open(session, grant)
                self.known[grant].sessions.add(session)

    @rule(data=st.data(), lease_s=st.floats(0, 50))
    def renew(self, data: st.DataObject, lease_s: float) -> None:
        if self.known:
            self.leases.renew([data.draw(st.sampled_from(sorted(self.known)))], lease_s, self.now_s)

    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        if self.known:
            grant = data.draw(st.sampled_from(sorted(self.known)))
            self.leases.close_grants([grant], self.now_s)
            self.known[grant].closed = True

    @rule(parity=st.integers(0, 1))
    def close_incident(self, parity: int) -> None:
        self.leases.close_incident(IncidentId(f"i{parity}"), self.now_s)
        for grant, known in self.known.items():
            known.closed |= int(grant[1:]) % 2 == parity

    @rule(step_s=st.floats(0, 30), away=st.booleans())
    def wait(self, step_s: float, away: bool) -> None:
        self.now_s += step_s
        self.away = [HUB] if away else []

    @invariant()
    def nothing_runs_that_must_not(self) -> None:
        cut = {d.session: d for d in self.leases.due(self.now_s, self.away)}
        running = set(self.leases.running())
        assert not running & set(cut)
        for known in self.known.values():
            if known.closed or self.now_s >= known.hard_end_s:
                assert not known.sessions & running
            known.sessions &= running
        for session in running:
            assert self.leases.left_s(session, self.now_s) > 0
        if self.will is HubLoss.HOLD and self.away:
            assert all(d.reason is not EndReason.LEASE_RAN_OUT for d in cut.values())


class LifeUnderCut(Life):
    will = HubLoss.CUT


TestHold = Life.TestCase
TestHold.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestCut = LifeUnderCut.TestCase
TestCut.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
