"""The schedule of faults: the same for the same seed, nothing broken at the ends, every kind tried."""

from chaos.plan import CALM_S, FIRST_S, Kind, plan_faults

from safetynet.base.ids import HUB, NodeId

NODES = [NodeId("mapo"), NodeId("jung")]


def test_the_same_seed_gives_the_same_faults() -> None:
    assert plan_faults(7, 120, NODES, 4) == plan_faults(7, 120, NODES, 4)
    assert plan_faults(7, 120, NODES, 4) != plan_faults(8, 120, NODES, 4)


def test_every_kind_comes_before_any_comes_again_and_the_ends_are_calm() -> None:
    plan = plan_faults(1, 120, NODES, 4)
    kinds = [fault.kind for fault in plan[: len(Kind)]]
    assert set(kinds) == set(Kind)
    assert all(FIRST_S <= fault.at_s < 120 - CALM_S for fault in plan)


def test_what_the_machine_does_not_allow_is_left_out() -> None:
    plan = plan_faults(1, 300, NODES, 3, frozenset({Kind.FULL_DISK}))
    assert Kind.FULL_DISK not in {fault.kind for fault in plan}


def test_the_hubs_own_faults_are_the_hubs() -> None:
    hubs = {Kind.KILL_HUB, Kind.STOP_HUB, Kind.RESTORE_HUB, Kind.FULL_DISK}
    assert all(f.node == HUB for f in plan_faults(3, 600, NODES, 2) if f.kind in hubs)


def test_districts_that_somebody_watches_are_struck_more_often() -> None:
    many = [NodeId(f"d{n}") for n in range(25)]
    plan = plan_faults(1, 2000, many, 2, scenes=many[:3])
    struck = [fault.node for fault in plan if fault.node != HUB]
    assert len(struck) / 3 < sum(node in many[:3] for node in struck) < len(struck) * 2 / 3
    assert set(struck) == set(many)
