"""What an owner was told about rights to watch, noted at its door on its own monotonic clock.

The launcher puts these notes around the product's own doors (``node.py``); the judge of sessions works out from them
alone when each session had to end. A line is on its way to the disk before the product acts on it.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from safetynet.access.authority import Authority, Verdict
from safetynet.app.district.node import DistrictNode
from safetynet.base.ids import GrantId, IncidentId, SessionId
from safetynet.federation.messages import Answer, CloseViews, Command, RenewLeases
from safetynet.video import ipc


class _Noted(msgspec.Struct, frozen=True, kw_only=True, tag_field="word"):
    at_s: float
    """The owner's monotonic clock, which all processes of a machine share."""


class Began(_Noted, frozen=True, kw_only=True, tag="began"):
    """A process of this owner began; what an earlier one held is over."""


class Heard(_Noted, frozen=True, kw_only=True, tag="heard"):
    """The hub was heard."""


class Presented(_Noted, frozen=True, kw_only=True, tag="presented"):
    """A viewer presented a grant and was let in."""

    session: SessionId
    grant: GrantId
    incident: IncidentId
    lease_s: float
    left_s: float
    """To the hard end, by the owner's wall clock as it was."""


class Renewed(_Noted, frozen=True, kw_only=True, tag="renewed"):
    """The hub lets grants go on."""

    grants: tuple[GrantId, ...]
    lease_s: float


class Closed(_Noted, frozen=True, kw_only=True, tag="closed"):
    """The hub takes grants back, or says that an incident is over."""

    grants: tuple[GrantId, ...]
    incident: IncidentId
    over: bool


class Stopped(_Noted, frozen=True, kw_only=True, tag="stopped"):
    """The owner's worker says that a session is over."""

    session: SessionId
    reason: str


Word = Began | Heard | Presented | Renewed | Closed | Stopped
Note = Callable[[Word], None]
_decoder: msgspec.json.Decoder[Word] = msgspec.json.Decoder(Word)


def open_notes(file: Path) -> Note:
    """Append words to a file; each is one write, so that a kill loses none and cuts none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(word: Word) -> None:
        os.write(descriptor, msgspec.json.encode(word) + b"\n")

    return note


def read_words(file: Path) -> list[Word]:
    """All words of an owner, in order; none where it never began."""
    if not file.exists():
        return []
    return _decoder.decode_lines(file.read_bytes())


def watch_owner(note: Note) -> None:
    """From now on this process notes what its districts are told."""
    note(Began(at_s=time.monotonic()))
    _note_commands(note)
    _note_presentations(note)
    _note_ends(note)


def _note_commands(note: Note) -> None:
    execute, hear = DistrictNode.execute, DistrictNode.hear_hub

    async def executing(self: DistrictNode, command: Command) -> Answer:
        at_s = time.monotonic()
        match command:
            case RenewLeases():
                note(Renewed(at_s=at_s, grants=command.grants, lease_s=command.lease_s))
            case CloseViews():
                over = command.incident_over
                note(Closed(at_s=at_s, grants=command.grants, incident=command.incident, over=over))
            case _:
                pass
        return await execute(self, command)

    def hearing(self: DistrictNode) -> None:
        note(Heard(at_s=time.monotonic()))
        hear(self)

    DistrictNode.execute = executing  # type: ignore[method-assign]  # we stand at the door
    DistrictNode.hear_hub = hearing  # type: ignore[method-assign]


def _note_presentations(note: Note) -> None:
    judge = Authority.judge

    def judging(self: Authority, session: SessionId, *presented: Any, **asked: Any) -> Verdict:
        at_s = time.monotonic()
        verdict = judge(self, session, *presented, **asked)
        grant = verdict.grant
        if verdict.accepted and grant is not None:
            left = min(grant.hard_end - self._clock.now(), grant.hard_end - grant.issued_at)
            note(
                Presented(
                    at_s=at_s,
                    session=session,
                    grant=grant.id,
                    incident=grant.incident,
                    lease_s=grant.lease_s,
                    left_s=left.total_seconds(),
                )
            )
        return verdict

    Authority.judge = judging  # type: ignore[method-assign]


def _note_ends(note: Note) -> None:
    ended = DistrictNode.note_end

    async def ending(self: DistrictNode, message: ipc.Ended) -> None:
        note(Stopped(at_s=time.monotonic(), session=message.session, reason=message.reason))
        await ended(self, message)

    DistrictNode.note_end = ending  # type: ignore[method-assign]
