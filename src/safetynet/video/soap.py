"""An ONVIF device by SOAP. Loads half of the worker's memory: only ``device.Devices`` imports it, and only
where a camera is reached by ONVIF."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import aiohttp
import onvif
import zeep.exceptions
from onvif import ONVIFService

from safetynet.base.errors import UnavailableError
from safetynet.video.device import Position, Status
from safetynet.video.ipc import Source

_WSDL = Path(onvif.__file__).parent / "wsdl"
_DEVICE = ("devicemgmt.wsdl", "{http://www.onvif.org/ver10/device/wsdl}DeviceBinding")
_MEDIA = ("media.wsdl", "{http://www.onvif.org/ver10/media/wsdl}MediaBinding")
_PTZ = ("ptz.wsdl", "{http://www.onvif.org/ver20/ptz/wsdl}PTZBinding")
_MEDIA_NS = "http://www.onvif.org/ver10/media/wsdl"
_PTZ_NS = "http://www.onvif.org/ver20/ptz/wsdl"
_ANSWER_S = 3.0

# The package sets up the root logger on import; our lines are structlog's alone.
logging.getLogger().handlers.clear()
logging.getLogger().addHandler(logging.NullHandler())


class SoapDevice:
    """One camera's ONVIF services; connects on first use."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._connecting: asyncio.Task[None] | None = None
        self._services: list[ONVIFService] = []
        self._media: ONVIFService | None = None
        self._ptz: ONVIFService | None = None
        self._profile = ""

    async def connect(self) -> None:
        """Find the services and the first profile; once, whoever asks."""
        if self._connecting is None or (self._connecting.done() and self._profile == ""):
            self._connecting = asyncio.create_task(self._connect())
        await asyncio.shield(self._connecting)

    async def set_synchronization_point(self) -> None:
        """Have the camera send a key frame now."""
        await self.connect()
        await _call(self._media, "SetSynchronizationPoint", {"ProfileToken": self._profile})

    async def move(self, to: Position) -> None:
        """Begin to turn there (AbsoluteMove)."""
        await self.connect()
        position = {"PanTilt": {"x": to.pan, "y": to.tilt}, "Zoom": {"x": to.zoom}}
        await _call(
            self._ptz, "AbsoluteMove", {"ProfileToken": self._profile, "Position": position}
        )

    async def status(self) -> Status:
        """Where it stands now."""
        await self.connect()
        answer = await _call(self._ptz, "GetStatus", {"ProfileToken": self._profile})
        try:
            at, state = answer.Position, answer.MoveStatus
            zoom = at.Zoom.x if at.Zoom is not None else 0.0
            position = Position(pan=at.PanTilt.x, tilt=at.PanTilt.y, zoom=zoom)
            said = [s for s in (state.PanTilt, state.Zoom) if s] if state is not None else []
        except AttributeError as error:
            raise UnavailableError("camera.onvif", "the camera tells no position") from error
        return Status(position=position, moving="MOVING" in said if said else None)

    async def close(self) -> None:
        """Close its connections."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        services, self._services = self._services, []
        for service in services:
            await service.close()

    async def _connect(self) -> None:
        assert self._source.onvif_url is not None
        device = await self._open(_DEVICE, self._source.onvif_url)
        found = await _call(device, "GetServices", {"IncludeCapability": False})
        addresses = {s.Namespace: s.XAddr for s in found}
        self._media = await self._open(_MEDIA, addresses.get(_MEDIA_NS, self._source.onvif_url))
        if _PTZ_NS in addresses:
            self._ptz = await self._open(_PTZ, addresses[_PTZ_NS])
        profiles = await _call(self._media, "GetProfiles", {})
        if not profiles:
            raise UnavailableError("camera.onvif", "the camera has no profile")
        self._profile = profiles[0].token

    async def _open(self, kind: tuple[str, str], address: str) -> ONVIFService:
        wsdl, binding = kind
        service = ONVIFService(
            address,
            self._source.user,
            self._source.password,
            str(_WSDL / wsdl),
            binding_name=binding,
            no_cache=True,
        )
        self._services.append(service)
        await service.setup()
        return service


async def prewarm() -> None:
    """Parse the three service descriptions (about a second of CPU) before anybody is in a hurry."""
    device = SoapDevice(Source(rtsp_url="", onvif_url="http://127.0.0.1:9/"))
    for kind in (_PTZ, _MEDIA, _DEVICE):
        await device._open(kind, "http://127.0.0.1:9/")
    await device.close()


async def _call(service: ONVIFService | None, operation: str, request: dict[str, Any]) -> Any:
    """One SOAP call; foreign errors become ``UnavailableError``."""
    if service is None:
        raise UnavailableError("camera.onvif", "the camera has no such service")
    try:
        async with asyncio.timeout(_ANSWER_S):
            # zeep cannot sign without a name; the package names its unsigned calls by a prefix.
            name = operation if service.user else f"authless_{operation}"
            return await getattr(service, name)(request)
    except (
        onvif.ONVIFError,
        zeep.exceptions.Error,
        aiohttp.ClientError,
        TimeoutError,
        OSError,
    ) as error:
        raise UnavailableError(
            "camera.onvif",
            "the camera did not do as asked",
            call=operation,
            why=type(error).__name__,
        ) from error
