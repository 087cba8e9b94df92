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


class Place(msgspec.Struct, frozen=True, kw_only=True, tag="place"):
    """A position with its uncertainty: GPS 10 to 30 m, a mobile cell 100 to 500 m."""

    at: LonLat
    error_m: float
    """Radius that holds the true place with 95 %; 0 where it is known exactly."""


class Disc(msgspec.Struct, frozen=True, kw_only=True, tag="disc"):
    """Somewhere inside a circle, nowhere more than elsewhere: the views are to cover it."""

    at: LonLat
    radius_m: float


class Area(msgspec.Struct, frozen=True, kw_only=True, tag="area"):
    """Somewhere inside a polygon."""

    ring: tuple[LonLat, ...]
    """Corners in order, the first not repeated."""


class Stretch(msgspec.Struct, frozen=True, kw_only=True, tag="stretch"):
    """Somewhere along a line: a piece of street, or what an address range stands for."""

    line: tuple[LonLat, ...]
    half_width_m: float = 4.0


class Moving(msgspec.Struct, frozen=True, kw_only=True, tag="moving"):
    """On the move from a position known a moment ago."""

    at: LonLat
    error_m: float
    speed_mps: float
    heading_deg: float | None = None
    """Compass; None where only the speed is known."""
    ahead_s: float = 20.0
    """How far ahead the views are to cover."""


Where = Place | Disc | Area | Stretch | Moving
"""What may be asked for; JSON tells them apart by ``type``."""


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
    STALE = "stale"
    """Nothing was heard of it for longer than its owner promises: it may or may not show."""


class CameraNow(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one camera at this moment."""

    state: HealthState = HealthState.OK
    since_s: float | None = None
    """How long it has been in this state; None where that is not known."""
    checked_s: float | None = None
    """Age of the last probe or picture that the state rests on."""
    start_s: float = 0.5
    """Expected time from asking for its stream to the first picture."""
    aim: Aim | None = None
    """Where a PTZ looks now; None: its home."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One question: which views show this place."""

    place: Where
    target: TargetKind
    min_px_per_m: float
    """Picture quality wanted on the target; a view below it is offered only where nothing better is."""
    count: int = 4
    night: bool = False
    radius_m: float = 500.0
    """Cameras farther than this from every place that comes into question are not considered."""
    why_not: int = 20
    """For how many of the nearest cameras not chosen the reasons are told."""


class ReasonCode(StrEnum):
    """Why a camera was chosen or passed over. Public and stable; consoles translate them."""

    # for
    LINE_OF_SIGHT = "line_of_sight"
    QUALITY = "quality"
    TURNS_TO = "turns_to"
    OTHER_SIDE = "other_side"
    """Adds a direction that the views before it lack."""
    SWEEPS = "sweeps"
    """Looks at parts of the place in turn: seconds for a round of so many aims."""
    PLAYS_IN = "plays_in"
    """Expected time until it shows the place: turning and the start of its stream."""
    CHECKED = "checked"
    """Age of what is known of its health."""
    LEARNED = "learned"
    """Its direction is in no list; what was learned of it gives this chance."""
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
    STALE = "stale"
    DARK = "dark"
    """At night it sees only up to the limit."""
    MASKED = "masked"
    """The place lies in a part that it must not show."""
    POSE_UNKNOWN = "pose_unknown"
    """Nobody knows where it looks; the chance that it shows the place."""
    UNUSABLE = "unusable"
    """Its data contradict each other or are missing."""
    ADDS_NOTHING = "adds_nothing"
    """It sees the place, but no better than the chosen ones."""


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reason; ``value`` is in ``unit`` where a number belongs to it."""

    code: ReasonCode
    value: float | None = None
    unit: str | None = None
    limit: float | None = None
    what: str | None = None
    """What it is about: the number of a building in the bundle, or of the aims of a sweep."""


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """A PTZ that looks at parts of an uncertain place in turn, again and again, until somebody holds it."""

    stops: tuple[Aim, ...]
    """At least two; it begins with the first, which is also the view's ``aim``."""
    dwell_s: float
    """How long it stands at each."""
    round_s: float
    """Expected time of a round: standing and turning."""


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
    chance: float = 0.0
    """Probability that it shows the target at the asked quality, wherever in the place that is."""
    plays_in_s: float = 0.0
    """Expected time to its first picture of the place: turning, and the start of the stream."""
    gives_up_m: float = 0.0
    """Street length that it no longer watches, m, because it was turned away from home."""
    sweep: Sweep | None = None
    """How a PTZ sweeps; None where the view stands. ``share_seen`` and ``chance`` are then of all stops."""
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
    chance: float = 0.0
    """Probability that at least one of the views shows the target at the asked quality."""


class Witness(StrEnum):
    """Who says that a view showed something, or did not; each is wrong now and then."""

    OPERATOR = "operator"
    SWEEP = "sweep"
    """A PTZ that was turned to the scene: it says where the scene is (``Found``)."""
    STILL = "still"
    """A still that was compared with what should be in it."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A turned camera on which somebody saw the scene: it is where this picture looks."""

    camera: CameraId
    aim: Aim


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What one view showed of one place, once: what beliefs over poses learn from."""

    camera: CameraId
    place: Where
    target: TargetKind
    shown: bool
    by: Witness
    found: tuple[Found, ...] = ()
    """What was known by then of where in the place the scene is."""


TARGET_SIZES = {
    TargetKind.PERSON: TargetSize(1.7, 0.5),
    TargetKind.VEHICLE: TargetSize(1.5, 4.5),
    TargetKind.CROWD: TargetSize(1.7, 8.0),
    TargetKind.FIRE: TargetSize(12.0, 4.0),
}
"""Height and width in metres; a fire counts with its smoke."""
