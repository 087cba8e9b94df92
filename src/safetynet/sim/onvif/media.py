"""The media service: one profile, its stream, its still, and key frames on demand (ONVIF Media)."""

from xml.sax.saxutils import escape

from safetynet.city.model import PICTURE_PX
from safetynet.sim.onvif.call import PROFILE, Call
from safetynet.sim.onvif.ptz import configuration
from safetynet.sim.onvif.soap import SoapFault
from safetynet.sim.rtsp.encoder import BIT_RATE, FRAMES_PER_S
from safetynet.sim.rtsp.feed import KEY_PERIOD_S

_WIDTH, _HEIGHT = PICTURE_PX
_SOURCE = (
    '<tt:VideoSourceConfiguration token="lens"><tt:Name>lens</tt:Name><tt:UseCount>1</tt:UseCount>'
    "<tt:SourceToken>lens</tt:SourceToken>"
    f'<tt:Bounds x="0" y="0" width="{_WIDTH}" height="{_HEIGHT}"/></tt:VideoSourceConfiguration>'
)
_ENCODER = (
    '<tt:VideoEncoderConfiguration token="h264"><tt:Name>h264</tt:Name><tt:UseCount>1</tt:UseCount>'
    "<tt:Encoding>H264</tt:Encoding>"
    f"<tt:Resolution><tt:Width>{_WIDTH}</tt:Width><tt:Height>{_HEIGHT}</tt:Height></tt:Resolution>"
    "<tt:Quality>5</tt:Quality><tt:RateControl>"
    f"<tt:FrameRateLimit>{FRAMES_PER_S}</tt:FrameRateLimit><tt:EncodingInterval>1</tt:EncodingInterval>"
    f"<tt:BitrateLimit>{BIT_RATE // 1000}</tt:BitrateLimit></tt:RateControl>"
    f"<tt:H264><tt:GovLength>{FRAMES_PER_S * KEY_PERIOD_S}</tt:GovLength>"
    "<tt:H264Profile>Baseline</tt:H264Profile></tt:H264>"
    "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>0.0.0.0</tt:IPv4Address>"
    "</tt:Address><tt:Port>0</tt:Port><tt:TTL>0</tt:TTL><tt:AutoStart>false</tt:AutoStart>"
    "</tt:Multicast><tt:SessionTimeout>PT60S</tt:SessionTimeout></tt:VideoEncoderConfiguration>"
)


def get_profiles(call: Call) -> str:
    """The one profile."""
    return (
        f'<trt:GetProfilesResponse><trt:Profiles token="{PROFILE}" fixed="true">'
        f"{_profile(call)}</trt:Profiles></trt:GetProfilesResponse>"
    )


def get_profile(call: Call) -> str:
    """The one profile, by its token."""
    call.need_profile("trt:ProfileToken")
    return (
        f'<trt:GetProfileResponse><trt:Profile token="{PROFILE}" fixed="true">'
        f"{_profile(call)}</trt:Profile></trt:GetProfileResponse>"
    )


def get_stream_uri(call: Call) -> str:
    """Address of the stream; RTSP with RTP inside its TCP connection is all there is."""
    call.need_profile("trt:ProfileToken")
    protocol = call.request.text("trt:StreamSetup/tt:Transport/tt:Protocol")
    if protocol not in (None, "RTSP", "TCP", "UDP", "HTTP"):
        raise SoapFault(
            "Sender", ("ter:InvalidArgVal", "ter:InvalidStreamSetup"), "No such transport"
        )
    return _uri("GetStreamUri", call.stream)


def get_snapshot_uri(call: Call) -> str:
    """Address of a JPEG of the present picture."""
    call.need_profile("trt:ProfileToken")
    return _uri("GetSnapshotUri", f"{call.base}/snapshot.jpg")


def set_synchronization_point(call: Call) -> str:
    """The next picture is a key frame, for all who watch."""
    call.need_profile("trt:ProfileToken")
    call.feeds.want_key(call.camera.id)
    return "<trt:SetSynchronizationPointResponse/>"


def _profile(call: Call) -> str:
    ptz = configuration("tt:PTZConfiguration") if call.camera.head else ""
    return f"<tt:Name>{PROFILE}</tt:Name>{_SOURCE}{_ENCODER}{ptz}"


def _uri(operation: str, uri: str) -> str:
    return (
        f"<trt:{operation}Response><trt:MediaUri><tt:Uri>{escape(uri)}</tt:Uri>"
        "<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>"
        "<tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout>"
        f"</trt:MediaUri></trt:{operation}Response>"
    )
