"""What an operation has at hand."""

from dataclasses import dataclass
from datetime import datetime

from safetynet.sim.camera import VirtualCamera
from safetynet.sim.onvif.soap import SoapFault, SoapRequest
from safetynet.sim.rtsp.feed import Feeds

PROFILE = "main"
"""Token of the one media profile that each camera has."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request to one camera."""

    request: SoapRequest
    camera: VirtualCamera
    feeds: Feeds
    base: str
    """``http://host:port/onvif/<camera-id>``, as the client reached it."""
    stream: str
    """``rtsp://…``."""
    now: datetime
    at_s: float
    """Monotonic time."""

    def need_profile(self, path: str) -> None:
        """Raises ``SoapFault`` (NoProfile) unless the request names the one profile."""
        if self.request.text(path) != PROFILE:
            raise SoapFault("Sender", ("ter:InvalidArgVal", "ter:NoProfile"), "No such profile")
