"""What others call: a city's eyes, asked for views of a place."""

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from safetynet.base.errors import InvalidError, NotFoundError
from safetynet.base.geo import Floats
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.model import Cameras, City
from safetynet.sight.area import area_seen
from safetynet.sight.belief import RANGE_STEP_M, Learned, weigh_found
from safetynet.sight.cameras import CameraTable
from safetynet.sight.check import SWEEP_FROM_M, check_request, may_sweep
from safetynet.sight.explain import (
    Picked,
    aside_of,
    read_picked,
    reasons_against,
    reasons_for,
    sweep_of,
)
from safetynet.sight.graph import StreetGraph
from safetynet.sight.grid import items_around
from safetynet.sight.handover import HandOver, plan_handover
from safetynet.sight.kernels.choose import choose
from safetynet.sight.kernels.gather import gather
from safetynet.sight.kernels.lens import ALL_ROUND, free_sight, look_past_walls, show_posed
from safetynet.sight.kernels.points import Segments, place_points, street_points
from safetynet.sight.kernels.tables import (
    VIEW,
    Believed,
    Eye,
    Moment,
    Place,
    Tables,
    Target,
)
from safetynet.sight.kernels.walls import REACH_M, Rows
from safetynet.sight.lens import Lenses
from safetynet.sight.model import (
    TARGET_SIZES,
    Aim,
    CameraNow,
    Choice,
    ChosenView,
    HealthState,
    Moving,
    Observation,
    PassedOver,
    Request,
    TargetKind,
    Where,
)
from safetynet.sight.model import Place as PointPlace
from safetynet.sight.moving import look_ahead
from safetynet.sight.now import Now, aim_of, is_pose, radians_of
from safetynet.sight.place import Look, segments_of
from safetynet.sight.profiles import WallProfiles
from safetynet.sight.walls import Walls
from safetynet.sight.where import sample_where

_AREA_RANGE_M = 300.0
_HOME_RANGE_M = 80.0
"""Streets up to here count for what a turned camera gives up."""
_POINTS = ((SWEEP_FROM_M, 40), (150.0, 64), (math.inf, 96))
"""So many points stand for a place of up to so large an error, m: aims that hold a few points of a large
place may miss what lies between."""
_MAX_POINTS = 640


type Health = Now | Mapping[CameraId, HealthState] | None


