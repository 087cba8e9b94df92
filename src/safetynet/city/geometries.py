"""The city's tables as shapely geometries. Worker only: shapely."""

import numpy as np
import shapely
from numpy.typing import NDArray

from safetynet.base.geo import Floats
from safetynet.city.model import Shapes
from safetynet.city.tables import owners

Geometries = NDArray[np.object_]


def points(xy: Floats) -> Geometries:
    """(n,) shapely points."""
    return np.asarray(shapely.points(xy))


def lines_of(lines: Shapes) -> Geometries:
    """(n,) shapely lines."""
    return np.asarray(shapely.linestrings(lines.xy, indices=owners(lines)))


def polygons_of(rings: Shapes) -> Geometries:
    """(n,) shapely polygons."""
    lines = shapely.linearrings(rings.xy, indices=owners(rings))
    return np.asarray(shapely.polygons(np.asarray(lines)))
