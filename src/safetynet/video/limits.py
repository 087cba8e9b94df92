"""Numbers that bound the video worker; the defaults are those of a district's own machine."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker serves on, and how much of everything it takes on."""

    host: str = "127.0.0.1"
    """Address that the gateway listens on."""
    port: int = 0
    """0 takes a free one; ``Listening`` says which."""
    owner: str = ""
    """Audience of viewers that come to plain ``/view``, which names no owner."""
    max_sessions: int = 600
    """Viewers at once, those still shaking hands included."""
    handshake_s: float = 5.0
    """From the connection to the viewer's ``present``."""
    verdict_s: float = 10.0
    """How long control may think before the viewer is refused."""
    source_s: float = 15.0
    """How long an accepted viewer waits for a camera that does not open."""
    still_s: float = 0.3
    """How long a newcomer's stream may wait for its still."""
    linger_s: float = 2.0
    """A pull goes on this long after its last need, for whoever comes back."""
    silence_s: float = 5.0
    """A source that sends nothing for this long is lost."""
    group_frames: int = 300
    group_bytes: int = 16 << 20
    """Bounds of the kept group of pictures; a longer one is not kept."""
    queue_messages: int = 60
    queue_bytes: int = 4 << 20
    """Bounds of what waits for one viewer; beyond them it skips to the next key frame."""
    cameras: int = 8192
    """Sources remembered; the one that was prepared longest ago is forgotten first."""
    turn_s: float = 15.0
    """A PTZ that has not arrived by then has failed to."""
    probe_s: float = 6.0
    """Whole budget of one health probe."""
    probes: int = 4
    """Probes at once; others wait."""
    onvif: bool = True
    """ONVIF is made ready at the start; without it it is at its first use, a second later."""
    clips: int = 8
    """Clips recorded at once; another one is refused."""
