"""The yardstick: the nearest cameras, opened over RTSP and turned over ONVIF without the net."""

import asyncio
import math
import threading
from datetime import datetime

import av
import httpx
import msgspec
import numpy as np
from av.container import InputContainer

from safetynet.base.clock import Clock
from safetynet.base.geo import turn_deg
from safetynet.base.ids import CameraId
from safetynet.city.model import PTZ
from safetynet.sim.camera import Pose
from safetynet.sim.judge import judge_frame
from safetynet.sim.onvif.call import PROFILE

_OPTIONS = {
    "rtsp_transport": "tcp",
    "allowed_media_types": "video",
    "probesize": "32",
    "analyzeduration": "0",
    "max_delay": "0",
    "fpsprobesize": "0",
}
_SILENCE_S = 3.0
_MOVE = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:p="http://www.onvif.org/ver20/ptz/wsdl" xmlns:t="http://www.onvif.org/ver10/schema">'
    "<s:Body><p:AbsoluteMove><p:ProfileToken>{profile}</p:ProfileToken><p:Position>"
    '<t:PanTilt x="{pan:.6f}" y="{tilt:.6f}"/><t:Zoom x="{zoom:.6f}"/>'
    "</p:Position></p:AbsoluteMove></s:Body></s:Envelope>"
)


class SimCamera(msgspec.Struct, frozen=True):
    """A camera as the simulation's control interface names it."""

    id: str
    ptz: bool
    rtsp: str
    onvif: str


async def find_camera(http: httpx.AsyncClient, control_url: str, camera: CameraId) -> SimCamera:
    """Its addresses; raises ``httpx.HTTPError``."""
    answer = await http.get(f"{control_url.rstrip('/')}/cameras/{camera}")
    answer.raise_for_status()
    return msgspec.json.decode(answer.content, type=SimCamera)


async def turn(
    http: httpx.AsyncClient, camera: SimCamera, home_deg: float, widest_deg: float, pose: Pose
) -> None:
    """Begin to turn a PTZ camera; raises ``httpx.HTTPError``."""
    wide, wanted = (math.tan(math.radians(a) / 2) for a in (widest_deg, pose.hfov_deg))
    zoom = (wide / wanted - 1) / (PTZ.max_magnification - 1)
    body = _MOVE.format(
        profile=PROFILE,
        pan=turn_deg(home_deg, pose.azimuth_deg) / 180,
        tilt=-pose.tilt_deg / 90,
        zoom=min(max(zoom, 0.0), 1.0),
    )
    address = camera.onvif.replace("device_service", "ptz_service")
    answer = await http.post(
        address, content=body, headers={"content-type": "application/soap+xml; charset=utf-8"}
    )
    answer.raise_for_status()


async def watch_stream(url: str, signature: int, clock: Clock, within_s: float) -> datetime | None:
    """When a decoded frame first showed the signature; None where none did in time."""
    stop = threading.Event()
    try:
        async with asyncio.timeout(within_s):
            return await asyncio.to_thread(_read, url, signature, clock, stop)
    except TimeoutError:
        return None
    finally:
        stop.set()


def _read(url: str, signature: int, clock: Clock, stop: threading.Event) -> datetime | None:
    try:
        with av.open(
            url, "r", format="rtsp", options=_OPTIONS, timeout=(_SILENCE_S, _SILENCE_S)
        ) as stream:
            return _until_seen(stream, signature, clock, stop)
    except av.FFmpegError:
        return None  # a camera that does not answer shows nothing


def _until_seen(
    stream: InputContainer, signature: int, clock: Clock, stop: threading.Event
) -> datetime | None:
    video = stream.streams.video[0]
    video.codec_context.thread_count = 1
    for frame in stream.decode(video):
        if stop.is_set():
            return None
        rgb = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
        if judge_frame(rgb, signature).accepted:
            return clock.now()
    return None
