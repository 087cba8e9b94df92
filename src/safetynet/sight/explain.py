"""Why a view was chosen, and why another camera was not."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from safetynet.base.ids import CameraId
from safetynet.sight.cameras import CameraTable
from safetynet.sight.kernels import why
from safetynet.sight.kernels.sweep import DWELL_S
from safetynet.sight.kernels.tables import Eye, Place, Records, Target
from safetynet.sight.model import HealthState, Reason, ReasonCode, Sweep
from safetynet.sight.now import Now, aim_of
from safetynet.sight.profiles import WallProfiles

_OTHER_SIDE_RAD = math.radians(45)
_ILL = {
    HealthState.DEAD: ReasonCode.DEAD,
    HealthState.FROZEN: ReasonCode.FROZEN,
    HealthState.OBSTRUCTED: ReasonCode.OBSTRUCTED,
    HealthState.OWNER_AWAY: ReasonCode.OWNER_AWAY,
}
_VERDICT = {
    why.AWAY: (ReasonCode.FACES_AWAY, "deg"),
    why.FAR: (ReasonCode.TOO_FAR, "px/m"),
    why.BLURRED: (ReasonCode.TOO_FAR, "px/m"),
    why.MASKED: (ReasonCode.MASKED, None),
    why.DARK: (ReasonCode.DARK, "m"),
    why.BELIEVED: (ReasonCode.POSE_UNKNOWN, "share"),
    why.NOTHING_NEW: (ReasonCode.ADDS_NOTHING, "share"),
}
_WITHOUT_LIMIT = (why.BELIEVED, why.NOTHING_NEW)


class Picked(NamedTuple):
    """A chosen view as the loops leave it, field by field of ``VIEW``; angles in radians."""

    row: int
    turned: bool
    azimuth: float
    tilt: float
    tangent: float
    share: float
    px_per_m: float
    slew_s: float
    start_s: float
    away_m: float
    chance: float
    turn: float
    """From where the camera looked before."""
    believed: bool
    direction: float
    gain: float
    stops: int
    round_s: float
    azimuth_2: float
    tilt_2: float
    tangent_2: float
    azimuth_3: float
    tilt_3: float
    tangent_3: float

    @property
    def pose(self) -> tuple[float, float, float]:
        """Azimuth, tilt, tangent."""
        return self.azimuth, self.tilt, self.tangent

    @property
    def poses(self) -> tuple[tuple[float, float, float], ...]:
        """The same of all stops of a sweep, the first one first; none where the view stands."""
        later = (
            (self.azimuth_2, self.tilt_2, self.tangent_2),
            (self.azimuth_3, self.tilt_3, self.tangent_3),
        )
        return (self.pose, *later)[: self.stops]


def read_picked(picked: Records) -> list[Picked]:
    """The chosen views, best first."""
    return [Picked._make(one) for one in picked.tolist()]


def sweep_of(one: Picked) -> Sweep | None:
    """How a view sweeps; None where it stands."""
    if not one.stops:
        return None
    stops = tuple([aim_of(pose) for pose in one.poses])
    return Sweep(stops=stops, dwell_s=DWELL_S, round_s=round(one.round_s, 2))


def aside_of(views: Sequence[Picked], k: int) -> float:
    """Angle from a view's direction to the nearest of those before it; 0 for the first."""
    own = views[k].direction
    return min((_apart(own, before.direction) for before in views[:k]), default=0.0)


def reasons_for(
    now: Now, camera: CameraId, target: Target, one: Picked, aside: float
) -> tuple[Reason, ...]:
    """Reasons for a chosen view; ``aside`` as ``aside_of``."""
    reasons = [
        Reason(ReasonCode.LINE_OF_SIGHT, round(one.share, 3), "share"),
        Reason(ReasonCode.QUALITY, round(one.px_per_m, 1), "px/m", target.px_per_m),
    ]
    if one.believed:
        reasons.append(Reason(ReasonCode.LEARNED, round(one.chance, 3), "share"))
    if one.turned:
        reasons.append(Reason(ReasonCode.TURNS_TO, round(math.degrees(one.turn), 1), "deg"))
    if one.stops:
        reasons.append(Reason(ReasonCode.SWEEPS, round(one.round_s, 1), "s", what=str(one.stops)))
    if aside >= _OTHER_SIDE_RAD:
        reasons.append(Reason(ReasonCode.OTHER_SIDE, round(math.degrees(aside), 1), "deg"))
    said = now.get(camera)
    if said.state is HealthState.STALE:
        reasons.append(Reason(ReasonCode.STALE, said.checked_s, "s"))
    elif said.checked_s is not None:
        reasons.append(Reason(ReasonCode.CHECKED, round(said.checked_s, 1), "s"))
    return tuple(reasons)


def _apart(a: float, b: float) -> float:
    """Angle between two directions, radians, 0…π."""
    return abs((a - b + math.pi) % (2 * math.pi) - math.pi)


def reasons_against(
    eye: Eye,
    cameras: CameraTable,
    walls: WallProfiles,
    now: Now,
    place: Place,
    target: Target,
    row: int,
) -> tuple[Reason, ...]:
    """Reasons why a camera was passed over, the deciding one first."""
    said, owner = now.get(cameras.ids[row]), cameras.owner_of(row)
    if now.is_away(owner):
        return (Reason(ReasonCode.OWNER_AWAY),)
    ill = _ILL.get(said.state)
    if ill is not None:
        return (Reason(ill, said.since_s, "s" if said.since_s is not None else None),)
    if not eye.lens.camera["usable"][row]:
        return (Reason(ReasonCode.UNUSABLE),)
    verdict, value, limit = why.look_why(eye, place, now.moment, target, row)
    if verdict == why.HIDDEN:
        reasons = [Reason(ReasonCode.BEHIND_BUILDING, what=_building(eye, walls, place, row))]
    else:
        code, unit = _VERDICT[verdict]
        digits = 3 if unit == "share" else 1
        told = round(float(value), digits) if unit else None
        least = None if unit is None or verdict in _WITHOUT_LIMIT else round(float(limit), 1)
        reasons = [Reason(code, told, unit, least)]
    if said.state is HealthState.BUSY:
        reasons.append(Reason(ReasonCode.BUSY))
    if said.state is HealthState.STALE:
        reasons.append(Reason(ReasonCode.STALE, said.checked_s, "s"))
    return tuple(reasons)


def _building(eye: Eye, walls: WallProfiles, place: Place, row: int) -> str | None:
    """Number of the building, in the bundle, that hides the most probable part that is hidden."""
    edge = why.wall_before(eye, place, row)
    if edge >= 0:
        building = int(np.searchsorted(walls.solids.first, edge, side="right")) - 1
        return str(int(walls.building[building]))
    return None
