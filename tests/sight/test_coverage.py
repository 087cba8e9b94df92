"""Coverage against asking for each place one by one."""

from itertools import pairwise
from typing import Any

import pytest

from safetynet.base.geo import LonLat
from safetynet.city.synth import small_city
from safetynet.sight.coverage import measure_coverage
from safetynet.sight.model import Place, Request, TargetKind
from safetynet.sight.service import Sight


@pytest.mark.parametrize("target", [TargetKind.PERSON, TargetKind.FIRE])
def test_coverage_agrees_with_choosing_at_every_step(target: TargetKind) -> None:
    city = small_city(5, cameras=24)
    coverage = measure_coverage(city, target)
    sight = Sight(city)
    total = by_1 = 0.0
    for i in range(0, len(city.streets), 5):
        line = city.streets.line[i]
        for a, b in pairwise(line):
            length = float(((b - a) ** 2).sum() ** 0.5)
            for part in (0.1, 0.3, 0.5, 0.7, 0.9):  # middles of streets alone are seen less often
                lon, lat = city.plane.to_lonlat(*map(float, a + (b - a) * part))
                place = Place(at=LonLat(lon, lat), error_m=0)
                total += length
                by_1 += length * bool(
                    sight.choose(Request(place=place, target=target, min_px_per_m=1)).views
                )
    assert coverage.share_by_1 == pytest.approx(by_1 / total, abs=0.06)
    assert 0 <= coverage.share_by_4 <= coverage.share_by_1 <= 1


def test_coverage_of_a_street_half_hidden(town: Any) -> None:
    cams = [town.cam(id=f"c{k}", x=0, y=-30, tilt_deg=5) for k in range(4)]
    street = [[(-20.0, 0.0), (20.0, 0.0)]]
    open_city = town.build(cams, [], street)
    told: list[float] = []
    seen = measure_coverage(open_city, TargetKind.PERSON, told.append)
    assert (seen.share_by_1, seen.share_by_4, seen.street_km) == (1.0, 1.0, 0.04)
    assert told[-1] == 1.0
    hidden = town.build(cams, [town.box(-10, -15, 9.5, 2, 9)], street)
    assert measure_coverage(hidden, TargetKind.PERSON).share_by_1 == 0.5


def test_a_city_without_streets_or_cameras_has_no_coverage(town: Any) -> None:
    assert measure_coverage(town.build([]), TargetKind.FIRE).share_by_1 == 0
    bare = town.build([], [], [[(0.0, 0.0), (30.0, 0.0)]])
    assert measure_coverage(bare, TargetKind.PERSON).share_by_1 == 0
