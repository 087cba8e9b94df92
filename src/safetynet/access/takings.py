"""What a viewer takes from an open view, as the owner's journal has it: stills and clips.

``still.taken/1`` and ``export.made/1`` are lines of the ledger of personal video information at the
same time, and so is ``export.destroyed/1``, the end of a file.
"""

from datetime import datetime
from typing import Final

import msgspec

from safetynet.access.entries import Division, Ledger
from safetynet.base.ids import CameraId, GrantId, IncidentId, NodeId, ViewerId
from safetynet.journal.entry import time_text

STILL_TAKEN: Final = "still.taken/1"
EXPORT_ASKED: Final = "export.asked/1"
EXPORT_MADE: Final = "export.made/1"
EXPORT_FAILED: Final = "export.failed/1"
EXPORT_DESTROYED: Final = "export.destroyed/1"
TAKING_REFUSED: Final = "taking.refused/1"
CONTROL = "control"
"""Agency of the owner's own use; any other's is a provision."""


class TakerBody(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked, under which grant and by which law."""

    grant: GrantId
    viewer: ViewerId
    agency: str
    service: str
    purpose: str
    basis: str
    drill: bool


class StillBody(msgspec.Struct, frozen=True, kw_only=True):
    """A JPEG of a view was taken and handed out."""

    id: str
    incident: IncidentId
    camera: CameraId
    by: TakerBody
    captured_at: str
    octets: int
    sha256: str
    kept: bool
    """True where it waits at the gateway because it is too large for an answer."""
    rules: tuple[str, ...]
    ledger: Ledger


class AskedBody(msgspec.Struct, frozen=True, kw_only=True):
    """A clip of a view is being recorded; ``id`` follows from the command's key."""

    id: str
    incident: IncidentId
    camera: CameraId
    by: TakerBody
    approved_by: str
    """The office that approved it."""
    length_ms: int
    rules: tuple[str, ...]


class MadeBody(msgspec.Struct, frozen=True, kw_only=True):
    """A clip is on the owner's disk, whole and never changed again."""

    id: str
    incident: IncidentId
    camera: CameraId
    by: TakerBody
    approved_by: str
    first_at: str
    """When its first picture was taken …"""
    last_at: str
    """… and its last."""
    frames: int
    skipped: int
    """Pictures that this machine was too slow to keep."""
    octets: int
    sha256: str
    """Of the file's bytes, hex: by it anybody can tell whether a copy is the same."""
    ledger: Ledger


class FailedBody(msgspec.Struct, frozen=True, kw_only=True):
    """No clip came of it."""

    id: str
    incident: IncidentId
    camera: CameraId
    code: str


class RefusedBody(msgspec.Struct, frozen=True, kw_only=True):
    """The owner said no to a still, a turn or a clip."""

    what: str
    """``still``, ``turn`` or ``export``."""
    incident: IncidentId
    camera: CameraId
    by: TakerBody
    code: str
    rules: tuple[str, ...]


class GoneBody(msgspec.Struct, frozen=True, kw_only=True):
    """A file at the owner was destroyed."""

    id: str
    incident: IncidentId
    camera: CameraId
    reason: str
    ledger: Ledger


def file_of(taking: str) -> str:
    """The name of the file that a still or a clip lies in."""
    return taking + (".jpg" if taking.startswith("still_") else ".mp4")


def ledger_of(
    by: TakerBody,
    *,
    owner: NodeId,
    incident: IncidentId,
    file: str,
    form: str,
    at: datetime,
    until: datetime,
) -> Ledger:
    """The ledger's line of something that was taken."""
    own = by.agency == CONTROL
    return Ledger(
        division=Division.USE if own else Division.PROVISION,
        at=time_text(at),
        file=file,
        in_charge=f"{owner}/{by.service}",
        reason=f"{by.purpose} {incident}" + (" (훈련)" if by.drill else ""),
        third_party="" if own else by.agency,
        basis=by.basis,
        form=form,
        until=time_text(until),
    )


def destroyed_ledger(*, owner: NodeId, file: str, reason: str, at: datetime) -> Ledger:
    """The ledger's line of a file's destruction."""
    return Ledger(
        division=Division.DESTRUCTION,
        at=time_text(at),
        file=file,
        in_charge=owner,
        reason=reason,
        third_party="",
        basis="개인정보 보호법 제21조",
        form="파일 삭제",
        until=time_text(at),
    )
