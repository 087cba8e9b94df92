"""The compact quarter of a district that keeps its cameras in a scaled bundle. Worker only: shapely."""

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from safetynet.base.geo import Floats

MARGIN_M = 250.0
"""Around a quarter, streets and buildings are still drawn in full, since they are seen from inside."""


COVER_INSET_M = 40.0
"""Streets this near to a quarter's edge are not covered: the cameras beyond it are not in the bundle."""
BUILT_UP = 2 / 3
"""About this part of Seoul is built up, and holds nearly all its cameras."""
_LEAST, _MOST = 0.5, 1.0


def plan_quarter(
    district: Polygon | MultiPolygon, scale: float, cameras: Floats, real: BaseGeometry | None
) -> Polygon:
    """A disc, cut by the border.

    Without ``cameras`` (n, 2; real ones) it has ``scale`` of the district's area, in the middle of
    the largest circle that fits in. With them it has ``scale`` of the cameras on half to all of that
    area, best on about two thirds, which is the density of built-up ground. A disc on ``real``
    ground, where streets and buildings are real, wins.
    """
    area = scale * district.area
    middle = _middle(district)
    if not len(cameras) and real is None:
        return _disc(district, middle, area)
    centres = [middle, *_candidates(district, np.sqrt(area / np.pi))]
    centres += [Point(c) for c in cameras[:: max(1, len(cameras) // 40)]]
    plans = [_weigh(district, c, scale, cameras, real) for c in centres]
    centre, area, _ = max(plans, key=lambda plan: plan[2])
    return _disc(district, centre, area)


def covered_ground(quarters: dict[str, Polygon]) -> BaseGeometry:
    """Where the quarters' cameras are all there to see: the quarters without their edges."""
    return shapely.union_all([q.buffer(-COVER_INSET_M) for q in quarters.values()])


def _weigh(
    district: Polygon | MultiPolygon,
    centre: Point,
    scale: float,
    cameras: Floats,
    real: BaseGeometry | None,
) -> tuple[Point, float, float]:
    """The centre, the area of a disc there that holds ``scale`` of the cameras, and its merit."""
    wanted = area = scale * district.area
    merit = 0.0
    if len(cameras):
        away = np.sort(np.hypot(cameras[:, 0] - centre.x, cameras[:, 1] - centre.y))
        radius = away[min(max(round(scale * len(cameras)), 1), len(away)) - 1] + 0.5
        held = _cut(district.simplify(10), centre, radius).area
        merit = -abs(float(np.log(held / (BUILT_UP * wanted))))
        area = float(np.clip(held, _LEAST * wanted, _MOST * wanted))
    if real is not None:
        disc = _disc(district, centre, area)
        merit += 3 * disc.intersection(real).area / disc.area
    return centre, area, merit


def _middle(district: Polygon | MultiPolygon) -> Point:
    biggest = max(shapely.get_parts(district), key=lambda p: p.area)
    circle = shapely.maximum_inscribed_circle(biggest.simplify(30), tolerance=25)
    return Point(shapely.get_coordinates(circle)[0])


def _candidates(district: Polygon | MultiPolygon, radius_m: float) -> list[Point]:
    inner = district.buffer(-0.6 * radius_m)
    if inner.is_empty:
        return []
    west, south, east, north = inner.bounds
    step = max(radius_m / 2, 150.0)
    x, y = np.meshgrid(np.arange(west, east, step), np.arange(south, north, step))
    keep = shapely.contains_xy(inner, x.ravel(), y.ravel())
    return [Point(a, b) for a, b in zip(x.ravel()[keep], y.ravel()[keep], strict=True)]


def _disc(district: Polygon | MultiPolygon, centre: Point, area: float) -> Polygon:
    low, high = 0.0, 4 * np.sqrt(area / np.pi) + 100.0
    simple = district.simplify(10)
    for _ in range(24):
        middle = (low + high) / 2
        if _cut(simple, centre, middle).area < area:
            low = middle
        else:
            high = middle
    return _cut(simple, centre, high)


def _cut(district: BaseGeometry, centre: Point, radius_m: float) -> Polygon:
    inside = centre.buffer(radius_m, quad_segs=12).intersection(district)
    parts = [p for p in shapely.get_parts(inside) if isinstance(p, Polygon)]
    if not parts:
        return Polygon()
    biggest = max(parts, key=lambda p: p.area)
    return Polygon(biggest.exterior)
