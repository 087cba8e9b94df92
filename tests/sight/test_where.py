"""What the points promise that stand for a disc, an area or a stretch."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safetynet.base.errors import InvalidError
from safetynet.base.geo import Floats, LonLat
from safetynet.city.synth import small_city
from safetynet.sight.graph import StreetGraph
from safetynet.sight.model import Area, Disc, Moving, Stretch, TargetKind
from safetynet.sight.place import Points
from safetynet.sight.walls import Walls
from safetynet.sight.where import Known, check_where, sample_where

CITY = small_city(3, cameras=2)
WALLS, STREETS = Walls(CITY.buildings), StreetGraph(CITY.streets)
NAN = float("nan")

near = st.tuples(st.floats(-500, 500), st.floats(-250, 250))


def at(x: float, y: float) -> LonLat:
    return LonLat(*CITY.plane.to_lonlat(x, y))


def sample(where: Known) -> Points:
    return sample_where(where, CITY.plane, WALLS, STREETS, TargetKind.PERSON)


def star(x: float, y: float, radii: list[float], turn: float = 0.0) -> list[tuple[float, float]]:
    """A simple polygon around a middle."""
    angle = [turn + 2 * math.pi * k / len(radii) for k in range(len(radii))]
    return [(x + r * math.cos(a), y + r * math.sin(a)) for r, a in zip(radii, angle, strict=True)]


def area(ring: list[tuple[float, float]]) -> Area:
    return Area(ring=tuple(at(x, y) for x, y in ring))


def holds(ring: list[tuple[float, float]], x: float, y: float) -> bool:
    """By winding number, another way than the sampler's; a hair outside counts as inside."""
    turned = 0.0
    for (ax, ay), (bx, by) in zip(ring, ring[1:] + ring[:1], strict=True):
        way = math.hypot(bx - ax, by - ay)
        t = max(0.0, min(1.0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / way**2))
        if math.hypot(ax + t * (bx - ax) - x, ay + t * (by - ay) - y) < 1e-3:
            return True
        turn = math.atan2(by - y, bx - x) - math.atan2(ay - y, ax - x)
        turned += (turn + math.pi) % (2 * math.pi) - math.pi
    return abs(turned) > math.pi


def check_points(points: Points) -> None:
    assert 1 <= len(points) <= 420
    assert points.weight.min() > 0
    assert points.weight.sum() == pytest.approx(1)
    assert (WALLS.inside(points.x, points.y) < 0).all()


def as_set(points: Points) -> Floats:
    rows = np.round(np.column_stack([points.x, points.y, points.weight]), 4)
    return rows[np.lexsort(rows.T)]


@settings(max_examples=40, deadline=None)
@given(near, st.lists(st.floats(30, 220), min_size=3, max_size=14), st.floats(0, 6))
def test_points_of_an_area_lie_in_it_and_outside_buildings(
    middle: tuple[float, float], radii: list[float], turn: float
) -> None:
    ring = star(*middle, radii, turn)
    points = sample(area(ring))
    check_points(points)
    for x, y in zip(points.x.tolist(), points.y.tolist(), strict=True):
        assert holds(ring, x, y)


@settings(max_examples=30, deadline=None)
@given(near, st.lists(st.floats(40, 200), min_size=3, max_size=9), st.integers(0, 8), st.booleans())
def test_where_a_ring_begins_and_which_way_it_runs_changes_nothing(
    middle: tuple[float, float], radii: list[float], first: int, back: bool
) -> None:
    ring = star(*middle, radii)
    turned = ring[first % len(ring) :] + ring[: first % len(ring)]
    other = area(turned[::-1] if back else turned)
    assert np.array_equal(as_set(sample(area(ring))), as_set(sample(other)))
    again = sample(other)
    assert np.array_equal(again.x, sample(other).x)


@settings(max_examples=40, deadline=None)
@given(near, st.floats(1, 500))
def test_points_of_a_disc_lie_in_it(middle: tuple[float, float], radius_m: float) -> None:
    points = sample(Disc(at=at(*middle), radius_m=radius_m))
    check_points(points)
    away = np.hypot(points.x - middle[0], points.y - middle[1])
    inside = away <= radius_m + 1e-6
    assert inside.all() or not inside.any()  # none: a building fills the disc
    if not inside.any():
        ring = star(*middle, [radius_m * 0.9] * 24)
        assert (WALLS.inside(*np.array(ring).T) >= 0).any()


