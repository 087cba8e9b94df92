"""ONVIF devices, warm: descriptions parsed once, clients kept, so that a command leaves at once."""

import asyncio
from collections import OrderedDict
from typing import Protocol

import msgspec

from safetynet.video.ipc import Source

_KEPT = 256


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """A PTZ's position in ONVIF's generic spaces."""

    pan: float
    tilt: float
    zoom: float


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What ``GetStatus`` says."""

    position: Position
    moving: bool | None
    """None where the device does not tell."""


class Device(Protocol):
    """One camera's ONVIF services; connects on first use. Raises ``UnavailableError`` ``camera.onvif``."""

    async def set_synchronization_point(self) -> None:
        """Have the camera send a key frame now."""
        ...

    async def move(self, to: Position) -> None:
        """Begin to turn there."""
        ...

    async def status(self) -> Status:
        """Where it stands now."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


class Devices:
    """The devices used last, each kept open; the one unused for longest is closed first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Source, Device] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    async def prewarm(self) -> None:
        """Load what speaks ONVIF and parse its descriptions (a second of CPU) before anybody is in a hurry."""
        from safetynet.video.soap import prewarm

        await prewarm()

    def of(self, source: Source) -> Device:
        """The device of a source that has an ``onvif_url``."""
        device = self._kept.pop(source, None) or _make(source)
        self._kept[source] = device
        if len(self._kept) > _KEPT:
            _, oldest = self._kept.popitem(last=False)
            task = asyncio.create_task(oldest.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        return device

    async def ask_key_frame(self, source: Source) -> None:
        """Have the camera send a key frame now."""
        await self.of(source).set_synchronization_point()

    async def close(self) -> None:
        """Close them all."""
        await asyncio.gather(*(d.close() for d in self._kept.values()), *self._closing)
        self._kept.clear()


def _make(source: Source) -> Device:
    # Only now: a worker whose cameras are not reached by ONVIF does without SOAP, and is half as large.
    from safetynet.video.soap import SoapDevice

    return SoapDevice(source)
