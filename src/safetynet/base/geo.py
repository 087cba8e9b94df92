"""Positions on the earth and on the city's flat plane."""

import math
from typing import TYPE_CHECKING, overload

import msgspec

if TYPE_CHECKING:  # a position alone needs no NumPy, and an idle district has none
    import numpy as np
    from numpy.typing import NDArray

type Floats = NDArray[np.float64]

_A_M = 6378137.0
_E2 = 6.69437999014e-3


class LonLat(msgspec.Struct, frozen=True):
    """A WGS84 position in degrees, longitude first as in GeoJSON."""

    lon: float
    lat: float

    def is_valid(self) -> bool:
        """True for finite values inside ±180/±90 that are not the (0, 0) of a missing position."""
        finite = math.isfinite(self.lon) and math.isfinite(self.lat)
        return (
            finite
            and abs(self.lon) <= 180
            and abs(self.lat) <= 90
            and (self.lon, self.lat) != (0, 0)
        )


class Plane:
    """A flat metric plane around an origin: x to the east, y to the north, in metres.

    Local radii of curvature of WGS84 at the origin; over Seoul (±20 km) lengths are true to
    0.2 %. Every part of the product uses this one plane, so positions agree exactly; whoever
    needs survey accuracy uses pyproj in a worker.
    """

    def __init__(self, origin: LonLat) -> None:
        self.origin = origin
        lat = math.radians(origin.lat)
        w = math.sqrt(1 - _E2 * math.sin(lat) ** 2)
        self._x_per_deg = math.radians(1) * _A_M / w * math.cos(lat)
        self._y_per_deg = math.radians(1) * _A_M * (1 - _E2) / w**3

    @overload
    def to_xy(self, lon: float, lat: float) -> tuple[float, float]: ...
    @overload
    def to_xy(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]: ...
    def to_xy(
        self, lon: float | Floats, lat: float | Floats
    ) -> tuple[float | Floats, float | Floats]:
        """Degrees to metres; scalars or arrays of one shape."""
        return (lon - self.origin.lon) * self._x_per_deg, (lat - self.origin.lat) * self._y_per_deg

    @overload
    def to_lonlat(self, x: float, y: float) -> tuple[float, float]: ...
    @overload
    def to_lonlat(self, x: Floats, y: Floats) -> tuple[Floats, Floats]: ...
    def to_lonlat(
        self, x: float | Floats, y: float | Floats
    ) -> tuple[float | Floats, float | Floats]:
        """Metres to degrees; the inverse of ``to_xy``."""
        return x / self._x_per_deg + self.origin.lon, y / self._y_per_deg + self.origin.lat


def azimuth_deg(dx: float, dy: float) -> float:
    """Compass direction of the vector (east, north): 0 north, 90 east, in [0, 360)."""
    return math.degrees(math.atan2(dx, dy)) % 360


def turn_deg(a: float, b: float) -> float:
    """Signed smallest turn from azimuth ``a`` to ``b``, in [-180, 180)."""
    return (b - a + 180) % 360 - 180