class Sight:
    """Chooses views over a whole city. Synchronous and deterministic; one thread at a time.

    ``assumed``: whether directions that an importer assumed by rule count as true, as they are in a
    simulation; else they are unknown, and only believed. What changes from moment to moment comes
    with each question as ``Now``.
    """

    def __init__(self, city: City, *, assumed: bool = True) -> None:
        self.city = city
        self._assumed = assumed
        self._owners = tuple(d.node for d in city.districts)
        self.walls = WallProfiles(city)
        self._segments: Segments = segments_of(city.streets)
        self._take(city.cameras)

    def with_cameras(self, cameras: Cameras) -> "Sight":
        """The same city seen by other cameras; what walls hide is shared, and so is what was
        learned of cameras that stay."""
        other = copy.copy(self)
        other._take(cameras)
        other._cameras.take_beliefs(self._cameras)
        other._refresh()
        return other

    def _take(self, cameras: Cameras) -> None:
        self._cameras = CameraTable(cameras, self._owners, self.walls, assumed=self._assumed)
        self._refresh()

    def _refresh(self) -> None:
        table = self._cameras
        self._eye = Eye(
            lens=table.lens,
            grid=table.grid,
            profiles=self.walls.profiles,
            edge=self.walls.solids.edge,
            tables=self._tables(),
        )
        self._unfound = self.walls.missing(table.lens.camera["place"])

    def _tables(self) -> Believed:
        chance = self._cameras.beliefs.chance
        most = chance.max(axis=(1, 2)).astype(np.float64)
        return Believed(chance=chance, step_m=RANGE_STEP_M, most=most)

    # before questions

    def prepare(self, kept: Path | None = None) -> None:
        """Find what walls hide around all cameras, or read it from ``kept``; else it is found
        where questions ask for it, some milliseconds each."""
        if kept is not None and kept.exists():
            self.take_walls(kept)
        self.walls.find_all()
        self._refresh()

    def take_walls(self, kept: Path) -> None:
        """Read what walls hide, as ``walls.save`` wrote it. Raises ``InvalidError`` ``sight.profiles``."""
        self.walls.load(kept)
        self._refresh()

    def prepare_some(self, count: int) -> bool:
        """Find what walls hide around so many more positions; False where all were known."""
        part, self._unfound = self._unfound[:count], self._unfound[count:]
        self._find(part)
        return bool(len(part))

    def now(self) -> Now:
        """How things are now, to be told: everything is well."""
        return Now(self._cameras)

    def carry(self, now: Now) -> Now:
        """What was said about other cameras' table, as far as this one has them."""
        return now.carry(self._cameras)

    # questions

    def choose(
        self, request: Request, now: Health = None, owners_away: frozenset[NodeId] = frozenset()
    ) -> Choice:
        """The views that most probably show the place, best first, and the reasons.

        Cameras of which ``now`` says nothing count as healthy. Raises ``InvalidError`` for a
        request that makes no sense; a place without cameras gives a choice without views.
        """
        target = check_request(request)
        moment = self._now(now, owners_away)
        place = self._place(request.place, request.target)
        self._find_walls(place, moment.moment, target, request.radius_m)
        found = np.empty(request.count, VIEW)
        sweeps = may_sweep(request, place.spread_m)
        n, missed = choose(
            self._eye, place, moment.moment, target, request.radius_m, request.count, sweeps, found
        )
        picked = read_picked(found[:n])
        views = tuple([self._chosen(moment, target, request, picked, k) for k in range(n)])
        return Choice(
            request=request,
            views=views,
            passed_over=self._passed_over(place, moment, target, request, views),
            chance=round(min(max(1.0 - missed, 0.0), 1.0), 4),
        )

    def why_not(self, request: Request, camera: CameraId, now: Health = None) -> PassedOver:
        """Why a camera is no view of a place, or that it would add nothing to those chosen.

        Raises ``NotFoundError`` for an unknown camera, ``InvalidError`` as ``choose`` does.
        """
        target = check_request(request)
        row = self._row(camera)
        place = self._place(request.place, request.target)
        self._find(self._eye.lens.camera["place"][[row]])
        return self._why_not(place, self._now(now, frozenset()), target, row)

    def hand_over(
        self, request: Request, views: Sequence[ChosenView], *, lead_s: float
    ) -> HandOver:
        """When a moving target leaves the views that were chosen for it, and when to ask anew so
        that others play ``lead_s`` later.

        Raises ``InvalidError`` for a place that is not ``Moving``, ``NotFoundError`` for an unknown
        camera.
        """
        if not isinstance(request.place, Moving):
            raise InvalidError("sight.moving", "only a moving target is handed over")
        walls, streets = self._rough
        ahead = look_ahead(request.place, self.city.plane, streets, walls, request.target)
        shown = np.zeros((len(views), ahead.x.size))
        for row, view in zip(shown, views, strict=True):
            row[:] = self.look(request, view.camera, view.aim).shown
        return plan_handover(ahead, shown, lead_s=lead_s)

    def visible_area(
        self, camera: CameraId, aim: Aim | None = None, *, range_m: float = _AREA_RANGE_M
    ) -> tuple[tuple[float, float], ...]:
        """Ring of lon, lat around the ground that a camera sees, cut off at the first wall.

        In its home pose where ``aim`` is None; at most 78 points; empty where it sees no ground
        within ``range_m``, its pose is unusable, or nobody knows where it looks. Raises
        ``NotFoundError`` for an unknown camera.
        """
        row = self._row(camera)
        if not (math.isfinite(range_m) and range_m > 0):
            raise InvalidError("sight.range", "The range must be above 0 m.", range_m=range_m)
        mine = self._eye.lens.camera[row]
        if not mine["usable"] or (aim is None and mine["belief"] >= 0):
            return ()
        lens = self._cameras.lenses_of(row)
        if aim is not None:
            lens = _aimed(lens, aim)
        self._find(self._eye.lens.camera["place"][[row]])
        reach, base = min(range_m, REACH_M), self.walls.ground_at(lens.x, lens.y)

        def free_to(bearing: Floats) -> Floats:
            free = np.empty(bearing.size)
            free_sight(self._eye, row, float(base[0]), reach, bearing, free)
            return free

        x, y = area_seen(lens, free_to, reach)
        lon, lat = self.city.plane.to_lonlat(x, y)
        return tuple((float(a), float(b)) for a, b in zip(lon, lat, strict=True))

    def list_near(self, request: Request) -> list[CameraId]:
        """Cameras near enough to be weighed for a question, and some beyond, by id; no others matter.

        Raises ``InvalidError`` as ``choose`` does.
        """
        check_request(request)
        place = self._place(request.place, request.target)
        reach = request.radius_m + place.spread_m + 1.0
        rows = items_around(self._eye.grid, place.mid_x, place.mid_y, reach)
        return sorted(self._cameras.ids[row] for row in rows.tolist())

    def look(self, request: Request, camera: CameraId, aim: Aim | None = None) -> Look:
        """How one healthy camera shows the places that a request asks for, in its home pose or aimed.

        Raises ``NotFoundError`` for an unknown camera, ``InvalidError`` for a senseless request.
        """
        target, row = check_request(request), self._row(camera)
        place, mine = self._place(request.place, request.target), self._eye.lens.camera[row]
        if aim is not None:
            _check_aim(aim)
        home = float(mine["azimuth"]), float(mine["tilt"]), float(mine["half_w"])
        pose = home if aim is None else radians_of(aim)
        lowest, shown = self._show(row, place, target, pose, float(mine["trust"]))
        return Look(x=place.x, y=place.y, weight=place.weight, lowest_m=lowest, shown=shown)

    def _show(
        self, row: int, place: Place, target: Target, pose: tuple[float, float, float], sure: float
    ) -> tuple[Tables, Tables]:
        """By point (s,): lowest height that walls leave in sight, probability that it is shown."""
        self._find(self._eye.lens.camera["place"][[row]])
        lowest, shown = np.empty((2, place.x.size), np.float32)
        look_past_walls(self._eye, row, place, target.height_m, 0.0, ALL_ROUND, lowest)
        seen = np.flatnonzero(lowest < target.height_m).astype(np.int32)
        show_posed(self._eye.lens, row, *pose, target, place, lowest, seen, sure, shown)
        return lowest, shown

    # what changes

    def learn(self, observations: Iterable[Observation]) -> None:
        """Take in what views showed; cameras with known directions and unknown ids learn nothing."""
        for seen in observations:
            row = self._cameras.row.get(seen.camera)
            if row is None or self._eye.lens.camera["belief"][row] < 0:
                continue
            place = self._found(seen)
            self._find(self._eye.lens.camera["place"][[row]])
            height = TARGET_SIZES[seen.target].height_m
            lowest = np.empty(place.x.size, np.float32)
            look_past_walls(self._eye, row, place, height, 0.0, ALL_ROUND, lowest)
            free, mine = lowest < height, self._eye.lens.camera[row]
            dx, dy = place.x[free] - mine["x"], place.y[free] - mine["y"]
            away = np.hypot(dx, dy) * 1.7 / height
            self._cameras.beliefs.learn(
                row, np.arctan2(dx, dy), away, place.weight[free], shown=seen.shown, by=seen.by
            )
        self._read_beliefs()

    def _found(self, seen: Observation) -> Place:
        """The points of an observed place, weighed by the turned cameras that show the scene."""
        place, size = self._place(seen.place, seen.target), TARGET_SIZES[seen.target]
        target = Target(size.height_m, size.width_m, 0.0, night=False)
        for one in seen.found:
            row = self._cameras.row.get(one.camera)
            if row is None or self._eye.lens.camera["belief"][row] >= 0 or not is_pose(one.aim):
                continue  # gone since, or nobody knows where it looked
            _, shown = self._show(row, place, target, radians_of(one.aim), 1.0)
            place = place._replace(weight=weigh_found(place.weight, shown))
        return place

    def forget(self, camera: CameraId) -> None:
        """Back to what was known of a camera before it was observed."""
        row = self._cameras.row.get(camera)
        if row is not None:
            self._cameras.beliefs.forget(row)
            self._read_beliefs()

    def _read_beliefs(self) -> None:
        self._cameras.read_beliefs()
        self._eye = self._eye._replace(tables=self._tables())

    def digest_beliefs(self) -> str:
        """SHA-256 over what was learned of directions, hex."""
        return self._cameras.beliefs.digest()

    def believed(self, camera: CameraId) -> Learned | None:
        """What is believed of a camera's direction; None where it is known.

        Raises ``NotFoundError`` for an unknown camera.
        """
        row = self._row(camera)
        return (
            self._cameras.beliefs.explain(row)
            if self._eye.lens.camera["belief"][row] >= 0
            else None
        )

    def update(self, camera: CameraId, one: Cameras) -> None:
        """A camera moved or was turned by its owner: ``one`` holds it alone, as it is now.

        The next answer knows it. What was learned of it is forgotten. Raises ``NotFoundError``.
        """
        row = self._row(camera)
        self._cameras.put(row, one)
        self._eye = self._eye._replace(
            lens=self._cameras.lens,
            grid=self._cameras.grid,
            tables=self._tables(),
            profiles=self.walls.profiles,
        )
        self._find(self._eye.lens.camera["place"][[row]])

    # parts

    @cached_property
    def _rough(self) -> tuple[Walls, StreetGraph]:
        """Walls and the street net, for areas to draw and for places that are no points."""
        return Walls(self.city.buildings), StreetGraph(self.city.streets)

    def _row(self, camera: CameraId) -> int:
        row = self._cameras.row.get(camera)
        if row is None:
            raise NotFoundError("sight.no_such_camera", "There is no such camera.", camera=camera)
        return row

    def _now(self, now: Health, owners_away: frozenset[NodeId]) -> Now:
        if isinstance(now, Now):
            if owners_away:
                raise InvalidError("sight.now", "owners that are away belong into Now")
            now.catch_up()
            return now
        made = Now(self._cameras)
        for camera, state in (now or {}).items():
            made.set(camera, CameraNow(state=state))
        for owner in owners_away:
            made.set_owner(owner, away=True)
        return made

    def _place(self, where: Where, kind: TargetKind) -> Place:
        if isinstance(where, PointPlace):
            return self._point(where, kind)
        points = sample_where(where, self.city.plane, *self._rough, kind)
        x, y = np.ascontiguousarray(points.x), np.ascontiguousarray(points.y)
        return self._placed(x, y, np.ascontiguousarray(points.weight))

    def _point(self, where: PointPlace, kind: TargetKind) -> Place:
        x, y = self.city.plane.to_xy(where.at.lon, where.at.lat)
        wanted = next(count for most_m, count in _POINTS if where.error_m <= most_m)
        out = np.empty((3, 2 * wanted))
        width = TARGET_SIZES[kind].width_m
        n = place_points(
            self._segments, self.walls.solids, x, y, float(where.error_m), width, wanted, out.T
        )
        px, py, weight = out[0, :n], out[1, :n], out[2, :n]
        ground = self.walls.ground_at(px, py)
        spread = float(np.hypot(px - x, py - y).max())
        return Place(px, py, ground, weight, x, y, spread)

    def _placed(self, x: Floats, y: Floats, weight: Floats) -> Place:
        mid_x, mid_y = float(weight @ x), float(weight @ y)
        spread = float(np.hypot(x - mid_x, y - mid_y).max())
        return Place(x, y, self.walls.ground_at(x, y), weight, mid_x, mid_y, spread)

    def _find_walls(self, place: Place, moment: Moment, target: Target, radius_m: float) -> None:
        """Find the walls around the cameras that may be worth a look, where that was not done yet."""
        if len(self._unfound):
            cameras, _ = gather(self._eye, place, moment, target, radius_m)
            self._find(self._eye.lens.camera["place"][cameras])

    def _find(self, rows: Rows) -> None:
        missing = self.walls.missing(rows)
        if len(missing):
            self.walls.find(missing)
            self._eye = self._eye._replace(profiles=self.walls.profiles)

    def _chosen(
        self, now: Now, target: Target, request: Request, picked: Sequence[Picked], k: int
    ) -> ChosenView:
        one = picked[k]
        camera, lost = self._cameras.ids[one.row], 0.0
        if one.turned and request.why_not:
            lost = self._given_up(now.moment, one.row, one.pose)
        return ChosenView(
            camera=camera,
            owner=self._cameras.owner_of(one.row),
            aim=aim_of(one.pose) if one.turned else None,
            distance_m=round(one.away_m, 1),
            px_per_m=round(one.px_per_m, 2),
            share_seen=round(min(one.share, 1.0), 4),
            slew_s=round(one.slew_s, 2),
            chance=round(min(one.chance, 1.0), 4),
            plays_in_s=round(one.slew_s + one.start_s, 2),
            gives_up_m=round(lost, 1),
            sweep=sweep_of(one),
            reasons=reasons_for(now, camera, target, one, aside_of(picked, k)),
        )

    def _given_up(self, moment: Moment, row: int, aim: tuple[float, float, float]) -> float:
        """Street length, m, that a PTZ sees where it looks now and no longer sees in its new aim."""
        out, mine = np.empty((_MAX_POINTS, 3)), self._eye.lens.camera[row]
        x, y = float(mine["x"]), float(mine["y"])
        n, step = street_points(self._segments, self.walls.solids, x, y, _HOME_RANGE_M, 64, out)
        if n == 0:
            return 0.0
        px, py, weight = (np.ascontiguousarray(out[:n, k]) for k in range(3))
        home = Place(px, py, self.walls.ground_at(px, py), weight, x, y, _HOME_RANGE_M)
        person = TARGET_SIZES[TargetKind.PERSON]
        target = Target(person.height_m, person.width_m, 0.0, night=False)
        lowest, seen = np.empty(n, np.float32), np.empty((2, n), np.float32)
        look_past_walls(self._eye, row, home, person.height_m, 0.0, ALL_ROUND, lowest)
        free = np.flatnonzero(lowest < person.height_m).astype(np.int32)
        m = moment.camera[row]
        before = float(m["azimuth"]), float(m["tilt"]), float(m["tangent"])
        for to, pose in zip(seen, (before, aim), strict=True):
            show_posed(self._eye.lens, row, *pose, target, home, lowest, free, 1.0, to)
        return float(((seen[0] > 0) & (seen[1] == 0)).sum() * step)

    def _passed_over(
        self,
        place: Place,
        now: Now,
        target: Target,
        request: Request,
        views: tuple[ChosenView, ...],
    ) -> tuple[PassedOver, ...]:
        """The nearest cameras that were not chosen, none farther than the farthest chosen one."""
        if request.why_not == 0:
            return ()
        farthest = max((v.distance_m for v in views), default=request.radius_m) + 0.05
        taken = {v.camera for v in views}
        near = items_around(self._eye.grid, place.mid_x, place.mid_y, farthest)
        lens = self._eye.lens.camera[near]
        away = np.hypot(lens["x"] - place.mid_x, lens["y"] - place.mid_y)
        order = near[np.lexsort((lens["rank"], away))][: int((away <= farthest).sum())]
        rows = [i for i in order.tolist() if self._cameras.ids[i] not in taken]
        self._find(self._eye.lens.camera["place"][rows[: request.why_not]])
        return tuple(self._why_not(place, now, target, row) for row in rows[: request.why_not])

    def _why_not(self, place: Place, now: Now, target: Target, row: int) -> PassedOver:
        mine = self._eye.lens.camera[row]
        away = math.hypot(place.mid_x - mine["x"], place.mid_y - mine["y"])
        return PassedOver(
            camera=self._cameras.ids[row],
            owner=self._cameras.owner_of(row),
            distance_m=round(away, 1),
            reasons=reasons_against(self._eye, self._cameras, self.walls, now, place, target, row),
        )


def _check_aim(aim: Aim) -> None:
    if not is_pose(aim):
        raise InvalidError("sight.aim", "The aim is no pose of a camera.")


def _aimed(lens: Lenses, aim: Aim) -> Lenses:
    _check_aim(aim)
    return lens.aimed(
        np.radians([aim.azimuth_deg % 360]),
        np.radians([aim.tilt_deg]),
        np.tan(np.radians([aim.hfov_deg]) / 2),
    )
