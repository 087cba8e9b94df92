"""Which faults come when: a pure function of a seed, so that a run can be told again."""

import random
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from safetynet.base.ids import HUB, NodeId

FIRST_S, CALM_S = 5.0, 15.0
"""Nothing is broken in the first and in the last seconds of the load."""
SCENES_SHARE = 0.5


class Kind(StrEnum):
    """What goes wrong."""

    KILL_DISTRICT = "kill_district"
    STOP_DISTRICT = "stop_district"
    KILL_HUB = "kill_hub"
    STOP_HUB = "stop_hub"
    KILL_SERVER = "kill_server"
    """The node's NATS server; with its store, where it keeps one."""
    RESTORE_DISTRICT = "restore_district"
    """Its disk is lost, and its store comes from a backup of when the fault began."""
    RESTORE_HUB = "restore_hub"
    """The same of the hub, of which nobody keeps a copy: what came between is lost with the disk."""
    PARTITION = "partition"
    DELAY = "delay"
    STALL = "stall"
    RESETS = "resets"
    FULL_DISK = "full_disk"
    SLOW_DISK = "slow_disk"
    """Each commit of the node takes 50 to 500 ms."""
    CLOCK = "clock"


LASTS_S: dict[Kind, tuple[float, float]] = {
    Kind.KILL_DISTRICT: (0.5, 4.0),
    Kind.STOP_DISTRICT: (1.0, 5.0),
    Kind.KILL_HUB: (0.2, 1.0),
    Kind.STOP_HUB: (0.5, 3.0),
    Kind.KILL_SERVER: (0.5, 3.0),
    Kind.RESTORE_DISTRICT: (3.0, 6.0),
    Kind.RESTORE_HUB: (1.0, 3.0),
    Kind.PARTITION: (3.0, 12.0),
    Kind.DELAY: (3.0, 8.0),
    Kind.STALL: (2.0, 6.0),
    Kind.RESETS: (2.0, 5.0),
    Kind.FULL_DISK: (2.0, 4.0),
    Kind.SLOW_DISK: (3.0, 8.0),
    Kind.CLOCK: (2.0, 6.0),
}
"""Shortest and longest."""
OF_THE_HUB = (Kind.KILL_HUB, Kind.STOP_HUB, Kind.RESTORE_HUB, Kind.FULL_DISK)
OF_ANY = (Kind.KILL_SERVER, Kind.CLOCK, Kind.SLOW_DISK)


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault."""

    kind: Kind
    node: NodeId
    at_s: float
    """From the start of the load."""
    lasts_s: float
    jump_s: float = 0.0
    """Of the wall clock, where it is the clock."""


def plan_faults(
    seed: int,
    seconds: float,
    districts: Sequence[NodeId],
    every_s: float,
    without: frozenset[Kind] = frozenset(),
    scenes: Sequence[NodeId] = (),
) -> tuple[Fault, ...]:
    """One fault after the other, each kind before any kind comes again; some overlap.

    Of the faults that strike a district, half strike one of ``scenes``: those that somebody watches.
    """
    chance = random.Random(seed)
    kinds: list[Kind] = []
    found: list[Fault] = []
    at_s = FIRST_S
    while at_s < seconds - CALM_S:
        if not kinds:
            kinds = [kind for kind in Kind if kind not in without]
            chance.shuffle(kinds)
        kind = kinds.pop()
        struck = scenes if scenes and chance.random() < SCENES_SHARE else districts
        found.append(_fault(chance, kind, struck, at_s))
        at_s += every_s * chance.uniform(0.6, 1.4)
    return tuple(found)


def _fault(chance: random.Random, kind: Kind, districts: Sequence[NodeId], at_s: float) -> Fault:
    node = chance.choice(districts)
    if kind in OF_THE_HUB or (kind in OF_ANY and chance.random() < 1 / 3):
        node = HUB
    return Fault(
        kind=kind,
        node=node,
        at_s=round(at_s, 2),
        lasts_s=round(chance.uniform(*LASTS_S[kind]), 2),
        jump_s=chance.choice((-300.0, 300.0)) if kind is Kind.CLOCK else 0.0,
    )
