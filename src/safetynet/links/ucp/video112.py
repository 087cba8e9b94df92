"""The police's request for emergency video (112UC001): number, grade, kind, position, address, time."""

from datetime import datetime
from typing import Final

from safetynet.base.geo import LonLat
from safetynet.base.ids import ReportId
from safetynet.incident.model import IncidentKind, Progress, Report
from safetynet.links.ucp.frame import Frame, Message, encode_frame, wire_time
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

FIELDS: Final = 9
KINDS: Final = {
    "강도": IncidentKind.ROBBERY,
    "납치": IncidentKind.ABDUCTION,
    "납치감금": IncidentKind.ABDUCTION,
    "유괴": IncidentKind.ABDUCTION,
    "폭행": IncidentKind.ASSAULT,
    "폭력": IncidentKind.ASSAULT,
    "성폭력": IncidentKind.ASSAULT,
    "절도": IncidentKind.THEFT,
    "교통사고": IncidentKind.TRAFFIC,
    "인파밀집": IncidentKind.CROWD,
    "실종": IncidentKind.MISSING,
    "화재": IncidentKind.FIRE,
    "구조": IncidentKind.RESCUE,
    "구급": IncidentKind.MEDICAL,
    "재난": IncidentKind.DISASTER,
    "기타": IncidentKind.OTHER,
}
GRADES: Final = frozenset({"CODE0", "CODE1", "CODE2", "CODE3", "CODE4"})
_WORDS: Final = {kind: word for word, kind in reversed(KINDS.items())}
"""The first word of a kind is the one that we write."""
_NEEDED: Final = 5


def decode(frame: Frame, received_at: datetime, report_id: ReportId) -> Report:
    """The report in a frame; raises InvalidError with the reason where there is none.

    The body has no words of its own on what happened: the detail is the kind's word as sent.
    """
    progress = progress_of(frame)
    fields = checked_fields(frame, progress, _NEEDED)
    number, grade, word, lon, lat, address, dong, told_at, *_ = fields
    drill = word.startswith(DRILL_MARK)
    plain = word.removeprefix(DRILL_MARK).strip()
    kind, detail, _drill = kind_and_detail(plain, "" if plain not in KINDS else plain, KINDS)
    return Report(
        id=report_id,
        sender="112",
        key=number,
        format="ucp-112",
        progress=progress,
        kind=kind,
        grade=_grade(grade),
        detail=detail,
        at=position(lon, lat),
        error_m=None,
        address=address,
        dong_code=legal_dong(dong),
        occurred_at=first_time(told_at, frame.message_time, frame.sent_at, otherwise=received_at),
        received_at=received_at,
        drill=drill,
        raw=frame.raw,
        told_at=first_time(frame.message_time, frame.sent_at, otherwise=received_at),
    )


def _grade(text: str) -> str:
    """``CODE0`` … ``CODE4``; empty where the text says none of them."""
    grade = text.upper().replace(" ", "")
    return grade if grade in GRADES else ""


def encode_112(
    *,
    number: str,
    grade: str,
    kind: IncidentKind | str,
    at: LonLat | None,
    address: str,
    dong_code: str,
    message_time: datetime,
    progress: Progress = Progress.OCCURRED,
    user_id: str = "",
    drill: bool = False,
    occurred_at: datetime | None = None,
    sent_at: datetime | None = None,
) -> bytes:
    """The frame that a 112 room sends; ``grade`` is ``CODE0`` … ``CODE4``.

    ``kind`` is one of ours or a word of the wire. ``occurred_at`` is ``message_time`` unless said.
    """
    word = _WORDS.get(kind, "기타") if isinstance(kind, IncidentKind) else kind
    lon, lat = position_texts(at)
    marked = f"{DRILL_MARK} {word}" if drill else word
    time = wire_time(occurred_at or message_time)
    return encode_frame(
        message=Message.INCIDENT,
        progress=str(int(progress)),
        sender="112",
        receiver="UCP",
        fields=(number, grade, marked, lon, lat, address, dong_code, time, user_id),
        message_time=message_time,
        sent_at=sent_at or message_time,
    )
