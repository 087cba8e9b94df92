"""What others call: a city's eyes, asked for views of a place."""

import copy
import math
from collections.abc import Mapping

import numpy as np

from safetynet.base.errors import InvalidError, NotFoundError
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.model import Cameras, City
from safetynet.sight.area import area_seen
from safetynet.sight.boxes import BoxGrid, Index
from safetynet.sight.choose import Candidates, Picked, pick_views
from safetynet.sight.explain import ill_reason, reasons_against, reasons_for
from safetynet.sight.lens import Flags, Lenses, read_lenses, span_in_picture
from safetynet.sight.model import (
    TARGET_SIZES,
    Aim,
    Choice,
    ChosenView,
    HealthState,
    PassedOver,
    Place,
    Request,
    TargetSize,
)
from safetynet.sight.place import Points, StreetMap, sample_place
from safetynet.sight.views import set_scene
from safetynet.sight.walls import Walls

_MAX_PASSED_OVER = 20
_MAX_COUNT = 64
_MAX_RADIUS_M = 5_000.0
_MAX_ERROR_M = 5_000.0
_AREA_RANGE_M = 300.0


class Sight:
    """Chooses views over a whole city. Synchronous, deterministic, without input or output.

    Holds nothing that changes: health and absent owners come with each question.
    """

    def __init__(self, city: City) -> None:
        self._plane = city.plane
        self._owners = tuple(d.node for d in city.districts)
        self._walls = Walls(city.buildings)
        self._streets = StreetMap(city.streets)
        self._take(city.cameras)

    def with_cameras(self, cameras: Cameras) -> "Sight":
        """The same city seen by other cameras; walls and streets are shared, not built again."""
        other = copy.copy(self)
        other._take(cameras)
        return other

    def _take(self, cameras: Cameras) -> None:
        self._ids = cameras.id
        self._row = {camera: i for i, camera in enumerate(self._ids)}
        self._district = cameras.district
        self._lens = read_lenses(cameras)
        self._grid = BoxGrid(cameras.x, cameras.y, cameras.x, cameras.y, cell_m=100.0)

    def choose(
        self,
        request: Request,
        health: Mapping[CameraId, HealthState] | None = None,
        owners_away: frozenset[NodeId] = frozenset(),
    ) -> Choice:
        """The views that most probably show the place, best first, and the reasons.

        Cameras that ``health`` does not name count as healthy. Raises ``InvalidError`` for a
        request that makes no sense; a place without cameras gives a choice without views.
        """
        check_request(request)
        place = _point(request)
        x, y = self._plane.to_xy(place.at.lon, place.at.lat)
        rows = self._near(x, y, request.radius_m)
        states = [self._state(int(i), health or {}, owners_away) for i in rows]
        target = TARGET_SIZES[request.target]
        points = sample_place(x, y, place.error_m, target.width_m, self._walls, self._streets)
        candidates = self._candidates(rows, states, points, target, request.min_px_per_m)
        picked = pick_views(candidates, request.count)
        away = np.hypot(self._lens.x[rows] - x, self._lens.y[rows] - y)
        views = tuple(
            self._chosen(one, picked[:k], rows, float(away[one.view.row[0]]), request)
            for k, one in enumerate(picked)
        )
        farthest = max((v.distance_m for v in views), default=request.radius_m)
        taken = {int(one.view.row[0]) for one in picked}
        passed = [i for i in np.argsort(away, kind="stable") if away[i] <= farthest]
        over = [int(i) for i in passed if int(i) not in taken][:_MAX_PASSED_OVER]
        return Choice(
            request=request,
            views=views,
            passed_over=tuple(
                PassedOver(
                    camera=self._ids[rows[i]],
                    owner=self._owners[self._district[rows[i]]],
                    distance_m=round(float(away[i]), 1),
                    reasons=reasons_against(i, candidates, states[i], request.min_px_per_m),
                )
                for i in over
            ),
        )

    def visible_area(
        self, camera: CameraId, aim: Aim | None = None, *, range_m: float = _AREA_RANGE_M
    ) -> tuple[tuple[float, float], ...]:
        """Ring of lon, lat around the ground that a camera sees, cut off at the first wall.

        In its home pose where ``aim`` is None; at most 78 points; empty where it sees no ground
        within ``range_m`` or its pose is unusable. Raises ``NotFoundError`` for an unknown camera.
        """
        row = self._row.get(camera)
        if row is None:
            raise NotFoundError("sight.no_such_camera", "There is no such camera.", camera=camera)
        if not (math.isfinite(range_m) and range_m > 0):
            raise InvalidError("sight.range", "The range must be above 0 m.", range_m=range_m)
        lens = self._lens.take(np.array([row]))
        if aim is not None:
            lens = _aimed(lens, aim)
        x, y = area_seen(lens, self._walls, range_m)
        lon, lat = self._plane.to_lonlat(x, y)
        return tuple((float(a), float(b)) for a, b in zip(lon, lat, strict=True))

    def _near(self, x: float, y: float, radius_m: float) -> Index:
        """Cameras within the radius, in order of their ids."""
        rows = self._grid.around(x, y, radius_m)
        rows = rows[np.hypot(self._lens.x[rows] - x, self._lens.y[rows] - y) <= radius_m]
        return np.array(sorted(rows.tolist(), key=lambda i: self._ids[i]), np.int64)

    def _state(
        self, row: int, health: Mapping[CameraId, HealthState], owners_away: frozenset[NodeId]
    ) -> HealthState:
        if self._owners[self._district[row]] in owners_away:
            return HealthState.OWNER_AWAY
        return health.get(self._ids[row], HealthState.OK)

    def _candidates(
        self,
        rows: Index,
        states: list[HealthState],
        points: Points,
        target: TargetSize,
        min_px_per_m: float,
    ) -> Candidates:
        lens = self._lens.take(rows)
        busy = np.array([s is HealthState.BUSY for s in states], np.bool_)
        well = np.array([ill_reason(s) is None for s in states], np.bool_)
        still = ~lens.ptz | busy
        allowed = well & lens.usable
        matter = _may_show(lens, still, points, target) & allowed[:, None]
        scene = set_scene(lens, points, target, min_px_per_m, self._walls, matter)
        return Candidates(lens=lens, still=still, allowed=allowed, scene=scene)

    def _chosen(
        self, one: Picked, before: list[Picked], rows: Index, distance_m: float, request: Request
    ) -> ChosenView:
        view, row = one.view, int(rows[one.view.row[0]])
        aim = Aim(
            azimuth_deg=round(math.degrees(float(view.lens.azimuth[0])), 3) % 360,
            tilt_deg=round(math.degrees(float(view.lens.tilt[0])), 3),
            hfov_deg=round(math.degrees(2 * math.atan(float(view.lens.tan_half[0]))), 4),
        )
        home = float(self._lens.azimuth[row])
        return ChosenView(
            camera=self._ids[row],
            owner=self._owners[self._district[row]],
            aim=aim if view.turned[0] else None,
            distance_m=round(distance_m, 1),
            px_per_m=round(float(view.px_per_m[0]), 2),
            share_seen=round(min(float(view.share[0]), 1.0), 4),
            slew_s=round(float(view.slew_s[0]), 2),
            reasons=reasons_for(one, before, home, request.min_px_per_m),
        )


