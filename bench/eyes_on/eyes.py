"""Who truly sees it: the simulation's renderer, with what is out of order, the dark and the turning.

Knows nothing of ``sight``; what a view shows is drawn, window by window, by ``sim.judge``.
"""

import math
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import numpy as np
from bench.eyes_on.ask import DWELL_S, EYES_WITHIN_S, Incident, View
from bench.eyes_on.hidden import Hidden
from bench.eyes_on.scenario import Scenario, Staged
from bench.eyes_on.town import REACH_M, Town
from bench.eyes_on.walk import Moment

from safetynet.base.geo import turn_deg
from safetynet.base.ids import CameraId
from safetynet.city.model import PICTURE_PX, PTZ, CameraKind
from safetynet.sight.model import Aim, Moving
from safetynet.sim.camera import Pose
from safetynet.sim.judge import Judge
from safetynet.sim.world import THING_SIZES, Thing, ThingKind

START_S = 0.5
"""From asking for a stream to its first picture, of every camera."""
CLEAR_PX = 24
"""Picture height that the rule leaves a target; half of it is the least that counts."""
MOVED_S = 10.0
"""For so long a moving target is kept in the picture by the rule."""
SWEEP_FROM_M = 25.0
"""A place that is known better than this is held by the rule, and so is what moves."""
PANS = 3
"""So many pictures side by side, at most, that a sweep by the rule is made of."""
_NOON = datetime(2025, 6, 1, 3, 0, tzinfo=UTC)


class Sighting(msgspec.Struct, frozen=True):
    """What one view shows of a thing."""

    shown: bool
    px: int
    """Pixels of the target."""
    eyes_s: float
    """From the answer until it shows the thing; infinite where it never does."""


class Drawn(msgspec.Struct, frozen=True):
    """What a camera in order shows by daylight, as drawn."""

    shown: bool
    px: int
    distance_m: float


NOTHING = Sighting(shown=False, px=0, eyes_s=math.inf)


