"""SciPy's k-d tree, in process: the nearest four."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from bench.measure.servers import NotHereError
from bench.measure.times import IN_PROCESS, Row, time_each, times_row
from bench.sight.places import Places

from safetynet.base.geo import Floats
from safetynet.city.model import City


@contextmanager
def open_scipy(city: City) -> Iterator["Tree"]:
    """A tree of every camera; raises ``NotHereError``."""
    try:
        import scipy
        from scipy.spatial import KDTree
    except ImportError as error:
        raise NotHereError("no SciPy: make bench-sight installs it") from error
    tree = KDTree(np.column_stack([city.cameras.x, city.cameras.y]))
    yield Tree(tree, f"SciPy {scipy.__version__}")


class Tree:
    """A tree that holds the cameras."""

    def __init__(self, tree: Any, version: str) -> None:
        self._tree = tree
        self.version = version

    def measure(self, places: Places, nearest_m: Floats, warm_up: int) -> dict[str, Row]:
        """One row."""
        if not np.allclose(self._tree.query(places.xy, 4)[0], nearest_m):
            raise AssertionError("the k-d tree answers wrongly")
        times = time_each(lambda at: self._tree.query(at, 4), places.xy, warm_up)
        return {"scipy_kdtree4": times_row(times, IN_PROCESS)}
