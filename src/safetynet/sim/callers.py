"""Callers: they tell the hub what happens in the living city, in each service's own words."""

from datetime import datetime
from enum import StrEnum
from typing import Final

import httpx
import msgspec
import structlog

from safetynet.base.clock import Clock
from safetynet.base.errors import SafetyNetError, UnavailableError
from safetynet.base.geo import LonLat
from safetynet.incident.model import IncidentKind, Progress
from safetynet.links.ucp.client import connect_ucp
from safetynet.links.ucp.dispatch119 import encode_119
from safetynet.links.ucp.frame import Answer
from safetynet.links.ucp.video112 import encode_112
from safetynet.sim.world import ThingKind

_log = structlog.get_logger()

ATTEMPTS: Final = 5
ANSWER_WITHIN_S: Final = 6.0
FIRST_PAUSE_S: Final = 0.2
DISTRICT_DIGITS: Final = 5
"""Of a legal-dong code: province and district."""


class Via(StrEnum):
    """How a report travels."""

    TCP = "tcp"
    """The service's own framed text."""
    HTTP = "http"


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """Who reports a kind of thing, and as what."""

    sender: str
    kind: IncidentKind
    detail: str
    grade: str = ""


WORDS: Final = {
    ThingKind.FIRE: Words(
        sender="119", kind=IncidentKind.FIRE, detail="불꽃과 연기가 보인다는 신고"
    ),
    ThingKind.PERSON: Words(
        sender="119", kind=IncidentKind.MEDICAL, detail="길에 사람이 쓰러져 있다는 신고"
    ),
    ThingKind.VEHICLE: Words(
        sender="119", kind=IncidentKind.RESCUE, detail="차량 안에 사람이 갇혀 있다는 신고"
    ),
    ThingKind.CROWD: Words(
        sender="112", kind=IncidentKind.CROWD, detail="인파가 몰려 위험하다는 신고", grade="CODE1"
    ),
}


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What callers know of one thing; the same for its beginning and its end."""

    key: str
    """The sender's number of the incident."""
    thing: ThingKind
    via: Via
    at: LonLat
    address: str
    dong_code: str
    occurred_at: datetime
    drill: bool

    @property
    def sender(self) -> str:
        """System code of the service that reports it."""
        return WORDS[self.thing].sender


class Hub(msgspec.Struct, frozen=True, kw_only=True):
    """Where reports go; None where nobody listens yet."""

    http_report_url: str | None = None
    ucp: str | None = None
    """``host:port``."""
    desks: dict[str, str] = {}
    """``host:port`` of districts' own desks, by the district's code: where frames go while the hub does
    not take them."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """How a report ended."""

    reported: bool
    attempts: int
    text: str
    """The hub's word, or why there was none."""


class Callers:
    """Reports to the hub until it acknowledges, with the same key each time, a bounded number of times.

    Use as an async context manager.
    """

    def __init__(self, clock: Clock, hub: Hub) -> None:
        self.hub = hub
        self._clock = clock
        self._http = httpx.AsyncClient(trust_env=False, timeout=ANSWER_WITHIN_S)

    async def __aenter__(self) -> "Callers":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def tell(self, call: Call, progress: Progress) -> Told:
        """Report, and again while the hub does not say that it has it."""
        pause_s, text = FIRST_PAUSE_S, ""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = await self._tell_once(call, progress)
            except (httpx.HTTPError, SafetyNetError) as error:
                answer = Answer(good=False, text=str(error) or type(error).__name__)
            if not answer.good and (desk := self._find_desk(call)):
                answer = await self._tell_desk(desk, call, progress) or answer
            text = answer.text
            if answer.good:
                _log.info("caller.told", key=call.key, progress=progress, attempts=attempt)
                return Told(reported=True, attempts=attempt, text=text)
            if attempt < ATTEMPTS:
                await self._clock.sleep(pause_s)
                pause_s *= 2
        _log.warning("caller.unheard", key=call.key, via=call.via, reason=text)
        return Told(reported=False, attempts=ATTEMPTS, text=text)

    async def _tell_once(self, call: Call, progress: Progress) -> Answer:
        if call.via is Via.TCP:
            return await _by_tcp(self.hub, frame_of(call, progress, self._clock.now()))
        return await _by_http(self._http, self.hub, fields_of(call, progress))

    def _find_desk(self, call: Call) -> str | None:
        return self.hub.desks.get(call.dong_code[:DISTRICT_DIGITS])

    async def _tell_desk(self, desk: str, call: Call, progress: Progress) -> Answer | None:
        """The district's own desk, by frame; None where it does not take it either."""
        try:
            answer = await _send(desk, frame_of(call, progress, self._clock.now()))
        except SafetyNetError as error:
            _log.info("caller.desk_unheard", key=call.key, reason=str(error))
            return None
        return answer if answer.good else None


def frame_of(call: Call, progress: Progress, now: datetime) -> bytes:
    """The frame of the service that reports it."""
    words = WORDS[call.thing]
    if words.sender == "112":
        return encode_112(
            number=call.key,
            grade=words.grade,
            kind=words.kind,
            at=call.at,
            address=call.address,
            dong_code=call.dong_code,
            message_time=now,
            progress=progress,
            occurred_at=call.occurred_at,
            drill=call.drill,
        )
    return encode_119(
        number=call.key,
        kind=words.kind,
        detail=words.detail,
        at=call.at,
        address=call.address,
        dong_code=call.dong_code,
        message_time=now,
        progress=progress,
        drill=call.drill,
    )


def fields_of(call: Call, progress: Progress) -> dict[str, str | int | float | bool]:
    """The JSON of ``POST /api/reports``."""
    words = WORDS[call.thing]
    return {
        "sender": words.sender,
        "key": call.key,
        "kind": words.kind.value,
        "progress": int(progress),
        "grade": words.grade,
        "detail": words.detail,
        "lon": call.at.lon,
        "lat": call.at.lat,
        "address": call.address,
        "dong_code": call.dong_code,
        "occurred_at": call.occurred_at.isoformat(),
        "drill": call.drill,
    }


async def _by_tcp(hub: Hub, frame: bytes) -> Answer:
    if hub.ucp is None:
        raise UnavailableError("caller.no_address", "the hub's frame address is not known yet")
    return await _send(hub.ucp, frame)


async def _send(address: str, frame: bytes) -> Answer:
    host, _, port = address.rpartition(":")
    async with connect_ucp(host.strip("[]"), int(port)) as client:
        return await client.send(frame, timeout_s=ANSWER_WITHIN_S)


async def _by_http(
    client: httpx.AsyncClient, hub: Hub, fields: dict[str, str | int | float | bool]
) -> Answer:
    if hub.http_report_url is None:
        raise UnavailableError("caller.no_address", "the hub's report address is not known yet")
    response = await client.post(hub.http_report_url, json=fields)
    return Answer(good=response.is_success, text=response.text[:200])
