"""Virtual cameras: where each looks at a moment, how fast it turns, and what is wrong with it."""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from safetynet.base.errors import NotFoundError
from safetynet.base.geo import turn_deg
from safetynet.base.ids import CameraId
from safetynet.city.model import PTZ, CameraKind, Cameras, City, PtzModel


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Where a lens looks; its place and height are the camera's."""

    azimuth_deg: float
    """Compass, [0, 360)."""
    tilt_deg: float
    """Downward positive."""
    hfov_deg: float


class Fault(StrEnum):
    """What is wrong with a camera, on command."""

    NONE = "none"
    DEAD = "dead"
    """Closes every connection and answers nothing."""
    FROZEN = "frozen"
    """Sends the same picture for ever, its clock standing still."""
    BLACK = "black"
    SLOW = "slow"
    """Answers each request two seconds late."""


SLOW_ANSWER_S = 2.0


@dataclass(frozen=True, kw_only=True)
class HeadPosition:
    """Position of a PTZ's mechanics: azimuth, tilt and the normalised zoom 0…1."""

    azimuth_deg: float
    tilt_deg: float
    zoom: float


@dataclass(frozen=True, kw_only=True)
class _Move:
    start: HeadPosition
    goal: HeadPosition
    since_s: float


class PtzHead:
    """The moving part: each axis runs at its own constant speed and stops at its goal.

    All times are monotonic seconds given by the caller, so that a position is a pure function of
    the last order and the time.
    """

    def __init__(self, home: HeadPosition, model: PtzModel = PTZ) -> None:
        self.model = model
        self.home = home
        self._move = _Move(start=home, goal=home, since_s=-math.inf)

    @property
    def goal(self) -> HeadPosition:
        """Where the head stands or will stand."""
        return self._move.goal

    def position(self, at_s: float) -> HeadPosition:
        """Where the head stands at that time."""
        move, model = self._move, self.model
        spent_s = at_s - move.since_s
        turn = turn_deg(move.start.azimuth_deg, move.goal.azimuth_deg)
        turned = _towards(0.0, turn, model.pan_dps * spent_s)
        return HeadPosition(
            azimuth_deg=_compass(move.start.azimuth_deg + turned),
            tilt_deg=_towards(move.start.tilt_deg, move.goal.tilt_deg, model.tilt_dps * spent_s),
            zoom=_towards(move.start.zoom, move.goal.zoom, model.zoom_per_s * spent_s),
        )

    def is_moving(self, at_s: float) -> bool:
        """True until every axis has reached its goal."""
        move = self._move
        return at_s < move.since_s + self._duration_s(move.start, move.goal)

    def move_to(self, goal: HeadPosition, at_s: float) -> None:
        """Begin to turn; the goal is bound to what the model can reach."""
        bound = HeadPosition(
            azimuth_deg=_compass(goal.azimuth_deg),
            tilt_deg=min(max(goal.tilt_deg, self.model.min_tilt_deg), self.model.max_tilt_deg),
            zoom=min(max(goal.zoom, 0.0), 1.0),
        )
        self._move = _Move(start=self.position(at_s), goal=bound, since_s=at_s)

    def stop(self, at_s: float, *, pan_tilt: bool = True, zoom: bool = True) -> None:
        """Stay where the head stands now, on the named axes."""
        here, goal = self.position(at_s), self._move.goal
        if pan_tilt:
            goal = replace(goal, azimuth_deg=here.azimuth_deg, tilt_deg=here.tilt_deg)
        if zoom:
            goal = replace(goal, zoom=here.zoom)
        self._move = _Move(start=here, goal=goal, since_s=at_s)

    def _duration_s(self, start: HeadPosition, goal: HeadPosition) -> float:
        return max(
            abs(turn_deg(start.azimuth_deg, goal.azimuth_deg)) / self.model.pan_dps,
            abs(goal.tilt_deg - start.tilt_deg) / self.model.tilt_dps,
            abs(goal.zoom - start.zoom) / self.model.zoom_per_s,
        )


def _compass(azimuth_deg: float) -> float:
    # The remainder of a tiny negative number rounds to 360 itself.
    return azimuth_deg % 360 % 360


def _towards(start: float, goal: float, reach: float) -> float:
    gap = goal - start
    return goal if abs(gap) <= reach else start + math.copysign(reach, gap)


def magnified_hfov_deg(widest_deg: float, zoom: float, model: PtzModel = PTZ) -> float:
    """Field of view at a normalised zoom (docs/design/0001, Geometry)."""
    magnification = 1 + zoom * (model.max_magnification - 1)
    return 2 * math.degrees(math.atan(math.tan(math.radians(widest_deg) / 2) / magnification))


class VirtualCamera:
    """One camera of the city: its home pose, its head where it can turn, and its fault."""

    def __init__(
        self, camera: CameraId, name: str, home: Pose, kind: CameraKind, model: PtzModel = PTZ
    ) -> None:
        self.id = camera
        self.name = name
        self.home = home
        self.fault = Fault.NONE
        self.presets: dict[str, tuple[str, HeadPosition]] = {}
        self.head: PtzHead | None = None
        if kind is CameraKind.PTZ:
            start = HeadPosition(azimuth_deg=home.azimuth_deg, tilt_deg=home.tilt_deg, zoom=0.0)
            self.head = PtzHead(start, model)

    def pose(self, at_s: float) -> Pose:
        """Where it looks at that monotonic time."""
        if self.head is None:
            return self.home
        here = self.head.position(at_s)
        return Pose(
            azimuth_deg=here.azimuth_deg,
            tilt_deg=here.tilt_deg,
            hfov_deg=magnified_hfov_deg(self.home.hfov_deg, here.zoom, self.head.model),
        )

    def is_turning(self, at_s: float) -> bool:
        """True while its head moves."""
        return self.head is not None and self.head.is_moving(at_s)


class CameraPark:
    """All cameras of a city, each made when it is first asked for, and those that were added."""

    def __init__(self, city: City | None = None) -> None:
        self._city = city
        ids = city.cameras.id if city else ()
        self._row = {camera: i for i, camera in enumerate(ids)}
        self._made: dict[CameraId, VirtualCamera] = {}

    def add(self, camera: VirtualCamera) -> None:
        """One more camera."""
        self._made[camera.id] = camera

    def find(self, camera: str) -> VirtualCamera | None:
        """The camera of that id, or None where the city has no such one."""
        known = CameraId(camera)
        if known not in self._made:
            row = self._row.get(known)
            if row is None or self._city is None:
                return None
            self._made[known] = _make(self._city.cameras, row)
        return self._made[known]

    def get(self, camera: str) -> VirtualCamera:
        """The camera of that id; raises ``NotFoundError``."""
        found = self.find(camera)
        if found is None:
            raise NotFoundError("camera.unknown", "no such camera", camera=camera)
        return found


def _make(cameras: Cameras, row: int) -> VirtualCamera:
    home = Pose(
        azimuth_deg=float(cameras.azimuth_deg[row]),
        tilt_deg=float(cameras.tilt_deg[row]),
        hfov_deg=float(cameras.hfov_deg[row]),
    )
    kind = CameraKind(int(cameras.kind[row]))
    return VirtualCamera(cameras.id[row], cameras.name[row], home, kind)
