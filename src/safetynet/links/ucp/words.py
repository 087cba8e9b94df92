"""The wire's words for kinds of incidents, and the fields that both bodies share."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from safetynet.base.errors import InvalidError
from safetynet.base.geo import LonLat
from safetynet.incident.model import IncidentKind, Progress
from safetynet.links.ucp.frame import Frame, find_time

DRILL_MARK: Final = "[훈련]"
"""The observed bodies have no drill field; this mark before the detail is our own convention."""
MAX_KEY: Final = 64
_CONTROLS: Final = dict.fromkeys((*range(0x20), 0x7F))


def progress_of(frame: Frame) -> Progress:
    """The frame's progress; raises InvalidError for a code that nobody has seen."""
    try:
        return Progress(int(frame.progress))
    except ValueError as error:
        raise InvalidError("ucp.progress", "unknown progress code", field="progress") from error


def checked_fields(frame: Frame, progress: Progress, needed: int) -> tuple[str, ...]:
    """The cleaned fields; missing ones at the end are empty.

    A frame that opens or changes needs ``needed`` fields, one that ends only its number: raises
    InvalidError where they are missing.
    """
    fields = tuple(clean(field) for field in frame.fields)
    opening = progress in (Progress.OCCURRED, Progress.CHANGED)
    if len(fields) < (needed if opening else 1):
        raise InvalidError("ucp.too_few_fields", "the body has too few fields", fields=len(fields))
    if not 0 < len(fields[0]) <= MAX_KEY:
        raise InvalidError(
            "ucp.number", "the incident number is missing or too long", field="number"
        )
    return fields + ("",) * 16


def clean(text: str) -> str:
    """Text without control characters and outer spaces."""
    return (text if text.isprintable() else text.translate(_CONTROLS)).strip()


def kind_and_detail(
    word: str, detail: str, kinds: Mapping[str, IncidentKind]
) -> tuple[IncidentKind, str, bool]:
    """Kind, detail and drill flag; an unknown kind is OTHER and its word is kept in the detail."""
    drill = detail.startswith(DRILL_MARK)
    told = detail.removeprefix(DRILL_MARK).strip() if drill else detail
    kind = kinds.get(word)
    if kind is not None:
        return kind, told, drill
    return IncidentKind.OTHER, f"({word}) {told}".strip() if word else told, drill


def position(lon: str, lat: str) -> LonLat | None:
    """The position as sent, right or wrong; None where a number is missing or is none."""
    try:
        at = LonLat(float(lon), float(lat))
    except ValueError:
        return None
    return at if math.isfinite(at.lon) and math.isfinite(at.lat) else None


def position_texts(at: LonLat | None) -> tuple[str, str]:
    """Longitude and latitude with seven decimals; empty where there is no position."""
    return (f"{at.lon:.7f}", f"{at.lat:.7f}") if at else ("", "")


def legal_dong(text: str) -> str:
    """The ten digits of a legal dong; empty for anything else, which may be a shifted personal field."""
    return text if len(text) == 10 and text.isascii() and text.isdigit() else ""


def first_time(*texts: str, otherwise: datetime) -> datetime:
    """The first text that is a time."""
    return next((time for text in texts if (time := find_time(text))), otherwise)
