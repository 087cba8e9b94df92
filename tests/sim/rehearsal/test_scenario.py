"""Incidents stand on streets, come again by seed, and know nothing of cameras."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from safetynet.city.model import City
from safetynet.city.synth import small_city
from safetynet.sim.rehearsal.scenario import MIX, plan_incidents
from safetynet.sim.world import ThingKind


def gap_m(city: City, x: float, y: float) -> float:
    """Distance to the nearest centre line, by brute force."""
    best = float("inf")
    for i in range(len(city.streets)):
        line = city.streets.line[i]
        for a, b in itertools.pairwise(line):
            t = np.clip(np.dot([x, y] - a, b - a) / max(np.dot(b - a, b - a), 1e-9), 0, 1)
            best = min(best, float(np.hypot(*(a + t * (b - a) - [x, y]))))
    return best


def test_places_lie_on_streets_in_coverage() -> None:
    city = small_city()
    for plan in plan_incidents(city, 12, seed=3):
        assert gap_m(city, plan.x, plan.y) < 1e-6
        assert city.plane.to_xy(plan.lon, plan.lat) == pytest.approx((plan.x, plan.y), abs=1e-6)


def test_equal_seeds_give_equal_incidents_whatever_the_cameras() -> None:
    city, other = small_city(cameras=40), small_city(cameras=40)
    moved = replace(other, cameras=replace(other.cameras, x=other.cameras.x + 1000))
    assert plan_incidents(city, 20, seed=5) == plan_incidents(moved, 20, seed=5)
    assert plan_incidents(city, 20, seed=5) != plan_incidents(city, 20, seed=6)


def test_the_mix_is_fixed_and_districts_take_turns() -> None:
    city = small_city()
    plans = plan_incidents(city, 40, seed=7)
    kinds = [plan.kind for plan in plans]
    assert {kind: kinds.count(kind) for kind in ThingKind} == {
        kind: 8 * MIX.count(kind) for kind in ThingKind
    }
    by_district = [plan.district for plan in plans]
    counts = {d: by_district.count(d) for d in set(by_district)}
    assert set(counts) == {d.node for d in city.districts}
    assert max(counts.values()) - min(counts.values()) <= 1
    assert {plan.via for plan in plans} == {"tcp", "http"}
