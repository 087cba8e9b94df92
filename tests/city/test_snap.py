"""Real sites shape the synthetic plan, coverage ends inside the quarters, speeds follow their roads."""

import numpy as np
import pytest
import shapely
from shapely.geometry import Polygon, box

from safetynet.base.geo import Floats, LonLat
from safetynet.city.assume import find_ways
from safetynet.city.bundle import Speeds
from safetynet.city.cover import cut_streets, follow_pieces
from safetynet.city.fill import join_sites
from safetynet.city.ingest.topis import lend_speeds
from safetynet.city.lattice import Lattice, list_edges, plan_lattice
from safetynet.city.lookup import Gazetteer
from safetynet.city.model import Buildings, Origin, Streets
from safetynet.city.plots import Plots, plan_plots
from safetynet.city.quarter import BUILT_UP, plan_quarter
from safetynet.city.snap import snap_lattice
from safetynet.city.synth import buildings_of, small_city, streets_of
from safetynet.city.tables import shapes_of

BOUNDS = (-600.0, -600.0, 600.0, 600.0)


def streets(*lines: Floats, rank: int = 1) -> Streets:
    n = len(lines)
    return Streets(
        line=shapes_of(list(lines)),
        rank=np.full(n, rank, np.uint8),
        width_m=np.full(n, 10.0),
        name=("",) * n,
        origin=np.full(n, Origin.DECLARED, np.uint8),
        in_coverage=np.ones(n, np.bool_),
    )


def line(*points: tuple[float, float]) -> Floats:
    return np.array(points, np.float64)


def no_buildings() -> Buildings:
    return buildings_of(Plots(xy=np.zeros((0, 4, 2)), height_m=np.zeros(0)))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sites_come_to_stand_at_streets_and_no_block_is_spoilt(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lattice = plan_lattice(BOUNDS, rng, warp_m=30.0)
    sites = rng.uniform(-450, 450, (60, 2))
    at = np.asarray(shapely.points(sites))

    def off(plan: Lattice) -> Floats:
        edges = list_edges(plan)
        table = streets_of(edges, np.ones(len(edges.rank), np.bool_))
        carriageways = shapely.union_all(
            [
                shapely.LineString(table.line[i]).buffer(table.width_m[i] / 2)
                for i in range(len(table))
            ]
        )
        return np.asarray(shapely.distance(carriageways, at))

    snapped = snap_lattice(lattice, sites)
    before, after = (off(lattice) < 1.5).mean(), (off(snapped) < 1.5).mean()
    assert after > 0.7 > before
    a = snapped.xy
    ring = np.stack([a[:-1, :-1], a[1:, :-1], a[1:, 1:], a[:-1, 1:]], axis=2).reshape(-1, 4, 2)
    cells = shapely.polygons(ring)
    assert (shapely.area(shapely.convex_hull(cells)) < 1.01 * shapely.area(cells)).all()
    again = snap_lattice(lattice, sites)
    assert np.array_equal(again.xy, snapped.xy)
    cells_wanted = np.ones(snapped.block.shape, np.bool_)
    plots = plan_plots(snapped, cells_wanted, np.random.default_rng(1))
    edges = list_edges(snapped)
    table = streets_of(edges, np.ones(len(edges.rank), np.bool_))
    tree = shapely.STRtree(np.asarray(shapely.polygons(plots.xy)))
    lanes = [
        shapely.LineString(table.line[i]).buffer(table.width_m[i] / 2, cap_style="flat")
        for i in range(len(table))
    ]
    assert tree.query(lanes, predicate="intersects").shape[1] == 0


def test_a_site_off_every_street_is_joined_by_an_alley() -> None:
    known = streets(line((0, 0), (200, 0)))
    alleys = join_sites(np.array([[50.0, 40.0], [100.0, 6.0]]), known, None)
    assert alleys.xy.tolist() == [[[50.0, 40.0], [50.0, 0.0]]]


def test_ways_out_follow_the_streets_that_a_pole_can_look_along() -> None:
    cross = streets(line((-80, 0), (0, 0)), line((0, 0), (80, 0)), line((0, 0), (0, 80)))
    pole = np.array([[6.0, 6.0]])
    ways = find_ways(pole, cross, no_buildings())[0]
    found = sorted(ways[~np.isnan(ways)].round().tolist())
    assert found == pytest.approx([102, 258, 348], abs=3)
    wall = buildings_of(
        Plots(xy=np.array([[(20.0, -9), (24, -9), (24, 9), (20, 9)]]), height_m=np.array([9.0]))
    )
    open_ = find_ways(pole, cross, wall)[0]
    assert sorted(open_[~np.isnan(open_)].round().tolist()) == pytest.approx([258, 348], abs=3)


def test_streets_end_where_the_covered_ground_ends_and_keep_direction_and_speeds() -> None:
    whole = streets(line((100, 0), (-100, 0)), line((0, 500), (0, 600)))
    cut, source = cut_streets(whole, box(-30, -30, 50, 30))
    assert cut is not None
    assert source.tolist() == [0, 0, 0, 1]
    inside = cut.line[int(np.flatnonzero(cut.in_coverage)[0])]
    assert cut.in_coverage.sum() == 1
    assert inside.tolist() == [[50.0, 0.0], [-30.0, 0.0]]
    assert all(cut.line[i][0, 0] > cut.line[i][-1, 0] for i in range(3))
    kmh = np.arange(48.0).reshape(2, 24)
    speeds = Speeds(street=np.array([1, 0], np.int32), forward=np.array([True, False]), kmh=kmh)
    followed = follow_pieces(speeds, source)
    assert followed.street.tolist() == [3, 0, 1, 2]
    assert followed.forward.tolist() == [True, False, False, False]
    assert (followed.kmh[1:] == kmh[1]).all()


def test_a_finer_source_is_lent_the_speeds_of_the_same_road() -> None:
    main = streets(line((0, 0), (300, 0)))
    speeds = Speeds(street=np.array([0], np.int32), forward=np.array([True]), kmh=np.ones((1, 24)))
    fine = streets(
        line((100, 8), (0, 8)),  # the same road, drawn backwards
        line((100, 5), (100, 60)),  # a side street
        line((100, 90), (200, 90)),  # another road
    )
    lent = lend_speeds(main, speeds, fine)
    assert lent.street.tolist() == [0]
    assert lent.forward.tolist() == [False]


def test_a_quarter_of_a_real_list_holds_its_share_on_built_up_ground() -> None:
    rng = np.random.default_rng(4)
    district = Polygon(box(0, 0, 6000, 4000))
    built = rng.uniform((0, 0), (4000, 4000), (900, 2))  # two thirds of it
    quarter = plan_quarter(district, 0.1, built, None)
    held = shapely.contains_xy(quarter, built[:, 0], built[:, 1]).sum()
    assert held == pytest.approx(90, abs=6)
    assert quarter.area == pytest.approx(BUILT_UP * 0.1 * district.area, rel=0.15)


def test_a_place_a_few_metres_outside_every_border_has_the_nearest_district() -> None:
    city = small_city(1)
    gazetteer = Gazetteer(city)

    def found(x: float) -> str | None:
        district = gazetteer.find_district(LonLat(*city.plane.to_lonlat(x, 0.0)))
        return district.node if district else None

    assert found(-645.0) == "mapo"
    assert found(645.0) == "seocho"
    assert found(660.0) is None