@settings(max_examples=40, deadline=None)
@given(st.lists(near, min_size=2, max_size=5, unique=True), st.floats(0, 20))
def test_points_of_a_stretch_lie_beside_its_line(
    line: list[tuple[float, float]], half_width_m: float
) -> None:
    xy = np.array(line)
    if np.hypot(*np.diff(xy, axis=0).T).sum() < 20:
        return
    points = sample(Stretch(line=tuple(at(x, y) for x, y in line), half_width_m=half_width_m))
    check_points(points)
    assert len(points) <= 200
    off = np.full(len(points), np.inf)
    for (ax, ay), (bx, by) in pairwise(line):
        dx, dy = bx - ax, by - ay
        t = ((points.x - ax) * dx + (points.y - ay) * dy) / max(dx * dx + dy * dy, 1e-12)
        t = np.clip(t, 0, 1)
        off = np.minimum(off, np.hypot(ax + t * dx - points.x, ay + t * dy - points.y))
    assert off.max() <= half_width_m + 0.01


def test_a_stretch_has_points_on_both_sides_some_metres_apart(town: Any) -> None:
    city = town.build([])
    line = tuple(LonLat(*city.plane.to_lonlat(x, 0.0)) for x in (-150.0, 150.0))
    stretch = Stretch(line=line, half_width_m=8)
    graph = StreetGraph(city.streets)
    walls = Walls(city.buildings)
    points = sample_where(stretch, city.plane, walls, graph, TargetKind.PERSON)
    assert (points.y > 1).any() and (points.y < -1).any()
    apart = np.diff(points.x)
    assert apart.min() >= 3 and apart.max() <= 8.5


def test_streets_have_most_of_the_weight_of_an_area_and_the_rest_has_some() -> None:
    points = sample(area([(-300, -200), (300, -200), (300, 200), (-300, 200)]))
    net = STREETS.net
    away = np.full(len(points), np.inf)
    for a, b, width in zip(net.a, net.b, net.width_m, strict=True):
        ax, ay = net.x[a], net.y[a]
        dx, dy = net.x[b] - ax, net.y[b] - ay
        t = np.clip(((points.x - ax) * dx + (points.y - ay) * dy) / (dx * dx + dy * dy), 0, 1)
        off = np.hypot(ax + t * dx - points.x, ay + t * dy - points.y) - width / 2
        away = np.minimum(away, off)
    on_streets = points.weight[away <= 0.01].sum()
    assert 0.75 <= on_streets < 1
    assert (away > 0.01).any()


def test_points_are_spread_over_an_area_evenly() -> None:
    points = sample(area([(-300, -200), (300, -200), (300, 200), (-300, 200)]))
    share, _, _ = np.histogram2d(
        points.x, points.y, bins=(3, 2), range=((-300, 300), (-200, 200)), weights=points.weight
    )
    assert share.min() > 0.5 / 6 and share.max() < 1.7 / 6


@pytest.mark.parametrize(
    ("half_m", "least", "most"), [(40, 25, 60), (150, 60, 100), (280, 90, 150)]
)
def test_larger_areas_have_more_points(half_m: float, least: int, most: int) -> None:
    ring = [(-half_m, -half_m), (half_m, -half_m), (half_m, half_m), (-half_m, half_m)]
    assert least <= len(sample(area(ring))) <= most


def test_a_shape_that_a_building_fills_is_stood_for_by_the_ground_around(town: Any) -> None:
    city = town.build([], [town.box(0, 0, 40, 40, 12)], [[(-90, 60), (90, 60)]])
    walls = Walls(city.buildings)
    lon, lat = city.plane.to_lonlat(0.0, 0.0)
    disc = Disc(at=LonLat(lon, lat), radius_m=20)
    points = sample_where(disc, city.plane, walls, StreetGraph(city.streets), TargetKind.PERSON)
    assert (walls.inside(points.x, points.y) < 0).all()
    assert np.hypot(points.x, points.y).max() < 90


def test_a_narrow_area_has_points_although_no_street_and_no_lattice_is_in_it(town: Any) -> None:
    city = town.build([], [], [[(-90, 60), (90, 60)]])
    ring = [(-80, 0.1), (80, 0.1), (80, 1.1), (-80, 1.1)]
    corners = tuple(LonLat(*city.plane.to_lonlat(x, y)) for x, y in ring)
    graph = StreetGraph(city.streets)
    points = sample_where(
        Area(ring=corners), city.plane, Walls(city.buildings), graph, TargetKind.PERSON
    )
    assert len(points) >= 4
    assert points.weight.sum() == pytest.approx(1)


SQUARE = [(0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0)]


