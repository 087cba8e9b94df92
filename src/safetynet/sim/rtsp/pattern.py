"""A moving test picture, to try cameras without a city."""

import threading
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from safetynet.base.ids import CameraId
from safetynet.city.model import PICTURE_PX
from safetynet.sim.camera import Pose


class MovingBars:
    """Grey bars that wander with the clock, under a band whose red says where the camera looks.

    ``rendered`` counts the pictures of each camera.
    """

    def __init__(self) -> None:
        self.rendered: dict[CameraId, int] = {}
        self._lock = threading.Lock()

    def render(
        self, camera: CameraId, pose: Pose, at: datetime, scale: int = 1
    ) -> NDArray[np.uint8]:
        """The picture; its top quarter has red = azimuth · 255 / 360, green = tilt, blue 128."""
        with self._lock:
            self.rendered[camera] = self.rendered.get(camera, 0) + 1
        width, height = PICTURE_PX[0] // scale, PICTURE_PX[1] // scale
        shift = at.timestamp() * 200 / scale
        bars = ((np.arange(width) * scale + shift) // 40 % 2 * 160 + 40).astype(np.uint8)
        picture = np.empty((height, width, 3), np.uint8)
        picture[:] = bars[None, :, None]
        tilt = min(max(pose.tilt_deg, 0), 90) * 255 / 90
        picture[: height // 4] = (int(pose.azimuth_deg * 255 / 360), int(tilt), 128)
        return picture
