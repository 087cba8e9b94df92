"""What a city is made of, as columns. Pure NumPy; nothing here reads a file."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from safetynet.base.geo import Floats, LonLat, Plane
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.kinds import CameraKind as CameraKind
from safetynet.city.kinds import Origin as Origin

Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Heights = NDArray[np.float32]


class District(msgspec.Struct, frozen=True, kw_only=True):
    """A 자치구: an owner of cameras and a node of the net."""

    node: NodeId
    code: str
    """Five digits of the legal-dong code, e.g. ``11440``."""
    name_ko: str
    name_en: str
    official_cameras: int
    """By the city's table of 31 July 2021."""
    border: tuple[tuple[tuple[float, float], ...], ...]
    """Exterior rings of lon, lat pairs (a district may have several parts)."""
    quarter: tuple[tuple[float, float], ...] | None
    """Ring of the quarter that has cameras in a scaled bundle; None where the whole district has."""


class Dong(msgspec.Struct, frozen=True, kw_only=True):
    """A legal dong (법정동)."""

    code: str
    """Ten digits: province 2, district 3, town 3, village 2."""
    name_ko: str
    district: NodeId
    centre: LonLat
    """A point inside the dong."""
    radius_m: float
    """Radius around ``centre`` that holds 95 % of the dong's street length (or area)."""


PICTURE_PX = (1280, 720)
"""Width and height of a main stream where nobody says otherwise, square pixels."""

UNCERTAINTY = np.array(
    [[1.0, 1.0, 0.5], [5.0, 3.0, 3.0], [180.0, 10.0, 8.0], [0.0, 0.0, 0.0], [15.0, 5.0, 3.0]]
)
"""By ``Origin``: standard deviation of azimuth and tilt (degrees) and of the position (m).

An azimuth that is off by 180° is no knowledge at all: a direction that was assumed by rule is true
only where a simulation makes it so.
"""


@dataclass(frozen=True, kw_only=True)
class Zones:
    """Privacy zones: what a camera must not show, as sectors over the ground; shape (k,)."""

    camera: Ints
    """Row of the camera."""
    from_deg: Floats
    """Compass; the sector runs clockwise from here …"""
    to_deg: Floats
    """… to here."""
    near_m: Floats
    far_m: Floats
    """Between these distances from the lens."""

    def __len__(self) -> int:
        return len(self.camera)

    @classmethod
    def none(cls) -> "Zones":
        """No zones."""
        e = np.empty(0)
        return cls(camera=np.empty(0, np.int32), from_deg=e, to_deg=e, near_m=e, far_m=e)


_BY_RULE: Any = None
"""Stands in a column until ``Cameras`` puts in what the rule says."""


@dataclass(frozen=True, kw_only=True)
class Cameras:
    """All cameras, one row each; every array has shape (n,)."""

    id: tuple[CameraId, ...]
    name: tuple[str, ...]
    district: Ints
    """Index into ``City.districts``."""
    x: Floats
    """Metres east on ``City.plane``."""
    y: Floats
    height_m: Floats
    """Lens above ground."""
    azimuth_deg: Floats
    """Compass direction of a fixed camera's axis, or of a PTZ's home."""
    tilt_deg: Floats
    """Downward positive: 0 looks at the horizon, 90 straight down."""
    hfov_deg: Floats
    """Horizontal field of view; of a PTZ, at its widest."""
    kind: Bytes
    """``CameraKind``."""
    pole: Ints
    """Cameras with one number hang on one pole."""
    position_origin: Bytes
    """``Origin`` of x, y."""
    pose_origin: Bytes
    """``Origin`` of the pose as a whole: the least certain of azimuth, tilt and field of view."""
    azimuth_origin: Bytes = _BY_RULE
    """``Origin`` of the azimuth alone; as ``pose_origin`` where not given."""
    height_origin: Bytes = _BY_RULE
    """``Origin`` of the lens height; as ``pose_origin`` where not given."""
    roll_deg: Floats = _BY_RULE
    """Clockwise as seen from behind the lens; 0 where not given."""
    width_px: Ints = _BY_RULE
    """Of the main stream; ``PICTURE_PX`` where not given."""
    height_px: Ints = _BY_RULE
    declared_mpx: Floats = _BY_RULE
    """Millions of picture elements that a list declares; NaN where none does. What is streamed counts
    for sight, and that is ``width_px`` by ``height_px``."""
    all_round: Bools = _BY_RULE
    """A list says that it looks all round: it may turn, be a dome, or the list says so of every one."""
    azimuth_sd_deg: Floats = _BY_RULE
    """Standard deviations of what the columns above say; by ``UNCERTAINTY`` where not given."""
    tilt_sd_deg: Floats = _BY_RULE
    position_sd_m: Floats = _BY_RULE
    night_range_m: Floats = _BY_RULE
    """How far it shows a person at night; NaN where nobody says."""
    ptz_model: Bytes = _BY_RULE
    """Row of ``PTZ_MODELS``."""
    zones: "Zones" = _BY_RULE
    """Parts that it must not show; none where not given."""

    def __post_init__(self) -> None:
        n = len(self.id)
        azimuth_origin = self.pose_origin if self.azimuth_origin is None else self.azimuth_origin
        rules = {
            "azimuth_origin": azimuth_origin,
            "height_origin": self.pose_origin,
            "roll_deg": np.zeros(n),
            "width_px": np.full(n, PICTURE_PX[0], np.int32),
            "height_px": np.full(n, PICTURE_PX[1], np.int32),
            "declared_mpx": np.full(n, np.nan),
            "all_round": np.zeros(n, np.bool_),
            "azimuth_sd_deg": UNCERTAINTY[azimuth_origin, 0],
            "tilt_sd_deg": UNCERTAINTY[self.pose_origin, 1],
            "position_sd_m": UNCERTAINTY[self.position_origin, 2],
            "night_range_m": np.full(n, np.nan),
            "ptz_model": np.zeros(n, np.uint8),
            "zones": Zones.none(),
        }
        for name, value in rules.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """Many lines or rings as one coordinate array: shape i is ``xy[offset[i]:offset[i + 1]]``."""

    xy: Floats
    """(m, 2) metres on ``City.plane``. A ring does not repeat its first point."""
    offset: Ints
    """(n + 1,), rising from 0 to m."""

    def __len__(self) -> int:
        return len(self.offset) - 1

    def __getitem__(self, i: int) -> Floats:
        return self.xy[self.offset[i] : self.offset[i + 1]]


