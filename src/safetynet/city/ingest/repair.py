"""Mending positions by rule. Pure: numbers in, a position and a reason out."""

import math
import re
from collections.abc import Callable
from enum import StrEnum

import msgspec

Project = Callable[[float, float], "tuple[str, float, float] | None"]
"""Projected x, y to (system, lon, lat) inside the city; None where no known system fits."""


class Reason(StrEnum):
    """Why a row was mended, merged or refused."""

    SWAPPED = "latitude and longitude swapped"
    WHOLE_DEGREE = "wrong by whole degrees"
    DRAGGED = "number dragged by a spreadsheet"
    PROJECTED = "projected coordinates"
    ROUNDED = "rounded coordinates (kept)"
    NO_POSITION = "no position"
    LATITUDE_TWICE = "latitude copied into longitude"
    FAR_OFF = "far from the city"
    OTHER_DISTRICT = "far from its declared district"
    DUPLICATE = "exact duplicate"
    OTHER_LIST = "already in another list"
    BAD_COUNT = "number of cameras unreadable, taken as 1"
    ABSURD_COUNT = "impossible number of cameras"
    OTHER_DIRECTIONS = "other number of directions than of cameras (kept, without)"


class Area(msgspec.Struct, frozen=True, kw_only=True):
    """A box in degrees with the city inside, and a test of the ground that a row declares."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, lon: float, lat: float) -> bool:
        """True inside the box."""
        return self.west <= lon <= self.east and self.south <= lat <= self.north


class Position(msgspec.Struct, frozen=True):
    """A usable position; ``reason`` says how it was mended, None where it was right."""

    lon: float
    lat: float
    reason: Reason | None = None


_DECIMAL_COMMA = re.compile(r"[+-]?\d{1,3},\d{4,}")
"""37,5665 can only be a decimal comma; 450,123 groups thousands."""

Near = Callable[[float, float], bool]
"""True where (lon, lat) is in or near the district that the row declares."""


def mend_position(
    lon: float | None,
    lat: float | None,
    area: Area,
    near: Near,
    project: Project | None = None,
    before: tuple[float, float] | None = None,
) -> Position | Reason:
    """The position, mended where a rule allows exactly one reading; else the reason to refuse it.

    ``before`` is the row before as read (lon, lat): a value that continues it by whole steps with
    the same fraction was dragged by a spreadsheet.
    """
    if lon is None or lat is None or not (math.isfinite(lon) and math.isfinite(lat)):
        return Reason.NO_POSITION
    if lon == 0 or lat == 0:
        return Reason.NO_POSITION
    if area.holds(lon, lat):
        return Position(lon, lat) if near(lon, lat) else Reason.OTHER_DISTRICT
    if area.holds(lat, lon):
        return Position(lat, lon, Reason.SWAPPED) if near(lat, lon) else Reason.OTHER_DISTRICT
    if lon == lat:
        return Reason.LATITUDE_TWICE
    if project is not None and max(abs(lon), abs(lat)) > 1000:
        for x, y in ((lon, lat), (lat, lon)):
            found = project(x, y)
            if found is not None and near(found[1], found[2]):
                return Position(found[1], found[2], Reason.PROJECTED)
        return Reason.FAR_OFF
    return _mend_degrees(lon, lat, area, near, before)


def _mend_degrees(
    lon: float, lat: float, area: Area, near: Near, before: tuple[float, float] | None
) -> Position | Reason:
    fits = [
        (lon + dx, lat + dy)
        for dx in range(-9, 10)
        for dy in range(-9, 10)
        if (dx == 0) != (dy == 0) and area.holds(lon + dx, lat + dy) and near(lon + dx, lat + dy)
    ]
    if len(fits) != 1:
        return Reason.FAR_OFF
    x, y = (round(v, 9) for v in fits[0])
    dragged = before is not None and all(
        _same_fraction(a, b) for a, b in zip((lon, lat), before, strict=True)
    )
    return Position(x, y, Reason.DRAGGED if dragged else Reason.WHOLE_DEGREE)


def _same_fraction(a: float, b: float) -> bool:
    return abs((a - b) - round(a - b)) < 1e-9


def read_number(text: str) -> float | None:
    """A number with or without thousands separators, degree signs and spaces; None where there is none."""
    cleaned = text.strip().replace(" ", "").rstrip("°").replace("\u00a0", "")
    if _DECIMAL_COMMA.fullmatch(cleaned):
        cleaned = cleaned.replace(",", ".")
    try:
        value = float(cleaned.replace(",", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def is_rounded(lon: float, lat: float) -> bool:
    """True where both have at most four decimals: ten metres or worse."""
    return all(abs(v * 1e4 - round(v * 1e4)) < 1e-6 for v in (lon, lat))
