"""Camera lists: both families of the national standard, and the 안심이 list. Worker only."""

from dataclasses import dataclass, replace

import numpy as np
import shapely

from safetynet.base.geo import Floats
from safetynet.base.ids import CameraId
from safetynet.city.ingest.facing import Facing, read_facing
from safetynet.city.ingest.frame import Frame
from safetynet.city.ingest.points import Point, has_position, read_points
from safetynet.city.ingest.repair import Reason, read_number
from safetynet.city.ingest.report import Tally
from safetynet.city.ingest.text import Table
from safetynet.city.model import UNCERTAINTY, CameraKind, Cameras, Origin

COUNT_COLUMNS = ("카메라대수", "camera_count", "cctv수량", "cctv수", "수량", "카메라수")
PLACE_COLUMNS = ("place", "소재지지번주소", "소재지도로명주소", "안심주소", "설치위치", "주소")
ELEMENTS_COLUMNS = ("카메라화소수", "화소수")
FACING_COLUMNS = ("촬영방면정보", "촬영방면", "촬영방향")
MAX_COUNT = 200
MIN_MPX, MAX_MPX = 0.1, 100.0
SAME_POLE_M = 20.0
"""A row of a second list this near to a pole of the first speaks of the same pole."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """A pole with its number of cameras."""

    lon: float
    lat: float
    district: int
    count: int
    name: str
    declared_mpx: float
    """Millions of picture elements; NaN where the list is silent."""
    facing: Facing


def is_camera_list(table: Table) -> bool:
    """True for a table with positions and a number of cameras."""
    return has_position(table) and table.find_column(*COUNT_COLUMNS) is not None


def kind_of(table: Table) -> str:
    """Which family a camera list belongs to."""
    if "wgs84위도" in table.columns:
        return "cctv standard 2"
    return "cctv standard" if "카메라대수" in table.columns else "cctv list"


def read_sites(table: Table, tally: Tally, frame: Frame) -> list[Site]:
    """The poles of a list; districts are the declared ones, else where the point lies."""
    points = read_points(table, tally, frame)
    count_at = table.find_column(*COUNT_COLUMNS)
    owner = _owners(points, frame)
    sites = []
    for point, district in zip(points, owner, strict=True):
        count = _read_count(point, count_at, tally)
        if district < 0:
            tally.refuse(Reason.FAR_OFF, point.line, ",".join(point.row))
        elif count > 0:
            sites.append(_site(point, district, count, table, tally))
    tally.yields = sum(s.count for s in sites)
    return sites


def join_sites(lists: list[tuple[Tally, list[Site]]], frame: Frame) -> list[Site]:
    """All lists as one: the longest first, from the others only poles that are not near one of it.

    A pole of which several lists speak has from the later ones what the first leaves out.
    """
    joined: list[Site] = []
    for tally, sites in sorted(lists, key=lambda pair: -len(pair[1])):
        known = _find_known(sites, joined, frame)
        for site, again in zip(sites, known, strict=True):
            if again is not None:
                tally.merge(Reason.OTHER_LIST, 0, site.name)
                tally.yields -= site.count
                joined[again] = _complete(joined[again], site)
            else:
                joined.append(site)
    return joined


def cameras_of(sites: list[Site], frame: Frame) -> Cameras:
    """One camera for each count; rows at one point share a pole.

    What the list does not say of a pose is NaN. A site's directions count where it names as many as
    it has cameras: which of two cameras looks the one way that is named, nobody knows.
    """
    order = sorted(range(len(sites)), key=lambda i: sites[i].district)
    sites = [sites[i] for i in order]
    count = np.array([s.count for s in sites], np.int32)
    lon, lat = np.array([s.lon for s in sites]), np.array([s.lat for s in sites])
    x, y = frame.plane.to_xy(lon, lat)
    _, pole = np.unique(np.round(np.column_stack([lon, lat]), 5), axis=0, return_inverse=True)
    district = np.repeat(np.array([s.district for s in sites], np.int32), count)
    n = len(district)
    first = np.searchsorted(district, district)
    number = np.arange(n) - first + 1
    nodes = [f.node for f in frame.borders.facts]
    azimuth, sd = _azimuths(sites)
    none = np.full(n, np.nan)
    origin = np.where(np.isnan(azimuth), Origin.ASSUMED, Origin.DECLARED).astype(np.uint8)
    return Cameras(
        id=tuple(
            CameraId(f"{nodes[d]}-{k:05d}")
            for d, k in zip(district.tolist(), number.tolist(), strict=True)
        ),
        name=tuple(s.name for s in sites for _ in range(s.count)),
        district=district,
        x=np.repeat(x, count),
        y=np.repeat(y, count),
        height_m=none,
        azimuth_deg=azimuth,
        tilt_deg=none,
        hfov_deg=none,
        kind=np.full(n, CameraKind.FIXED, np.uint8),
        pole=np.repeat(pole.reshape(-1), count).astype(np.int32),
        position_origin=np.full(n, Origin.DECLARED, np.uint8),
        pose_origin=np.full(n, Origin.ASSUMED, np.uint8),
        azimuth_origin=origin,
        azimuth_sd_deg=sd,
        declared_mpx=np.repeat(np.array([s.declared_mpx for s in sites], np.float64), count),
        all_round=np.repeat(np.array([s.facing.all_round for s in sites], np.bool_), count),
    )


def _site(point: Point, district: int, count: int, table: Table, tally: Tally) -> Site:
    def cell(*columns: str) -> str:
        at = table.find_column(*columns)
        return point.row[at].strip() if at is not None and at < len(point.row) else ""

    facing = read_facing(cell(*FACING_COLUMNS))
    if facing.directions_deg and len(facing.directions_deg) != count:
        tally.reasons[Reason.OTHER_DIRECTIONS] += 1
    return Site(
        lon=point.lon,
        lat=point.lat,
        district=district,
        count=count,
        name=cell(*PLACE_COLUMNS),
        declared_mpx=_read_mpx(cell(*ELEMENTS_COLUMNS)),
        facing=facing,
    )


def _read_mpx(text: str) -> float:
    """Millions of elements from a number of 만 (``200``), or of elements; NaN for none or nonsense."""
    number = read_number(text.removesuffix("만화소").removesuffix("만")) if text else None
    if number is None:
        return float("nan")
    mpx = number / (1e6 if number >= 100_000 else 100)
    return mpx if MIN_MPX <= mpx <= MAX_MPX else float("nan")


def _azimuths(sites: list[Site]) -> tuple[Floats, Floats]:
    """Azimuth of each camera, NaN where it is not declared, and its standard deviation."""
    azimuth, sd = [], []
    for site in sites:
        named = site.facing.directions_deg
        if len(named) == site.count:
            azimuth += list(named)
            sd += [site.facing.sd_deg(d) for d in named]
        else:
            azimuth += [np.nan] * site.count
            sd += [float(UNCERTAINTY[Origin.ASSUMED, 0])] * site.count
    return np.array(azimuth, np.float64), np.array(sd, np.float64)


def _read_count(point: Point, at: int | None, tally: Tally) -> int:
    text = point.row[at] if at is not None and at < len(point.row) else ""
    number = read_number(text) if text.strip() else None
    if number is None or number != int(number) or number < 1:
        tally.repair(Reason.BAD_COUNT, point.line, text)
        return 1
    if number > MAX_COUNT:
        tally.refuse(Reason.ABSURD_COUNT, point.line, text)
        return 0
    return int(number)


def _owners(points: list[Point], frame: Frame) -> list[int]:
    lon, lat = np.array([p.lon for p in points]), np.array([p.lat for p in points])
    lies = frame.borders.locate(*frame.plane.to_xy(lon, lat)) if points else np.zeros(0, np.int32)
    return [
        int(at) if p.district is None else p.district for p, at in zip(points, lies, strict=True)
    ]


def _complete(site: Site, other: Site) -> Site:
    silent = site.facing == Facing()
    return replace(
        site,
        declared_mpx=other.declared_mpx if np.isnan(site.declared_mpx) else site.declared_mpx,
        facing=other.facing if silent else site.facing,
    )


def _find_known(sites: list[Site], known: list[Site], frame: Frame) -> list[int | None]:
    """For each site the number of the known one that it repeats."""
    if not known or not sites:
        return [None] * len(sites)

    def points(of: list[Site]) -> list[shapely.Point]:
        return [shapely.Point(frame.plane.to_xy(s.lon, s.lat)) for s in of]

    site, same = shapely.STRtree(points(known)).query_nearest(
        points(sites), max_distance=SAME_POLE_M, all_matches=False
    )
    found = dict(zip(site.tolist(), same.tolist(), strict=True))
    return [found.get(i) for i in range(len(sites))]
