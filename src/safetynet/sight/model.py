"""The questions that sight answers, and its answers, as values."""

from enum import StrEnum

import msgspec

from safetynet.base.geo import LonLat
from safetynet.base.ids import CameraId, NodeId


class TargetKind(StrEnum):
    """What is looked for; each has a size in ``TARGET_SIZES``."""

    PERSON = "person"
    VEHICLE = "vehicle"
    CROWD = "crowd"
    FIRE = "fire"


class TargetSize(msgspec.Struct, frozen=True):
    """A box that stands for a target."""

    height_m: float
    width_m: float


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A position with its uncertainty."""

    at: LonLat
    error_m: float
    """Radius that holds the true place with 95 %; 0 where it is known exactly."""


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    """Where a PTZ camera is to look."""

    azimuth_deg: float
    """Compass, [0, 360)."""
    tilt_deg: float
    """Downward positive."""
    hfov_deg: float
    """Horizontal field of view after zooming."""


class HealthState(StrEnum):
    """How a camera is right now, as its owner reports it."""

    OK = "ok"
    DEAD = "dead"
    FROZEN = "frozen"
    OBSTRUCTED = "obstructed"
    OWNER_AWAY = "owner_away"
    BUSY = "busy"
    """A PTZ that is locked by somebody else: it cannot be turned, only watched."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One question: which views show this place."""

    place: Place
    target: TargetKind
    min_px_per_m: float
    """Picture quality wanted on the target; a view below it is offered only where nothing better is."""
    count: int = 4
    night: bool = False
    radius_m: float = 500.0
    """Cameras farther away are not considered."""


class ReasonCode(StrEnum):
    """Why a camera was chosen or passed over. Public and stable; consoles translate them."""

    # for
    LINE_OF_SIGHT = "line_of_sight"
    QUALITY = "quality"
    TURNS_TO = "turns_to"
    OTHER_SIDE = "other_side"
    """Adds a direction that the views before it lack."""
    # against
    BEHIND_BUILDING = "behind_building"
    FACES_AWAY = "faces_away"
    TOO_FAR = "too_far"
    """Too few pixels per metre."""
    DEAD = "dead"
    FROZEN = "frozen"
    OBSTRUCTED = "obstructed"
    OWNER_AWAY = "owner_away"
    BUSY = "busy"
    ADDS_NOTHING = "adds_nothing"
    """It sees the place, but no better than the chosen ones."""


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reason; ``value`` is in ``unit`` where a number belongs to it."""

    code: ReasonCode
    value: float | None = None
    unit: str | None = None
    limit: float | None = None


class ChosenView(msgspec.Struct, frozen=True, kw_only=True):
    """A view that shows the place, and why it was chosen."""

    camera: CameraId
    owner: NodeId
    aim: Aim | None
    """None for a fixed camera."""
    distance_m: float
    px_per_m: float
    share_seen: float
    """Part of the place's uncertainty with a line of sight inside the picture, 0…1."""
    slew_s: float
    """Expected time to turn there; 0 for a fixed camera."""
    reasons: tuple[Reason, ...]


class PassedOver(msgspec.Struct, frozen=True, kw_only=True):
    """A camera nearer than the farthest chosen one that was not chosen, and why."""

    camera: CameraId
    owner: NodeId
    distance_m: float
    reasons: tuple[Reason, ...]


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: views in order of usefulness, at most ``Request.count``."""

    request: Request
    views: tuple[ChosenView, ...]
    passed_over: tuple[PassedOver, ...]


TARGET_SIZES = {
    TargetKind.PERSON: TargetSize(1.7, 0.5),
    TargetKind.VEHICLE: TargetSize(1.5, 4.5),
    TargetKind.CROWD: TargetSize(1.7, 8.0),
    TargetKind.FIRE: TargetSize(12.0, 4.0),
}
"""Height and width in metres; a fire counts with its smoke."""
