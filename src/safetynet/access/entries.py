"""What ``access`` writes into the journal: bodies, integers only, nothing personal in the clear.

``grant.issued/1`` is at the same time the line of the ledger of personal video information
(개인영상정보 관리대장): its member ``ledger`` carries the columns that apply.
"""

from enum import StrEnum
from typing import Final

import msgspec

from safetynet.access.model import EndReason, Grant
from safetynet.base.ids import CameraId, GrantId, IncidentId, NodeId, SessionId, ViewerId
from safetynet.journal.entry import Draft, time_text

GRANT_ISSUED: Final = "grant.issued/1"
GRANT_RECEIVED: Final = "grant.received/1"
GRANT_CLOSED: Final = "grant.closed/1"
INCIDENT_OVER: Final = "access.incident_over/1"
SESSION_OPENED: Final = "session.opened/1"
SESSION_REFUSED: Final = "session.refused/1"
SESSION_FIRST_FRAME: Final = "session.first_frame/1"
SESSION_ENDED: Final = "session.ended/1"
PTZ_MOVED: Final = "ptz.moved/1"


class Division(StrEnum):
    """구분 of the ledger."""

    USE = "이용"
    PROVISION = "제공"
    ACCESS = "열람"
    DESTRUCTION = "파기"


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger's columns, in its own order; the number is the entry's node and sequence."""

    division: Division
    """구분."""
    at: str
    """일시."""
    file: str
    """파일명·형태: which camera's picture, and that it is live."""
    in_charge: str
    """담당자: the agency's desk or the automatic rule that acted, never a person's name."""
    reason: str
    """목적·사유."""
    third_party: str
    """제3자·열람요구자; empty where the owner's own control room watches."""
    basis: str
    """근거."""
    form: str
    """형태."""
    until: str
    """기간: nothing of it is kept past this by this grant."""


class GrantBody(msgspec.Struct, frozen=True, kw_only=True):
    """A grant as its owner received it."""

    id: GrantId
    issuer: NodeId
    owner: NodeId
    incident: IncidentId
    camera: CameraId
    viewer: ViewerId
    agency: str
    service: str
    purpose: str
    basis: str
    drill: bool
    issued_at: str
    hard_end: str
    lease_ms: int
    generation: str = ""
    """Boot of the issuing process."""
    rules: tuple[str, ...] = ()
    """Rules of the owner's policy that permitted it."""


class IssuedBody(msgspec.Struct, frozen=True, kw_only=True):
    """A grant as issued, with its line of the ledger."""

    incident: IncidentId
    grant: GrantBody
    ledger: Ledger


class ClosedBody(msgspec.Struct, frozen=True, kw_only=True):
    """A grant was taken back, or its incident ended."""

    id: GrantId
    incident: IncidentId
    reason: str


class OverBody(msgspec.Struct, frozen=True, kw_only=True):
    """The owner heard that an incident is over: no grant for it is worth anything any more."""

    incident: IncidentId
    reason: str


