"""Filling a city with synthetic streets, buildings and cameras where no source gives real ones."""

from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from safetynet.base.geo import Floats
from safetynet.city.borders import Borders
from safetynet.city.geometries import Geometries, lines_of, points
from safetynet.city.lattice import (
    WIDTH_M,
    Corners,
    Edges,
    Lattice,
    list_coarse_edges,
    list_corners,
    list_edges,
    lower_arterials,
    plan_lattice,
)
from safetynet.city.model import Bools, Buildings, Cameras, StreetClass, Streets
from safetynet.city.plots import SETBACK_M, plan_plots
from safetynet.city.poles import plan_poles
from safetynet.city.quarter import MARGIN_M, covered_ground
from safetynet.city.snap import snap_lattice
from safetynet.city.synth import buildings_of, join_cameras, streets_of
from safetynet.city.tables import join_streets, take_buildings, take_streets


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Real things that synthetic ones keep clear of."""

    ground: BaseGeometry | None
    """Where streets and buildings are real: nothing is invented there."""
    streets: Streets | None
    """Real streets, whether inside that ground or not."""
    has_arterials: bool
    """True where the real streets hold the whole city's arterials, so that none are invented."""
    points: Floats
    """(n, 2) real cameras and facilities."""
    sites: Floats
    """(m, 2) the poles of the real cameras: each is evidence of a street."""


@dataclass(frozen=True, kw_only=True)
class Fill:
    """What was invented."""

    streets: Streets
    buildings: Buildings
    cameras: Cameras


NOTHING_TAKEN = Taken(
    ground=None,
    streets=None,
    has_arterials=False,
    points=np.zeros((0, 2)),
    sites=np.zeros((0, 2)),
)
KERB_M = 12.0
"""A site this near to a real street's edge stands at that street."""
ALLEY_M = 5.0
"""A site farther than this from every carriageway is joined to the nearest by an alley."""
_POLE_CLEAR_M = 2.0


def plan_fill(
    borders: Borders,
    quarters: dict[str, Polygon],
    cameras: dict[str, int],
    taken: Taken,
    seed: int,
) -> Fill:
    """Streets, buildings and ``cameras`` (by district code) inside the borders.

    In a scaled city (``quarters`` not empty) buildings and alleys stand only in the quarters and
    around them.
    """
    rng = np.random.default_rng(seed)
    whole = shapely.union_all([a.shape.simplify(5) for a in borders.districts]).buffer(1)
    lattice = plan_lattice(whole.bounds, rng)
    if taken.has_arterials:
        lattice = lower_arterials(lattice)
    dense = _dense_ground(whole, quarters)
    covered = covered_ground(quarters) if quarters else whole
    sites = _open_sites(taken, dense)
    lattice = snap_lattice(lattice, sites)
    streets = _streets(lattice, whole, dense, covered, taken, scaled=bool(quarters))
    alleys = join_sites(sites, streets, taken.streets)
    streets = join_streets([streets, streets_of(alleys, _within(alleys, covered))])
    plots = plan_plots(lattice, _cells_in(lattice, dense), rng)
    buildings = _clear_buildings(buildings_of(plots), taken, alleys)
    return Fill(
        streets=streets,
        buildings=buildings,
        cameras=_cameras(borders, quarters, cameras, list_corners(lattice), taken, rng),
    )


def _dense_ground(whole: Polygon | MultiPolygon, quarters: dict[str, Polygon]) -> BaseGeometry:
    if not quarters:
        return whole
    around = shapely.union_all([q.buffer(MARGIN_M) for q in quarters.values()])
    return around.intersection(whole)


def _open_sites(taken: Taken, dense: BaseGeometry) -> Floats:
    """Real poles on invented ground that no real street explains."""
    sites = taken.sites[contains(dense, taken.sites)]
    if taken.ground is not None:
        sites = sites[~contains(taken.ground, sites)]
    if taken.streets is not None and len(sites):
        tree = shapely.STRtree(points(sites))
        reach = taken.streets.width_m / 2 + KERB_M
        lines = lines_of(taken.streets.line)
        explained = tree.query(lines, predicate="dwithin", distance=reach)[1]
        sites = np.delete(sites, np.unique(explained), axis=0)
    return sites


def join_sites(sites: Floats, invented: Streets, real: Streets | None) -> Edges:
    """Alleys from the sites that stand off every carriageway to the nearest street."""
    streets = invented if real is None else join_streets([invented, real])
    if not len(sites) or not len(streets):
        return Edges(xy=np.zeros((0, 2, 2)), rank=np.zeros(0, np.uint8))
    lines = lines_of(streets.line)
    at = points(sites)
    site, line = shapely.STRtree(lines).query_nearest(at, all_matches=False)
    foot = shapely.line_interpolate_point(
        lines[line], shapely.line_locate_point(lines[line], at[site])
    )
    xy = np.stack([sites[site], shapely.get_coordinates(foot)], axis=1)
    length = np.linalg.norm(xy[:, 1] - xy[:, 0], axis=1)
    off = (length > streets.width_m[line] / 2 + ALLEY_M) & (length < MARGIN_M)
    return Edges(xy=xy[off], rank=np.full(int(off.sum()), StreetClass.ALLEY, np.uint8))


