"""OpenStreetMap streets and buildings: XML (plain or gzip) and PBF. Worker only.

XML is read by a stream of our own: extracts from Overpass hold ``<member>`` elements with inner
points that strict readers refuse; relations are left out altogether.
"""

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from safetynet.base.geo import Floats, Plane
from safetynet.city.ingest.report import Tally
from safetynet.city.ingest.text import wrong
from safetynet.city.lattice import WIDTH_M
from safetynet.city.model import Buildings, Origin, StreetClass, Streets
from safetynet.city.rings import signed_area
from safetynet.city.tables import shapes_of

LEVEL_M = 3.2
"""Height of a storey where only storeys are given."""
LANE_M = 3.25
_RANKS = {
    "motorway": StreetClass.ARTERIAL, "trunk": StreetClass.ARTERIAL, "primary": StreetClass.ARTERIAL,
    "secondary": StreetClass.ARTERIAL, "motorway_link": StreetClass.COLLECTOR,
    "trunk_link": StreetClass.COLLECTOR, "primary_link": StreetClass.COLLECTOR,
    "secondary_link": StreetClass.COLLECTOR, "tertiary_link": StreetClass.COLLECTOR,
    "tertiary": StreetClass.COLLECTOR, "residential": StreetClass.LOCAL,
    "unclassified": StreetClass.LOCAL, "living_street": StreetClass.LOCAL, "road": StreetClass.LOCAL,
    "service": StreetClass.ALLEY, "pedestrian": StreetClass.PATH, "footway": StreetClass.PATH,
    "path": StreetClass.PATH, "steps": StreetClass.PATH, "cycleway": StreetClass.PATH,
    "track": StreetClass.PATH,
}  # fmt: skip
_TYPE_LEVELS = {"apartments": 12, "commercial": 6, "office": 8, "retail": 3, "hotel": 10, "house": 2,
    "hospital": 6, "school": 4, "garage": 1, "garages": 1, "shed": 1, "roof": 1, "kiosk": 1}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way with its points."""

    refs: list[int]
    lonlat: list[tuple[float, float]]
    tags: dict[str, str]


def read_ways(path: Path) -> list[Way]:
    """The streets and buildings of a file; a stop with a clear error where it is not OpenStreetMap data."""
    ways = _read_pbf(path) if path.suffix == ".pbf" else _read_xml(path)
    return [w for w in ways if "highway" in w.tags or w.tags.get("building", "no") != "no"]


def streets_of_ways(ways: list[Way], plane: Plane, tally: Tally) -> Streets:
    """Streets split where they cross."""
    known = [w for w in ways if w.tags.get("highway") in _RANKS and w.tags.get("area") != "yes"]
    uses = Counter(r for w in known for r in set(w.refs))
    lines, ranks, widths, names = [], [], [], []
    for way in known:
        rank = _RANKS[way.tags["highway"]]
        xy = _xy(way, plane)
        cuts = [i for i in range(1, len(xy) - 1) if uses[way.refs[i]] > 1]
        for a, b in zip([0, *cuts], [*cuts, len(xy) - 1], strict=True):
            if b > a:
                lines.append(xy[a : b + 1])
                ranks.append(rank)
                widths.append(_width(way, rank))
                names.append(way.tags.get("name:ko") or way.tags.get("name", ""))
    tally.yields += len(lines)
    n = len(lines)
    return Streets(
        line=shapes_of(lines),
        rank=np.array(ranks, np.uint8),
        width_m=np.array(widths, np.float64),
        name=tuple(names),
        origin=np.full(n, Origin.DECLARED, np.uint8),
        in_coverage=np.ones(n, np.bool_),
    )


def buildings_of_ways(ways: list[Way], plane: Plane, tally: Tally) -> Buildings:
    """Buildings; a missing height follows from storeys of 3.2 m, else from type and area (``assume_height``)."""
    shaped = []
    for n, way in enumerate(w for w in ways if w.tags.get("building", "no") != "no"):
        if len(way.lonlat) >= 4 and way.lonlat[0] == way.lonlat[-1]:
            shaped.append((_xy(way, plane)[:-1], way.tags))
        else:
            tally.refuse("footprint is not closed", n, str(way.tags.get("name", "")))
    return tabulate_buildings(shaped, tally)


def tabulate_buildings(shaped: list[tuple[Floats, dict[str, str]]], tally: Tally) -> Buildings:
    """A table of buildings from rings and tags; rings are turned counter-clockwise."""
    rings, heights, origins = [], [], []
    for n, (ring, tags) in enumerate(shaped):
        area = signed_area(ring)
        if abs(area) < 1:
            tally.refuse("footprint without area", n, tags.get("name", ""))
            continue
        height, origin = assume_height(tags, abs(area))
        if origin is Origin.ASSUMED:
            tally.reasons["height assumed (kept)"] += 1
        rings.append(ring if area > 0 else ring[::-1])
        heights.append(height)
        origins.append(origin)
    tally.yields += len(rings)
    return Buildings(
        ring=shapes_of(rings),
        height_m=np.array(heights, np.float64),
        height_origin=np.array(origins, np.uint8),
        origin=np.full(len(rings), Origin.DECLARED, np.uint8),
    )


def assume_height(tags: dict[str, str], area_m2: float) -> tuple[float, Origin]:
    """The declared height; else storeys × 3.2 m; else storeys by type; else by area (2 to 5 storeys)."""
    height = _number(tags.get("height", ""))
    if height and 1 <= height <= 700:
        return height, Origin.DECLARED
    levels = _number(tags.get("building:levels", ""))
    if levels and 1 <= levels <= 150:
        return levels * LEVEL_M, Origin.ASSUMED
    by_type = _TYPE_LEVELS.get(tags.get("building", ""))
    by_area = 2 if area_m2 < 80 else 3 if area_m2 < 200 else 4 if area_m2 < 600 else 5
    return (by_type or by_area) * LEVEL_M, Origin.ASSUMED


def _number(text: str) -> float | None:
    try:
        return float(text.removesuffix("m").strip())
    except ValueError:
        return None


def _width(way: Way, rank: StreetClass) -> float:
    width, lanes = _number(way.tags.get("width", "")), _number(way.tags.get("lanes", ""))
    if width and 1 <= width <= 80:
        return width
    return lanes * LANE_M if lanes and 1 <= lanes <= 16 else float(WIDTH_M[rank])


def _xy(way: Way, plane: Plane) -> Floats:
    lonlat = np.array(way.lonlat)
    return np.column_stack(plane.to_xy(lonlat[:, 0], lonlat[:, 1]))


def _read_xml(path: Path) -> list[Way]:
    nodes: dict[int, tuple[float, float]] = {}
    ways: list[Way] = []
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for element in _elements(file, path.name):
                if element.tag == "node":
                    nodes[int(element.attrib["id"])] = _point(element)
                elif element.tag == "way":
                    ways.append(_way(element, nodes))
    except (ElementTree.ParseError, OSError, EOFError, zlib.error, KeyError, ValueError) as e:
        raise wrong(path.name, f"it is not OpenStreetMap XML ({e})") from e
    return [w for w in ways if len(w.lonlat) >= 2]


def _elements(file: object, name: str) -> Iterator[ElementTree.Element]:
    root: ElementTree.Element | None = None
    for event, element in ElementTree.iterparse(file, events=("start", "end")):  # type: ignore[call-overload]  # gzip or plain
        if root is None:
            root = element
            if element.tag != "osm":
                raise wrong(name, "its root element is not <osm>")
        elif event == "end" and element.tag in ("node", "way", "relation"):
            yield element
            root.clear()


def _way(element: ElementTree.Element, nodes: dict[int, tuple[float, float]]) -> Way:
    refs, lonlat = [], []
    for nd in element.iter("nd"):
        ref = int(nd.attrib["ref"])
        point = _point(nd) if "lat" in nd.attrib else nodes.get(ref)
        if point is not None:
            refs.append(ref)
            lonlat.append(point)
    tags = {t.attrib["k"]: t.attrib["v"] for t in element.iter("tag")}
    return Way(refs=refs, lonlat=lonlat, tags=tags)


def _point(element: ElementTree.Element) -> tuple[float, float]:
    return float(element.attrib["lon"]), float(element.attrib["lat"])


def _read_pbf(path: Path) -> list[Way]:
    import osmium  # only for this format

    ways = []
    try:
        for way in osmium.FileProcessor(
            str(path), osmium.osm.NODE | osmium.osm.WAY
        ).with_locations():
            if isinstance(way, osmium.osm.Way):
                nodes = [n for n in way.nodes if n.location.valid()]
                ways.append(
                    Way(
                        refs=[n.ref for n in nodes],
                        lonlat=[(n.lon, n.lat) for n in nodes],
                        tags={t.k: t.v for t in way.tags},
                    )
                )
    except (RuntimeError, ValueError) as e:
        raise wrong(path.name, f"it is not OpenStreetMap PBF ({e})") from e
    return [w for w in ways if len(w.lonlat) >= 2]
