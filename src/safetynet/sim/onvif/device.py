"""The device service: who the camera is, what time it has, what it can do (ONVIF Core)."""

from xml.sax.saxutils import escape

from safetynet.sim.onvif.call import Call
from safetynet.sim.onvif.soap import TDS, TPTZ, TRT

_VERSION = "<tt:Major>2</tt:Major><tt:Minor>60</tt:Minor>"


def get_system_date_and_time(call: Call) -> str:
    """The camera's clock, in UTC."""
    now = call.now
    return (
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime>"
        "<tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings>"
        "<tt:TimeZone><tt:TZ>KST-9</tt:TZ></tt:TimeZone><tt:UTCDateTime>"
        f"<tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute>"
        f"<tt:Second>{now.second}</tt:Second></tt:Time>"
        f"<tt:Date><tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month>"
        f"<tt:Day>{now.day}</tt:Day></tt:Date></tt:UTCDateTime>"
        "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )


def get_device_information(call: Call) -> str:
    """Maker, model and serial number, which is the camera's id."""
    model = "virtual PTZ camera" if call.camera.head else "virtual camera"
    return (
        "<tds:GetDeviceInformationResponse><tds:Manufacturer>Safety Net</tds:Manufacturer>"
        f"<tds:Model>{model}</tds:Model><tds:FirmwareVersion>1</tds:FirmwareVersion>"
        f"<tds:SerialNumber>{escape(call.camera.id)}</tds:SerialNumber>"
        "<tds:HardwareId>sim</tds:HardwareId></tds:GetDeviceInformationResponse>"
    )


def get_services(call: Call) -> str:
    """Addresses of the services; PTZ only where the camera can turn."""
    services = "".join(
        f"<tds:Service><tds:Namespace>{namespace}</tds:Namespace><tds:XAddr>{call.base}/{path}"
        f"</tds:XAddr><tds:Version>{_VERSION}</tds:Version></tds:Service>"
        for namespace, path in _services(call)
    )
    return f"<tds:GetServicesResponse>{services}</tds:GetServicesResponse>"


def get_capabilities(call: Call) -> str:
    """The older form of ``GetServices``."""
    off = "".join(f"<tt:{name}>false</tt:{name}>" for name in ("RTPMulticast", "RTP_TCP"))
    media = (
        f"<tt:Media><tt:XAddr>{call.base}/media_service</tt:XAddr><tt:StreamingCapabilities>"
        f"{off}<tt:RTP_RTSP_TCP>true</tt:RTP_RTSP_TCP></tt:StreamingCapabilities></tt:Media>"
    )
    ptz = f"<tt:PTZ><tt:XAddr>{call.base}/ptz_service</tt:XAddr></tt:PTZ>"
    return (
        "<tds:GetCapabilitiesResponse><tds:Capabilities>"
        f"<tt:Device><tt:XAddr>{call.base}/device_service</tt:XAddr></tt:Device>"
        f"{media}{ptz if call.camera.head else ''}"
        "</tds:Capabilities></tds:GetCapabilitiesResponse>"
    )


def get_scopes(call: Call) -> str:
    """Name, kind and profiles as scope addresses."""
    names = [f"name/{call.camera.id}", "type/video_encoder", "Profile/Streaming"]
    names += ["type/ptz"] if call.camera.head else []
    scopes = "".join(
        "<tds:Scopes><tt:ScopeDef>Fixed</tt:ScopeDef>"
        f"<tt:ScopeItem>onvif://www.onvif.org/{escape(name)}</tt:ScopeItem></tds:Scopes>"
        for name in names
    )
    return f"<tds:GetScopesResponse>{scopes}</tds:GetScopesResponse>"


def _services(call: Call) -> list[tuple[str, str]]:
    both = [(TDS, "device_service"), (TRT, "media_service")]
    return [*both, (TPTZ, "ptz_service")] if call.camera.head else both
