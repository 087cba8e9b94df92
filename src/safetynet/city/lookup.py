"""Where is this, and what is that code: lookups for the hub, in plain NumPy."""

import numpy as np

from safetynet.base.geo import LonLat
from safetynet.city.model import City, District, Dong
from safetynet.city.rings import away_from, is_inside

BORDER_M = 10.0
"""A place this near to a district belongs to it if no other holds it."""


class Gazetteer:
    """Districts and legal dongs of one city, ready for many questions."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._rings = [[np.asarray(ring) for ring in d.border] for d in city.districts]
        self._boxes = [
            (
                *np.min([r.min(axis=0) for r in rings], axis=0),
                *np.max([r.max(axis=0) for r in rings], axis=0),
            )
            for rings in self._rings
        ]
        self._by_code = {dong.code: dong for dong in city.dongs}
        self._centre = {
            d.node: [dong for dong in city.dongs if dong.district == d.node] for d in city.districts
        }

    def find_district(self, at: LonLat) -> District | None:
        """The district that holds the position, or whose border is within ``BORDER_M``; else None.

        Borders are simplified by some metres, so a place on one may lie between two districts.
        """
        return self._holder(at) or self._neighbour(at)

    def _holder(self, at: LonLat) -> District | None:
        for district, rings, box in zip(
            self._city.districts, self._rings, self._boxes, strict=True
        ):
            near = box[0] <= at.lon <= box[2] and box[1] <= at.lat <= box[3]
            if near and any(is_inside(at.lon, at.lat, ring) for ring in rings):
                return district
        return None

    def _neighbour(self, at: LonLat) -> District | None:
        metres = self._city.plane.to_xy
        here = np.array(metres(at.lon, at.lat))
        nearest, best = BORDER_M, None
        margin = BORDER_M / 80_000  # in degrees, on the safe side
        for district, rings, box in zip(
            self._city.districts, self._rings, self._boxes, strict=True
        ):
            if not (
                box[0] - margin <= at.lon <= box[2] + margin
                and box[1] - margin <= at.lat <= box[3] + margin
            ):
                continue
            for ring in rings:
                away = away_from(here, np.column_stack(metres(ring[:, 0], ring[:, 1])))
                if away < nearest:
                    nearest, best = away, district
        return best

    def find_dong(self, code: str) -> Dong | None:
        """The legal dong of a code of ten digits, or of its first eight; None where unknown."""
        digits = code.strip()
        if len(digits) == 8:
            digits += "00"
        return self._by_code.get(digits) or self._by_code.get(digits[:8] + "00")

    def find_dong_at(self, at: LonLat) -> Dong | None:
        """The dong of the position's district whose middle is nearest; None outside the city."""
        district = self.find_district(at)
        if district is None:
            return None
        x, y = self._city.plane.to_xy(at.lon, at.lat)

        def beyond(dong: Dong) -> float:
            dx, dy = self._city.plane.to_xy(dong.centre.lon, dong.centre.lat)
            return float(np.hypot(dx - x, dy - y)) / max(dong.radius_m, 1.0)

        return min(self._centre[district.node], key=beyond, default=None)


def find_district(city: City, at: LonLat) -> District | None:
    """One question; whoever asks often keeps a ``Gazetteer``."""
    return Gazetteer(city).find_district(at)


def find_dong(city: City, code: str) -> Dong | None:
    """One question; whoever asks often keeps a ``Gazetteer``."""
    return Gazetteer(city).find_dong(code)
