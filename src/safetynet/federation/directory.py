"""Who is here: nodes by their beats. Pure; time comes in as monotonic seconds."""

from dataclasses import dataclass, replace
from enum import StrEnum

from safetynet.base.ids import NodeId
from safetynet.federation.messages import Beat

BEAT_EVERY_S = 0.5
SUSPECT_AFTER_S = 1.0
"""Two beats missed: one that is only late does not make a node suspect."""
AWAY_AFTER_S = 3.0


class Presence(StrEnum):
    """How a node stands."""

    ABSENT = "absent"
    """Expected by the programme, never heard of."""
    HERE = "here"
    SUSPECT = "suspect"
    AWAY = "away"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What is known of one node."""

    node: NodeId
    presence: Presence
    since_s: float
    heard_s: float | None
    beat: Beat | None

    @property
    def can_show(self) -> bool:
        """True where its views can be had now."""
        gone = self.presence in (Presence.ABSENT, Presence.AWAY)
        return not gone and self.beat is not None and bool(self.beat.gateway)


class Directory:
    """The standing of every expected node. One writer; ``get`` and ``list_all`` are snapshots."""

    def __init__(self, expected: tuple[NodeId, ...], now_s: float) -> None:
        self._standings = {
            node: Standing(
                node=node, presence=Presence.ABSENT, since_s=now_s, heard_s=None, beat=None
            )
            for node in expected
        }

    def hear(self, beat: Beat, now_s: float) -> Standing | None:
        """Take a beat; the new standing where presence, boot or gateway changed, else None.

        A beat of a node that nobody expects is not taken.
        """
        old = self._standings.get(beat.node)
        if old is None:
            return None
        came = old.presence is not Presence.HERE
        since_s = now_s if came else old.since_s
        new = replace(old, presence=Presence.HERE, since_s=since_s, heard_s=now_s, beat=beat)
        self._standings[beat.node] = new
        return new if came or _differs(old.beat, beat) else None

    def tick(self, now_s: float) -> list[Standing]:
        """Let time pass; the standings that changed by silence."""
        changed = []
        for standing in self._standings.values():
            presence = _by_silence(standing, now_s)
            if presence is not standing.presence:
                changed.append(replace(standing, presence=presence, since_s=now_s))
        self._standings |= {s.node: s for s in changed}
        return changed

    def get(self, node: NodeId) -> Standing:
        """One node's standing; raises ``KeyError`` where the node is not expected."""
        return self._standings[node]

    def list_all(self) -> list[Standing]:
        """All standings in the order of the programme."""
        return list(self._standings.values())

    def list_away(self) -> frozenset[NodeId]:
        """Nodes whose views cannot be had now: away, or without a gateway to show them."""
        return frozenset(s.node for s in self._standings.values() if not s.can_show)


def _by_silence(standing: Standing, now_s: float) -> Presence:
    if standing.heard_s is None:
        return Presence.ABSENT
    silence_s = now_s - standing.heard_s
    if silence_s > AWAY_AFTER_S:
        return Presence.AWAY
    return Presence.SUSPECT if silence_s > SUSPECT_AFTER_S else Presence.HERE


def _differs(old: Beat | None, new: Beat) -> bool:
    if old is None:
        return True
    return (old.boot, old.gateway, old.catalogue) != (new.boot, new.gateway, new.catalogue)
