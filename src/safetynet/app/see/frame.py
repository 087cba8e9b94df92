"""The piece of the city that a picture shows, and where things lie in it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from safetynet.app.see.canvas import Point
from safetynet.base.geo import Floats, LonLat
from safetynet.base.ids import CameraId
from safetynet.city.model import City, Ints, Shapes
from safetynet.sight.model import Area, Choice, Disc, Moving, PassedOver, Place, Stretch, Where

MARGIN = 1.16
LEAST_M = 130.0
MOST_M = 1100.0
"""The picture shows at least and at most so much from top to bottom."""
CIRCLE = np.linspace(0, 2 * np.pi, 97)


@dataclass(frozen=True)
class Frame:
    """A window on the city's plane: metres to units of the picture."""

    x: float
    y: float
    """The middle, metres."""
    per_m: float
    width: float
    height: float

    def at(self, x: float, y: float) -> Point:
        """Where a position lies in the picture."""
        return (x - self.x) * self.per_m + self.width / 2, self.height / 2 - (
            y - self.y
        ) * self.per_m

    def all(self, xy: Floats) -> list[Point]:
        """The same for many; shape (n, 2)."""
        return [self.at(x, y) for x, y in xy.tolist()]

    def holds(self, at: Point, inset: float = 0.0) -> bool:
        """True for a point of the picture that is not cut off."""
        return inset <= at[0] <= self.width - inset and inset <= at[1] <= self.height - inset

    def near(self, shapes: Shapes) -> list[int]:
        """Shapes whose box meets the window."""
        if not len(shapes):
            return []
        first = shapes.offset[:-1]
        low = np.minimum.reduceat(shapes.xy, first, axis=0)
        high = np.maximum.reduceat(shapes.xy, first, axis=0)
        half = np.array([self.width, self.height]) / self.per_m / 2
        middle = np.array([self.x, self.y])
        meets = ((low <= middle + half) & (high >= middle - half)).all(axis=1)
        return [int(i) for i in np.flatnonzero(meets)]


def frame_of(choice: Choice, city: City, width: float, height: float) -> Frame:
    """A window that holds the place and the chosen cameras; around the place where none is chosen."""
    rows = rows_of(city, [v.camera for v in choice.views])
    cameras = np.column_stack([city.cameras.x[rows], city.cameras.y[rows]])
    points = np.concatenate([*outlines_of(choice.request.place, city), cameras])
    low, high = points.min(axis=0), points.max(axis=0)
    x, y = ((low + high) / 2).tolist()
    wide, tall = (np.maximum(high - low, 1.0) * MARGIN + 16).tolist()
    tall = min(max(tall, wide * height / width, LEAST_M), MOST_M)
    return Frame(x, y, height / tall, width, height)


def outlines_of(where: Where, city: City) -> list[Floats]:
    """Rings or lines (n, 2) in metres that show where the place may be."""
    match where:
        case Area():
            ring = _flat(city, where.ring)
            return [np.concatenate([ring, ring[:1]])]
        case Stretch():
            return [_flat(city, where.line)]
        case Disc():
            return [_ring(city, where.at, where.radius_m)]
        case Place() | Moving():
            return [_ring(city, where.at, max(where.error_m, 1.5))]


def way_of(where: Moving, city: City) -> Floats | None:
    """From where a moving target was to where it will be, (2, 2); None where nobody knows its way."""
    if where.heading_deg is None:
        return None
    x, y = city.plane.to_xy(where.at.lon, where.at.lat)
    far, angle = where.speed_mps * where.ahead_s, np.radians(where.heading_deg)
    return np.array([[x, y], [x + far * np.sin(angle), y + far * np.cos(angle)]])


def rows_of(city: City, cameras: Sequence[CameraId]) -> Ints:
    """Rows of cameras by their ids."""
    wanted = set(cameras)
    row = {camera: i for i, camera in enumerate(city.cameras.id) if camera in wanted}
    return np.array([row[camera] for camera in cameras], np.int32)


