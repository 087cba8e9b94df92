"""Places in words, and the position that stands for one."""

from safetynet.app.see.words import number
from safetynet.base.geo import LonLat
from safetynet.sight.model import Area, Disc, Moving, Place, Stretch, Where


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
