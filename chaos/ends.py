"""When each session had to end by what its owner was told: a second reading of the rules of leases. Pure.

It shares no code with ``access/lease.py``. Times are the owner's monotonic clock, which a viewer on the same machine reads
too, so nobody's wall clock has a say.
"""

from collections.abc import Sequence
from typing import NamedTuple

from chaos.witness import Began, Closed, Heard, Presented, Renewed, Word

from safetynet.access.lease import HubLoss

AWAY_AFTER_S = 3.0
UNSURE_S = 0.3
"""Owners look at their clocks each tenth of a second: a silence that is so much shorter may count as one, and a renewal
that comes so much too late may still find the session running."""


class End(NamedTuple):
    """The latest moment at which a session may go on, and why."""

    at_s: float
    why: str


def find_end(session: Presented, words: Sequence[Word], policy: HubLoss) -> End:
    """The end of a session by the words of its owner, all of them in order of time."""
    life = _life_of(session, words)
    first = next(w for w in life if isinstance(w, Presented) and w.grant == session.grant)
    hard_s = first.at_s + first.left_s
    return min(
        End(hard_s, "hard end"),
        End(_lease_end(session, first, life, policy, hard_s), "lease"),
        *_closes(session, life),
        *_death(session, words),
    )


def _life_of(session: Presented, words: Sequence[Word]) -> list[Word]:
    """What the process that let the session in was told, from its beginning to its end."""
    life: list[Word] = []
    for word in words:
        if isinstance(word, Began):
            if word.at_s > session.at_s:
                break
            life = []
        life.append(word)
    return life


def _death(session: Presented, words: Sequence[Word]) -> list[End]:
    """A later process of the owner holds no session of an earlier one."""
    later = (w.at_s for w in words if isinstance(w, Began) and w.at_s > session.at_s)
    return [End(at_s, "owner died") for at_s in list(later)[:1]]


def _closes(session: Presented, life: Sequence[Word]) -> list[End]:
    return [
        End(max(w.at_s, session.at_s), "closed")
        for w in life
        if isinstance(w, Closed)
        and (session.grant in w.grants or (w.over and session.incident == w.incident))
    ]


def _lease_end(
    session: Presented, first: Presented, life: Sequence[Word], policy: HubLoss, hard_s: float
) -> float:
    """Where the lease ends. An owner that holds goes on while the hub is silent, and for one lease after."""
    end_s = first.at_s + first.lease_s
    heard_s = float("-inf")

    def held() -> bool:
        away_s = heard_s + AWAY_AFTER_S - UNSURE_S
        return policy is HubLoss.HOLD and max(end_s, session.at_s) > away_s

    for word in life:
        match word:
            case Heard():
                if held() and word.at_s > heard_s + AWAY_AFTER_S - UNSURE_S:
                    end_s = max(end_s, word.at_s + first.lease_s)
                heard_s = word.at_s
            case Renewed() if session.grant in word.grants and word.at_s >= first.at_s:
                if word.at_s <= max(end_s, session.at_s) + UNSURE_S:
                    end_s = max(end_s, word.at_s + word.lease_s)
            case _:
                pass
    return hard_s if held() else end_s
