"""The owners as a desk deals with them: who is here, and commands that may go unanswered."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import msgspec
import structlog

from safetynet.base.clock import Clock
from safetynet.base.errors import InvalidError, UnavailableError
from safetynet.base.ids import HUB, CameraId, GrantId, IncidentId, NodeId, new_id
from safetynet.federation.commands import COMMAND_WITHIN_S
from safetynet.federation.directory import Directory
from safetynet.federation.messages import (
    Answer,
    CloseViews,
    Command,
    Deadline,
    ExportClip,
    OpenViews,
    RenewLeases,
    Right,
    TakeStill,
    TurnView,
    WantedTurn,
    WantedView,
)
from safetynet.incident.model import Incident
from safetynet.services.model import LegalBasis, Plan

STILL_WITHIN_S = 5.0
"""A still may wait for the next key frame of a stream that has only just been opened."""
CLOSE_TRIES = 3
"""A close is worth asking again; beyond that the lease and the owner's policy end the session."""

log = structlog.get_logger()
Ask = Callable[[NodeId, Command, float], Awaitable[Answer]]
"""One command to an owner, one answer within so many seconds; raises ``UnavailableError`` where the
owner is silent."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What an open incident has at one owner: cameras it holds, and grants, perhaps none yet."""

    owner: NodeId
    incident: IncidentId
    grants: tuple[GrantId, ...]
    lease_s: float


class Owners:
    """Commands to the districts, each with its deadline; silence costs views, never the incident."""

    def __init__(
        self, ask: Ask, directory: Directory, clock: Clock, generation: str | None = None
    ) -> None:
        """``generation`` names who asks: owners do nothing more for an older one. Ours begins now where None."""
        self.directory = directory
        self._ask_owner = ask
        self._clock = clock
        self.generation = generation or new_id("gen", clock.now())

    def list_away(self) -> frozenset[NodeId]:
        """Owners that cannot be asked now; the hub owns no cameras."""
        return self.directory.list_away() - {HUB}

    def find_gateway(self, owner: NodeId) -> str | None:
        """WebSocket address of an owner's gateway, where it has one."""
        try:
            beat = self.directory.get(owner).beat
        except KeyError:
            return None
        return beat.gateway if beat and beat.gateway else None

    async def open_views(
        self, owner: NodeId, incident: Incident, plan: Plan, views: tuple[WantedView, ...]
    ) -> Answer | None:
        """Have views opened; None where the owner is silent."""
        command = OpenViews(
            key=self._key(),
            generation=self.generation,
            incident=incident.id,
            agency=incident.sender,
            service=plan.service.value,
            purpose=plan.purpose,
            basis=line_of(plan.basis),
            drill=incident.drill,
            views=views,
            lease_s=plan.lease_s,
            deadline=self._deadline(),
        )
        return await self._ask(owner, command)

    async def close_views(
        self,
        owner: NodeId,
        incident: IncidentId,
        *,
        grants: Sequence[GrantId],
        cameras: Sequence[CameraId],
        over: bool,
    ) -> None:
        """Have sessions cut; asked again where the owner is silent."""
        command = CloseViews(
            key=self._key(),
            generation=self.generation,
            incident=incident,
            grants=tuple(grants),
            cameras=tuple(cameras),
            incident_over=over,
        )
        for _ in range(CLOSE_TRIES):
            if await self._ask(owner, command) is not None:
                return
        log.warning("owner.close_unanswered", owner=owner, incident=incident)

    async def renew(self, held: Sequence[Held]) -> None:
        """Extend leases and locks at their owners, all owners at the same time."""
        by_owner: dict[NodeId, list[Held]] = {}
        for one in held:
            by_owner.setdefault(one.owner, []).append(one)
        away = self.list_away()
        await asyncio.gather(
            *(self._renew(owner, mine) for owner, mine in by_owner.items() if owner not in away)
        )

    async def _renew(self, owner: NodeId, held: Sequence[Held]) -> None:
        command = RenewLeases(
            key=self._key(),
            generation=self.generation,
            grants=tuple(grant for one in held for grant in one.grants),
            incidents=tuple(sorted({one.incident for one in held})),
            lease_s=min(one.lease_s for one in held),
            deadline=self._deadline(),
        )
        await self._ask(owner, command)

    async def turn_view(
        self, owner: NodeId, incident: IncidentId, camera: CameraId, right: Right, turn: WantedTurn
    ) -> Answer | None:
        """Have an open view's camera turned; None where the owner is silent."""
        command = TurnView(
            key=self._key(),
            generation=self.generation,
            incident=incident,
            camera=camera,
            right=right,
            turn=turn,
            deadline=self._deadline(),
        )
        return await self._ask(owner, command)

    async def take_still(
        self, owner: NodeId, incident: IncidentId, camera: CameraId, right: Right, key: str
    ) -> Answer | None:
        """Have a still taken; the same ``key`` is the same still. None where the owner is silent."""
        command = TakeStill(
            key=key or self._key(),
            generation=self.generation,
            incident=incident,
            camera=camera,
            right=right,
            deadline=self._deadline(STILL_WITHIN_S),
        )
        return await self._ask(owner, command, STILL_WITHIN_S)

    async def export_clip(
        self,
        owner: NodeId,
        incident: IncidentId,
        camera: CameraId,
        right: Right,
        *,
        seconds: float,
        approved_by: str,
        key: str,
    ) -> Answer | None:
        """Have a view recorded; the same ``key`` is the same clip. None where the owner is silent."""
        command = ExportClip(
            key=key or self._key(),
            generation=self.generation,
            incident=incident,
            camera=camera,
            right=right,
            seconds=seconds,
            approved_by=approved_by,
            deadline=self._deadline(),
        )
        return await self._ask(owner, command)

    async def _ask(
        self, owner: NodeId, command: Command, within_s: float = COMMAND_WITHIN_S
    ) -> Answer | None:
        try:
            return await self._ask_owner(owner, command, within_s)
        except (UnavailableError, InvalidError) as error:
            log.info("owner.silent", owner=owner, command=type(command).__name__, code=error.code)
            return None

    def _key(self) -> str:
        return new_id("cmd", self._clock.now())

    def _deadline(self, within_s: float = COMMAND_WITHIN_S) -> Deadline:
        return Deadline(sent_s=self._clock.monotonic_s(), within_s=within_s)


def since(clock: Clock, since_s: float) -> datetime:
    """Wall time of a moment on the monotonic clock, for people to read."""
    return datetime.fromtimestamp(
        clock.now().timestamp() - (clock.monotonic_s() - since_s), clock.now().tzinfo
    )


def line_of(basis: LegalBasis) -> str:
    """A legal basis in one line, as it stands in the ledger."""
    return f"{basis.law} {basis.clause}"
