"""What viewers take from this owner's views: stills and clips, on its disk and in its journal."""

import asyncio
import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from safetynet.access import takings
from safetynet.access.model import Grant
from safetynet.access.policy import Action, Ask, Policy
from safetynet.access.takings import (
    AskedBody,
    FailedBody,
    GoneBody,
    MadeBody,
    RefusedBody,
    StillBody,
    TakerBody,
    destroyed_ledger,
    ledger_of,
)
from safetynet.app.settings import ExportSettings
from safetynet.base.clock import Clock
from safetynet.base.errors import InvalidError, RefusedError, UnavailableError
from safetynet.base.ids import HUB, CameraId, GrantId, IncidentId, NodeId
from safetynet.federation.messages import (
    Answer,
    ClipAnswer,
    ExportClip,
    StillAnswer,
    TakeStill,
    Taking,
    TurnView,
)
from safetynet.journal.append import Journal
from safetynet.journal.entry import Draft, Entry, read_time, time_text
from safetynet.journal.read import read_kinds
from safetynet.video import ipc

FOLDER = "exports"
STILL_WITHIN_S = 4.0
"""A little less than its asker waits."""
ROOM_PER_S = 2 << 20
"""Octets that a second of a clip is given room for: 16 Mbit/s. A clip that reaches its room ends."""
TIDY_EVERY_S = 600.0
NOT_OPEN = "view.not_open"
RETENTION = "보유기간 만료"
KINDS = (
    takings.STILL_TAKEN,
    takings.EXPORT_ASKED,
    takings.EXPORT_MADE,
    takings.EXPORT_FAILED,
    takings.EXPORT_DESTROYED,
)
ACTIONS = {TurnView: Action.TURN, TakeStill: Action.STILL, ExportClip: Action.EXPORT}

log = structlog.get_logger()
Send = Callable[[ipc.ToWorker], None]


@dataclass
class _Clip:
    """A clip from the moment it was asked for."""

    asked: AskedBody
    made: MadeBody | None = None
    made_at: datetime | None = None
    room: int = 0
    """Octets kept free for it while it is recorded."""


