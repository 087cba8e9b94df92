"""What a lens has in its picture: pinhole cameras with square pixels, tilted, never rolled."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safetynet.base.geo import Floats
from safetynet.city.model import PICTURE_PX, PTZ, CameraKind, Cameras, Origin
from safetynet.sight.boxes import Index

Flags = NDArray[np.bool_]

HALF_WIDTH_PX = PICTURE_PX[0] / 2
ASPECT = PICTURE_PX[1] / PICTURE_PX[0]
_USED = 0.96
"""Part of the picture that counts; what stands at its very edge is not promised."""
_WIDEST_DEG = 170.0
"""A flat picture cannot be wider; declared wider fields (360° domes) count as this."""
_TRUST = {
    Origin.SURVEYED: 0.98,
    Origin.DECLARED: 0.92,
    Origin.ASSUMED: 0.85,
    Origin.SYNTHETIC: 0.98,
    Origin.LEARNED: 0.92,
}


_ALL = slice(None)


@dataclass(frozen=True, kw_only=True)
class Lenses:
    """Cameras as geometry, one row each; shape (n,), angles in radians."""

    x: Floats
    y: Floats
    z: Floats
    azimuth: Floats
    tilt: Floats
    """Downward positive."""
    tan_half: Floats
    """Tangent of half the horizontal field of view."""
    ptz: Flags
    usable: Flags
    """False where a value is missing or impossible: such a camera shows nothing."""
    trust: Floats
    """Probability that the camera stands and looks as the data say."""

    def __len__(self) -> int:
        return self.x.size

    def take(self, rows: Index) -> "Lenses":
        """The given rows."""
        return Lenses(**{name: value[rows] for name, value in vars(self).items()})

    def aimed(self, azimuth: Floats, tilt: Floats, tan_half: Floats) -> "Lenses":
        """The same cameras in other poses."""
        return Lenses(**{**vars(self), "azimuth": azimuth, "tilt": tilt, "tan_half": tan_half})


def read_lenses(cameras: Cameras, rows: Index | slice = _ALL) -> Lenses:
    """The geometry of a city's cameras, or of some; bad values make a camera unusable, never an error."""
    c = cameras
    columns = (c.x, c.y, c.height_m, c.azimuth_deg, c.tilt_deg, c.hfov_deg)
    numbers = [column[rows] for column in columns]
    finite = np.logical_and.reduce([np.isfinite(n) for n in numbers])
    x, y, z, azimuth, tilt, hfov = numbers
    usable = finite & (np.abs(tilt) <= 90) & (z >= 0) & (hfov >= 1) & (hfov <= 360)
    x, y, z, azimuth, tilt, hfov = (np.where(usable, n, 1.0) for n in numbers)
    trust = np.array([_TRUST[Origin(o)] for o in range(len(Origin))])
    return Lenses(
        x=x,
        y=y,
        z=z,
        azimuth=np.radians(azimuth % 360),
        tilt=np.radians(tilt),
        tan_half=np.tan(np.radians(np.minimum(hfov, _WIDEST_DEG)) / 2),
        ptz=np.asarray(c.kind[rows] == CameraKind.PTZ),
        usable=np.asarray(usable),
        trust=trust[c.pose_origin[rows]] * trust[c.position_origin[rows]],
    )


def span_in_picture(lens: Lenses, dx: Floats, dy: Floats) -> tuple[Floats, Floats]:
    """Heights above ground, from and to, that the picture holds on the plumb line over each place.

    ``lens`` has n rows; ``dx, dy`` (n, s) lead from the lens to the places. Where nothing is in
    the picture, from > to. Each edge of the picture is linear in the height, so this is exact.
    """
    sin_a, cos_a = _column(np.sin(lens.azimuth)), _column(np.cos(lens.azimuth))
    sin_t, cos_t = _column(np.sin(lens.tilt)), _column(np.cos(lens.tilt))
    half_w = _column(lens.tan_half) * _USED
    half_h = half_w * ASPECT
    along = dx * sin_a + dy * cos_a
    aside = np.abs(dx * cos_a - dy * sin_a)
    low = np.full(dx.shape, -np.inf)
    high = np.full(dx.shape, np.inf)
    bounds = (
        (cos_t + half_h * sin_t, along * (half_h * cos_t - sin_t)),
        (half_h * sin_t - cos_t, along * (half_h * cos_t + sin_t)),
        (sin_t, along * cos_t - aside / half_w),
        (sin_t, along * cos_t - 1e-6),
    )
    for factor, limit in bounds:  # each says: height · factor <= limit
        _narrow(low, high, np.broadcast_to(factor, dx.shape), limit)
    z = _column(lens.z)
    return low + z, high + z


def _narrow(low: Floats, high: Floats, factor: Floats, limit: Floats) -> None:
    level = np.abs(factor) < 1e-9
    bound = limit / np.where(level, 1.0, factor)
    np.minimum(high, np.where(factor >= 1e-9, bound, np.inf), out=high)
    np.maximum(low, np.where(factor <= -1e-9, bound, -np.inf), out=low)
    high[level & (limit < 0)] = -np.inf


def rows_px(lens: Lenses, dx: Floats, dy: Floats, z: Floats) -> tuple[Floats, Floats]:
    """Picture row of each point (px above the middle) and px per metre there; inf-free, (n, s)."""
    sin_t, cos_t = _column(np.sin(lens.tilt)), _column(np.cos(lens.tilt))
    along = dx * _column(np.sin(lens.azimuth)) + dy * _column(np.cos(lens.azimuth))
    drop = z - _column(lens.z)
    depth = np.maximum(along * cos_t - drop * sin_t, 0.1)
    focal_px = HALF_WIDTH_PX / _column(lens.tan_half)
    return focal_px * (along * sin_t + drop * cos_t) / depth, focal_px / depth


def narrowest(tan_half: Floats) -> Floats:
    """Tangent of half the field of view of PTZ cameras at full zoom."""
    return tan_half / PTZ.max_magnification


def _column(values: Floats) -> Floats:
    return values[:, None]
