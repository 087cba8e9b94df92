"""What is in sight by exact geometry: slow, plain, and sharing no code with ``sight``.

Every building is a prism. The segment from the lens to the place is cut with each footprint; a prism
that it passes hides everything below ``z + (roof - z) / t`` over the place, where ``t`` in (0, 1] tells
how far along the segment the cut begins (a roof above the lens) or ends (a roof below it). Where the city has
ground heights, a prism stands on the ground in the middle of its box; the ground itself hides nothing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from safetynet.base.geo import Floats
from safetynet.city.model import Buildings, Ground

Flags = NDArray[np.bool_]

_TURNS = np.linspace(0, 2 * np.pi, 12, endpoint=False)
_AROUND = np.stack([np.sin(_TURNS), np.cos(_TURNS)], axis=1)
MOVES = np.concatenate([_AROUND, _AROUND[::2] * 0.5])
"""Steps of 1 m and of half a metre from a place, all around."""


@dataclass(frozen=True, kw_only=True)
class Eye:
    """A lens: metres on the plane, and its height above the sea, or the plane where it is level."""

    x: float
    y: float
    z: float


class Oracle:
    """Sight lines between prisms."""

    def __init__(self, buildings: Buildings, ground: Ground | None = None) -> None:
        rings = [buildings.ring[i] for i in range(len(buildings))]
        self.shapes: Any = np.array([shapely.Polygon(ring) for ring in rings])
        box = shapely.bounds(self.shapes).reshape(-1, 4)
        self._ground = ground
        foot = self._ground_at((box[:, :2] + box[:, 2:]) / 2)
        self.roof = np.asarray(buildings.height_m, np.float64) + foot
        self._tree = shapely.STRtree(list(self.shapes))

    def lowest(self, eye: Eye, places: Floats) -> Floats:
        """(n,) lowest height in sight over the ground of each place (n, 2); at most 0: the ground is."""
        lowest = np.full(len(places), -np.inf)
        starts = np.broadcast_to([eye.x, eye.y], places.shape)
        lines: Any = shapely.linestrings(np.stack([starts, places], axis=1))
        line, shape = self._tree.query(lines, predicate="intersects")
        counts = ~self._holds(eye)[shape]
        line, shape = line[counts], shape[counts]
        cut: Any = shapely.intersection(lines[line], self.shapes[shape])
        passed = shapely.length(cut) > 1e-9
        ends, own = shapely.get_coordinates(cut[passed], return_index=True)
        line, shape = line[passed][own], shape[passed][own]
        t = np.hypot(*(ends - [eye.x, eye.y]).T) / shapely.length(lines)[line]
        height = eye.z + (self.roof[shape] - eye.z) / np.maximum(t, 1e-9)
        np.maximum.at(lowest, line, height)
        return lowest - self._ground_at(places)

    def sees(self, eye: Eye, places: Floats, height_m: float) -> Flags:
        """(n,) whether any part of an upright of that height is in sight."""
        return self.lowest(eye, places) < height_m

    def near_edge(self, eye: Eye, places: Floats, height_m: float) -> Flags:
        """(n,) whether a step of up to 1 m from the place changes the answer."""
        moved = (places[:, None, :] + MOVES).reshape(-1, 2)
        there = self.sees(eye, moved, height_m).reshape(len(places), len(MOVES))
        return np.asarray((there != self.sees(eye, places, height_m)[:, None]).any(axis=1))

    def _ground_at(self, places: Floats) -> Floats:
        if self._ground is None:
            return np.zeros(len(places))
        return self._ground.height_at(places[:, 0], places[:, 1])

    def _holds(self, eye: Eye) -> Flags:
        """Buildings that hold the lens below their roof: it hangs on them."""
        held = np.asarray(shapely.contains_xy(self.shapes, eye.x, eye.y), np.bool_)
        return held & (self.roof > eye.z)
