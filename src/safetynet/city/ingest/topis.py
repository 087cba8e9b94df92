"""TOPIS links: a whole city's main roads with hourly speeds. Worker only."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import shapely

from safetynet.base.geo import Floats, Plane
from safetynet.city.bundle import NO_SPEEDS, Speeds
from safetynet.city.geometries import Geometries, lines_of
from safetynet.city.ingest.report import Tally
from safetynet.city.model import Origin, StreetClass, Streets
from safetynet.city.tables import shapes_of

LANE_M = 3.25
_MEDIAN_M = 2.0
_FAST = ("도시고속도로", "고속도로", "주간선도로", "자동차전용도로")
_PAIR_M = 40.0
_SAME_ROAD_M = 20.0
_SAME_WAY_DEG = 25.0
_HEADING_M = 10.0


def is_topis(collection: dict[str, Any]) -> bool:
    """True for line features with a link id and lanes."""
    first: dict[str, Any] = next(iter(collection["features"]), {})
    properties = first.get("properties") or {}
    return "link_id" in properties and ("lanes" in properties or "speed_kmh_01_24" in properties)


def read_topis(collection: dict[str, Any], plane: Plane, tally: Tally) -> tuple[Streets, Speeds]:
    """Streets and their speeds. The two directions of one road become one street.

    Speeds are 24 numbers, the first for the hour that ends at 01:00.
    """
    links = list(_links(collection, plane, tally))
    twin = _pair(links)
    kept = [i for i in range(len(links)) if twin.get(i, i) >= i]
    number = {i: n for n, i in enumerate(kept)}
    street, forward, kmh = [], [], []
    for i, (_, properties) in enumerate(links):
        speeds = properties.get("speed_kmh_01_24")
        if isinstance(speeds, list) and len(speeds) == 24:
            street.append(number[min(i, twin.get(i, i))])
            forward.append(i in number)
            kmh.append([np.nan if v is None else float(v) for v in speeds])
    tally.yields = len(kept)
    streets = Streets(
        line=shapes_of([links[i][0] for i in kept]),
        rank=np.array([_rank(links[i][1]) for i in kept], np.uint8),
        width_m=np.array([_width(links[i][1], i in twin) for i in kept], np.float64),
        name=tuple(str(links[i][1].get("road") or "") for i in kept),
        origin=np.full(len(kept), Origin.DECLARED, np.uint8),
        in_coverage=np.ones(len(kept), np.bool_),
    )
    return streets, Speeds(
        street=np.array(street, np.int32),
        forward=np.array(forward, np.bool_),
        kmh=np.array(kmh, np.float64).reshape(-1, 24),
    )


def _links(
    collection: dict[str, Any], plane: Plane, tally: Tally
) -> Iterator[tuple[Floats, dict[str, Any]]]:
    for n, feature in enumerate(collection["features"], 1):
        tally.rows_read += 1
        geometry = feature.get("geometry") or {}
        points = geometry.get("coordinates") or []
        if geometry.get("type") != "LineString" or len(points) < 2:
            tally.refuse("not a line", n, str(feature.get("properties", {}).get("link_id")))
            continue
        lonlat = np.array(points, np.float64)
        yield np.column_stack(plane.to_xy(lonlat[:, 0], lonlat[:, 1])), feature["properties"]


def _pair(links: list[tuple[Floats, dict[str, Any]]]) -> dict[int, int]:
    """Each link's other direction: same road, ends exchanged, lying side by side."""
    by_ends: dict[tuple[Any, ...], int] = {}
    twin: dict[int, int] = {}
    for i, (xy, p) in enumerate(links):
        j = by_ends.pop((p.get("road"), p.get("to"), p.get("from")), None)
        if j is not None and _apart(xy, links[j][0]) < _PAIR_M:
            twin[i], twin[j] = j, i
        else:
            by_ends[(p.get("road"), p.get("from"), p.get("to"))] = i
    return twin


def _apart(a: Floats, b: Floats) -> float:
    ends = np.abs(a[[0, -1]] - b[[-1, 0]])
    return float(np.hypot(ends[:, 0], ends[:, 1]).max())


def _rank(properties: dict[str, Any]) -> StreetClass:
    fast = str(properties.get("roadtype") or "") in _FAST
    return StreetClass.ARTERIAL if fast else StreetClass.COLLECTOR


def _width(properties: dict[str, Any], both_ways: bool) -> float:
    lanes = float(properties.get("lanes") or 2)
    return lanes * LANE_M * (2 if both_ways else 1) + _MEDIAN_M


def lend_speeds(main: Streets, speeds: Speeds, fine: Streets) -> Speeds:
    """The speeds of main roads for the streets of a finer source that are the same roads.

    A main street there whose middle lies within 20 m of a link and runs along it (within 25°) has
    the link's speeds, both directions of them also where it is only one carriageway. ``street``
    counts in ``fine``.
    """
    with_speed = np.unique(speeds.street)
    rows = np.flatnonzero(fine.rank <= StreetClass.COLLECTOR)
    if not len(with_speed) or not len(rows):
        return NO_SPEEDS
    links = lines_of(main.line)[with_speed]
    lines = lines_of(fine.line)[rows]
    middle = np.asarray(shapely.line_interpolate_point(lines, 0.5, normalized=True))
    near, link = shapely.STRtree(links).query_nearest(
        middle, max_distance=_SAME_ROAD_M, all_matches=False
    )
    along = _heading(links[link], middle[near]), _heading(lines[near], middle[near])
    cosine = (along[0] * along[1]).sum(axis=1)
    same = abs(cosine) > np.cos(np.radians(_SAME_WAY_DEG))
    street, lender, turned = rows[near[same]], with_speed[link[same]], cosine[same] < 0
    pair, row = np.nonzero(lender[:, None] == speeds.street[None, :])
    return Speeds(
        street=street[pair].astype(np.int32),
        forward=speeds.forward[row] ^ turned[pair],
        kmh=speeds.kmh[row],
    )


def _heading(lines: Geometries, near: Geometries) -> Floats:
    """(k, 2) unit vectors along the lines beside the points."""
    at = shapely.line_locate_point(lines, near)
    length = shapely.length(lines)
    ends = [
        shapely.get_coordinates(shapely.line_interpolate_point(lines, np.clip(at + d, 0, length)))
        for d in (-_HEADING_M, _HEADING_M)
    ]
    way = ends[1] - ends[0]
    return np.asarray(way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9))
