"""Which faults come when: a pure function of a seed, so that a run can be told again."""

import random
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from safetynet.base.ids import HUB, NodeId

FIRST_S, CALM_S = 5.0, 15.0
"""Nothing is broken in the first and in the last seconds of the load."""


class Kind(StrEnum):
    """What goes wrong."""

    KILL_DISTRICT = "kill_district"
    STOP_DISTRICT = "stop_district"
    KILL_HUB = "kill_hub"
    STOP_HUB = "stop_hub"
    KILL_SERVER = "kill_server"
    """The node's NATS server; with its store, where it keeps one."""
    RESTORE_DISTRICT = "restore_district"
    """Its store is put back to what it was when the fault began."""
    PARTITION = "partition"
    DELAY = "delay"
    STALL = "stall"
    RESETS = "resets"
    FULL_DISK = "full_disk"
    CLOCK = "clock"


LASTS_S: dict[Kind, tuple[float, float]] = {
    Kind.KILL_DISTRICT: (0.5, 4.0),
    Kind.STOP_DISTRICT: (1.0, 5.0),
    Kind.KILL_HUB: (0.2, 1.0),
    Kind.STOP_HUB: (0.5, 3.0),
    Kind.KILL_SERVER: (0.5, 3.0),
    Kind.RESTORE_DISTRICT: (3.0, 6.0),
    Kind.PARTITION: (2.0, 8.0),
    Kind.DELAY: (3.0, 8.0),
    Kind.STALL: (2.0, 6.0),
    Kind.RESETS: (2.0, 5.0),
    Kind.FULL_DISK: (2.0, 4.0),
    Kind.CLOCK: (2.0, 6.0),
}
"""Shortest and longest."""
OF_THE_HUB = (Kind.KILL_HUB, Kind.STOP_HUB)
OF_ANY = (Kind.KILL_SERVER, Kind.CLOCK)


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
) -> tuple[Fault, ...]:
    """One fault after the other, each kind before any kind comes again; some overlap."""
    chance = random.Random(seed)
    kinds: list[Kind] = []
    found: list[Fault] = []
    at_s = FIRST_S
    while at_s < seconds - CALM_S:
        if not kinds:
            kinds = [kind for kind in Kind if kind not in without]
            chance.shuffle(kinds)
        kind = kinds.pop()
        found.append(_fault(chance, kind, districts, at_s))
        at_s += every_s * chance.uniform(0.6, 1.4)
    return tuple(found)


def _fault(chance: random.Random, kind: Kind, districts: Sequence[NodeId], at_s: float) -> Fault:
    node = chance.choice(districts)
    if kind in OF_THE_HUB or kind is Kind.FULL_DISK or (kind in OF_ANY and chance.random() < 1 / 3):
        node = HUB
    return Fault(
        kind=kind,
        node=node,
        at_s=round(at_s, 2),
        lasts_s=round(chance.uniform(*LASTS_S[kind]), 2),
        jump_s=chance.choice((-300.0, 300.0)) if kind is Kind.CLOCK else 0.0,
    )
