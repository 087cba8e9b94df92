"""Poses for real cameras whose list is silent, by a stated rule. Worker only: shapely.

The rule: cameras of a pole look along the streets that adjoin it, each along another as far as there
are enough: toward the points, 30 m away, where streets go on and no building stands between. Where
there is no such point they look along the nearest street, one way and the other, and along one that
crosses it within 25 m. About a third are PTZ, most poles with several cameras having one
(``poles.mount``). A pole whose position lies inside a building is moved to one metre outside its
nearest wall, and says so by its origin.

What a list or a survey does say is kept: the rule sets only what is NaN. A camera whose direction is
given turns only where its source says so, and a surveyed position stays where it was surveyed.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import shapely

from safetynet.base.geo import Floats
from safetynet.city.geometries import lines_of, points, polygons_of
from safetynet.city.model import (
    UNCERTAINTY,
    Bools,
    Buildings,
    Cameras,
    Ints,
    Origin,
    Streets,
)
from safetynet.city.poles import Mounts, mount
from safetynet.city.tables import owners

AHEAD_M = 35.0
CROSSING_M = 25.0
OUT_M = 30.0
APART_DEG = 35.0
"""Two ways out differ at least by this."""
MOST_WAYS = 4
OUTSIDE_M = 1.0


def assume_poses(
    cameras: Cameras, streets: Streets, buildings: Buildings, rng: np.random.Generator
) -> Cameras:
    """The cameras with poses by the rule above where they have none, and no pole inside a building."""
    if not len(cameras):
        return cameras
    _, first, pole = np.unique(cameras.pole, return_index=True, return_inverse=True)
    at = np.column_stack([cameras.x[first], cameras.y[first]])
    at, moved = leave_buildings(at, buildings)
    order = np.argsort(pole, kind="stable")
    per_pole = np.bincount(pole).astype(np.int32)
    start = np.cumsum(per_pole) - per_pole
    ordinal = np.empty(len(pole), np.int32)
    ordinal[order] = np.arange(len(pole)) - np.repeat(start, per_pole)
    m = mount(at, find_ways(at, streets, buildings), per_pole, pole.astype(np.int32), ordinal, rng)
    return _put_in(cameras, m, moved[pole])


def _put_in(cameras: Cameras, m: Mounts, moved: Bools) -> Cameras:
    """The poses of ``m`` in the place of what the cameras lack, and its positions where unsurveyed."""
    stays = cameras.position_origin == Origin.SURVEYED
    moved = moved & ~stays
    known = ~np.isnan(cameras.azimuth_deg)
    return replace(
        cameras,
        x=np.where(stays, cameras.x, m.x),
        y=np.where(stays, cameras.y, m.y),
        height_m=_known_or(cameras.height_m, m.height_m),
        azimuth_deg=_known_or(cameras.azimuth_deg, m.azimuth_deg),
        tilt_deg=_known_or(cameras.tilt_deg, m.tilt_deg),
        hfov_deg=_known_or(cameras.hfov_deg, m.hfov_deg),
        kind=np.where(known, cameras.kind, m.kind).astype(np.uint8),
        pole=m.pole,
        position_origin=np.where(moved, Origin.ASSUMED, cameras.position_origin).astype(np.uint8),
        position_sd_m=np.where(moved, UNCERTAINTY[Origin.ASSUMED, 2], cameras.position_sd_m),
    )


def _known_or(values: Floats, by_rule: Floats) -> Floats:
    return np.asarray(np.where(np.isnan(values), by_rule, values))


def leave_buildings(at: Floats, buildings: Buildings) -> tuple[Floats, Bools]:
    """Points (p, 2) moved out of footprints, and which were moved."""
    at, moved = at.copy(), np.zeros(len(at), np.bool_)
    if not len(buildings):
        return at, moved
    rings = polygons_of(buildings.ring)
    tree = shapely.STRtree(rings)
    for _ in range(4):  # a step may lead into the neighbour
        inside, hit = tree.query(points(at), predicate="within")
        if not len(inside):
            break
        for p, b in zip(inside.tolist(), hit.tolist(), strict=True):
            at[p] = _step_out(at[p], rings[b])
            moved[p] = True
    return at, moved


def find_ways(at: Floats, streets: Streets, buildings: Buildings) -> Floats:
    """(p, 4) azimuths down the streets that adjoin each pole; NaN where there are fewer."""
    ways = _nearest_ways(at, streets)
    if not len(streets) or not len(at):
        return ways
    pole, target = _ways_out(at, streets)
    free = _is_free(at[pole], target, buildings)
    pole, target = pole[free], target[free]
    d = target - at[pole]
    azimuth = np.degrees(np.arctan2(d[:, 0], d[:, 1])) % 360
    for p, own in _by_pole(pole):
        ways[p] = _apart(azimuth[own])
    return ways


def _ways_out(at: Floats, streets: Streets) -> tuple[Ints, Floats]:
    """Points (k, 2) where streets leave the circle of ``OUT_M`` around poles (k,); wide streets first."""
    circles = np.asarray(shapely.boundary(shapely.buffer(points(at), OUT_M, quad_segs=12)))
    lines = lines_of(streets.line)
    pole, line = shapely.STRtree(lines).query(circles, predicate="intersects")
    crossed = shapely.intersection(circles[pole], lines[line])
    spots, pair = shapely.get_coordinates(crossed, return_index=True)
    order = np.lexsort((spots[:, 1], spots[:, 0], streets.rank[line[pair]], pole[pair]))
    return pole[pair][order].astype(np.int32), spots[order]


def _is_free(here: Floats, there: Floats, buildings: Buildings) -> Bools:
    """Which lines of sight (k,) cross no footprint."""
    free = np.ones(len(here), np.bool_)
    if len(buildings) and len(here):
        walls = shapely.STRtree(polygons_of(buildings.ring))
        sight = np.asarray(shapely.linestrings(np.stack([here, there], axis=1)))
        free[walls.query(sight, predicate="intersects")[0]] = False
    return free


def _by_pole(pole: Ints) -> Iterator[tuple[int, slice]]:
    """Each pole of the ascending column with its rows."""
    numbers, first = np.unique(pole, return_index=True)
    last = np.append(first, len(pole))[1:]
    for p, a, b in zip(numbers.tolist(), first.tolist(), last.tolist(), strict=True):
        yield p, slice(a, b)


def _apart(azimuth: Floats) -> Floats:
    """(4,) the first azimuths that differ enough from those before; NaN beyond them."""
    kept: list[float] = []
    for a in azimuth.tolist():
        if len(kept) < MOST_WAYS and all(abs((a - b + 180) % 360 - 180) >= APART_DEG for b in kept):
            kept.append(a)
    return np.array(kept + [np.nan] * (MOST_WAYS - len(kept)))


def _nearest_ways(at: Floats, streets: Streets) -> Floats:
    """(p, 4) azimuths down the nearest street and the one that crosses it; NaN where there is none."""
    ways = np.full((len(at), 4), np.nan)
    if not len(streets):
        ways[:, 0] = 0.0
        return ways
    begin, along = _segments(streets)
    tree = shapely.STRtree(
        np.asarray(shapely.linestrings(np.stack([begin, begin + along], axis=1)))
    )
    unit = along / np.linalg.norm(along, axis=1, keepdims=True)
    poles = points(at)
    pole, nearest = tree.query_nearest(poles, all_matches=False)
    ways[pole, :2] = _both_ways(at[pole], begin[nearest], unit[nearest], along[nearest])
    other_pole, other = tree.query(poles, predicate="dwithin", distance=CROSSING_M)
    main = np.zeros(len(at), np.int64)
    main[pole] = nearest
    crossing = abs((unit[other] * unit[main[other_pole]]).sum(axis=1)) < np.cos(np.radians(45))
    k, index = np.unique(other_pole[crossing], return_index=True)
    seg = other[crossing][index]
    ways[k, 2:] = _both_ways(at[k], begin[seg], unit[seg], along[seg])
    return ways


def _segments(streets: Streets) -> tuple[Floats, Floats]:
    owner = owners(streets.line)
    same = owner[1:] == owner[:-1]
    begin, along = streets.line.xy[:-1][same], np.diff(streets.line.xy, axis=0)[same]
    real = np.hypot(along[:, 0], along[:, 1]) > 0.1
    return begin[real], along[real]


def _both_ways(at: Floats, begin: Floats, unit: Floats, along: Floats) -> Floats:
    """(k, 2) azimuths from the pole to points on the centre line some way up and down the street."""
    share = ((at - begin) * along).sum(axis=1) / (along**2).sum(axis=1)
    foot = begin + np.clip(share, 0, 1)[:, None] * along
    targets = np.stack([foot + unit * AHEAD_M, foot - unit * AHEAD_M], axis=1)
    d = targets - at[:, None]
    return np.asarray(np.degrees(np.arctan2(d[..., 0], d[..., 1])) % 360)


def _step_out(at: Floats, footprint: shapely.Polygon) -> Floats:
    wall = footprint.exterior
    here = shapely.Point(at)
    foot = np.asarray(wall.interpolate(wall.project(here)).coords[0])
    away = foot - at
    length = float(np.hypot(*away))
    if length < 1e-6:
        away, length = np.array([1.0, 0.0]), 1.0
    return np.asarray(foot + away / length * OUTSIDE_M)