def check_request(request: Request) -> None:
    """Raise ``InvalidError`` for numbers that make no sense."""
    place = _point(request)
    if not place.at.is_valid():
        raise InvalidError("sight.place", "The place is no position.")
    _check("error_m", place.error_m, 0, _MAX_ERROR_M)
    _check("min_px_per_m", request.min_px_per_m, 0, 100_000)
    _check("radius_m", request.radius_m, 1, _MAX_RADIUS_M)
    _check("count", request.count, 1, _MAX_COUNT)


def _point(request: Request) -> Place:
    if not isinstance(request.place, Place):
        raise InvalidError("sight.place", "Only a point with an error can be asked for yet.")
    return request.place


def _check(name: str, value: float, least: float, most: float) -> None:
    if not (math.isfinite(value) and least <= value <= most):
        raise InvalidError(
            f"sight.{name}", f"{name} must be from {least} to {most}.", least=least, most=most
        )


def _may_show(lens: Lenses, still: Flags, points: Points, target: TargetSize) -> Flags:
    """Pairs (camera, point) that are worth a look past the walls: in reach and large enough."""
    dx = points.x[None, :] - lens.x[:, None]
    dy = points.y[None, :] - lens.y[:, None]
    low, high = span_in_picture(lens, dx, dy)
    held = np.minimum(high, target.height_m) > np.maximum(low, 0)
    return np.where(still[:, None], held, True)


def _aimed(lens: Lenses, aim: Aim) -> Lenses:
    numbers = (aim.azimuth_deg, aim.tilt_deg, aim.hfov_deg)
    if not all(map(math.isfinite, numbers)) or abs(aim.tilt_deg) > 90 or not 0 < aim.hfov_deg < 180:
        raise InvalidError("sight.aim", "The aim is no pose of a camera.")
    return lens.aimed(
        np.radians([aim.azimuth_deg % 360]),
        np.radians([aim.tilt_deg]),
        np.tan(np.radians([aim.hfov_deg]) / 2),
    )