def _streets(
    lattice: Lattice,
    whole: BaseGeometry,
    dense: BaseGeometry,
    covered: BaseGeometry,
    taken: Taken,
    *,
    scaled: bool,
) -> Streets:
    fine = list_edges(lattice)
    parts = [_cut(fine, _within(fine, dense))]
    if scaled:
        coarse = list_coarse_edges(lattice)
        parts.append(_cut(coarse, _within(coarse, whole) & ~_within(coarse, dense)))
    tables = [streets_of(e, _within(e, covered)) for e in parts]
    return _clear_streets([_clear_of_ground(t, taken.ground) for t in tables], taken)


def _cut(edges: Edges, keep: Bools) -> Edges:
    return Edges(xy=edges.xy[keep], rank=edges.rank[keep])


def _within(edges: Edges, ground: BaseGeometry) -> Bools:
    middle = edges.xy.mean(axis=1)
    return contains(ground, middle)


def contains(ground: BaseGeometry, xy: Floats) -> Bools:
    """(n,) which points are inside, its bounding box tried first."""
    shapely.prepare(ground)
    west, south, east, north = ground.bounds
    near = (xy[:, 0] >= west) & (xy[:, 0] <= east) & (xy[:, 1] >= south) & (xy[:, 1] <= north)
    inside = np.zeros(len(xy), np.bool_)
    inside[near] = shapely.contains_xy(ground, xy[near, 0], xy[near, 1])
    return inside


def _cells_in(lattice: Lattice, ground: BaseGeometry) -> Bools:
    nodes = contains(ground, lattice.xy.reshape(-1, 2)).reshape(lattice.xy.shape[:2])
    return np.asarray(nodes[:-1, :-1] & nodes[1:, :-1] & nodes[:-1, 1:] & nodes[1:, 1:])


def _clear_of_ground(streets: Streets, ground: BaseGeometry | None) -> Streets:
    if ground is None or not len(streets):
        return streets
    touching = shapely.intersects(lines_of(streets.line), ground)
    return take_streets(streets, ~touching)


def _clear_streets(tables: list[Streets], taken: Taken) -> Streets:
    streets = join_streets(tables)
    if taken.streets is None or not len(streets):
        return streets
    # What runs along a real street is dropped.
    ends = points(streets.line.xy[streets.line.offset[:-1]])
    tails = points(streets.line.xy[streets.line.offset[1:] - 1])
    real = shapely.STRtree(lines_of(taken.streets.line))
    near = np.zeros(len(streets), np.bool_)
    near[real.query(ends, predicate="dwithin", distance=18.0)[0]] = True
    also = np.zeros(len(streets), np.bool_)
    also[real.query(tails, predicate="dwithin", distance=18.0)[0]] = True
    keep = ~(near & also)
    if taken.has_arterials:
        keep &= streets.rank != StreetClass.ARTERIAL
    return take_streets(streets, keep)


def _clear_buildings(buildings: Buildings, taken: Taken, alleys: Edges) -> Buildings:
    if not len(buildings):
        return buildings
    xy = buildings.ring.xy.reshape(-1, 4, 2)
    rings: Geometries = np.asarray(shapely.polygons(xy))
    drop = np.zeros(len(rings), np.bool_)
    if taken.ground is not None:
        drop |= shapely.intersects(rings, taken.ground)
    tree = shapely.STRtree(rings)
    if taken.streets is not None:
        reach = taken.streets.width_m / 2 + 2.0
        drop[tree.query(lines_of(taken.streets.line), predicate="dwithin", distance=reach)[1]] = (
            True
        )
    if len(taken.points):
        drop[tree.query(points(taken.points), predicate="dwithin", distance=_POLE_CLEAR_M)[1]] = (
            True
        )
    if len(alleys.xy):
        corridors = np.asarray(shapely.linestrings(alleys.xy))
        reach_m = WIDTH_M[StreetClass.ALLEY] / 2 + SETBACK_M
        drop[tree.query(corridors, predicate="dwithin", distance=reach_m)[1]] = True
    return take_buildings(buildings, ~drop)


def _cameras(
    borders: Borders,
    quarters: dict[str, Polygon],
    cameras: dict[str, int],
    corners: Corners,
    taken: Taken,
    rng: np.random.Generator,
) -> Cameras:
    if taken.ground is not None:
        corners = _cut_corners(corners, ~contains(taken.ground, corners.xy))
    parts = []
    for index, (fact, area) in enumerate(zip(borders.facts, borders.districts, strict=True)):
        ground = quarters.get(fact.code, area.shape)
        here = _cut_corners(corners, contains(ground, corners.xy))
        parts.append((index, fact.node, plan_poles(here, cameras.get(fact.code, 0), rng)))
    return join_cameras(parts)


def _cut_corners(corners: Corners, keep: Bools) -> Corners:
    return Corners(
        xy=corners.xy[keep],
        along=corners.along[keep],
        rank=corners.rank[keep],
        node=corners.node[keep],
    )