@dataclass(frozen=True)
class Pole:
    """Cameras passed over that hang at one spot."""

    at: Point
    cameras: tuple[PassedOver, ...]


def poles_of(passed: Sequence[PassedOver], city: City, frame: Frame) -> list[Pole]:
    """Cameras passed over by the spot they hang at, inside the window, nearest first."""
    spots: dict[tuple[float, float], list[PassedOver]] = {}
    ordered = sorted(passed, key=lambda p: (p.distance_m, p.camera))
    for one, row in zip(ordered, rows_of(city, [p.camera for p in ordered]), strict=True):
        spot = round(float(city.cameras.x[row]), 1), round(float(city.cameras.y[row]), 1)
        spots.setdefault(spot, []).append(one)
    poles = [Pole(frame.at(*spot), tuple(cameras)) for spot, cameras in spots.items()]
    return [pole for pole in poles if frame.holds(pole.at, 6)]


def walls_of(passed: Sequence[PassedOver], city: City) -> dict[int, list[CameraId]]:
    """Buildings that the reasons name, each with the cameras that look at it in vain."""
    found: dict[int, list[CameraId]] = {}
    for one in passed:
        for what in (r.what for r in one.reasons if r.what and r.what.isdigit()):
            if int(what) < len(city.buildings):
                found.setdefault(int(what), []).append(one.camera)
    return found


def edges_of(areas: Sequence[Floats], city: City, near: Sequence[int]) -> set[int]:
    """Buildings that cut the areas off: a corner of an area lies on their walls."""
    corners = np.concatenate(areas) if areas else np.empty((0, 2))
    cut = set()
    for i in near:
        ring = city.buildings.ring[i]
        low, high = ring.min(axis=0) - 0.5, ring.max(axis=0) + 0.5
        inside = corners[((corners >= low) & (corners <= high)).all(axis=1)]
        if len(inside) and _apart(inside, ring).min() < 0.5:
            cut.add(i)
    return cut


def first_hit(a: Point, b: Point, ring: Floats) -> Point | None:
    """Where the way from ``a`` to ``b`` first meets a ring, all in one plane; None where it does not."""
    p, q = ring, np.roll(ring, -1, axis=0)
    d, e = np.subtract(b, a), q - p
    cross = d[0] * e[:, 1] - d[1] * e[:, 0]
    w = p - np.asarray(a)
    with np.errstate(divide="ignore", invalid="ignore"):
        along = (w[:, 0] * e[:, 1] - w[:, 1] * e[:, 0]) / cross
        across = (w[:, 0] * d[1] - w[:, 1] * d[0]) / cross
    hits = along[(along >= 0) & (along <= 1) & (across >= 0) & (across <= 1)]
    if not len(hits):
        return None
    first = float(hits.min())
    return a[0] + first * float(d[0]), a[1] + first * float(d[1])


def _apart(points: Floats, ring: Floats) -> Floats:
    """Distance of points to the sides of a ring, (points,)."""
    a, b = ring, np.roll(ring, -1, axis=0)
    side = b - a
    length = np.maximum((side**2).sum(axis=1), 1e-9)
    w = points[:, None, :] - a[None]
    part = np.clip((w * side).sum(axis=2) / length, 0, 1)
    return np.asarray(np.hypot(*np.moveaxis(w - part[..., None] * side, 2, 0)).min(axis=1))


def _flat(city: City, points: Sequence[LonLat]) -> Floats:
    return np.array([city.plane.to_xy(p.lon, p.lat) for p in points])


def _ring(city: City, at: LonLat, radius_m: float) -> Floats:
    x, y = city.plane.to_xy(at.lon, at.lat)
    return np.column_stack([x + radius_m * np.sin(CIRCLE), y + radius_m * np.cos(CIRCLE)])
