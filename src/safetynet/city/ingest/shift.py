"""Do given borders lie where the mapping agency's do? Worker only: shapely."""

import numpy as np
import shapely

from safetynet.city.borders import Area, Borders

SHIFTED_M = 60.0
"""A common displacement above this is another datum, not another year's survey."""


def measure_shift(given: Borders, reference: Borders) -> tuple[float, float]:
    """Median displacement (east, north) in metres of the areas that both know."""
    pairs = _common(given.dongs, reference.dongs) or _common(given.districts, reference.districts)
    if not pairs:
        return 0.0, 0.0
    ours = shapely.get_coordinates(shapely.centroid(np.array([a.shape for a, _ in pairs])))
    theirs = shapely.get_coordinates(shapely.centroid(np.array([b.shape for _, b in pairs])))
    east, north = np.median(ours - theirs, axis=0)
    return float(east), float(north)


def warn_of_shift(given: Borders, reference: Borders) -> str | None:
    """A warning for an operator where the borders themselves look shifted."""
    east, north = measure_shift(given, reference)
    size = float(np.hypot(east, north))
    if size < SHIFTED_M:
        return None
    return (
        f"the borders in {given.source} look shifted by {size:.0f} m "
        f"({east:+.0f} m east, {north:+.0f} m north of the mapping agency's); they are not used"
    )


def _common(a: tuple[Area, ...], b: tuple[Area, ...]) -> list[tuple[Area, Area]]:
    by_code = {area.code: area for area in b}
    return [(area, by_code[area.code]) for area in a if area.code in by_code]
