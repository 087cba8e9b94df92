"""Camera lists: both families of the national standard, and the 안심이 list. Worker only."""

from dataclasses import dataclass

import numpy as np
import shapely

from safetynet.base.ids import CameraId
from safetynet.city.ingest.frame import Frame
from safetynet.city.ingest.points import Point, has_position, read_points
from safetynet.city.ingest.repair import Reason, read_number
from safetynet.city.ingest.report import Tally
from safetynet.city.ingest.text import Table
from safetynet.city.model import CameraKind, Cameras, Origin

COUNT_COLUMNS = ("카메라대수", "camera_count", "cctv수량", "cctv수", "수량", "카메라수")
PLACE_COLUMNS = ("place", "소재지지번주소", "소재지도로명주소", "안심주소", "설치위치", "주소")
MAX_COUNT = 200
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
    count_at, place_at = table.find_column(*COUNT_COLUMNS), table.find_column(*PLACE_COLUMNS)
    owner = _owners(points, frame)
    sites = []
    for point, district in zip(points, owner, strict=True):
        count = _read_count(point, count_at, tally)
        if district < 0:
            tally.refuse(Reason.FAR_OFF, point.line, ",".join(point.row))
        elif count > 0:
            name = point.row[place_at].strip() if place_at is not None else ""
            sites.append(
                Site(lon=point.lon, lat=point.lat, district=district, count=count, name=name)
            )
    tally.yields = sum(s.count for s in sites)
    return sites


def join_sites(lists: list[tuple[Tally, list[Site]]], frame: Frame) -> list[Site]:
    """All lists as one: the longest first, from the others only poles that are not near one of it."""
    joined: list[Site] = []
    for tally, sites in sorted(lists, key=lambda pair: -len(pair[1])):
        known = _repeated(sites, joined, frame)
        for site, again in zip(sites, known, strict=True):
            if again:
                tally.merge(Reason.OTHER_LIST, 0, site.name)
                tally.yields -= site.count
            else:
                joined.append(site)
    return joined


def cameras_of(sites: list[Site], frame: Frame) -> Cameras:
    """One camera for each count, without a pose yet; rows at one point share a pole."""
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
    return Cameras(
        id=tuple(
            CameraId(f"{nodes[d]}-{k:05d}")
            for d, k in zip(district.tolist(), number.tolist(), strict=True)
        ),
        name=tuple(s.name for s in sites for _ in range(s.count)),
        district=district,
        x=np.repeat(x, count),
        y=np.repeat(y, count),
        height_m=np.zeros(n),
        azimuth_deg=np.zeros(n),
        tilt_deg=np.zeros(n),
        hfov_deg=np.zeros(n),
        kind=np.full(n, CameraKind.FIXED, np.uint8),
        pole=np.repeat(pole.reshape(-1), count).astype(np.int32),
        position_origin=np.full(n, Origin.DECLARED, np.uint8),
        pose_origin=np.full(n, Origin.ASSUMED, np.uint8),
    )


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


def _repeated(sites: list[Site], known: list[Site], frame: Frame) -> list[bool]:
    if not known or not sites:
        return [False] * len(sites)

    def points(of: list[Site]) -> list[shapely.Point]:
        return [shapely.Point(frame.plane.to_xy(s.lon, s.lat)) for s in of]

    near = shapely.STRtree(points(known)).query(
        points(sites), predicate="dwithin", distance=SAME_POLE_M
    )[0]
    hit = set(near.tolist())
    return [i in hit for i in range(len(sites))]
