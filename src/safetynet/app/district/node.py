"""One district: its cameras, its journal, its last word on who watches."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial

import structlog

from safetynet.access import entries
from safetynet.access.authority import Authority
from safetynet.access.entries import PtzMove
from safetynet.access.lease import LeaseTable
from safetynet.access.model import EndReason, Grant
from safetynet.access.moves import list_turned
from safetynet.access.policy import Action, Ask, Policy
from safetynet.app.district.keeping import Keeper
from safetynet.app.district.probing import Probing
from safetynet.app.district.turning import Turning, body_of_move, read_turn, said_turn
from safetynet.base.clock import Clock
from safetynet.base.errors import SafetyNetError
from safetynet.base.ids import HUB, CameraId, IncidentId, NodeId, SessionId
from safetynet.city.kinds import CameraKind
from safetynet.federation.catalogue import Catalogue, Change
from safetynet.federation.messages import (
    Answer,
    CameraRecord,
    CloseViews,
    Command,
    ExportClip,
    OpenViews,
    RenewLeases,
    TakeStill,
    Taking,
    TurnView,
    ViewAnswer,
    ViewStatus,
    WantedView,
)
from safetynet.journal.append import Journal
from safetynet.sight.model import HealthState
from safetynet.video import ipc
from safetynet.video.ipc import Source, ToWorker, Turn

LOCK_LEASES = 2.0
"""A camera stays turned this many leases after the last word of its incident."""

HOMEWARD = "homeward"
"""Lock under which a forgotten camera is sent home."""

log = structlog.get_logger()
Send = Callable[[ToWorker], None]
SourceOf = Callable[[CameraRecord], Source]
OnHealth = Callable[[CameraId, HealthState], None]


class DistrictNode:
    """The owner's control: commands in, verdicts and cuts out, everything in its own journal."""

    def __init__(
        self,
        *,
        node: NodeId,
        catalogue: Catalogue,
        source_of: SourceOf,
        journal: Journal,
        authority: Authority,
        policy: Policy,
        send: Send,
        on_health: OnHealth,
        keeper: Keeper,
        clock: Clock,
        probes_per_minute: float = 0.0,
        afar: Collection[NodeId] = (HUB,),
    ) -> None:
        """``afar``: issuers of grants that cannot be heard while the hub cannot."""
        self.node = node
        self.keeper = keeper
        self._afar = frozenset(afar)
        self._know(catalogue)
        self._source_of = source_of
        self._journal = journal
        self._authority = authority
        self._policy = policy
        self._send = send
        self._on_health = on_health
        self._clock = clock
        self._locks: dict[IncidentId, _Lock] = {}
        self._watching: dict[SessionId, _Watching] = {}
        self._hub_heard_s = clock.monotonic_s()
        self._probing = Probing(probes_per_minute, clock.monotonic_s())

    @property
    def leases(self) -> LeaseTable:
        """Which sessions may go on."""
        return self._authority.leases

    # what it owns

    def owns(self, camera: CameraId) -> bool:
        """True for a camera that this district has now."""
        return camera in self._cameras

    def change_catalogue(self, catalogue: Catalogue, change: Change) -> None:
        """The list changed: what is no more is shown to nobody, what was turned is let go."""
        self._know(catalogue)
        for camera in change.removed:
            self._probing.forget(camera)
            self._on_health(camera, HealthState.OK)  # of no camera there is nothing to say
            for session, watching in self._watching.items():
                if watching.grant.camera == camera:
                    watching.cut = EndReason.SOURCE_LOST
                    self.leases.end(session)
                    self._send(ipc.Cut(session=session, reason=watching.cut.value))
            for incident in self._locks:
                self._let_go(incident, camera)

    def _know(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._cameras = {record.id: record for record in catalogue.cameras}
        self._order = tuple(self._cameras)

    # commands

    async def execute(self, command: Command) -> Answer:
        """Do what the hub asks, as far as this owner's policy allows."""
        self.hear_hub()
        return await self.carry_out(command, HUB)

    async def carry_out(self, command: Command, asker: NodeId) -> Answer:
        """Do what the hub or this district's own desk asks, as far as this owner's policy allows."""
        match command:
            case OpenViews():
                views = tuple(self._open_view(command, wanted, asker) for wanted in command.views)
                return Answer(ok=True, views=views)
            case RenewLeases():
                self._renew(command)
            case CloseViews():
                await self._close(command)
            case TurnView() | TakeStill() | ExportClip():
                return await self._take(command, asker)
        return Answer(ok=True)

    def holds(self, incident: IncidentId) -> bool:
        """True while an incident has cameras of this owner, or somebody watches for it."""
        watched = {watching.grant.incident for watching in self._watching.values()}
        return incident in self._locks or incident in watched

    def hear_hub(self) -> None:
        """The hub was heard just now."""
        self._hub_heard_s = self._clock.monotonic_s()

    def _open_view(self, command: OpenViews, wanted: WantedView, asker: NodeId) -> ViewAnswer:
        record = self._cameras.get(wanted.camera)
        if record is None:
            return _refusal(wanted.camera, "view.no_such_camera")
        decision = self._policy.decide_ask(_ask(self.node, command, wanted, asker))
        if not decision.allowed:
            return _refusal(wanted.camera, "policy.denied")
        lock = self._locks.setdefault(command.incident, _Lock(purpose=command.purpose))
        lock.until_s = self._clock.monotonic_s() + command.lease_s * LOCK_LEASES
        turning = Turning.of(wanted) if record.kind == CameraKind.PTZ else Turning()
        if wanted.hold and wanted.camera in lock.cameras:
            turning = lock.cameras[wanted.camera].held(self._clock.monotonic_s())
        else:
            lock.turned_by.pop(wanted.camera, None)
        lock.cameras[wanted.camera] = turning
        self._prepare(record, turning, command.incident)
        held = said_turn(turning.turn) if wanted.hold and turning.turn else None
        return ViewAnswer(camera=wanted.camera, status=ViewStatus.READY, held=held)

    def _prepare(self, record: CameraRecord, turning: Turning, lock: str) -> None:
        self._send(turning.prepare(record.id, self._source_of(record), lock))

    async def _take(self, command: Taking, asker: NodeId) -> Answer:
        """Something of an open view, for a viewer whose grant was not taken back."""

        def is_open() -> bool:
            lock = self._locks.get(command.incident)
            held = lock is not None and command.camera in lock.cameras
            return held and not self.leases.is_closed(command.right.grant, command.incident)

        rules = await self.keeper.allow(command, is_open=is_open(), asker=asker)
        match command:
            case TakeStill():
                return await self.keeper.take_still(command, rules)
            case ExportClip():
                return await self.keeper.export(command, rules, is_open)
            case TurnView():
                return self._turn_view(command)

    def _turn_view(self, command: TurnView) -> Answer:
        """The first incident that turned a camera keeps it."""
        record, lock = self._cameras[command.camera], self._locks[command.incident]
        others = (other for i, other in self._locks.items() if i != command.incident)
        if record.kind != CameraKind.PTZ:
            return Answer(ok=False, code="view.fixed", message="this camera does not turn")
        if any((t := other.cameras.get(command.camera)) and t.turn for other in others):
            return Answer(ok=False, code="view.locked", message="another incident turned it")
        turning = Turning(turn=read_turn(command.turn))
        lock.cameras[command.camera] = turning
        lock.turned_by[command.camera] = command.right.agency
        self._prepare(record, turning, command.incident)
        return Answer(ok=True)

    def _renew(self, command: RenewLeases) -> None:
        now_s = self._clock.monotonic_s()
        for session in self.leases.renew(command.grants, command.lease_s, now_s):
            self._send(ipc.Extend(session=session, lease_s=self.leases.left_s(session, now_s)))
        for incident in command.incidents:
            if incident in self._locks:
                self._locks[incident].until_s = now_s + command.lease_s * LOCK_LEASES

    async def _close(self, command: CloseViews) -> None:
        """Cut first, then write it down, so that a restart does not forget it."""
        now_s = self._clock.monotonic_s()
        self.leases.close_grants(command.grants, now_s)
        self.keeper.close(command.grants)
        if command.incident_over:
            self.leases.close_incident(command.incident, now_s)
            self._unlock(command.incident)
        for camera in command.cameras:
            self._let_go(command.incident, camera)
        self.cut_due()
        drafts = [entries.closed(g, command.incident, "by_issuer") for g in command.grants]
        if command.incident_over:
            drafts.append(entries.incident_over(command.incident, "by_issuer"))
        await self._journal.append(drafts)

    def _unlock(self, incident: IncidentId) -> None:
        lock = self._locks.pop(incident, None)
        self.keeper.let_go(incident)
        for camera in sorted(lock.cameras) if lock else ():
            self._send(ipc.Release(camera=camera, lock=incident))

    def _let_go(self, incident: IncidentId, camera: CameraId) -> None:
        lock = self._locks.get(incident)
        if lock is not None and camera in lock.cameras:
            del lock.cameras[camera]
            self.keeper.let_go(incident, camera)
            self._send(ipc.Release(camera=camera, lock=incident))

    # time

    def tick(self, hub_away_after_s: float) -> None:
        """Cut what is due and let cameras go whose incident nobody speaks of any more."""
        now_s = self._clock.monotonic_s()
        self.cut_due(hub_away=now_s - self._hub_heard_s > hub_away_after_s)
        self._probe(now_s)
        for incident in [i for i, lock in self._locks.items() if lock.until_s < now_s]:
            log.warning("district.lock_ran_out", of=self.node, incident=incident)
            self._unlock(incident)

    def cut_due(self, *, hub_away: bool = False) -> None:
        """Cut the sessions that may not go on."""
        away = self._afar if hub_away else ()
        for due in self.leases.due(self._clock.monotonic_s(), away):
            if watching := self._watching.get(due.session):
                watching.cut = due.reason
            self._send(ipc.Cut(session=due.session, reason=due.reason.value))
        if hub_away:
            self._hold()

    def _hold(self) -> None:
        """The worker cuts by itself what it is not told to go on; tell it the owner's policy."""
        now_s = self._clock.monotonic_s()
        for session in self.leases.running():
            self._send(ipc.Extend(session=session, lease_s=self.leases.left_s(session, now_s)))

    # what the worker says

    async def judge(self, ask: ipc.Ask) -> None:
        """Decide on a viewer; the decision is on disk before the viewer hears it."""
        verdict = self._authority.judge(
            ask.session,
            ask.token,
            ask.proof,
            ask.nonce,
            file=ask.file,
            check_file=partial(self.keeper.check_file, ask.file) if ask.file else None,
        )
        await self._journal.append(verdict.drafts)
        if verdict.error is not None or verdict.grant is None:
            error = verdict.error
            code = error.code if error else "grant.refused"
            message = error.message if error else "refused"
            self._send(ipc.Verdict(session=ask.session, accepted=False, code=code, message=message))
            return
        grant = verdict.grant
        record = self._cameras.get(grant.camera)
        if record is None:  # taken off the list while this was written down
            await self._refuse_gone(ask, grant)
            return
        lease_s = self._authority.admit(verdict)
        self._watching[ask.session] = _Watching(grant, self._clock.monotonic_s())
        path = self.keeper.find_file(ask.file)
        if path is None:
            # Without a turn: the stream is opened even where the hub's command has not come yet.
            self._prepare(record, Turning(), ask.session)
        self._send(
            ipc.Verdict(
                session=ask.session,
                accepted=True,
                camera=record.id,
                lease_s=lease_s,
                path=str(path or ""),
            )
        )

    async def _refuse_gone(self, ask: ipc.Ask, grant: Grant) -> None:
        await self._journal.append([entries.ended(ask.session, grant, EndReason.SOURCE_LOST)])
        self._send(
            ipc.Verdict(
                session=ask.session, accepted=False, code="grant.camera", message="no such camera"
            )
        )

    async def note_first_frame(self, message: ipc.FirstFrame) -> None:
        """The viewer sees it."""
        watching = self._watching.get(message.session)
        if watching is not None:
            took_s = self._clock.monotonic_s() - watching.since_s
            incident = watching.grant.incident
            draft = entries.first_frame(message.session, incident, round(took_s * 1000))
            await self._journal.append([draft])

    async def note_end(self, message: ipc.Ended) -> None:
        """A session is over: close its line."""
        watching = self._watching.pop(message.session, None)
        if watching is None:
            return
        self.leases.end(message.session)
        self._send(ipc.Release(camera=watching.grant.camera, lock=message.session))
        draft = entries.ended(
            message.session,
            watching.grant,
            watching.cut or _reason_of(message.reason),
            frames=message.frames,
            octets=message.bytes,
        )
        await self._journal.append([draft])

    async def note_turn(self, message: ipc.Turned) -> None:
        """A camera arrived; one that did not is only logged: it is where it was.

        Of a sweep the first round is written down, stop by stop; those after it are the same.
        """
        lock = self._locks.get(IncidentId(message.lock))
        turning = lock.cameras.get(message.camera) if lock else None
        if message.error:
            log.warning("ptz.not_turned", camera=message.camera, error=message.error)
            return
        if turning is not None:
            turning.note(message, self._clock.monotonic_s())
        if message.round_ > 1:
            return
        to, took_ms = message.to, round(message.took_s * 1000)
        incident = IncidentId(message.lock)
        await self._note_move(
            message.camera, PtzMove.TURNED, to, incident, lock, took_ms, stop=message.stop
        )

    async def note_return(self, message: ipc.Returned) -> None:
        """A camera was sent home."""
        record = self._cameras.get(message.camera)
        if record is None:
            return
        if message.error:
            log.warning("ptz.not_returned", camera=message.camera, error=message.error)
            return
        await self._note_move(message.camera, PtzMove.RETURNED, _home_of(record), None, None, 0)

    def note_source(self, message: ipc.SourceState) -> None:
        """A stream came or was lost."""
        if message.status is ipc.SourceStatus.LIVE:
            self._note_health(message.camera, HealthState.OK)
        elif message.status is ipc.SourceStatus.LOST:
            self._note_health(message.camera, HealthState.DEAD)

    def note_probe(self, message: ipc.Probed) -> None:
        """A camera that was ill was looked at again."""
        self._note_health(message.camera, HealthState(message.state))

    def _note_health(self, camera: CameraId, state: HealthState) -> None:
        if self.owns(camera):
            well = state is HealthState.OK
            self._probing.note(camera, self._clock.monotonic_s(), well=well)
            self._on_health(camera, state)

    def _probe(self, now_s: float) -> None:
        """Look at what is ill, and at what nobody watches, as far as the budget allows."""
        for camera in self._probing.plan(now_s, self._order, self._watched()):
            source = self._source_of(self._cameras[camera])
            self._send(ipc.Probe(camera=camera, source=source))

    def _watched(self) -> set[CameraId]:
        """Cameras whose streams are open, so that they tell of themselves."""
        locked = {camera for lock in self._locks.values() for camera in lock.cameras}
        return locked | {watching.grant.camera for watching in self._watching.values()}

    async def take_up(self) -> None:
        """A worker is there, perhaps a new one: it learns what is held, and what to send home.

        A camera whose last move in our own record is a turn that nobody holds any more was left
        standing by a process that died.
        """
        for incident, lock in self._locks.items():
            for camera, turning in lock.cameras.items():
                self._prepare(self._cameras[camera], turning, incident)
        held = {camera for lock in self._locks.values() for camera in lock.cameras}
        left = await self._journal.store.read(lambda conn: list_turned(conn, self.node))
        for camera in sorted(set(left) - held):
            record = self._cameras.get(camera)
            if record is not None:
                self._prepare(record, Turning(turn=_home_of(record)), HOMEWARD)
                self._send(ipc.Release(camera=camera, lock=HOMEWARD))

    async def stop(self) -> None:
        """This node ends, or its worker did: so do its sessions, in its own record."""
        watching, self._watching = self._watching, {}
        for session in watching:
            self.leases.end(session)
        drafts = [
            entries.ended(session, w.grant, w.cut or EndReason.NODE_STOPPED)
            for session, w in watching.items()
        ]
        try:
            await self._journal.append(drafts)
            await self.keeper.stop()
        except SafetyNetError as error:
            log.warning("district.stop_unrecorded", of=self.node, code=error.code)

    async def _note_move(
        self,
        camera: CameraId,
        move: PtzMove,
        to: Turn,
        incident: IncidentId | None,
        lock: "_Lock | None",
        took_ms: int,
        *,
        stop: int = 0,
    ) -> None:
        purpose, by = (lock.purpose, lock.turned_by.get(camera, "")) if lock else ("", "")
        body = body_of_move(
            camera, move, to, incident=incident, purpose=purpose, by=by, took_ms=took_ms, stop=stop
        )
        await self._journal.append([entries.ptz_moved(body)])


@dataclass
class _Watching:
    """A running session."""

    grant: Grant
    since_s: float
    cut: EndReason | None = None
    """Why we cut it, where we did; the worker then only confirms."""


@dataclass
class _Lock:
    """An incident's hold on cameras of this owner."""

    purpose: str
    until_s: float = 0.0
    cameras: dict[CameraId, Turning] = field(default_factory=dict)
    """And what each does for it."""
    turned_by: dict[CameraId, str] = field(default_factory=dict)
    """Agencies whose operators turned one since."""


def _ask(node: NodeId, command: OpenViews, wanted: WantedView, asker: NodeId) -> Ask:
    return Ask(
        agency=command.agency,
        action=Action.TURN if wanted.turn else Action.VIEW,
        camera=wanted.camera,
        owner=node,
        issuer=asker,
        incident=command.incident,
        service=command.service,
        purpose=command.purpose,
        basis=command.basis,
        drill=command.drill,
    )


def _home_of(record: CameraRecord) -> Turn:
    return Turn(azimuth_deg=record.azimuth_deg, tilt_deg=record.tilt_deg, hfov_deg=record.hfov_deg)


def _refusal(camera: CameraId, code: str) -> ViewAnswer:
    return ViewAnswer(camera=camera, status=ViewStatus.REFUSED, code=code)


def _reason_of(word: str) -> EndReason:
    """The worker's word for an end; one that it does not share with us means the viewer left."""
    try:
        return EndReason(word)
    except ValueError:
        return EndReason.VIEWER_LEFT
