"""Places in words, and the position that stands for one."""

import msgspec

from safetynet.app.see.words import number
from safetynet.base.errors import InvalidError
from safetynet.base.geo import LonLat
from safetynet.city.address import read_address_range
from safetynet.city.model import City
from safetynet.sight.address import find_stretch
from safetynet.sight.model import Area, Disc, Moving, Place, Stretch, Where

AHEAD_S = 20.0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A place as the command line says it; None where it says nothing."""

    at: LonLat | None = None
    error_m: float = 0.0
    address: str | None = None
    """A range of road-name addresses instead of a position."""
    speed_mps: float | None = None
    """It moves."""
    heading_deg: float | None = None
    ahead_s: float | None = None


def read_where(asked: Asked, city: City) -> Where:
    """The place; raises ``InvalidError`` for two at once or none, and as ``find_stretch`` does."""
    alone = asked.error_m == 0 and asked.speed_mps is None
    if asked.speed_mps is None and (asked.heading_deg, asked.ahead_s) != (None, None):
        raise InvalidError("see.place", "a heading belongs to a speed")
    if asked.address is not None and asked.at is None and alone:
        found = read_address_range(asked.address)
        return find_stretch(city, found.street, found.low, found.high)
    if asked.address is not None or asked.at is None:
        raise InvalidError("see.place", "say LON LAT, or an address range alone")
    if asked.speed_mps is None:
        return Place(at=asked.at, error_m=asked.error_m)
    return Moving(
        at=asked.at,
        error_m=asked.error_m,
        speed_mps=asked.speed_mps,
        heading_deg=asked.heading_deg,
        ahead_s=AHEAD_S if asked.ahead_s is None else asked.ahead_s,
    )


def middle_of(where: Where) -> LonLat:
    """A position that stands for a place: what a line of sight is drawn to."""
    match where:
        case Area():
            points = where.ring
        case Stretch():
            points = (where.line[len(where.line) // 2],)
        case _:
            points = (where.at,)
    return LonLat(
        sum(p.lon for p in points) / len(points), sum(p.lat for p in points) / len(points)
    )


def where_text(where: Where) -> str:
    """A place in words."""
    match where:
        case Area():
            return f"somewhere in a polygon of {len(where.ring)} corners"
        case Stretch():
            return f"somewhere along a line of {len(where.line)} points"
        case Disc():
            return f"somewhere within {number(where.radius_m)} m of {at_text(where.at)}"
        case Moving():
            return f"moving at {number(where.speed_mps)} m/s from {at_text(where.at)}"
        case Place():
            error = f" ± {number(where.error_m)} m" if where.error_m else ""
            return f"at {at_text(where.at)}{error}"


def at_text(at: LonLat) -> str:
    """Degrees to a metre."""
    return f"{at.lon:.5f}, {at.lat:.5f}"
