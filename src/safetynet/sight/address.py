"""A range of road-name addresses as a stretch of street to look at."""

from safetynet.base.ids import NodeId
from safetynet.city.address import find_address_line
from safetynet.city.model import City
from safetynet.sight.model import Stretch


def find_stretch(
    city: City, street: str, low: int, high: int, district: NodeId | None = None
) -> Stretch:
    """The stretch of a street where the buildings numbered ``low`` to ``high`` stand.

    How far it may be wrong along the street, and why, is told by ``find_address_line``: some 50 m
    where cameras are listed under the street's addresses, and far more where the rule of numbering
    alone speaks. Raises ``NotFoundError`` and ``InvalidError`` as that does.
    """
    found = find_address_line(city, street, low, high, district)
    return Stretch(line=found.line, half_width_m=found.half_width_m)
