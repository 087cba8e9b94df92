"""The ground that rows are tried against: borders, declared districts, projected systems. Worker only."""

from functools import cached_property, lru_cache

import numpy as np
import pyproj
import shapely

from safetynet.base.geo import Plane
from safetynet.city.borders import Borders
from safetynet.city.ingest.repair import Area

NEAR_M = 2000.0
"""A point farther than this from the district it declares is not believed."""
SYSTEMS = ("EPSG:5186", "EPSG:5181", "EPSG:5179", "EPSG:5174")


class Frame:
    """Borders ready for many questions in degrees."""

    def __init__(self, borders: Borders, plane: Plane) -> None:
        self.borders = borders
        self.plane = plane
        self.area = self._area()
        self._by_name = {f.name_ko: i for i, f in enumerate(borders.facts)}
        self._near = [a.shape.simplify(20).buffer(NEAR_M, quad_segs=4) for a in borders.districts]
        self._whole = shapely.union_all(self._near)
        for shape in (*self._near, self._whole):
            shapely.prepare(shape)

    def find_district(self, text: str) -> int | None:
        """Index of the district that a text names (``중 구`` and ``서울특별시 중구`` both do)."""
        squeezed = "".join(text.split())
        if squeezed in self._by_name:
            return self._by_name[squeezed]
        for word in text.replace("(", " ").split()[:4]:
            name = word.removeprefix("서울특별시").removeprefix("서울시").removesuffix("청")
            if name in self._by_name:
                return self._by_name[name]
        return None

    def is_near(self, district: int | None, lon: float, lat: float) -> bool:
        """True within 2 km of the district, or of the city where none is declared."""
        x, y = self.plane.to_xy(lon, lat)
        ground = self._whole if district is None else self._near[district]
        return bool(shapely.contains_xy(ground, x, y))

    def project(self, x: float, y: float) -> tuple[str, float, float] | None:
        """The first of the Korean systems in which x, y lies in the city."""
        for system in SYSTEMS:
            lon, lat = self._transformers[system].transform(x, y)
            if self.area.holds(lon, lat) and self.is_near(None, lon, lat):
                return system, float(lon), float(lat)
        return None

    def share_inside(
        self, lon: list[float], lat: list[float], district: list[int | None]
    ) -> float | None:
        """Share of the points inside the district they declare; None where none is declared."""
        declared = np.array([-1 if d is None else d for d in district], np.int32)
        if not (declared >= 0).any():
            return None
        x, y = self.plane.to_xy(np.array(lon), np.array(lat))
        found = self.borders.locate(x, y)
        return float((found == declared)[declared >= 0].mean())

    @cached_property
    def _transformers(self) -> dict[str, pyproj.Transformer]:
        return {s: _transformer(s) for s in SYSTEMS}

    def _area(self) -> Area:
        boxes = np.array([a.shape.bounds for a in self.borders.districts])
        west, south = self.plane.to_lonlat(boxes[:, 0].min() - NEAR_M, boxes[:, 1].min() - NEAR_M)
        east, north = self.plane.to_lonlat(boxes[:, 2].max() + NEAR_M, boxes[:, 3].max() + NEAR_M)
        return Area(west=west, south=south, east=east, north=north)


@lru_cache(maxsize=8)
def _transformer(system: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(system, "EPSG:4326", always_xy=True)
