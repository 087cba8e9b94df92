"""What reaches a camera's sensor: the source's picture, or what its fault makes of it."""

from datetime import UTC, datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from safetynet.base.clock import Clock
from safetynet.base.ids import CameraId
from safetynet.city.model import PICTURE_PX
from safetynet.sim.camera import Fault, Pose, VirtualCamera

Picture = NDArray[np.uint8]
"""RGB, (height, width, 3)."""

_BLACK = np.zeros((PICTURE_PX[1], PICTURE_PX[0], 3), np.uint8)


class FrameSource(Protocol):
    """Whoever can say what a camera sees."""

    def render(self, camera: CameraId, pose: Pose, at: datetime, scale: int = 1) -> Picture:
        """The picture, (720 / scale, 1280 / scale, 3); called from several threads at once."""
        ...


class Lens:
    """One camera's view of the world, with its fault; used by the stream and by stills."""

    def __init__(self, camera: VirtualCamera, source: FrameSource, clock: Clock) -> None:
        self._camera = camera
        self._source = source
        self._clock = clock
        self._held: Picture | None = None

    def take(self, at_us: int, scale: int = 1) -> Picture:
        """The picture at that moment; blocks while it is rendered."""
        fault = self._camera.fault
        if fault is Fault.BLACK:
            return _BLACK
        if fault is Fault.FROZEN and self._held is not None:
            return self._held
        pose = self._camera.pose(self._clock.monotonic_s())
        at = datetime.fromtimestamp(at_us / 1e6, UTC)
        picture = self._source.render(self._camera.id, pose, at, scale)
        self._held = picture if fault is Fault.FROZEN else None
        return picture
