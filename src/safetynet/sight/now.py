"""How cameras and owners are at this moment, as columns that one change touches in one place."""

import copy
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from safetynet.base.ids import CameraId, NodeId
from safetynet.sight.kernels.tables import MOMENT, Moment
from safetynet.sight.model import Aim, CameraNow, HealthState

if TYPE_CHECKING:
    from safetynet.sight.cameras import CameraTable

_FREE, _STAYS, _OUT = 0, 1, 2
_ROLE = {
    HealthState.OK: _FREE,
    HealthState.STALE: _FREE,
    HealthState.BUSY: _STAYS,
    HealthState.DEAD: _OUT,
    HealthState.FROZEN: _OUT,
    HealthState.OBSTRUCTED: _OUT,
    HealthState.OWNER_AWAY: _OUT,
}
_HOME = {"azimuth": "azimuth", "tilt": "tilt", "tangent": "half_w"}
"""Fields of the moment, and those of a camera's home pose."""
START_S = 0.5
"""Expected start of a stream where nobody says."""
STALE_SURE = 0.7
"""Trust in a camera of which nothing was heard for longer than its owner promises."""
_FRESH_S, _HALF_LIFE_S = 60.0, 3600.0
_LEAST_SURE = 0.8


class Now:
    """Health, turning and owners of one camera table; everything is well until something is said.

    Not safe for several threads: it belongs to whoever asks.
    """

    def __init__(self, cameras: "CameraTable") -> None:
        self._cameras = cameras
        self._known = len(cameras.changed)
        self._said: dict[CameraId, CameraNow] = {}
        self._away: set[NodeId] = set()
        rows = np.zeros(len(cameras), MOMENT)
        rows["start_s"], rows["sure"] = START_S, 1.0
        self.moment = Moment(camera=rows, away=np.zeros(max(len(cameras.owners), 1), np.bool_))
        self._look_home(slice(None))

    def set(self, camera: CameraId, now: CameraNow) -> None:
        """Say how a camera is; a camera that the table does not have is no error and no news."""
        row = self._cameras.row.get(camera)
        if row is None:
            return
        self._said[camera] = now
        m = self.moment.camera
        m["state"][row] = _ROLE[now.state]
        m["start_s"][row] = now.start_s if 0 <= now.start_s < math.inf else START_S
        m["sure"][row] = STALE_SURE if now.state is HealthState.STALE else _by_age(now.checked_s)
        if now.aim is not None and is_pose(now.aim):
            m["azimuth"][row], m["tilt"][row], m["tangent"][row] = radians_of(now.aim)
        else:
            self._look_home(row)

    def _look_home(self, rows: int | slice) -> None:
        home, m = self._cameras.lens.camera, self.moment.camera
        for name, own in _HOME.items():
            m[name][rows] = home[own][rows]

    def get(self, camera: CameraId) -> CameraNow:
        """What was last said of a camera."""
        return self._said.get(camera, _WELL)

    def set_owner(self, owner: NodeId, *, away: bool) -> None:
        """An owner is away: none of its cameras may be chosen."""
        if owner in self._cameras.owners:
            self.moment.away[self._cameras.owners.index(owner)] = away
        (self._away.add if away else self._away.discard)(owner)

    def is_away(self, owner: NodeId) -> bool:
        """True where the owner cannot be reached."""
        return owner in self._away

    def catch_up(self) -> None:
        """Take in where cameras look that were moved or turned for good since this moment began."""
        for row in self._cameras.changed[self._known :]:
            if self.get(self._cameras.ids[row]).aim is None:
                self._look_home(row)
        self._known = len(self._cameras.changed)

    def but(self, said: Mapping[CameraId, CameraNow]) -> "Now":
        """The same moment, with other words on some cameras; this one stays as it is."""
        if not said:
            return self
        other = copy.copy(self)
        other._said = dict(self._said)
        other.moment = self.moment._replace(camera=self.moment.camera.copy())
        for camera, one in said.items():
            other.set(camera, one)
        return other

    def carry(self, cameras: "CameraTable") -> "Now":
        """The same words about another table of cameras."""
        other = Now(cameras)
        for camera, said in self._said.items():
            other.set(camera, said)
        for owner in self._away:
            other.set_owner(owner, away=True)
        return other


_WELL = CameraNow()


def is_pose(aim: Aim) -> bool:
    """True where a camera can look so."""
    numbers = (aim.azimuth_deg, aim.tilt_deg, aim.hfov_deg)
    return all(map(math.isfinite, numbers)) and abs(aim.tilt_deg) <= 90 and 0 < aim.hfov_deg < 180


def aim_of(aim: tuple[float, float, float]) -> Aim:
    """The inverse of ``radians_of``, rounded."""
    return Aim(
        azimuth_deg=round(math.degrees(aim[0]), 3) % 360,
        tilt_deg=round(math.degrees(aim[1]), 3),
        hfov_deg=round(math.degrees(2 * math.atan(aim[2])), 4),
    )


def radians_of(aim: Aim) -> tuple[float, float, float]:
    """Azimuth and tilt in radians, and the tangent of half the field."""
    half = math.tan(math.radians(min(aim.hfov_deg, 170.0)) / 2)
    return math.radians(aim.azimuth_deg % 360), math.radians(aim.tilt_deg), half


def _by_age(checked_s: float | None) -> float:
    """Trust in a camera's state by the age of the last look at it; full where nobody tells the age."""
    if checked_s is None or not checked_s > _FRESH_S:
        return 1.0
    return float(max(0.5 ** ((checked_s - _FRESH_S) / _HALF_LIFE_S), _LEAST_SURE))