class Eyes:
    """Looks through a town's true cameras. Keeps what was drawn once."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._judge = Judge(town.truth)
        self._hidden = Hidden(town.truth)
        self._cameras = town.truth.cameras
        self._owner = tuple(d.node for d in town.truth.districts)
        self._row = {camera: i for i, camera in enumerate(self._cameras.id)}
        self._drawn: dict[tuple[str, int, Pose], Drawn] = {}

    def look(self, scenario: Scenario, one: Staged, moment: Moment, view: View) -> Sighting:
        """What a chosen view shows at a moment, or, sweeping, within the first seconds.

        A PTZ without an aim is turned to the reported place, by the rule. Of a sweep only its stops
        count, from the time on that the camera stands there.
        """
        row = self._row.get(view.camera)
        if row is None:
            return NOTHING
        aims = view.sweep or ((view.aim,) if view.aim else ())
        poses = [self._turned(row, aim) for aim in aims] or self.by_rule(row, one)
        if isinstance(one.asked.place, Moving):
            poses = poses[:1]
        before, there_s = self._home(row), START_S
        for pose in poses:
            there_s += self._slew_s(row, before, pose)
            if there_s > EYES_WITHIN_S:
                break
            seen = self._now(scenario, one, row, self._draw(one, moment, row, pose), there_s)
            if seen.shown:
                return seen
            before, there_s = pose, there_s + DWELL_S
        return NOTHING

    def search(self, scenario: Scenario, one: Staged, moment: Moment) -> list[Sighting]:
        """What every camera in reach shows that shows it at all, each aimed at the true place."""
        c = self._cameras
        rows = np.flatnonzero(np.hypot(c.x - moment.x, c.y - moment.y) <= REACH_M)
        found = []
        for row in rows.tolist():
            pose = self._judge.aim_at(c.id[row], one.kind, moment.x, moment.y)
            there_s = START_S + self._slew_s(row, self._home(row), pose)
            seen = self._now(scenario, one, row, self._draw(one, moment, row, pose), there_s)
            if seen.shown:
                found.append(seen)
        return found

    def by_rule(self, row: int, one: Staged) -> list[Pose]:
        """How a camera looks of which the answer does not say it: at the reported place.

        One picture does not hold every place that is known badly: then a PTZ sweeps over it in equal
        pans, three at most and the middle one first, each tilted to the middle of what lies of the
        place in its direction.
        """
        first, place, c = self._at_once(row, one), one.asked.place, self._cameras
        if c.kind[row] != CameraKind.PTZ or isinstance(place, Moving):
            return [first]
        x, y = self._town.truth.plane.to_xy(place.at.lon, place.at.lat)
        away_m, off_m = math.hypot(x - c.x[row], y - c.y[row]), place.error_m
        wide_deg = 360.0 if away_m <= off_m else 2 * math.degrees(math.atan(off_m / away_m))
        if off_m < SWEEP_FROM_M or wide_deg <= first.hfov_deg + 1:
            return [first]
        pans = min(math.ceil(wide_deg / first.hfov_deg), PANS)
        step_deg = min(wide_deg / pans, first.hfov_deg)
        asides = (0.0, step_deg, -step_deg) if pans == PANS else (step_deg / 2, -step_deg / 2)
        return [self._panned(row, one.kind, first, aside, away_m, off_m) for aside in asides]

    def _panned(
        self, row: int, kind: ThingKind, first: Pose, aside_deg: float, away_m: float, off_m: float
    ) -> Pose:
        """One pan of the rule: aside of the reported place, and at the middle of the place there."""
        if aside_deg == 0:
            return first
        over_m = float(self._cameras.height_m[row]) - THING_SIZES[kind].height_m / 2
        middle_m = _middle_m(away_m, off_m, math.radians(aside_deg))
        tilt = math.degrees(math.atan2(over_m, middle_m))
        return replace(
            first,
            azimuth_deg=(first.azimuth_deg + aside_deg) % 360,
            tilt_deg=min(max(tilt, PTZ.min_tilt_deg), PTZ.max_tilt_deg),
        )

    def _at_once(self, row: int, one: Staged) -> Pose:
        """Aimed at the reported place as in the rehearsal, but no closer than its error asks for.

        Both sides of the place show as far as it may be off, unless the target became too small.
        """
        place, c = one.asked.place, self._cameras
        x, y = self._town.truth.plane.to_xy(place.at.lon, place.at.lat)
        pose = self._judge.aim_at(c.id[row], one.kind, x, y)
        if c.kind[row] != CameraKind.PTZ:
            return pose
        off_m = place.error_m + (place.speed_mps * MOVED_S if isinstance(place, Moving) else 0.0)
        tall_m = THING_SIZES[one.kind].height_m
        away_m = math.hypot(x - c.x[row], y - c.y[row], c.height_m[row] - tall_m / 2)
        half_px = PICTURE_PX[0] / 2
        wanted = max(half_px / max(off_m, 0.01), CLEAR_PX / tall_m)
        focal = min(half_px / math.tan(math.radians(pose.hfov_deg) / 2), wanted * away_m)
        hfov = math.degrees(2 * math.atan(half_px / focal))
        return replace(pose, hfov_deg=min(hfov, float(c.hfov_deg[row])))

    def _home(self, row: int) -> Pose:
        """Where a camera stands that nobody turned."""
        c = self._cameras
        return Pose(
            azimuth_deg=float(c.azimuth_deg[row]),
            tilt_deg=float(c.tilt_deg[row]),
            hfov_deg=float(c.hfov_deg[row]),
        )

    def _turned(self, row: int, aim: Aim) -> Pose:
        """The pose that a camera takes for an aim: within its reach; a fixed one stays."""
        c = self._cameras
        widest = float(c.hfov_deg[row])
        if c.kind[row] != CameraKind.PTZ:
            return self._home(row)
        narrowest = 2 * math.atan(math.tan(math.radians(widest) / 2) / PTZ.max_magnification)
        return Pose(
            azimuth_deg=aim.azimuth_deg % 360,
            tilt_deg=min(max(aim.tilt_deg, PTZ.min_tilt_deg), PTZ.max_tilt_deg),
            hfov_deg=min(max(aim.hfov_deg, math.degrees(narrowest)), widest),
        )

    def _draw(self, one: Staged, moment: Moment, row: int, pose: Pose) -> Drawn:
        key = (f"{one.asked.id} {moment.after_s}", row, pose)
        if key not in self._drawn:
            self._drawn[key] = self._render(one, moment, row, pose)
        return self._drawn[key]

    def _render(self, one: Staged, moment: Moment, row: int, pose: Pose) -> Drawn:
        c, size = self._cameras, THING_SIZES[one.kind]
        lens = (float(c.x[row]), float(c.y[row]), float(c.height_m[row]))
        at = (moment.x, moment.y)
        if self._hidden.is_hidden(lens, at, size.width_m, size.height_m):
            return Drawn(shown=False, px=0, distance_m=0.0)
        thing = Thing(
            id=one.asked.id,
            kind=one.kind,
            x=moment.x,
            y=moment.y,
            heading_deg=moment.heading_deg,
            signature=0,
            since=_NOON,
        )
        shown = self._judge.look(c.id[row], pose, thing)
        return Drawn(
            shown=shown.seen.accepted,
            px=shown.seen.px,
            distance_m=shown.distance_m,
        )

    def _now(
        self, scenario: Scenario, one: Staged, row: int, drawn: Drawn, eyes_s: float
    ) -> Sighting:
        c = self._cameras
        dark = one.asked.night and one.kind is not ThingKind.FIRE
        if (
            not drawn.shown
            or c.id[row] in scenario.ill
            or self._owner[c.district[row]] in one.asked.away
            or (dark and drawn.distance_m > c.night_range_m[row])
        ):
            return NOTHING
        return Sighting(shown=True, px=drawn.px, eyes_s=eyes_s)

    def _slew_s(self, row: int, before: Pose, pose: Pose) -> float:
        """Time from one pose to another; the three motors run together."""
        c = self._cameras
        if c.kind[row] != CameraKind.PTZ:
            return 0.0
        wide = math.tan(math.radians(c.hfov_deg[row]) / 2)
        zooms = (
            (wide / math.tan(math.radians(p.hfov_deg) / 2) - 1) / (PTZ.max_magnification - 1)
            for p in (before, pose)
        )
        zoom = abs(next(zooms) - next(zooms))
        pan = abs(turn_deg(before.azimuth_deg, pose.azimuth_deg))
        tilt = abs(pose.tilt_deg - before.tilt_deg)
        return max(pan / PTZ.pan_dps, tilt / PTZ.tilt_dps, zoom / PTZ.zoom_per_s)


def _middle_m(away_m: float, radius_m: float, turn: float) -> float:
    """How far off the middle lies of what a ray meets of a disc, radians aside of the disc's middle.

    Of a disc that the ray misses it is the point where it passes nearest.
    """
    ahead, aside = away_m * math.cos(turn), away_m * math.sin(turn)
    half = math.sqrt(max(radius_m**2 - aside**2, 0.0))
    near, far = max(ahead - half, 0.0), max(ahead + half, 1.0)
    return (near + far) / 2


def is_finite(aim: Aim | None) -> bool:
    """True for an aim that a camera can be sent to, and for none."""
    numbers = () if aim is None else (aim.azimuth_deg, aim.tilt_deg, aim.hfov_deg)
    return all(map(math.isfinite, numbers)) and (aim is None or 0 < aim.hfov_deg < 180)


def known_to(cameras: tuple[CameraId, ...], incident: Incident, views: tuple[View, ...]) -> None:
    """Raise ``ValueError`` for an answer that names no such camera, one twice, or an impossible aim."""
    names = [view.camera for view in views]
    strange = sorted(set(names) - set(cameras))
    if strange:
        raise ValueError(f"{incident.id}: no such camera: {strange[0]}")
    if len(set(names)) < len(names):
        raise ValueError(f"{incident.id}: a camera is named twice")
    if not all(is_finite(aim) for view in views for aim in (view.aim, *view.sweep)):
        raise ValueError(f"{incident.id}: an aim is no pose of a camera")