class Keeper:
    """Takes stills, records clips, hands files out, and destroys them when their time is over.

    What it knows follows from its own journal: ``open`` reads it, so that a key asked again after a
    restart still has no second effect.
    """

    def __init__(
        self,
        node: NodeId,
        data: Path,
        limits: ExportSettings,
        *,
        journal: Journal,
        policy: Policy,
        send: Send,
        clock: Clock,
    ) -> None:
        self._node = node
        self._folder = data / FOLDER
        self._limits = limits
        self._journal = journal
        self._policy = policy
        self._send = send
        self._clock = clock
        self._clips: dict[str, _Clip] = {}
        self._stills: dict[str, StillBody] = {}
        self._waiting: dict[str, asyncio.Future[ipc.StillTaken]] = {}

    async def open(self) -> None:
        """Read what was taken before; a clip that was begun and never ended is over, and so is its file."""
        await asyncio.to_thread(self._folder.mkdir, 0o700, parents=True, exist_ok=True)
        since = time_text(self._clock.now() - 2 * timedelta(days=self._limits.keep_days))
        for entry in await read_kinds(self._journal.store, KINDS, node=self._node, since=since):
            self._recall(entry)
        await self._fail_running()
        await asyncio.to_thread(self._remove_strangers)

    def _recall(self, entry: Entry) -> None:
        match entry.kind:
            case takings.STILL_TAKEN:
                still = entry.read(StillBody)
                self._stills[still.id] = still
            case takings.EXPORT_ASKED:
                asked = entry.read(AskedBody)
                self._clips[asked.id] = _Clip(asked)
            case takings.EXPORT_MADE:
                made = entry.read(MadeBody)
                if clip := self._clips.get(made.id):
                    clip.made, clip.made_at = made, read_time(entry.time)
            case takings.EXPORT_FAILED:
                self._clips.pop(entry.read(FailedBody).id, None)
            case _:
                gone = entry.read(GoneBody).id
                self._clips.pop(gone, None)
                self._stills.pop(gone, None)

    def _remove_strangers(self) -> None:
        """Files that the journal does not say are here: parts, and what was destroyed."""
        kept = [i for i, clip in self._clips.items() if clip.made is not None]
        kept += [i for i, still in self._stills.items() if still.kept]
        known = {self._path(file).name for file in kept}
        for path in self._folder.iterdir():
            if path.name not in known:
                log.warning("export.stranger", of=self._node, file=path.name)
                path.unlink()

    # commands

    async def allow(
        self, command: Taking, *, is_open: bool, asker: NodeId = HUB
    ) -> tuple[str, ...]:
        """The rules of this owner's policy that permit it; a refusal is written down, and raised."""
        rules: tuple[str, ...] = ()
        code = "" if is_open else NOT_OPEN
        if not code:
            decision = self._policy.decide_ask(_ask_of(self._node, command, asker))
            rules, code = decision.rules, "" if decision.allowed else "policy.denied"
        if code:
            await self._write(takings.TAKING_REFUSED, _refused(command, code, rules))
            raise RefusedError(code, "the owner says no", camera=command.camera)
        return rules

    async def take_still(self, command: TakeStill, rules: tuple[str, ...]) -> Answer:
        """A JPEG of the view; in the answer, or waiting at the gateway where it is too large."""
        file = file_of("still", command.key)
        if before := self._stills.get(file):
            return Answer(ok=True, still=_still_answer(before, b""))
        taken = await self._have_taken(command.camera, file)
        if taken.error:
            raise UnavailableError(taken.error, "no still could be taken", camera=command.camera)
        now, by = self._clock.now(), _taker(command)
        body = StillBody(
            id=file,
            incident=command.incident,
            camera=command.camera,
            by=by,
            captured_at=time_text(_time_of(taken.captured_us)),
            octets=taken.octets,
            sha256=taken.sha256,
            kept=not taken.jpeg,
            rules=rules,
            ledger=ledger_of(
                by,
                owner=self._node,
                incident=command.incident,
                file=f"{command.camera} 정지영상",
                form="파일 제공",
                at=now,
                until=self._until(now),
            ),
        )
        await self._write(takings.STILL_TAKEN, body)
        self._stills[file] = body
        return Answer(ok=True, still=_still_answer(body, taken.jpeg))

    async def _have_taken(self, camera: CameraId, still: str) -> ipc.StillTaken:
        waiting: asyncio.Future[ipc.StillTaken] = asyncio.get_running_loop().create_future()
        self._waiting[still] = waiting
        try:
            self._send(
                ipc.TakeStill(
                    camera=camera,
                    still=still,
                    path=str(self._path(still)),
                    within_s=STILL_WITHIN_S,
                )
            )
            async with asyncio.timeout(STILL_WITHIN_S + 0.5):
                return await waiting
        except TimeoutError:
            return ipc.StillTaken(camera=camera, still=still, error="still.too_slow")
        finally:
            del self._waiting[still]

    async def export(
        self, command: ExportClip, rules: tuple[str, ...], is_open: Callable[[], bool]
    ) -> Answer:
        """Begin a clip; that it was asked for is in the journal before the worker begins."""
        file = file_of("clip", command.key)
        if before := self._clips.get(file):
            return _clip_answer(before.asked)
        if not 0 < command.seconds <= self._limits.seconds_max:
            raise InvalidError(
                "export.length", "a clip has a length up to a bound", up_to=self._limits.seconds_max
            )
        room = round(command.seconds * ROOM_PER_S)
        if self._used() + room > self._limits.disk_mb << 20:
            raise UnavailableError("export.full", "the owner has no room for another clip")
        asked = AskedBody(
            id=file,
            incident=command.incident,
            camera=command.camera,
            by=_taker(command),
            approved_by=command.approved_by,
            length_ms=round(command.seconds * 1000),
            rules=rules,
        )
        self._clips[file] = _Clip(asked, room=room)
        try:
            await self._write(takings.EXPORT_ASKED, asked)
        except BaseException:
            del self._clips[file]  # nothing was begun, whatever ended us
            raise
        if not is_open():  # closed while it was written down
            await self._fail(self._clips[file], NOT_OPEN)
            raise RefusedError(NOT_OPEN, "the view was closed", camera=command.camera)
        self._send(
            ipc.Record(
                camera=command.camera,
                clip=file,
                path=str(self._path(file)),
                seconds=command.seconds,
                max_bytes=room,
            )
        )
        return _clip_answer(asked)

    def _used(self) -> int:
        """Octets that are taken or promised."""
        clips = sum(c.made.octets if c.made else c.room for c in self._clips.values())
        return clips + sum(s.octets for s in self._stills.values() if s.kept)

    # what ends a recording

    def let_go(self, incident: IncidentId, camera: CameraId | None = None) -> None:
        """The incident no longer holds this camera, or any: what is recorded of it ends."""
        self._end(lambda c: c.incident == incident and camera in (None, c.camera))

    def close(self, grants: Collection[GrantId]) -> None:
        """Grants are closed: what is recorded under them ends."""
        self._end(lambda c: c.by.grant in grants)

    def _end(self, concerns: Callable[[AskedBody], bool]) -> None:
        for file, clip in self._clips.items():
            if clip.made is None and concerns(clip.asked):
                self._send(ipc.EndClip(clip=file))

    # what the worker says

    def note_still(self, message: ipc.StillTaken) -> None:
        """A still was taken, or was not; one that nobody waits for any more is not kept."""
        waiting = self._waiting.get(message.still)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)
        elif not message.jpeg:
            self._path(message.still).unlink(missing_ok=True)

    async def note_clip(self, message: ipc.Recorded) -> None:
        """A clip is on disk, or came to nothing."""
        clip = self._clips.get(message.clip)
        if clip is None or clip.made is not None:
            return
        if message.error:
            await self._fail(clip, message.error)
            return
        now, asked = self._clock.now(), clip.asked
        made = MadeBody(
            id=asked.id,
            incident=asked.incident,
            camera=asked.camera,
            by=asked.by,
            approved_by=asked.approved_by,
            first_at=time_text(_time_of(message.first_us)),
            last_at=time_text(_time_of(message.last_us)),
            frames=message.frames,
            skipped=message.skipped,
            octets=message.octets,
            sha256=message.sha256,
            ledger=ledger_of(
                asked.by,
                owner=self._node,
                incident=asked.incident,
                file=f"{asked.camera} 녹화영상 {asked.id}",
                form=f"파일 제공, 승인 {asked.approved_by}",
                at=now,
                until=self._until(now),
            ),
        )
        await self._write(takings.EXPORT_MADE, made)
        clip.made, clip.made_at = made, now

    async def stop(self) -> None:
        """The worker, or this node, ends: so does what it was doing."""
        for still, waiting in self._waiting.items():
            if not waiting.done():
                lost = ipc.StillTaken(camera=CameraId(""), still=still, error="still.worker_ended")
                waiting.set_result(lost)
        await self._fail_running()

    async def _fail_running(self) -> None:
        for clip in [c for c in self._clips.values() if c.made is None]:
            await self._fail(clip, "export.node_stopped")

    async def _fail(self, clip: _Clip, code: str) -> None:
        a = clip.asked
        body = FailedBody(id=a.id, incident=a.incident, camera=a.camera, code=code)
        await self._write(takings.EXPORT_FAILED, body)
        self._clips.pop(a.id, None)

    # handing out

    def find_file(self, file: str) -> Path | None:
        """Where a still or clip lies; None where there is none of this name."""
        clip, still = self._clips.get(file), self._stills.get(file)
        if (clip and clip.made) or (still and still.kept):
            return self._path(file)
        return None

    def check_file(self, file: str, grant: Grant) -> None:
        """Raises ``RefusedError`` where this grant does not reach the file: another incident's or camera's
        is none, and the policy is asked again."""
        clip, still = self._clips.get(file), self._stills.get(file)
        body = clip.made if clip else still
        if body is None or self.find_file(file) is None:
            raise RefusedError("export.unknown", "there is no such file", file=file)
        if (body.incident, body.camera) != (grant.incident, grant.camera):
            raise RefusedError("export.other", "the file is not of this grant's view", file=file)
        approved_by = body.approved_by if isinstance(body, MadeBody) else ""
        action = Action.EXPORT if isinstance(body, MadeBody) else Action.STILL
        if not self._policy.decide(grant, action, approved_by=approved_by).allowed:
            raise RefusedError("policy.denied", "the owner's policy says no", file=file)

    # time

    async def tidy(self) -> None:
        """Destroy, now and every ten minutes, what was kept for its time."""
        while True:
            now = self._clock.now()
            for body in [b for b, at in self._list_kept() if self._until(at) <= now]:
                await self._destroy(body)
            await self._clock.sleep(TIDY_EVERY_S)

    def _list_kept(self) -> list[tuple[MadeBody | StillBody, datetime]]:
        clips = [(c.made, c.made_at) for c in self._clips.values() if c.made and c.made_at]
        stills = [(s, read_time(s.captured_at)) for s in self._stills.values() if s.kept]
        return [*clips, *stills]

    async def _destroy(self, body: MadeBody | StillBody) -> None:
        """First the journal says so; a file that outlives this is removed at the next start."""
        name = self._path(body.id).name
        line = destroyed_ledger(
            owner=self._node,
            file=f"{body.camera} {name}",
            reason=RETENTION,
            at=self._clock.now(),
        )
        gone = GoneBody(
            id=body.id, incident=body.incident, camera=body.camera, reason=RETENTION, ledger=line
        )
        await self._write(takings.EXPORT_DESTROYED, gone)
        self._clips.pop(body.id, None)
        self._stills.pop(body.id, None)
        await asyncio.to_thread(self._path(body.id).unlink, missing_ok=True)

    def _until(self, made_at: datetime) -> datetime:
        return made_at + timedelta(days=self._limits.keep_days)

    def _path(self, file: str) -> Path:
        return self._folder / takings.file_of(file)

    async def _write(self, kind: str, body: msgspec.Struct) -> None:
        await self._journal.append([Draft(kind=kind, body=body)])


