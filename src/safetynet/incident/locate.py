"""Where a report's place is, and how well that is known. Pure."""

import math
from typing import Final, Protocol

import msgspec

from safetynet.base.geo import LonLat, Plane
from safetynet.incident.model import IncidentPlace, PlaceOrigin, Report


class Area(Protocol):
    """A legal dong, as ``city.model.Dong`` is."""

    @property
    def centre(self) -> LonLat:
        """A point inside."""
        ...

    @property
    def radius_m(self) -> float:
        """Around the centre; holds 95 % of the places in question."""
        ...


class Gazetteer(Protocol):
    """Knows the city's areas by legal-dong code."""

    def find_dong(self, code: str) -> Area | None:
        """The area of a ten-digit code; of one that ends in zeros, the whole town or district."""
        ...


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """The city's outer box in degrees."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, at: LonLat) -> bool:
        """True inside or on the edge."""
        return self.west <= at.lon <= self.east and self.south <= at.lat <= self.north

    @property
    def centre(self) -> LonLat:
        """The middle of the box."""
        return LonLat((self.west + self.east) / 2, (self.south + self.north) / 2)

    @property
    def radius_m(self) -> float:
        """From the middle to a corner."""
        return math.hypot(*Plane(self.centre).to_xy(self.east, self.north))


ERROR_M: Final = {"119": 20.0, "112": 50.0}
"""Radius (95 %) of a position whose sender does not say how sure it is. Assumed: a 119 dispatch
position is an address or a handset's GNSS checked by the call-taker (20 m); a 112 position is more
often a handset's GNSS or Wi-Fi alone (50 m)."""
OTHER_ERROR_M: Final = 50.0
LEAST_ERROR_M: Final = 1.0
_M_PER_DEGREE: Final = 111_320.0


def locate(report: Report, gazetteer: Gazetteer, bounds: Bounds) -> IncidentPlace:
    """The place of a report: its position; else its legal dong; else somewhere in the city.

    A position outside the city is tried with longitude and latitude swapped. Never fails: the
    worst answer is the whole city as uncertainty, marked UNKNOWN.
    """
    at, origin = _usable(report.at, bounds)
    if at is not None:
        return _place(report, at, _error_m(report, at), origin)
    area = _find_area(report.dong_code, gazetteer)
    if area is not None:
        return _place(report, area.centre, area.radius_m, PlaceOrigin.LEGAL_DONG)
    return _place(report, bounds.centre, bounds.radius_m, PlaceOrigin.UNKNOWN)


def _usable(at: LonLat | None, bounds: Bounds) -> tuple[LonLat | None, PlaceOrigin]:
    if at is None:
        return None, PlaceOrigin.UNKNOWN
    if at.is_valid() and bounds.holds(at):
        return at, PlaceOrigin.REPORTED
    swapped = LonLat(at.lat, at.lon)
    if swapped.is_valid() and bounds.holds(swapped):
        return swapped, PlaceOrigin.SWAPPED
    return None, PlaceOrigin.UNKNOWN


def _error_m(report: Report, at: LonLat) -> float:
    """What the sender says; else its usual error, or that of its rounding where that is larger."""
    said = report.error_m
    if said is not None and math.isfinite(said) and said >= 0:
        return max(said, LEAST_ERROR_M)
    usual = ERROR_M.get(report.sender, OTHER_ERROR_M)
    return max(usual, _M_PER_DEGREE * 0.5 * 10.0 ** -max(_decimals(at.lon), _decimals(at.lat)))


def _decimals(degrees: float) -> int:
    return len(f"{degrees:.7f}".rstrip("0").partition(".")[2])


def _find_area(code: str, gazetteer: Gazetteer) -> Area | None:
    """By the code itself, then its town, then its district; None where no code is one."""
    if not (len(code) == 10 and code.isascii() and code.isdigit()):
        return None
    tries = dict.fromkeys((code, code[:8] + "00", code[:5] + "00000"))
    return next((area for c in tries if (area := gazetteer.find_dong(c)) is not None), None)


def _place(report: Report, at: LonLat, error_m: float, origin: PlaceOrigin) -> IncidentPlace:
    """As exactly as an entry keeps it (1e-7 degrees, millimetres): else the same word said again after
    the incident was read back would be another place."""
    return IncidentPlace(
        at=LonLat(round(at.lon * 1e7) / 1e7, round(at.lat * 1e7) / 1e7),
        error_m=round(error_m * 1000) / 1000,
        origin=origin,
        address=report.address,
        dong_code=report.dong_code,
    )
