"""The PTZ service in the generic spaces (ONVIF PTZ; docs/design/0001, Geometry)."""

from xml.sax.saxutils import escape, quoteattr

from safetynet.base.geo import turn_deg
from safetynet.sim.camera import HeadPosition, PtzHead
from safetynet.sim.onvif.call import Call
from safetynet.sim.onvif.soap import SoapFault

_SPACES = "http://www.onvif.org/ver10/tptz"
PAN_TILT_SPACE = f"{_SPACES}/PanTiltSpaces/PositionGenericSpace"
ZOOM_SPACE = f"{_SPACES}/ZoomSpaces/PositionGenericSpace"
_NODE = "head"
_CONFIGURATION = "ptz"
_MAX_PRESETS = 64
_SLACK = 1e-6


def get_nodes(call: Call) -> str:
    """The one node."""
    return f"<tptz:GetNodesResponse>{_node(_head(call), 'PTZNode')}</tptz:GetNodesResponse>"


def get_node(call: Call) -> str:
    """The one node, by its token."""
    if call.request.text("tptz:NodeToken") != _NODE:
        raise SoapFault("Sender", ("ter:InvalidArgVal", "ter:NoEntity"), "No such node")
    return f"<tptz:GetNodeResponse>{_node(_head(call), 'PTZNode')}</tptz:GetNodeResponse>"


def get_configurations(call: Call) -> str:
    """The one configuration."""
    _head(call)
    inner = configuration("tptz:PTZConfiguration")
    return f"<tptz:GetConfigurationsResponse>{inner}</tptz:GetConfigurationsResponse>"


def get_status(call: Call) -> str:
    """Where the head stands and whether it moves."""
    head = _profiled(call)
    state = "MOVING" if head.is_moving(call.at_s) else "IDLE"
    return (
        "<tptz:GetStatusResponse><tptz:PTZStatus><tt:Position>"
        f"{_vector(call, head.position(call.at_s))}</tt:Position>"
        f"<tt:MoveStatus><tt:PanTilt>{state}</tt:PanTilt><tt:Zoom>{state}</tt:Zoom></tt:MoveStatus>"
        f"<tt:UtcTime>{call.now:%Y-%m-%dT%H:%M:%SZ}</tt:UtcTime>"
        "</tptz:PTZStatus></tptz:GetStatusResponse>"
    )


def absolute_move(call: Call) -> str:
    """Begin to turn to a position; an axis that is not named stays where it was going."""
    head = _profiled(call)
    pan_tilt = call.request.find("tptz:Position/tt:PanTilt")
    zoom = call.request.find("tptz:Position/tt:Zoom")
    goal = head.goal
    azimuth, tilt, magnified = goal.azimuth_deg, goal.tilt_deg, goal.zoom
    if pan_tilt is not None:
        _need_space(pan_tilt.get("space"), PAN_TILT_SPACE)
        pan = _number(pan_tilt.get("x"), -1, 1)
        low, high = _tilt_range(head)
        azimuth = call.camera.home.azimuth_deg + pan * 180
        tilt = -90 * _number(pan_tilt.get("y"), low, high)
    if zoom is not None:
        _need_space(zoom.get("space"), ZOOM_SPACE)
        magnified = _number(zoom.get("x"), 0, 1)
    head.move_to(HeadPosition(azimuth_deg=azimuth % 360, tilt_deg=tilt, zoom=magnified), call.at_s)
    return "<tptz:AbsoluteMoveResponse/>"


def stop(call: Call) -> str:
    """Stand still; both axes unless the request names one."""
    head = _profiled(call)
    head.stop(
        call.at_s,
        pan_tilt=call.request.text("tptz:PanTilt") not in ("false", "0"),
        zoom=call.request.text("tptz:Zoom") not in ("false", "0"),
    )
    return "<tptz:StopResponse/>"


def goto_home_position(call: Call) -> str:
    """Begin to turn home."""
    head = _profiled(call)
    head.move_to(head.home, call.at_s)
    return "<tptz:GotoHomePositionResponse/>"


def set_home_position(call: Call) -> str:
    """Home is here from now on; pan 0 stays where it was surveyed."""
    head = _profiled(call)
    head.home = head.position(call.at_s)
    return "<tptz:SetHomePositionResponse/>"


def get_presets(call: Call) -> str:
    """All presets."""
    _profiled(call)
    presets = "".join(
        f"<tptz:Preset token={quoteattr(token)}><tt:Name>{escape(name)}</tt:Name>"
        f"<tt:PTZPosition>{_vector(call, at)}</tt:PTZPosition></tptz:Preset>"
        for token, (name, at) in call.camera.presets.items()
    )
    return f"<tptz:GetPresetsResponse>{presets}</tptz:GetPresetsResponse>"


