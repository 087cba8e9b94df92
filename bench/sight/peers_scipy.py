"""SciPy's k-d tree, in process: the nearest four."""

import numpy as np

from bench.sight.places import Places
from bench.sight.servers import NotHere
from bench.sight.times import IN_PROCESS, Row, time_each, times_row
from safetynet.base.geo import Floats
from safetynet.city.model import City


class Tree:
    """The nearest cameras by straight line; raises ``NotHere``."""

    def __init__(self, city: City) -> None:
        try:
            import scipy
            from scipy.spatial import KDTree
        except ImportError as error:
            raise NotHere("no SciPy: make bench-sight installs it") from error
        self._tree = KDTree(np.column_stack([city.cameras.x, city.cameras.y]))
        self.version = f"SciPy {scipy.__version__}"

    def measure(self, places: Places, nearest_m: Floats, warm_up: int) -> dict[str, Row]:
        """One row."""
        if not np.allclose(self._tree.query(places.xy, 4)[0], nearest_m):
            raise AssertionError("the k-d tree answers wrongly")
        times = time_each(lambda at: self._tree.query(at, 4), places.xy, warm_up)
        return {"scipy_kdtree4": times_row(times, IN_PROCESS)}