@pytest.mark.parametrize(
    ("where", "code"),
    [
        (area(SQUARE[:2]), "sight.ring"),
        (area([(0, 0), (50, 0), (50, 0), (0, 0)]), "sight.ring"),
        (area([SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]]), "sight.crosses"),
        (area([(0, 0), (100, 0), (50, 0), (50, 80)]), "sight.crosses"),
        (area([(0, 0), (0, 0.2), (0.2, 0)]), "sight.area"),
        (area([(-1100, -1100), (1100, -1100), (1100, 1100), (-1100, 1100)]), "sight.area"),
        (area([(x + 9_000, y) for x, y in SQUARE]), "sight.outside"),
        (area([*SQUARE[:3], (NAN, 0)]), "sight.place"),
        (Disc(at=at(0, 0), radius_m=NAN), "sight.radius_m"),
        (Disc(at=at(0, 0), radius_m=0), "sight.radius_m"),
        (Disc(at=at(0, 0), radius_m=2_001), "sight.radius_m"),
        (Disc(at=LonLat(0, 0), radius_m=50), "sight.place"),
        (Disc(at=LonLat(129.0, 35.1), radius_m=50), "sight.outside"),
        (Stretch(line=(at(0, 0),)), "sight.line"),
        (Stretch(line=(at(0, 0), at(0, 0))), "sight.line"),
        (Stretch(line=(at(0, 0), at(0, 10_500))), "sight.line"),
        (Stretch(line=(at(0, 0), at(0, 50)), half_width_m=-1), "sight.half_width_m"),
        (Stretch(line=(at(0, 0), LonLat(NAN, 37))), "sight.place"),
        (Moving(at=at(0, 0), error_m=5, speed_mps=NAN), "sight.speed_mps"),
        (Moving(at=at(0, 0), error_m=5, speed_mps=-1), "sight.speed_mps"),
        (Moving(at=at(0, 0), error_m=5, speed_mps=71), "sight.speed_mps"),
        (Moving(at=at(0, 0), error_m=5, speed_mps=1, ahead_s=0.5), "sight.ahead_s"),
        (Moving(at=at(0, 0), error_m=5, speed_mps=1, ahead_s=121), "sight.ahead_s"),
        (Moving(at=at(0, 0), error_m=-5, speed_mps=1), "sight.error_m"),
        (Moving(at=at(0, 0), error_m=5, speed_mps=1, heading_deg=NAN), "sight.heading_deg"),
        (Moving(at=LonLat(129.0, 35.1), error_m=5, speed_mps=1), "sight.outside"),
    ],
)
def test_a_place_that_makes_no_sense_is_refused_by_name(where: Known, code: str) -> None:
    with pytest.raises(InvalidError) as error:
        sample(where)
    assert error.value.code == code


@given(st.lists(st.tuples(st.floats(-300, 300), st.floats(-300, 300)), min_size=3, max_size=9))
@settings(max_examples=60, deadline=None)
def test_crossing_sides_are_found_as_exact_geometry_finds_them(
    ring: list[tuple[float, float]],
) -> None:
    import shapely

    spaced = np.round(np.array(ring), 0)  # whole metres: nothing is nearly crossing
    polygon = shapely.Polygon(spaced)
    try:
        check_where(area([(x, y) for x, y in spaced.tolist()]), CITY.plane, STREETS)
        fine = True
    except InvalidError as error:
        if error.code in ("sight.ring", "sight.area"):
            return
        fine = False
    if len({tuple(p) for p in spaced.tolist()}) == len(spaced):
        assert fine == polygon.is_valid or (polygon.is_valid and _touches(spaced))


def _touches(ring: Floats) -> bool:
    """A corner within a hand of another side: on the plane's degrees it may touch it or not."""
    import shapely

    n = len(ring)
    sides = [shapely.LineString([ring[k], ring[(k + 1) % n]]) for k in range(n)]
    return any(
        sides[k].distance(shapely.Point(ring[j])) < 0.1
        for k in range(n)
        for j in range(n)
        if j not in (k, (k + 1) % n)
    )


def test_a_closed_ring_is_taken_as_an_open_one() -> None:
    assert np.array_equal(as_set(sample(area(SQUARE))), as_set(sample(area([*SQUARE, SQUARE[0]]))))


def test_a_city_without_streets_has_places_too(town: Any) -> None:
    city = town.build([])
    disc = Disc(at=LonLat(127.0, 37.5), radius_m=100)
    points = sample_where(
        disc, city.plane, Walls(city.buildings), StreetGraph(city.streets), TargetKind.PERSON
    )
    assert len(points) >= 30
