"""The fire service's dispatch report (119UC001): number, kind, detail, position, address, dong, sender."""

from datetime import datetime
from typing import Final

from safetynet.base.geo import LonLat
from safetynet.base.ids import ReportId
from safetynet.incident.model import IncidentKind, Progress, Report
from safetynet.links.ucp.frame import Frame, Message, encode_frame
from safetynet.links.ucp.words import (
    DRILL_MARK,
    checked_fields,
    first_time,
    kind_and_detail,
    legal_dong,
    position,
    position_texts,
    progress_of,
)

FIELDS: Final = 8
KINDS: Final = {
    "화재": IncidentKind.FIRE,
    "구조": IncidentKind.RESCUE,
    "구급": IncidentKind.MEDICAL,
    "기타": IncidentKind.OTHER,
}
_WORDS: Final = {kind: word for word, kind in KINDS.items()}
_NEEDED: Final = 5
"""Up to the position: without it and without a number there is nothing to look at."""


def decode(frame: Frame, received_at: datetime, report_id: ReportId) -> Report:
    """The report in a frame; raises InvalidError with the reason where there is none."""
    progress = progress_of(frame)
    number, word, detail, lon, lat, address, dong, *_ = checked_fields(frame, progress, _NEEDED)
    kind, told, drill = kind_and_detail(word, detail, KINDS)
    said_at = first_time(frame.message_time, frame.sent_at, otherwise=received_at)
    return Report(
        id=report_id,
        sender="119",
        key=number,
        format="ucp-119",
        progress=progress,
        kind=kind,
        grade="",
        detail=told,
        at=position(lon, lat),
        error_m=None,
        address=address,
        dong_code=legal_dong(dong),
        occurred_at=said_at,
        received_at=received_at,
        drill=drill,
        raw=frame.raw,
        told_at=said_at,
    )


def encode_119(
    *,
    number: str,
    kind: IncidentKind | str,
    detail: str,
    at: LonLat | None,
    address: str,
    dong_code: str,
    message_time: datetime,
    progress: Progress = Progress.OCCURRED,
    sender_id: str = "",
    drill: bool = False,
    sent_at: datetime | None = None,
) -> bytes:
    """The frame that a 119 room sends; ``number`` is ``T`` and 14 digits by custom.

    ``kind`` is one of ours or a word of the wire; a kind that the wire has no word for is 기타.
    """
    word = _WORDS.get(kind, "기타") if isinstance(kind, IncidentKind) else kind
    lon, lat = position_texts(at)
    told = f"{DRILL_MARK} {detail}".strip() if drill else detail
    return encode_frame(
        message=Message.INCIDENT,
        progress=str(int(progress)),
        sender="119",
        receiver="UCP",
        fields=(number, word, told, lon, lat, address, dong_code, sender_id),
        message_time=message_time,
        sent_at=sent_at or message_time,
    )
