"""When a session has to end by what its owner was told: each rule of leases, read a second time."""

from collections.abc import Sequence

import pytest
from chaos.ends import find_end
from chaos.sessions import judge_ends
from chaos.viewers import Watched
from chaos.witness import Began, Closed, Heard, Presented, Renewed, Word

from safetynet.access.lease import HubLoss
from safetynet.base.ids import GrantId, IncidentId, NodeId, SessionId

MAPO, GRANT, INCIDENT = NodeId("mapo"), GrantId("grant_1"), IncidentId("inc_1")
LEASE_S, LEFT_S = 8.0, 60.0


def presented(at_s: float, session: str = "ses_1") -> Presented:
    return Presented(
        at_s=at_s,
        session=SessionId(session),
        grant=GRANT,
        incident=INCIDENT,
        lease_s=LEASE_S,
        left_s=LEFT_S,
    )


def heard(begin_s: float, end_s: float) -> list[Word]:
    """The hub's beats, two a second."""
    count = round((end_s - begin_s) * 2)
    return [Heard(at_s=begin_s + n / 2) for n in range(count + 1)]


def renewed(*at_s: float) -> list[Word]:
    return [Renewed(at_s=at, grants=(GRANT,), lease_s=LEASE_S) for at in at_s]


def closed(at_s: float, *, over: bool = False) -> Closed:
    grants = () if over else (GRANT,)
    return Closed(at_s=at_s, grants=grants, incident=INCIDENT, over=over)


def story(*words: Word | Sequence[Word]) -> list[Word]:
    flat: list[Word] = []
    for word in words:
        flat += [word] if isinstance(word, Word) else word
    return sorted(flat, key=lambda word: word.at_s)


SESSION = presented(10.0)
BEGIN: list[Word] = [Began(at_s=0.0), SESSION]


@pytest.mark.parametrize("policy", list(HubLoss))
def test_a_close_ends_it_whether_it_names_the_grant_or_the_incident(policy: HubLoss) -> None:
    for word in (closed(12.5), closed(12.5, over=True)):
        words = story(BEGIN, heard(0, 40), renewed(11, 16), word)
        assert find_end(SESSION, words, policy) == (12.5, "closed")


@pytest.mark.parametrize("policy", list(HubLoss))
def test_a_lease_ends_it_where_nobody_renews(policy: HubLoss) -> None:
    assert find_end(SESSION, story(BEGIN, heard(0, 40)), policy) == (18.0, "lease")
    words = story(BEGIN, heard(0, 40), renewed(14, 19))
    assert find_end(SESSION, words, policy) == (27.0, "lease")


def test_a_renewal_that_comes_too_late_revives_nothing() -> None:
    words = story(BEGIN, heard(0, 40), renewed(18.5, 23))
    assert find_end(SESSION, words, HubLoss.CUT) == (18.0, "lease")
    in_time = story(BEGIN, heard(0, 40), renewed(18.1))
    assert find_end(SESSION, in_time, HubLoss.CUT) == (26.1, "lease")


@pytest.mark.parametrize("policy", list(HubLoss))
def test_the_hard_end_stands_above_every_renewal(policy: HubLoss) -> None:
    words = story(BEGIN, heard(0, 90), renewed(*range(10, 90, 5)))
    assert find_end(SESSION, words, policy) == (70.0, "hard end")


def test_an_owner_that_holds_goes_on_while_the_hub_is_silent_and_one_lease_longer() -> None:
    silent = story(BEGIN, heard(0, 12))
    assert find_end(SESSION, silent, HubLoss.HOLD) == (70.0, "hard end")
    assert find_end(SESSION, silent, HubLoss.CUT) == (18.0, "lease")
    back = story(silent, heard(30, 60))
    assert find_end(SESSION, back, HubLoss.HOLD) == (38.0, "lease")
    again = story(back, renewed(33))
    assert find_end(SESSION, again, HubLoss.HOLD) == (41.0, "lease")


def test_a_hub_that_falls_silent_after_the_end_of_the_lease_holds_nothing() -> None:
    words = story(BEGIN, heard(0, 25))
    assert find_end(SESSION, words, HubLoss.HOLD) == (18.0, "lease")


def test_no_session_outlives_the_process_that_let_it_in() -> None:
    words = story(BEGIN, heard(0, 12), Began(at_s=13.0), heard(13, 40), renewed(14))
    assert find_end(SESSION, words, HubLoss.HOLD) == (13.0, "owner died")


def test_what_an_earlier_process_heard_is_not_held_against_a_later_one() -> None:
    later = presented(20.0, "ses_2")
    words = story(BEGIN, closed(12.0), Began(at_s=15.0), heard(15, 60), later)
    assert find_end(later, words, HubLoss.CUT) == (28.0, "lease")


def seen(until_s: float, session: str = "ses_1") -> Watched:
    return Watched(
        session=SessionId(session),
        grant=GRANT,
        incident=INCIDENT,
        owner=MAPO,
        began_s=10.0,
        last_s=until_s,
        came_s=until_s,
        pictures=9,
        said="closed",
    )


def test_the_verdict_is_about_a_second() -> None:
    words = {MAPO: story(BEGIN, heard(0, 40), closed(12.0))}
    assert judge_ends([seen(12.9)], words, {}).holds
    late = judge_ends([seen(13.1)], words, {})
    assert not late.holds
    assert "1.1 s after its end (closed)" in late.detail


def test_a_session_of_which_its_owner_knows_nothing_is_a_fault_and_so_is_no_session() -> None:
    words = {MAPO: story(BEGIN, heard(0, 40))}
    assert "never asked" in judge_ends([seen(12.0, "ses_9")], words, {}).detail
    assert judge_ends([], words, {}).detail == "nobody saw a picture"