class OpenedBody(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer began to watch."""

    session: SessionId
    grant: GrantId
    incident: IncidentId
    camera: CameraId
    viewer: ViewerId
    rules: tuple[str, ...] = ()
    file: str = ""
    """The still or clip that it fetches; empty where it watches."""


class RefusedBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A presentation was refused; what could be believed of it."""

    session: SessionId
    code: str
    grant: GrantId | None = None
    incident: IncidentId | None = None
    camera: CameraId | None = None
    viewer: ViewerId | None = None
    rules: tuple[str, ...] = ()


class FirstFrameBody(msgspec.Struct, frozen=True, kw_only=True):
    """The first decoded frame is on the viewer's screen."""

    session: SessionId
    incident: IncidentId
    took_ms: int
    """From the session's opening, on the owner's clock."""


class EndedBody(msgspec.Struct, frozen=True, kw_only=True):
    """A session ended."""

    session: SessionId
    grant: GrantId
    incident: IncidentId
    reason: EndReason
    frames: int
    octets: int


class PtzMove(StrEnum):
    """Which way a camera moved."""

    TURNED = "turned"
    RETURNED = "returned"


class PtzBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A PTZ camera turned for an incident or went home; angles in thousandths of a degree."""

    camera: CameraId
    move: PtzMove
    incident: IncidentId | None
    purpose: str
    azimuth_mdeg: int
    tilt_mdeg: int
    hfov_mdeg: int
    took_ms: int
    by: str = ""
    """Agency whose operator turned it; empty where the plan did, or nobody."""
    stop: int = 0
    """Number of the stop in a sweep, from 1. Rounds after the first are the same and not written down; a
    later turn of the same incident ends it. 0, or absent: the camera stays."""


def issued(grant: Grant, *, generation: str, control: str = "control") -> Draft:
    """``grant.issued/1``; agency ``control`` is the owner's own use, any other a provision."""
    own = grant.agency == control
    ledger = Ledger(
        division=Division.USE if own else Division.PROVISION,
        at=time_text(grant.issued_at),
        file=f"{grant.camera} 실시간 영상",
        in_charge=f"{grant.issuer}/{grant.service}",
        reason=f"{grant.purpose} {grant.incident}" + (" (훈련)" if grant.drill else ""),
        third_party="" if own else grant.agency,
        basis=grant.basis,
        form="실시간 열람",
        until=time_text(grant.hard_end),
    )
    body = IssuedBody(grant=_body(grant, generation), incident=grant.incident, ledger=ledger)
    return Draft(kind=GRANT_ISSUED, body=body)


def received(grant: Grant, *, rules: tuple[str, ...] = ()) -> Draft:
    """``grant.received/1`` in the owner's journal."""
    return Draft(kind=GRANT_RECEIVED, body=_body(grant, rules=rules))


def closed(grant: GrantId, incident: IncidentId, reason: str) -> Draft:
    """``grant.closed/1``; ``reason`` is a stable word: the incident's end state, ``withdrawn`` …"""
    return Draft(kind=GRANT_CLOSED, body=ClosedBody(id=grant, incident=incident, reason=reason))


def incident_over(incident: IncidentId, reason: str) -> Draft:
    """``access.incident_over/1`` in the owner's journal."""
    return Draft(kind=INCIDENT_OVER, body=OverBody(incident=incident, reason=reason))


def opened(
    session: SessionId, grant: Grant, *, rules: tuple[str, ...] = (), file: str = ""
) -> Draft:
    """``session.opened/1``; ``file`` where a still or clip is fetched."""
    body = OpenedBody(
        session=session,
        grant=grant.id,
        incident=grant.incident,
        camera=grant.camera,
        viewer=grant.viewer,
        rules=rules,
        file=file,
    )
    return Draft(kind=SESSION_OPENED, body=body)


def refused(
    session: SessionId, code: str, grant: Grant | None = None, *, rules: tuple[str, ...] = ()
) -> Draft:
    """``session.refused/1``; ``grant`` only where its signature held."""
    body = RefusedBody(session=session, code=code, rules=rules)
    if grant is not None:
        body = msgspec.structs.replace(
            body,
            grant=grant.id,
            incident=grant.incident,
            camera=grant.camera,
            viewer=grant.viewer,
        )
    return Draft(kind=SESSION_REFUSED, body=body)


def first_frame(session: SessionId, incident: IncidentId, took_ms: int) -> Draft:
    """``session.first_frame/1``."""
    body = FirstFrameBody(session=session, incident=incident, took_ms=took_ms)
    return Draft(kind=SESSION_FIRST_FRAME, body=body)


def ended(
    session: SessionId, grant: Grant, reason: EndReason, *, frames: int = 0, octets: int = 0
) -> Draft:
    """``session.ended/1``."""
    body = EndedBody(
        session=session,
        grant=grant.id,
        incident=grant.incident,
        reason=reason,
        frames=frames,
        octets=octets,
    )
    return Draft(kind=SESSION_ENDED, body=body)


def ptz_moved(body: PtzBody) -> Draft:
    """``ptz.moved/1``."""
    return Draft(kind=PTZ_MOVED, body=body)


def _body(grant: Grant, generation: str = "", rules: tuple[str, ...] = ()) -> GrantBody:
    return GrantBody(
        id=grant.id,
        issuer=grant.issuer,
        owner=grant.audience,
        incident=grant.incident,
        camera=grant.camera,
        viewer=grant.viewer,
        agency=grant.agency,
        service=grant.service,
        purpose=grant.purpose,
        basis=grant.basis,
        drill=grant.drill,
        issued_at=time_text(grant.issued_at),
        hard_end=time_text(grant.hard_end),
        lease_ms=round(grant.lease_s * 1000),
        generation=generation,
        rules=rules,
    )