def file_of(what: str, key: str) -> str:
    """The name of what a command makes: the same for the same key, and safe in a path."""
    return f"{what}_{hashlib.sha256(key.encode()).hexdigest()[:26]}"


def _taker(command: Taking) -> TakerBody:
    r = command.right
    return TakerBody(
        grant=r.grant,
        viewer=r.viewer,
        agency=r.agency,
        service=r.service,
        purpose=r.purpose,
        basis=r.basis,
        drill=r.drill,
    )


def _ask_of(node: NodeId, command: Taking, asker: NodeId) -> Ask:
    r = command.right
    return Ask(
        agency=r.agency,
        action=ACTIONS[type(command)],
        camera=command.camera,
        owner=node,
        issuer=asker,
        incident=command.incident,
        service=r.service,
        purpose=r.purpose,
        basis=r.basis,
        drill=r.drill,
        approved_by=command.approved_by if isinstance(command, ExportClip) else "",
    )


def _refused(command: Taking, code: str, rules: tuple[str, ...]) -> RefusedBody:
    return RefusedBody(
        what=ACTIONS[type(command)].value,
        incident=command.incident,
        camera=command.camera,
        by=_taker(command),
        code=code,
        rules=rules,
    )


def _still_answer(body: StillBody, jpeg: bytes) -> StillAnswer:
    captured_ms = round(read_time(body.captured_at).timestamp() * 1000)
    return StillAnswer(
        id=body.id, captured_ms=captured_ms, octets=body.octets, sha256=body.sha256, jpeg=jpeg
    )


def _clip_answer(asked: AskedBody) -> Answer:
    return Answer(ok=True, clip=ClipAnswer(id=asked.id, seconds=asked.length_ms / 1000))


def _time_of(captured_us: int) -> datetime:
    return datetime.fromtimestamp(captured_us / 1_000_000, UTC)
