"""A district's own list of cameras: a CSV file that its operator keeps.

One camera a row, columns by name in any order; ``id``, ``lon`` and ``lat`` must be there, what is left
empty or has no column is not known. UTF-8, as a spreadsheet writes it, with or without a byte order mark.
"""

import csv
import io
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from safetynet.base.errors import InvalidError, NotFoundError
from safetynet.base.geo import LonLat
from safetynet.base.ids import CameraId
from safetynet.city.kinds import CameraKind, Origin
from safetynet.federation.catalogue import MAX_CAMERAS
from safetynet.federation.messages import CameraRecord, ZoneRecord

KINDS = {"": CameraKind.FIXED, "fixed": CameraKind.FIXED, "ptz": CameraKind.PTZ}
NUMBERS: Mapping[str, tuple[float, float]] = {
    "lon": (-180, 180),
    "lat": (-90, 90),
    "height_m": (0.5, 300),
    "azimuth_deg": (-360, 360),
    "tilt_deg": (-90, 90),
    "hfov_deg": (1, 360),
    "roll_deg": (-180, 180),
    "width_px": (160, 20_000),
    "height_px": (120, 20_000),
    "azimuth_sd_deg": (0, 180),
    "tilt_sd_deg": (0, 90),
    "position_sd_m": (0, 1000),
    "night_range_m": (0, 5000),
}
"""Columns that hold a number, and what it may be."""
TEXTS = ("id", "name", "kind", "zones")
HEIGHT_M, TILT_DEG, HFOV_DEG = 5.0, 15.0, 60.0
"""Of a camera of which the list does not say it."""
_ID_CHARACTERS, _NAME_CHARACTERS, _ZONES = 64, 200, 32


def read_list(path: Path) -> list[CameraRecord]:
    """The cameras of a list.

    Raises ``NotFoundError`` ``cameras.unreadable``, and ``InvalidError`` that names line and column: a list
    with one bad row is refused whole, so that a half-written file takes no camera away.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFoundError("cameras.unreadable", str(error), path=str(path)) from error
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    found: dict[CameraId, CameraRecord] = {}
    try:
        _check_columns(rows.fieldnames or ())
        for row in rows:
            record = _record(row, rows.line_num)
            if record.id in found:
                raise _bad("stands twice", rows.line_num, "id")
            found[record.id] = record
    except csv.Error as error:
        raise _bad(str(error), rows.line_num, "") from error
    if not found or len(found) > MAX_CAMERAS:
        raise InvalidError(
            "cameras.count", f"a list has from 1 to {MAX_CAMERAS} cameras", count=len(found)
        )
    return list(found.values())


def _check_columns(names: Iterable[str]) -> None:
    columns = set(names)
    for needed in ("id", "lon", "lat"):
        if needed not in columns:
            raise _bad("the column is missing", 1, needed)
    for unknown in sorted(columns - {*NUMBERS, *TEXTS}):
        raise _bad("there is no such column", 1, unknown)


def _record(row: Mapping[str, str | None], line: int) -> CameraRecord:
    if None in row.values() or None in row:
        raise _bad("the row has another number of cells than the head", line, "")
    cells = {name: (value or "").strip() for name, value in row.items()}
    numbers = {name: _number(cells.get(name, ""), name, line) for name in NUMBERS}
    camera = cells["id"]
    if not 0 < len(camera) <= _ID_CHARACTERS:
        raise _bad(f"an id has from 1 to {_ID_CHARACTERS} characters", line, "id")
    name = cells.get("name", "") or camera
    if len(name) > _NAME_CHARACTERS:
        raise _bad(f"a name has at most {_NAME_CHARACTERS} characters", line, "name")
    at = LonLat(_needed(numbers, "lon", line), _needed(numbers, "lat", line))
    kind = KINDS.get(cells.get("kind", "").lower())
    if kind is None:
        raise _bad("a kind is fixed or ptz", line, "kind")
    pose = _origin(numbers["tilt_deg"], numbers["hfov_deg"], numbers["azimuth_deg"])
    width, height = numbers["width_px"], numbers["height_px"]
    return CameraRecord(
        CameraId(camera),
        name,
        at.lon,
        at.lat,
        _or(numbers["height_m"], HEIGHT_M),
        _or(numbers["azimuth_deg"], math.nan) % 360,
        _or(numbers["tilt_deg"], TILT_DEG),
        _or(numbers["hfov_deg"], HFOV_DEG),
        int(kind),
        0,
        int(Origin.DECLARED),
        int(pose),
        int(_origin(numbers["azimuth_deg"])),
        int(_origin(numbers["height_m"])),
        roll_deg=_or(numbers["roll_deg"], 0.0),
        width_px=None if width is None else int(width),
        height_px=None if height is None else int(height),
        azimuth_sd_deg=numbers["azimuth_sd_deg"],
        tilt_sd_deg=numbers["tilt_sd_deg"],
        position_sd_m=numbers["position_sd_m"],
        night_range_m=numbers["night_range_m"],
        zones=_zones(cells.get("zones", ""), line),
    )


def _number(text: str, name: str, line: int) -> float | None:
    if not text:
        return None
    low, high = NUMBERS[name]
    try:
        value = float(text)
    except ValueError as error:
        raise _bad("is no number", line, name) from error
    if not low <= value <= high:
        raise _bad(f"must be from {low} to {high}", line, name)
    return value


def _needed(numbers: Mapping[str, float | None], name: str, line: int) -> float:
    value = numbers[name]
    if value is None:
        raise _bad("must be there", line, name)
    return value


def _zones(text: str, line: int) -> tuple[ZoneRecord, ...]:
    """``from to near far``, several separated by a semicolon."""
    zones = []
    for part in filter(None, (p.strip() for p in text.split(";"))):
        try:
            from_deg, to_deg, near_m, far_m = map(float, part.split())
        except ValueError as error:
            raise _bad("a zone is four numbers: from to near far", line, "zones") from error
        if not all(map(math.isfinite, (from_deg, to_deg, near_m, far_m))):
            raise _bad("a zone is four numbers: from to near far", line, "zones")
        zones.append(ZoneRecord(from_deg, to_deg, near_m, far_m))
    if len(zones) > _ZONES:
        raise _bad(f"a camera has at most {_ZONES} zones", line, "zones")
    return tuple(zones)


def _origin(*values: float | None) -> Origin:
    return Origin.ASSUMED if None in values else Origin.DECLARED


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _bad(message: str, line: int, column: str) -> InvalidError:
    return InvalidError("cameras.row", message, line=line, column=column)
