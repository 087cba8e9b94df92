"""The session description of a camera (RFC 8866, RFC 6184 §8.2)."""

import base64

from safetynet.sim.rtsp.rtp import CLOCK_HZ, PAYLOAD_TYPE

TRACK = "track1"


def describe(*, name: str, host: str, sps: bytes, pps: bytes, frames_per_s: int) -> bytes:
    """SDP of one live H.264 track without sound."""
    sets = ",".join(base64.b64encode(n).decode() for n in (sps, pps))
    family = "IP6" if ":" in host else "IP4"
    lines = [
        "v=0",
        f"o=- 0 0 IN {family} {host}",
        f"s={name or '-'}",
        f"c=IN {family} {'::' if family == 'IP6' else '0.0.0.0'}",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
        f"m=video 0 RTP/AVP {PAYLOAD_TYPE}",
        f"a=rtpmap:{PAYLOAD_TYPE} H264/{CLOCK_HZ}",
        (
            f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;profile-level-id={sps[1:4].hex().upper()}"
            f";sprop-parameter-sets={sets}"
        ),
        f"a=framerate:{frames_per_s}",
        f"a=control:{TRACK}",
    ]
    return "\r\n".join([*lines, ""]).encode()
