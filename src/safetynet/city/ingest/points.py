"""Rows with a position, whatever the family: reading, mending and merging them. Worker only."""

from dataclasses import dataclass

from safetynet.city.ingest.frame import Frame
from safetynet.city.ingest.repair import (
    Position,
    Reason,
    is_rounded,
    mend_position,
    read_number,
)
from safetynet.city.ingest.report import Tally
from safetynet.city.ingest.text import Table

PAIRS = (
    ("latitude", "longitude"),
    ("lat", "lon"),
    ("lat", "lng"),
    ("wgs84위도", "wgs84경도"),
    ("wgs84_lat", "wgs84_lot"),
    ("위도(epsg4326)", "경도(epsg4326)"),
    ("경위도y", "경위도x"),
    ("위도", "경도"),
    ("y좌표", "x좌표"),
    ("좌표y", "좌표x"),
    ("좌표정보y(epsg5179)", "좌표정보x(epsg5179)"),
    ("y", "x"),
)
"""Columns of latitude (or northing) and longitude (or easting), the most trustworthy first."""
DISTRICT_COLUMNS = ("gu", "구", "자치구", "시군구명", "시군구", "sgg_nm")
ADDRESS_COLUMNS = (
    "소재지도로명주소",
    "소재지지번주소",
    "도로명전체주소",
    "도로명주소",
    "주소",
    "관리기관명",
)


@dataclass(frozen=True, kw_only=True)
class Point:
    """A usable row."""

    line: int
    row: list[str]
    lon: float
    lat: float
    district: int | None
    """As declared by the row."""


def has_position(table: Table) -> bool:
    """True where the table has columns for a position."""
    return bool(_pairs(table))


def read_points(table: Table, tally: Tally, frame: Frame) -> list[Point]:
    """The usable rows in file order; the tally hears of all others."""
    pairs, seen, points = _pairs(table), set(), []
    named = [i for i in (table.find_column(c) for c in DISTRICT_COLUMNS) if i is not None]
    address = [i for i in (table.find_column(c) for c in ADDRESS_COLUMNS) if i is not None]
    before: tuple[float, float] | None = None
    for line, row in table.rows:
        tally.rows_read += 1
        what = ",".join(row)
        if tuple(row) in seen:
            tally.merge(Reason.DUPLICATE, line, what)
            continue
        seen.add(tuple(row))
        lat, lon = _numbers(row, pairs)
        district = _declared(row, named, address, frame)
        found = mend_position(
            lon,
            lat,
            frame.area,
            lambda x, y, d=district: frame.is_near(d, x, y),  # type: ignore[misc]  # bound early
            frame.project,
            before,
        )
        before = (lon, lat) if lon is not None and lat is not None else None
        if not isinstance(found, Position):
            tally.refuse(found, line, what)
            continue
        _note(found, tally, line, what)
        points.append(Point(line=line, row=row, lon=found.lon, lat=found.lat, district=district))
    tally.inside = frame.share_inside(
        [p.lon for p in points], [p.lat for p in points], [p.district for p in points]
    )
    return points


def _note(found: Position, tally: Tally, line: int, what: str) -> None:
    if found.reason is not None:
        tally.repair(found.reason, line, what)
    elif is_rounded(found.lon, found.lat):
        tally.reasons[Reason.ROUNDED] += 1


def _pairs(table: Table) -> list[tuple[int, int]]:
    found = []
    for lat, lon in PAIRS:
        if lat in table.columns and lon in table.columns:
            found.append((table.columns.index(lat), table.columns.index(lon)))
    return found


def _numbers(row: list[str], pairs: list[tuple[int, int]]) -> tuple[float | None, float | None]:
    for lat, lon in pairs:
        if max(lat, lon) < len(row):
            a, b = read_number(row[lat]), read_number(row[lon])
            if a and b:
                return a, b
    return None, None


def _declared(row: list[str], named: list[int], address: list[int], frame: Frame) -> int | None:
    for i in (*named, *address):
        district = frame.find_district(row[i]) if i < len(row) else None
        if district is not None:
            return district
    return None
