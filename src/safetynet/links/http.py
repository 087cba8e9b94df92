"""A report by HTTP: from the fields of its JSON to a report, or a clear error that names the field."""

import math
from datetime import datetime, timedelta
from typing import Final

from safetynet.base.errors import InvalidError
from safetynet.base.geo import LonLat
from safetynet.base.ids import ReportId
from safetynet.incident.model import IncidentKind, Progress, Report
from safetynet.links.ucp.frame import SEOUL

MAX_KEY: Final = 64
MAX_TEXT: Final = 2000
GRADES: Final = ("", "CODE0", "CODE1", "CODE2", "CODE3", "CODE4")
FUTURE: Final = timedelta(minutes=10)
"""A sender's clock may be this far ahead of ours."""


def report_from_fields(
    *,
    report_id: ReportId,
    received_at: datetime,
    raw: bytes,
    sender: str,
    key: str,
    kind: IncidentKind,
    progress: int = 10,
    grade: str = "",
    detail: str = "",
    lon: float | None = None,
    lat: float | None = None,
    error_m: float | None = None,
    address: str = "",
    dong_code: str = "",
    occurred_at: datetime | None = None,
    drill: bool = False,
) -> Report:
    """The report that the fields make; a time without a zone is Korean.

    Raises InvalidError ``report.field`` with the name of the field. A position that may be wrong
    ((0, 0), swapped, outside the city) is taken as it is: locating mends it.
    """
    occurred = _time(occurred_at, received_at)
    return Report(
        id=report_id,
        sender=_word(sender, "sender", 16, of="0-9 A-Z"),
        key=_key(key),
        format="http",
        progress=_progress(progress),
        kind=kind,
        grade=_grade(grade),
        detail=_text(detail, "detail"),
        at=_position(lon, lat),
        error_m=_error_m(error_m),
        address=_text(address, "address"),
        dong_code=_dong_code(dong_code),
        occurred_at=occurred,
        received_at=received_at,
        drill=drill,
        raw=raw,
    )


def _wrong(field: str, message: str) -> InvalidError:
    return InvalidError("report.field", message, field=field)


def _word(text: str, field: str, longest: int, *, of: str) -> str:
    if not (
        0 < len(text) <= longest and text.isascii() and text.isalnum() and text.upper() == text
    ):
        raise _wrong(field, f"must be 1 to {longest} characters of {of}")
    return text


def _key(text: str) -> str:
    if not (0 < len(text) <= MAX_KEY and text.isprintable() and text.strip() == text):
        raise _wrong("key", f"must be 1 to {MAX_KEY} printable characters without outer spaces")
    return text


def _progress(code: int) -> Progress:
    try:
        return Progress(code)
    except ValueError as error:
        known = ", ".join(str(int(p)) for p in Progress)
        raise _wrong("progress", f"must be one of {known}") from error


def _grade(grade: str) -> str:
    if grade not in GRADES:
        raise _wrong("grade", "must be empty or CODE0 to CODE4")
    return grade


def _text(text: str, field: str) -> str:
    if len(text) > MAX_TEXT:
        raise _wrong(field, f"must be at most {MAX_TEXT} characters")
    return "".join(c for c in text if c >= " " or c == "\n").strip()


def _position(lon: float | None, lat: float | None) -> LonLat | None:
    if lon is None and lat is None:
        return None
    if lon is None or lat is None:
        raise _wrong("lon" if lon is None else "lat", "longitude and latitude go together")
    for field, value in (("lon", lon), ("lat", lat)):
        if not (math.isfinite(value) and abs(value) <= 180):
            raise _wrong(field, "must be degrees between -180 and 180")
    return LonLat(lon, lat)


def _error_m(error_m: float | None) -> float | None:
    if error_m is not None and not (math.isfinite(error_m) and 0 <= error_m <= 100_000):
        raise _wrong("error_m", "must be metres between 0 and 100000")
    return error_m


def _dong_code(code: str) -> str:
    if code and not (len(code) == 10 and code.isascii() and code.isdigit()):
        raise _wrong("dong_code", "must be empty or ten digits")
    return code


def _time(occurred_at: datetime | None, received_at: datetime) -> datetime:
    if occurred_at is None:
        return received_at
    aware = occurred_at if occurred_at.tzinfo else occurred_at.replace(tzinfo=SEOUL)
    if aware > received_at + FUTURE:
        raise _wrong("occurred_at", "lies in the future")
    return aware
