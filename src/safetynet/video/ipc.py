"""Messages between a district's control process and its video worker (docs/design/0001).

Frames of a 4-byte big-endian length and the msgpack of one tagged struct, over a socket pair.
"""

from enum import StrEnum

import msgspec

from safetynet.base.ids import CameraId, SessionId

MAX_FRAME_BYTES = 1 << 20


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """Where a PTZ camera is to look, in the words of ``sight.Aim``."""

    azimuth_deg: float
    tilt_deg: float
    hfov_deg: float


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """How a camera's stream is reached; also the seam for a district's own video system."""

    rtsp_url: str
    onvif_url: str | None
    """Device service; None where the camera cannot be asked or turned."""
    user: str | None = None
    password: str | None = None
    home: Turn | None = None
    """Pose of a PTZ at pan 0, tilt 0 as its owner surveyed it; None for a fixed camera."""


class SourceStatus(StrEnum):
    """State of one camera's stream at the worker."""

    OPENING = "opening"
    LIVE = "live"
    LOST = "lost"
    CLOSED = "closed"


# control → worker


class Prepare(msgspec.Struct, frozen=True, kw_only=True, tag="prepare"):
    """Open the stream and, where ``turn`` is given, turn the camera under the lock.

    With a ``sweep`` it looks at these in turn, ``dwell_s`` at each, until it is told something else.
    """

    camera: CameraId
    source: Source
    turn: Turn | None
    lock: str
    """Who needs it (an incident id); the camera goes home when its last lock is released."""
    sweep: tuple[Turn, ...] = ()
    dwell_s: float = 0.0


class Release(msgspec.Struct, frozen=True, kw_only=True, tag="release"):
    """Give up one lock on a camera."""

    camera: CameraId
    lock: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True, tag="verdict"):
    """Control's answer to ``Ask``."""

    session: SessionId
    accepted: bool
    camera: CameraId | None = None
    lease_s: float = 0.0
    code: str = ""
    message: str = ""
    path: str = ""
    """The file to hand out; empty where the viewer is shown the camera."""


class Extend(msgspec.Struct, frozen=True, kw_only=True, tag="extend"):
    """The session may go on for ``lease_s`` from now."""

    session: SessionId
    lease_s: float


class Cut(msgspec.Struct, frozen=True, kw_only=True, tag="cut"):
    """End the session now."""

    session: SessionId
    reason: str
    """An ``access.EndReason``."""


class Probe(msgspec.Struct, frozen=True, kw_only=True, tag="probe"):
    """Find out whether the camera answers and its picture moves."""

    camera: CameraId
    source: Source


class TakeStill(msgspec.Struct, frozen=True, kw_only=True, tag="take_still"):
    """A JPEG of the last key frame of a stream that is open."""

    camera: CameraId
    still: str
    path: str
    """Where it is kept if it is too large for a message."""
    within_s: float


class Record(msgspec.Struct, frozen=True, kw_only=True, tag="record"):
    """Write a stream that is open into a new file, from its last key frame on."""

    camera: CameraId
    clip: str
    path: str
    seconds: float
    max_bytes: int


class EndClip(msgspec.Struct, frozen=True, kw_only=True, tag="end_clip"):
    """Record no further; what is there stays."""

    clip: str


class Stop(msgspec.Struct, frozen=True, kw_only=True, tag="stop"):
    """End everything and leave."""


# worker → control


class Listening(msgspec.Struct, frozen=True, kw_only=True, tag="listening"):
    """The gateway's address, once, when it serves."""

    host: str
    port: int


class Ask(msgspec.Struct, frozen=True, kw_only=True, tag="ask"):
    """A viewer presented a grant; nothing is shown before the ``Verdict``."""

    session: SessionId
    audience: str
    """The owner that the viewer addressed (a worker may serve several)."""
    token: str
    proof: str
    nonce: str
    file: str = ""
    """The still or clip that it wants to fetch; empty where it wants to watch."""


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag="opened"):
    """The first media message was sent to the viewer."""

    session: SessionId
    first_still_ms: int | None
    """From acceptance to the still, where one was sent."""
    first_media_ms: int


class FirstFrame(msgspec.Struct, frozen=True, kw_only=True, tag="first_frame"):
    """The viewer says that its first frame is on the screen."""

    session: SessionId
    shown_at_ms: int


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """A session is over; exactly one for each ``Ask`` that was accepted."""

    session: SessionId
    reason: str
    frames: int
    bytes: int


class SourceState(msgspec.Struct, frozen=True, kw_only=True, tag="source"):
    """A camera's stream changed its state."""

    camera: CameraId
    status: SourceStatus
    detail: str = ""


class Turned(msgspec.Struct, frozen=True, kw_only=True, tag="turned"):
    """A PTZ camera arrived (or did not: ``error``)."""

    camera: CameraId
    lock: str
    to: Turn
    took_s: float
    error: str = ""
    stop: int = 0
    """Number of the stop in its sweep, from 1; 0 where it stays."""
    round_: int = 0
    """Which round of the sweep, from 1."""


class Returned(msgspec.Struct, frozen=True, kw_only=True, tag="returned"):
    """A PTZ camera was sent home after its last lock was released."""

    camera: CameraId
    error: str = ""


class Probed(msgspec.Struct, frozen=True, kw_only=True, tag="probed"):
    """What ``Probe`` found, in the words of ``sight.HealthState``."""

    camera: CameraId
    state: str
    detail: str = ""


class StillTaken(msgspec.Struct, frozen=True, kw_only=True, tag="still_taken"):
    """What came of ``TakeStill``."""

    camera: CameraId
    still: str
    error: str = ""
    captured_us: int = 0
    octets: int = 0
    sha256: str = ""
    jpeg: bytes = b""
    """Empty where it lies at the path."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True, tag="recorded"):
    """What came of ``Record``: a whole file on disk, or ``error`` and none."""

    camera: CameraId
    clip: str
    error: str = ""
    first_us: int = 0
    last_us: int = 0
    frames: int = 0
    skipped: int = 0
    octets: int = 0
    sha256: str = ""


ToWorker = Prepare | Release | Verdict | Extend | Cut | Probe | TakeStill | Record | EndClip | Stop
ToControl = (
    Listening
    | Ask
    | Opened
    | FirstFrame
    | Ended
    | SourceState
    | Turned
    | Returned
    | Probed
    | StillTaken
    | Recorded
)
