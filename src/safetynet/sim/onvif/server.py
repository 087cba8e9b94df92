"""The ONVIF server of all cameras: ``http://host:port/onvif/<camera-id>/device_service`` and so on."""

import asyncio
import io
import random
from collections.abc import Callable
from typing import Final

import structlog
from PIL import Image

from safetynet.base.clock import Clock
from safetynet.base.errors import InvalidError
from safetynet.sim.asgi import Receive, Scope, Send, headers_of, read_body, send_response
from safetynet.sim.camera import SLOW_ANSWER_S, CameraPark, Fault, VirtualCamera
from safetynet.sim.onvif import device, media, ptz
from safetynet.sim.onvif.call import Call
from safetynet.sim.onvif.security import TokenGuard
from safetynet.sim.onvif.soap import (
    MAX_BODY_BYTES,
    TDS,
    TPTZ,
    TRT,
    SoapFault,
    encode_answer,
    encode_fault,
    parse_envelope,
)
from safetynet.sim.rtsp.digest import Credentials, DigestGuard
from safetynet.sim.rtsp.feed import Feeds
from safetynet.sim.rtsp.lens import Picture

_log = structlog.get_logger()

_SOAP_TYPE = {"content-type": "application/soap+xml; charset=utf-8"}
_SILENCE_S = 120.0
"""A dead camera holds the connection this long without a word."""

OPERATIONS: Final[dict[tuple[str, str], Callable[[Call], str]]] = {
    (TDS, "GetSystemDateAndTime"): device.get_system_date_and_time,
    (TDS, "GetDeviceInformation"): device.get_device_information,
    (TDS, "GetCapabilities"): device.get_capabilities,
    (TDS, "GetServices"): device.get_services,
    (TDS, "GetScopes"): device.get_scopes,
    (TRT, "GetProfiles"): media.get_profiles,
    (TRT, "GetProfile"): media.get_profile,
    (TRT, "GetStreamUri"): media.get_stream_uri,
    (TRT, "GetSnapshotUri"): media.get_snapshot_uri,
    (TRT, "SetSynchronizationPoint"): media.set_synchronization_point,
    (TPTZ, "GetNodes"): ptz.get_nodes,
    (TPTZ, "GetNode"): ptz.get_node,
    (TPTZ, "GetConfigurations"): ptz.get_configurations,
    (TPTZ, "GetStatus"): ptz.get_status,
    (TPTZ, "AbsoluteMove"): ptz.absolute_move,
    (TPTZ, "Stop"): ptz.stop,
    (TPTZ, "GotoHomePosition"): ptz.goto_home_position,
    (TPTZ, "SetHomePosition"): ptz.set_home_position,
    (TPTZ, "GetPresets"): ptz.get_presets,
    (TPTZ, "SetPreset"): ptz.set_preset,
    (TPTZ, "GotoPreset"): ptz.goto_preset,
    (TPTZ, "RemovePreset"): ptz.remove_preset,
}
OPEN_TO_ALL: Final = {
    (TDS, "GetSystemDateAndTime"),
    (TDS, "GetServices"),
    (TDS, "GetCapabilities"),
}
"""Operations without log-in (ONVIF Core, access class PRE_AUTH)."""


class OnvifApp:
    """An ASGI application."""

    def __init__(
        self,
        *,
        park: CameraPark,
        feeds: Feeds,
        clock: Clock,
        rng: random.Random,
        stream_base: str,
        credentials: Credentials | None = None,
    ) -> None:
        self._park = park
        self._feeds = feeds
        self._clock = clock
        self._stream_base = stream_base
        self._tokens = TokenGuard(credentials, clock) if credentials else None
        self._digest = DigestGuard(credentials, clock, rng) if credentials else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        parts = [p for p in scope["path"].split("/") if p]
        # A client that only takes host and port builds ".../<camera-id>:<port>/onvif/<service>".
        name = parts[1].split(":")[0] if len(parts) > 2 and parts[0] == "onvif" else ""
        camera = self._park.find(name)
        if camera is None:
            await send_response(send, 404, b"no such camera", {"content-type": "text/plain"})
            return
        if camera.fault is Fault.DEAD:
            await self._clock.sleep(_SILENCE_S)
            return
        if camera.fault is Fault.SLOW:
            await self._clock.sleep(SLOW_ANSWER_S)
        if parts[-1] == "snapshot.jpg":
            await self._snapshot(camera, scope, send)
        else:
            await self._soap(camera, scope, receive, send)

    async def _soap(
        self, camera: VirtualCamera, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["method"] != "POST":
            await send_response(send, 405, b"", {"allow": "POST"})
            return
        body = await read_body(receive, MAX_BODY_BYTES)
        if body is None:
            await send_response(send, 413, b"", {})
            return
        try:
            answer, status = encode_answer(self._answer(camera, scope, body)), 200
        except SoapFault as fault:
            answer, status = encode_fault(fault), 400 if fault.code == "Sender" else 500
        await send_response(send, status, answer, _SOAP_TYPE)

    def _answer(self, camera: VirtualCamera, scope: Scope, body: bytes) -> str:
        try:
            request = parse_envelope(body)
        except InvalidError as error:
            raise SoapFault("Sender", ("ter:WellFormed",), error.message) from error
        if self._tokens and request.name not in OPEN_TO_ALL:
            self._tokens.check(request.token)
        operation = OPERATIONS.get(request.name)
        if operation is None:
            raise SoapFault("Receiver", ("ter:ActionNotSupported",), "Not implemented")
        return operation(
            Call(
                request=request,
                camera=camera,
                feeds=self._feeds,
                base=f"http://{_host(scope)}/onvif/{camera.id}",
                stream=f"{self._stream_base}/{camera.id}",
                now=self._clock.now(),
                at_s=self._clock.monotonic_s(),
            )
        )

    async def _snapshot(self, camera: VirtualCamera, scope: Scope, send: Send) -> None:
        given = headers_of(scope).get("authorization")
        if self._digest and not self._digest.accepts(scope["method"], given):
            challenge = {"www-authenticate": self._digest.challenge()}
            await send_response(send, 401, b"", challenge)
            return
        picture = await self._feeds.still(camera)
        data = await asyncio.to_thread(_jpeg, picture)
        headers = {"content-type": "image/jpeg", "cache-control": "no-store"}
        await send_response(send, 200, data, headers)


def _host(scope: Scope) -> str:
    host, port = scope["server"]
    given = headers_of(scope).get("host", "")
    safe = given.replace(".", "").replace("-", "").replace(":", "").strip("[]").isalnum()
    return given if safe else f"{host}:{port}"


def _jpeg(picture: Picture) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=80)
    return out.getvalue()
