"""The compact quarter of a district that keeps its cameras in a scaled bundle. Worker only: shapely."""

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from safetynet.base.geo import Floats

MARGIN_M = 250.0
"""Around a quarter, streets and buildings are still drawn in full, since they are seen from inside."""


def plan_quarter(
    district: Polygon | MultiPolygon, scale: float, cameras: Floats, real: BaseGeometry | None
) -> Polygon:
    """A disc, cut by the border, that has ``scale`` of the district's area and about its density.

    ``cameras`` (n, 2) are real ones: the disc goes where it holds nearest to ``scale`` of them.
    ``real`` is ground with real streets and buildings: a quarter that lies on it wins. Without both
    the disc goes to the middle of the largest circle that fits in.
    """
    area = scale * district.area
    centres = [_middle(district)]
    if len(cameras) or real is not None:
        centres += _candidates(district, np.sqrt(area / np.pi))
        centres += [Point(c) for c in cameras[:: max(1, len(cameras) // 40)]]
    quarters = [_disc(district, c, area) for c in centres]
    if len(quarters) == 1:
        return quarters[0]
    return max(quarters, key=lambda q: _merit(q, cameras, scale, real))


def _merit(quarter: Polygon, cameras: Floats, scale: float, real: BaseGeometry | None) -> float:
    covered = quarter.intersection(real).area / quarter.area if real is not None else 0.0
    if not len(cameras):
        return covered
    held = shapely.contains_xy(quarter, cameras[:, 0], cameras[:, 1]).sum()
    if not held:
        return -np.inf
    return float(2 * covered - abs(np.log((held + 1) / (scale * len(cameras) + 1))))


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
    biggest = max(parts, key=lambda p: p.area)
    return Polygon(biggest.exterior)
