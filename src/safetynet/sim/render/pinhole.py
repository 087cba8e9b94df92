"""The camera as a pinhole: square pixels, no roll, no distortion."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from safetynet.base.geo import Floats
from safetynet.sim.camera import Pose

__all__ = ["NEAR_M", "Pinhole", "Pose"]

NEAR_M = 0.15
"""Nothing nearer to the lens than this is drawn."""


@dataclass(frozen=True, kw_only=True)
class Pinhole:
    """A lens at a place, and the window of its picture that is drawn.

    Pixel (column u, row v) has its centre at (u + ½, v + ½); all depths are *inverse* depths along
    the axis, which over any plane are linear in u and v.
    """

    x: float
    y: float
    height_m: float
    pose: Pose
    width_px: int = 1280
    height_px: int = 720
    left_px: int = 0
    """Window: first column, and so on; the whole picture by default."""
    top_px: int = 0
    columns: int = 1280
    rows: int = 720

    @cached_property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return self.width_px / 2 / math.tan(math.radians(self.pose.hfov_deg) / 2)

    @cached_property
    def basis(self) -> Floats:
        """(3, 3): rows are the picture's right, its down, and the axis, in east, north, up."""
        a, t = math.radians(self.pose.azimuth_deg), math.radians(self.pose.tilt_deg)
        sa, ca, st, ct = math.sin(a), math.cos(a), math.sin(t), math.cos(t)
        return np.array([[ca, -sa, 0.0], [-sa * st, -ca * st, -ct], [sa * ct, ca * ct, -st]])

    def to_camera(self, points: Floats) -> Floats:
        """World points (…, 3) to right, down, axis distances in metres."""
        moved: Floats = points - np.array([self.x, self.y, self.height_m])
        return moved @ self.basis.T

    def to_picture(self, seen: Floats) -> Floats:
        """Camera points (…, 3) in front of the lens to (…, 2) window coordinates."""
        scale = self.focal_px / seen[..., 2]
        u = self.width_px / 2 - self.left_px + seen[..., 0] * scale
        v = self.height_px / 2 - self.top_px + seen[..., 1] * scale
        return np.stack([u, v], axis=-1)

    def plane(self, normal: Floats, offset: Floats) -> Floats:
        """Inverse depth over planes as (…, 3) factors of (u, v, 1), u and v whole window pixels.

        ``normal`` (…, 3) in east, north, up; ``offset`` (…) is normal · (point of the plane - lens).
        """
        n = (normal @ self.basis.T) / offset[..., None]
        a, b = n[..., 0] / self.focal_px, n[..., 1] / self.focal_px
        u0 = self.left_px + 0.5 - self.width_px / 2
        v0 = self.top_px + 0.5 - self.height_px / 2
        return np.stack([a, b, n[..., 2] + a * u0 + b * v0], axis=-1)

    def wedge_deg(self) -> tuple[float, float]:
        """Compass sector of the drawn window, from the axis; ±180 where it sees the lens's own foot."""
        t = math.radians(self.pose.tilt_deg)
        left = (self.left_px - self.width_px / 2) / self.focal_px
        top = (self.top_px - self.height_px / 2) / self.focal_px
        right, bottom = left + self.columns / self.focal_px, top + self.rows / self.focal_px
        found = []
        for down in (top, bottom):
            ahead = math.cos(t) - down * math.sin(t)
            if ahead <= 1e-6:
                return -180.0, 180.0
            found += [math.degrees(math.atan2(side, ahead)) for side in (left, right)]
        return min(found), max(found)
