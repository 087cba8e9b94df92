"""Small synthetic cities in milliseconds, for tests and for trying things out."""

from dataclasses import replace

import numpy as np

from safetynet.base.geo import Floats, LonLat, Plane
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.bundle import content_version
from safetynet.city.facts import list_district_facts
from safetynet.city.lattice import (
    WIDTH_M,
    Corners,
    Edges,
    Lattice,
    list_corners,
    list_edges,
    plan_lattice,
)
from safetynet.city.model import (
    Buildings,
    Cameras,
    City,
    District,
    Dong,
    Facility,
    Origin,
    Shapes,
    Streets,
)
from safetynet.city.plots import Plots, plan_plots
from safetynet.city.poles import Mounts, plan_poles

_ORIGIN = LonLat(126.98, 37.53)
_HALF_M = 320.0


def small_city(seed: int = 7, *, cameras: int = 40) -> City:
    """Two districts side by side, 마포 in the west and 서초 in the east, 640 m by 640 m each.

    Streets, buildings and cameras as in a big synthetic city, and a few facilities. Equal seeds
    give equal cities.
    """
    rng = np.random.default_rng(seed)
    plane = Plane(_ORIGIN)
    lattice = plan_lattice((-2 * _HALF_M, -_HALF_M, 2 * _HALF_M, _HALF_M), rng, warp_m=30.0)
    edges = _inside(list_edges(lattice))
    plots = plan_plots(lattice, _inside_cells(lattice), rng)
    corners = list_corners(lattice)
    mounts = [plan_poles(_within(corners, west), cameras // 2, rng) for west in (-2 * _HALF_M, 0.0)]
    city = City(
        name="small",
        title_ko="작은 도시",
        title_en="Small city",
        version="",
        plane=plane,
        districts=(_district(plane, "mapo", -2 * _HALF_M), _district(plane, "seocho", 0.0)),
        dongs=(_dong(plane, "mapo", -_HALF_M), _dong(plane, "seocho", _HALF_M)),
        cameras=join_cameras(
            [
                (i, NodeId(n), m)
                for i, (n, m) in enumerate(zip(("mapo", "seocho"), mounts, strict=True))
            ]
        ),
        buildings=buildings_of(plots),
        streets=streets_of(edges, np.ones(len(edges.rank), np.bool_)),
        facilities=_facilities(plane),
        scaled=False,
    )
    return replace(city, version=content_version(city))


def join_cameras(parts: list[tuple[int, NodeId, Mounts]]) -> Cameras:
    """Synthetic cameras of several districts (index, node, mounts) with ids counted per district."""
    ids, names, district, pole, poles = [], [], [], [], 0
    title = {fact.node: fact.name_ko for fact in list_district_facts()}
    for index, node, m in parts:
        ids += [CameraId(f"{node}-{k:05d}") for k in range(1, len(m.x) + 1)]
        names += [f"{title.get(node, node)} {p + 1:05d}" for p in m.pole]
        district.append(np.full(len(m.x), index, np.int32))
        pole.append(m.pole + poles)
        poles += int(m.pole.max(initial=-1)) + 1
    mounts = [m for _, _, m in parts]
    n = len(ids)
    return Cameras(
        id=tuple(ids),
        name=tuple(names),
        district=np.concatenate(district) if parts else np.zeros(0, np.int32),
        x=np.concatenate([m.x for m in mounts]),
        y=np.concatenate([m.y for m in mounts]),
        height_m=np.concatenate([m.height_m for m in mounts]),
        azimuth_deg=np.concatenate([m.azimuth_deg for m in mounts]),
        tilt_deg=np.concatenate([m.tilt_deg for m in mounts]),
        hfov_deg=np.concatenate([m.hfov_deg for m in mounts]),
        kind=np.concatenate([m.kind for m in mounts]),
        pole=np.concatenate(pole).astype(np.int32),
        position_origin=np.full(n, Origin.SYNTHETIC, np.uint8),
        pose_origin=np.full(n, Origin.SYNTHETIC, np.uint8),
    )


def buildings_of(plots: Plots) -> Buildings:
    """Synthetic buildings as a table of the city."""
    n = len(plots.xy)
    return Buildings(
        ring=Shapes(xy=plots.xy.reshape(-1, 2), offset=np.arange(0, 4 * n + 1, 4, dtype=np.int32)),
        height_m=plots.height_m,
        height_origin=np.full(n, Origin.SYNTHETIC, np.uint8),
        origin=np.full(n, Origin.SYNTHETIC, np.uint8),
    )


def streets_of(edges: Edges, in_coverage: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Streets:
    """Synthetic streets as a table of the city."""
    n, p = edges.xy.shape[:2]
    return Streets(
        line=Shapes(xy=edges.xy.reshape(-1, 2), offset=np.arange(0, p * n + 1, p, dtype=np.int32)),
        rank=edges.rank,
        width_m=WIDTH_M[edges.rank],
        name=("",) * n,
        origin=np.full(n, Origin.SYNTHETIC, np.uint8),
        in_coverage=in_coverage,
    )


def _in_box(xy: Floats, west: float, east: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    x, y = xy[..., 0], xy[..., 1]
    return np.asarray((x >= west) & (x <= east) & (abs(y) <= _HALF_M))


def _inside(edges: Edges) -> Edges:
    keep = _in_box(edges.xy, -2 * _HALF_M, 2 * _HALF_M).all(axis=1)
    return Edges(xy=edges.xy[keep], rank=edges.rank[keep])


def _inside_cells(lattice: Lattice) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    ok = _in_box(lattice.xy, -2 * _HALF_M, 2 * _HALF_M)
    return np.asarray(ok[:-1, :-1] & ok[1:, :-1] & ok[:-1, 1:] & ok[1:, 1:])


def _within(corners: Corners, west: float) -> Corners:
    keep = _in_box(corners.xy, west, west + 2 * _HALF_M)
    return Corners(
        xy=corners.xy[keep],
        along=corners.along[keep],
        rank=corners.rank[keep],
        node=corners.node[keep],
    )


def _district(plane: Plane, node: str, west: float) -> District:
    fact = next(f for f in list_district_facts() if f.node == node)
    corners = [
        (west, -_HALF_M), (west + 2 * _HALF_M, -_HALF_M),
        (west + 2 * _HALF_M, _HALF_M), (west, _HALF_M),
    ]  # fmt: skip
    return District(
        node=fact.node,
        code=fact.code,
        name_ko=fact.name_ko,
        name_en=fact.name_en,
        official_cameras=fact.official_cameras,
        border=(tuple(plane.to_lonlat(x, y) for x, y in corners),),
        quarter=None,
    )


def _dong(plane: Plane, node: str, x: float) -> Dong:
    code, name = {"mapo": ("1144012000", "서교동"), "seocho": ("1165010800", "서초동")}[node]
    centre = LonLat(*plane.to_lonlat(x, 0.0))
    return Dong(code=code, name_ko=name, district=NodeId(node), centre=centre, radius_m=_HALF_M)


def _facilities(plane: Plane) -> tuple[Facility, ...]:
    places = [
        ("fire_centre", "119안전센터", "mapo", -300.0),
        ("hydrant", "소화전", "seocho", 200.0),
    ]
    return tuple(
        Facility(kind=kind, name=name, at=LonLat(*plane.to_lonlat(x, 0.0)), district=NodeId(node))
        for kind, name, node, x in places
    )
