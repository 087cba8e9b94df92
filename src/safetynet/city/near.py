"""How far places are from districts, in plain NumPy: who stands at whose border."""

import math
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np

from safetynet.base.geo import Floats, LonLat, Plane
from safetynet.base.ids import NodeId
from safetynet.city.bundle import PLACES, Places, read_manifest
from safetynet.city.model import Bools, District
from safetynet.city.rings import away_from, is_inside

BORDER_M = 300.0
"""What is this near to a district is at its border: a camera there may show what happens inside."""
CELL_M = 100.0
REMEMBERED_CELLS = 131_072
"""All of a city like Seoul is some 60,000."""


class Surroundings:
    """The districts of one city, ready for questions about distances."""

    def __init__(self, districts: Iterable[District], plane: Plane) -> None:
        self._plane = plane
        self._rings: dict[NodeId, list[Floats]] = {}
        self._boxes: dict[NodeId, Floats] = {}
        for district in districts:
            degrees = [np.asarray(ring, np.float64) for ring in district.border]
            rings = [np.column_stack(plane.to_xy(ring[:, 0], ring[:, 1])) for ring in degrees]
            corners = np.concatenate(rings)
            self._rings[district.node] = rings
            self._boxes[district.node] = np.stack([corners.min(axis=0), corners.max(axis=0)])
        self._cell = lru_cache(REMEMBERED_CELLS)(self._look_at_cell)

    def is_near(self, node: NodeId, at: LonLat, within_m: float = BORDER_M) -> bool:
        """True for a place inside a district, or this near to it; False for a district not known."""
        x, y = self._plane.to_xy(at.lon, at.lat)
        return self._is_near(node, np.array([x, y]), within_m)

    def which_near(
        self, node: NodeId, lon: Floats, lat: Floats, within_m: float = BORDER_M
    ) -> Bools:
        """The same of many places: one value each."""
        near = np.zeros(len(lon), np.bool_)
        if (box := self._boxes.get(node)) is None:
            return near
        here = np.column_stack(self._plane.to_xy(lon, lat))
        inside = (here >= box[0] - within_m) & (here <= box[1] + within_m)
        for i in np.flatnonzero(inside.all(axis=1)):
            near[i] = self._is_near(node, here[i], within_m)
        return near

    def list_near(self, at: LonLat) -> frozenset[NodeId]:
        """Every district that holds a place or has it at its border.

        Most places lie in a cell that is so as a whole, which is worked out once.
        """
        x, y = self._plane.to_xy(at.lon, at.lat)
        sure, unsure = self._cell(math.floor(x / CELL_M), math.floor(y / CELL_M))
        if not unsure:
            return sure
        here = np.array([x, y])
        return sure.union(node for node in unsure if self._is_near(node, here, BORDER_M))

    def list_neighbours(self, node: NodeId) -> frozenset[NodeId]:
        """Other districts whose border comes within ``BORDER_M`` of this one."""
        found = set()
        for other in self._rings.keys() - {node}:
            corners = np.concatenate(self._rings[other])
            if any(self._is_near(node, corner, BORDER_M) for corner in corners):
                found.add(other)
        return frozenset(found)

    def _look_at_cell(self, i: int, j: int) -> tuple[frozenset[NodeId], tuple[NodeId, ...]]:
        """The districts that are near to all of a cell, and those that are near to some of it."""
        middle = np.array([(i + 0.5) * CELL_M, (j + 0.5) * CELL_M])
        reach_m = CELL_M * math.sqrt(0.5)
        some = [n for n in self._rings if self._is_near(n, middle, BORDER_M + reach_m)]
        every = frozenset(n for n in some if self._is_near(n, middle, BORDER_M - reach_m))
        return every, tuple(n for n in some if n not in every)

    def _is_near(self, node: NodeId, here: Floats, within_m: float) -> bool:
        if (box := self._boxes.get(node)) is None:
            return False
        if (here < box[0] - within_m).any() or (here > box[1] + within_m).any():
            return False
        x, y = float(here[0]), float(here[1])
        rings = self._rings[node]
        return any(is_inside(x, y, ring) for ring in rings) or any(
            away_from(here, ring) <= within_m for ring in rings
        )


def read_surroundings(folder: Path) -> Surroundings:
    """The districts of a bundle, without the rest of it; raises ``NotFoundError``, ``InvalidError``."""
    manifest = read_manifest(folder)
    places = msgspec.json.decode((folder / PLACES).read_bytes(), type=Places)
    return Surroundings(places.districts, Plane(manifest.origin))
