"""What a chooser is asked and what it answers: the words of the file format, and nothing of the truth."""

from collections.abc import Callable, Sequence

import msgspec

from safetynet.base.ids import CameraId, NodeId
from safetynet.sight.model import Aim, HealthState, Moving, Place, TargetKind

FORMAT = "eyes-on/1"
EYES_WITHIN_S = 5.0
"""A view counts that shows it within this time of the answer."""
DWELL_S = 1.0
"""A camera that sweeps stands so long at each stop."""
MIN_PX_PER_M = 7.1
"""Quality that every question asks for: what counts as shown, 12 px over a person of 1.7 m."""


class Incident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One question: where, by the report, is what."""

    id: str
    target: TargetKind
    place: Place | Moving
    """As reported; the true place is elsewhere by the error."""
    night: bool = False
    away: tuple[NodeId, ...] = ()
    """Districts that cannot be reached at this moment."""


class View(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One camera of an answer."""

    camera: CameraId
    aim: Aim | None = None
    """Of a PTZ; without one it is aimed by the benchmark's rule at the reported place."""
    sweep: tuple[Aim, ...] = ()
    """Of a PTZ that looks at several places in turn, ``aim`` first. What moves is held: only the first
    counts."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a chooser says to one question, best view first."""

    incident: str
    views: tuple[View, ...]


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """A file of answers."""

    format: str = FORMAT
    chooser: str = "foreign"
    answers: tuple[Answer, ...]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a viewer said of one view of a past incident; wrong now and then."""

    incident: str
    camera: CameraId
    shown: bool


class KnownCamera(msgspec.Struct, frozen=True, kw_only=True):
    """A camera as a chooser may know it; null where nobody says."""

    id: CameraId
    lon: float
    lat: float
    pole: int
    """Cameras with one number hang on one pole."""
    district: NodeId
    kind: str | None
    """``fixed`` or ``ptz``."""
    height_m: float | None
    azimuth_deg: float | None
    tilt_deg: float | None
    hfov_deg: float | None
    night_range_m: float | None


class Ptz(msgspec.Struct, frozen=True, kw_only=True):
    """What every PTZ of the benchmark can do."""

    min_tilt_deg: float
    max_tilt_deg: float
    max_magnification: float
    pan_dps: float
    tilt_dps: float
    zoom_per_s: float


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What names a scenario, and with it the truth."""

    scenario: str
    seed: int
    count: int
    """Incidents."""
    past_count: int


class Sheet(Key, frozen=True, kw_only=True):
    """``scenario.json``: all that a chooser gets."""

    format: str = FORMAT
    city: str
    """Content version of the city that it was cut from."""
    picture_px: tuple[int, int]
    min_px_per_m: float
    eyes_within_s: float = EYES_WITHIN_S
    dwell_s: float = DWELL_S
    ptz: Ptz
    cameras: tuple[KnownCamera, ...]
    health: dict[CameraId, HealthState]
    """Cameras that are known to be ill; the others may be ill too."""
    incidents: tuple[Incident, ...]
    past: tuple[Incident, ...]
    """To learn from: ask the witness what views of them showed."""
    buildings: str = "buildings.geojson"
    streets: str = "streets.geojson"


Chooser = Callable[[Incident], Sequence[View]]
"""A strategy: the views for one question, best first."""
