"""Surveyed poses: a CSV of what somebody measured at cameras. Worker only.

A column of azimuths (``azimuth_deg`` or 방위각) makes a table one; each row has the ``id`` of a camera, a
position, or both. What was not measured is left empty. A value that cannot be refuses its row.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from safetynet.city.ingest.frame import Frame
from safetynet.city.ingest.points import PAIRS
from safetynet.city.ingest.repair import read_number
from safetynet.city.ingest.report import Tally
from safetynet.city.ingest.text import Table, normalise
from safetynet.city.model import CameraKind

AZIMUTH_COLUMNS = ("azimuth_deg", "azimuth", "방위각")
ID_COLUMNS = ("id", "camera_id", "카메라id")
KIND_COLUMNS = ("kind", "종류")
ZONES_COLUMNS = ("zones", "가림구역")
NAME_COLUMNS = ("name", "place", "설치위치")
_KINDS = {
    "fixed": CameraKind.FIXED, "고정": CameraKind.FIXED, "고정형": CameraKind.FIXED,
    "ptz": CameraKind.PTZ, "회전": CameraKind.PTZ, "회전형": CameraKind.PTZ,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Value:
    """A number of a row: the columns that may hold it, and its limits."""

    columns: tuple[str, ...]
    low: float
    high: float


_VALUES = {
    "azimuth_deg": _Value(columns=AZIMUTH_COLUMNS, low=-360, high=360),
    "tilt_deg": _Value(columns=("tilt_deg", "tilt", "부각"), low=-90, high=90),
    "roll_deg": _Value(columns=("roll_deg", "roll"), low=-180, high=180),
    "height_m": _Value(columns=("height_m", "height", "설치높이"), low=0.5, high=300),
    "hfov_deg": _Value(columns=("hfov_deg", "hfov", "수평화각", "화각"), low=1, high=360),
    "focal_mm": _Value(columns=("focal_mm", "초점거리"), low=0.5, high=2000),
    "sensor_mm": _Value(columns=("sensor_mm", "sensor_width_mm", "센서폭"), low=1, high=60),
    "width_px": _Value(columns=("width_px",), low=160, high=20_000),
    "height_px": _Value(columns=("height_px",), low=120, high=20_000),
    "night_range_m": _Value(columns=("night_range_m", "night_range", "야간거리"), low=0, high=5000),
    "azimuth_sd_deg": _Value(columns=("azimuth_sd_deg",), low=0, high=180),
    "tilt_sd_deg": _Value(columns=("tilt_sd_deg",), low=0, high=90),
    "position_sd_m": _Value(columns=("position_sd_m",), low=0, high=1000),
}
Zone = tuple[float, float, float, float]
"""From and to (compass), near and far (m)."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """One usable row."""

    line: int
    id: str
    """Empty where the row names none."""
    at: tuple[float, float] | None
    """Degrees of longitude and latitude."""
    values: dict[str, float]
    """By the names of the columns of ``Cameras``."""
    kind: CameraKind | None
    zones: tuple[Zone, ...]
    name: str


def is_survey(table: Table) -> bool:
    """True for a table with azimuths, and cameras or positions that have them."""
    whose = table.find_column(*ID_COLUMNS) is not None or bool(_positions(table))
    return whose and table.find_column(*AZIMUTH_COLUMNS) is not None


def read_survey(table: Table, tally: Tally, frame: Frame) -> list[Survey]:
    """The usable rows in file order; the tally hears of all others."""
    rows, seen = [], set()
    for line, row in table.rows:
        tally.rows_read += 1
        try:
            survey = _read_row(table, line, row, frame)
            if survey.id and survey.id in seen:
                raise _RowError("this camera stands in an earlier row")
            seen.add(survey.id)
            rows.append(survey)
        except _RowError as e:
            tally.refuse(str(e), line, ",".join(row))
    tally.yields = len(rows)
    return rows


def hfov_of(focal_mm: float, sensor_mm: float) -> float:
    """Horizontal field of view of a lens without distortion, from focal length and sensor width."""
    return math.degrees(2 * math.atan(sensor_mm / (2 * focal_mm)))


class _RowError(ValueError):
    """Why a row cannot be used; said to the tally, never raised to callers."""


def _positions(table: Table) -> list[tuple[int, int]]:
    pairs = [(table.find_column(lat), table.find_column(lon)) for lat, lon in PAIRS]
    return [(lat, lon) for lat, lon in pairs if lat is not None and lon is not None]


def _read_row(table: Table, line: int, row: list[str], frame: Frame) -> Survey:
    def cell(columns: tuple[str, ...]) -> str:
        at = table.find_column(*columns)
        return row[at].strip() if at is not None and at < len(row) else ""

    survey = Survey(
        line=line,
        id=cell(ID_COLUMNS),
        at=_read_position(table, row, frame),
        values=_read_values(cell),
        kind=_read_kind(cell(KIND_COLUMNS)),
        zones=_read_zones(cell(ZONES_COLUMNS)),
        name=cell(NAME_COLUMNS),
    )
    if not survey.id and survey.at is None:
        raise _RowError("neither a camera nor a position")
    if not (survey.values or survey.zones or (survey.id and survey.at)):
        raise _RowError("nothing measured")
    if survey.kind is not None and "azimuth_deg" not in survey.values:
        raise _RowError("a kind without an azimuth")
    return survey


def _read_position(table: Table, row: list[str], frame: Frame) -> tuple[float, float] | None:
    for lat_at, lon_at in _positions(table):
        if not (row[lat_at : lat_at + 1] and row[lon_at : lon_at + 1]):
            continue
        if not (row[lat_at].strip() or row[lon_at].strip()):
            continue
        lat, lon = read_number(row[lat_at]), read_number(row[lon_at])
        # A survey is not mended: whoever measured a pose knows where the camera is.
        if lat is None or lon is None or not frame.is_near(None, lon, lat):
            raise _RowError("far from the city")
        return lon, lat
    return None


def _read_values(cell: Callable[[tuple[str, ...]], str]) -> dict[str, float]:
    values = {}
    for name, value in _VALUES.items():
        text = cell(value.columns)
        number = read_number(text) if text else None
        if text and (number is None or not value.low <= number <= value.high):
            raise _RowError(f"impossible {name}")
        if number is not None:
            values[name] = number
    focal, sensor = values.pop("focal_mm", None), values.pop("sensor_mm", None)
    if "hfov_deg" not in values and focal and sensor:
        values["hfov_deg"] = hfov_of(focal, sensor)
    elif "hfov_deg" not in values and (focal or sensor):
        raise _RowError("focal length and sensor width only together give a field of view")
    if ("width_px" in values) != ("height_px" in values):
        raise _RowError("width and height of the picture only together")
    if "azimuth_deg" in values:
        values["azimuth_deg"] = (
            values["azimuth_deg"] % 360 % 360
        )  # a hair below 0 is 360 the first time
    return values


def _read_kind(text: str) -> CameraKind | None:
    if not text:
        return None
    try:
        return _KINDS[normalise(text)]
    except KeyError:
        raise _RowError("unknown kind") from None


def _read_zones(text: str) -> tuple[Zone, ...]:
    """``from-to:near-far`` in degrees and metres, several with semicolons between."""
    zones = []
    for part in (p.strip() for p in text.split(";")):
        if not part:
            continue
        try:
            sector, reach = part.split(":")
            from_deg, to_deg = (float(v) for v in sector.split("-"))
            near_m, far_m = (float(v) for v in reach.split("-"))
        except ValueError:
            raise _RowError("unreadable zones") from None
        if not (0 <= from_deg <= 360 and 0 <= to_deg <= 360 and 0 <= near_m < far_m < math.inf):
            raise _RowError("impossible zones")
        zones.append((from_deg, to_deg, near_m, far_m))
    return tuple(zones)