def set_preset(call: Call) -> str:
    """Keep the present position under a name."""
    head, presets = _profiled(call), call.camera.presets
    token = call.request.text("tptz:PresetToken")
    if token is not None and token not in presets:
        raise _no_preset()
    if token is None and len(presets) >= _MAX_PRESETS:
        raise SoapFault(
            "Receiver", ("ter:Action", "ter:TooManyPresets"), "No room for another preset"
        )
    token = token or next(t for i in range(len(presets) + 1) if (t := f"p{i + 1}") not in presets)
    presets[token] = (call.request.text("tptz:PresetName") or token, head.position(call.at_s))
    return (
        f"<tptz:SetPresetResponse><tptz:PresetToken>{escape(token)}</tptz:PresetToken>"
        "</tptz:SetPresetResponse>"
    )


def goto_preset(call: Call) -> str:
    """Begin to turn to a preset."""
    head = _profiled(call)
    known = call.camera.presets.get(call.request.text("tptz:PresetToken") or "")
    if known is None:
        raise _no_preset()
    head.move_to(known[1], call.at_s)
    return "<tptz:GotoPresetResponse/>"


def remove_preset(call: Call) -> str:
    """Forget a preset."""
    _profiled(call)
    if call.camera.presets.pop(call.request.text("tptz:PresetToken") or "", None) is None:
        raise _no_preset()
    return "<tptz:RemovePresetResponse/>"


def configuration(element: str) -> str:
    """The PTZ configuration, also as a part of the media profile."""
    return (
        f'<{element} token="{_CONFIGURATION}"><tt:Name>{_CONFIGURATION}</tt:Name>'
        f"<tt:UseCount>1</tt:UseCount><tt:NodeToken>{_NODE}</tt:NodeToken>"
        "<tt:DefaultAbsolutePantTiltPositionSpace>"
        f"{PAN_TILT_SPACE}</tt:DefaultAbsolutePantTiltPositionSpace>"
        f"<tt:DefaultAbsoluteZoomPositionSpace>{ZOOM_SPACE}</tt:DefaultAbsoluteZoomPositionSpace>"
        f"</{element}>"
    )


def _head(call: Call) -> PtzHead:
    if call.camera.head is None:
        raise SoapFault("Receiver", ("ter:ActionNotSupported",), "This camera cannot turn")
    return call.camera.head


def _profiled(call: Call) -> PtzHead:
    head = _head(call)
    call.need_profile("tptz:ProfileToken")
    return head


def _node(head: PtzHead, element: str) -> str:
    low, high = _tilt_range(head)
    return (
        f'<tptz:{element} token="{_NODE}" FixedHomePosition="false"><tt:Name>{_NODE}</tt:Name>'
        "<tt:SupportedPTZSpaces><tt:AbsolutePanTiltPositionSpace>"
        f"<tt:URI>{PAN_TILT_SPACE}</tt:URI>{_range('X', -1, 1)}{_range('Y', low, high)}"
        "</tt:AbsolutePanTiltPositionSpace><tt:AbsoluteZoomPositionSpace>"
        f"<tt:URI>{ZOOM_SPACE}</tt:URI>{_range('X', 0, 1)}"
        "</tt:AbsoluteZoomPositionSpace></tt:SupportedPTZSpaces>"
        f"<tt:MaximumNumberOfPresets>{_MAX_PRESETS}</tt:MaximumNumberOfPresets>"
        f"<tt:HomeSupported>true</tt:HomeSupported></tptz:{element}>"
    )


def _range(axis: str, low: float, high: float) -> str:
    return f"<tt:{axis}Range><tt:Min>{low:.6f}</tt:Min><tt:Max>{high:.6f}</tt:Max></tt:{axis}Range>"


def _vector(call: Call, at: HeadPosition) -> str:
    pan = turn_deg(call.camera.home.azimuth_deg, at.azimuth_deg) / 180
    return (
        f'<tt:PanTilt x="{pan:.6f}" y="{-at.tilt_deg / 90:.6f}" space="{PAN_TILT_SPACE}"/>'
        f'<tt:Zoom x="{at.zoom:.6f}" space="{ZOOM_SPACE}"/>'
    )


def _tilt_range(head: PtzHead) -> tuple[float, float]:
    return -head.model.max_tilt_deg / 90, -head.model.min_tilt_deg / 90


def _number(text: str | None, low: float, high: float) -> float:
    try:
        value = float(text or "")
    except ValueError:
        raise _bad_position() from None
    if not low - _SLACK <= value <= high + _SLACK:
        raise _bad_position()
    return value


def _need_space(given: str | None, known: str) -> None:
    if given not in (None, "", known):
        raise SoapFault("Sender", ("ter:InvalidArgVal", "ter:SpaceNotSupported"), "No such space")


def _bad_position() -> SoapFault:
    return SoapFault(
        "Sender", ("ter:InvalidArgVal", "ter:InvalidPosition"), "Position out of reach"
    )


def _no_preset() -> SoapFault:
    return SoapFault("Sender", ("ter:InvalidArgVal", "ter:NoToken"), "No such preset")