@dataclass(frozen=True, kw_only=True)
class Buildings:
    """Footprints (exterior rings, counter-clockwise) with heights; arrays have shape (n,)."""

    ring: Shapes
    height_m: Floats
    """Roof above ground."""
    height_origin: Bytes
    origin: Bytes
    """``Origin`` of the footprint."""

    def __len__(self) -> int:
        return len(self.ring)


class StreetClass(IntEnum):
    """Rank of a street, widest first."""

    ARTERIAL = 0
    COLLECTOR = 1
    LOCAL = 2
    ALLEY = 3
    PATH = 4


@dataclass(frozen=True, kw_only=True)
class Streets:
    """Centre lines, split at crossings; arrays have shape (n,)."""

    line: Shapes
    rank: Bytes
    """``StreetClass``."""
    width_m: Floats
    name: tuple[str, ...]
    """Empty where unnamed."""
    origin: Bytes
    in_coverage: Bools
    """True where the bundle holds cameras around (everywhere, or in the quarters of a scaled one)."""

    def __len__(self) -> int:
        return len(self.line)


class Facility(msgspec.Struct, frozen=True, kw_only=True):
    """A fixed point of the emergency services or of public safety."""

    kind: str
    """``fire_station``, ``fire_centre``, ``police``, ``hydrant``, ``fire_box``, ``aed``, ``shelter``,
    ``bell``, ``hospital``."""
    name: str
    at: LonLat
    district: NodeId | None
    in_service: bool = True


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Height of the ground as a regular grid on the plane, by a digital elevation model."""

    x0: float
    """Of the south-western node, m on ``City.plane``."""
    y0: float
    step_m: float
    heights: Heights
    """(rows, cols) metres above the model's zero: rows to the north, columns to the east, no gaps."""

    def height_at(self, x: Floats | float, y: Floats | float) -> Floats:
        """Metres at places of one shape, bilinear between nodes; outside the grid as at its edge."""
        rows, cols = self.heights.shape
        col = np.clip((np.asarray(x) - self.x0) / self.step_m, 0, cols - 1)
        row = np.clip((np.asarray(y) - self.y0) / self.step_m, 0, rows - 1)
        i, j = np.floor(row).astype(np.intp), np.floor(col).astype(np.intp)
        north, east = np.minimum(i + 1, rows - 1), np.minimum(j + 1, cols - 1)
        v, u = row - i, col - j
        h = self.heights
        south_edge = h[i, j] * (1 - u) + h[i, east] * u
        north_edge = h[north, j] * (1 - u) + h[north, east] * u
        return np.asarray(south_edge * (1 - v) + north_edge * v, np.float64)


@dataclass(frozen=True, kw_only=True)
class City:
    """A whole city bundle in memory."""

    name: str
    title_ko: str
    title_en: str
    version: str
    """Content version: equal bundles have equal versions."""
    plane: Plane
    districts: tuple[District, ...]
    dongs: tuple[Dong, ...]
    cameras: Cameras
    buildings: Buildings
    streets: Streets
    facilities: tuple[Facility, ...]
    scaled: bool
    """True where only the districts' quarters hold cameras."""
    ground: Ground | None = None
    """Height of the ground; None where no source gave any: it counts as level."""


class PtzModel(msgspec.Struct, frozen=True, kw_only=True):
    """What a PTZ camera's data sheet says."""

    pan_dps: float = 120.0
    """Degrees per second."""
    tilt_dps: float = 60.0
    zoom_per_s: float = 1.0
    """Of the normalised zoom range 0…1 per second."""
    max_magnification: float = 20.0
    """At normalised zoom 1; magnification is 1 + zoom · (max − 1)."""
    min_tilt_deg: float = -10.0
    max_tilt_deg: float = 90.0


PTZ = PtzModel()
"""What the simulated cameras are, and what is taken where nobody says."""
PTZ_MODELS = (PTZ,)
"""Models that ``Cameras.ptz_model`` names."""
