"""What the web needs from the node behind it; the hub implements it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import msgspec

from safetynet.base.errors import UnavailableError
from safetynet.base.ids import CameraId, IncidentId, NodeId, ViewerId
from safetynet.sight.model import Request, Stretch
from safetynet.web.taking_types import ClipIn, ClipMade, ClipView, StillIn, StillView, TurnIn
from safetynet.web.types import (
    CameraPoint,
    CityView,
    DestroyedView,
    DestroyIn,
    FromConsole,
    HealthView,
    Hello,
    IncidentView,
    JournalLine,
    NodeView,
    ReportAccepted,
    ReportIn,
    SettingsView,
    Snapshot,
    ToConsole,
    ViewsAnswer,
    ViewView,
    WhyAnswer,
)

FEED_LIMIT = 1000
"""Messages that may wait for one console. A console that is farther behind is disconnected and
starts again with a snapshot: dropping single events would leave it with a wrong picture."""


class Feed:
    """Messages on their way to one console."""

    def __init__(self, viewer: ViewerId) -> None:
        self.viewer = viewer
        self.overrun = False
        self._ended = False
        self._queue: asyncio.Queue[ToConsole | None] = asyncio.Queue(FEED_LIMIT)

    def put(self, message: ToConsole) -> None:
        """Queue a message without waiting; marks the feed as overrun when it is full."""
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            self.overrun = True

    def end(self) -> None:
        """This process answers no more: the console comes again, and finds the one that does."""
        self._ended = True
        with suppress(asyncio.QueueFull):
            self._queue.put_nowait(None)  # wakes who waits

    async def next(self) -> ToConsole:
        """The next message; raises ``UnavailableError`` after an overrun, and after its end."""
        message = None if self._ended or self.overrun else await self._queue.get()
        if self._ended:
            raise UnavailableError("live.replaced", "another process answers now")
        if message is None:
            raise UnavailableError("live.overrun", "this console is too far behind")
        return message


class Tile(msgspec.Struct, frozen=True):
    """A map tile as it lies in the bundle: gzipped vector tile."""

    data: bytes


class FrontDesk(Protocol):
    """What every process of a hub does by itself. Errors are ``SafetyNetError``."""

    def get_settings(self) -> SettingsView:
        """What the console must know about this installation."""
        ...

    def get_city(self) -> CityView:
        """The city for the first screen."""
        ...

    def find_tile(self, z: int, x: int, y: int) -> Tile | None:
        """A vector tile of the map; None where the map is empty."""
        ...

    async def accept_report(self, report: ReportIn, raw: bytes) -> ReportAccepted:
        """Take a report; returns when it is on disk."""
        ...

    async def get_health(self) -> HealthView:
        """How this process stands; raises ``UnavailableError`` where it could take no report."""
        ...


class Desk(FrontDesk, Protocol):
    """The hub, as the web of the process that answers sees it."""

    def list_cameras(self, owner: NodeId | None) -> Sequence[CameraPoint]:
        """Cameras of one owner or of all that joined."""
        ...

    def list_nodes(self) -> Sequence[NodeView]:
        """Every district of the programme, and how it stands."""
        ...

    def list_incidents(self) -> Sequence[IncidentView]:
        """Open incidents and the most recently ended ones, newest first."""
        ...

    def get_incident(self, incident: IncidentId) -> IncidentView:
        """One incident; raises ``NotFoundError``."""
        ...

    async def close_incident(self, incident: IncidentId) -> IncidentView:
        """End an incident and every right that came with it."""
        ...

    async def destroy(self, asked: DestroyIn) -> DestroyedView:
        """Destroy sealed words; returns when no key of them is left."""
        ...

    async def turn_view(self, incident: IncidentId, camera: CameraId, asked: TurnIn) -> ViewView:
        """Turn an open view's camera; raises ``RefusedError`` where the owner says no."""
        ...

    async def take_still(self, incident: IncidentId, camera: CameraId, asked: StillIn) -> StillView:
        """Take a still of an open view; raises ``RefusedError`` where the owner says no."""
        ...

    async def export_clip(self, incident: IncidentId, camera: CameraId, asked: ClipIn) -> ClipView:
        """Have an open view recorded; raises ``RefusedError`` where the owner says no."""
        ...

    async def list_exports(self, incident: IncidentId) -> Sequence[ClipMade]:
        """What became of an incident's clips."""
        ...

    async def list_journal(
        self, node: NodeId, after: int, incident: IncidentId | None, limit: int
    ) -> Sequence[JournalLine]:
        """Journal entries of a node, oldest first."""
        ...

    async def find_address(self, address: str, district: NodeId | None) -> Stretch:
        """Where a range of road-name addresses lies; raises ``InvalidError``, ``NotFoundError``."""
        ...

    async def choose_views(self, asked: Request) -> ViewsAnswer:
        """Which views would show this place now; nothing is opened."""
        ...

    async def explain_view(self, camera: CameraId, asked: Request) -> WhyAnswer:
        """Why a camera would be chosen now, or why not; raises ``NotFoundError``."""
        ...

    async def explain_for(self, camera: CameraId, incident: IncidentId) -> WhyAnswer:
        """Why a camera was chosen for an incident, or why not; raises ``NotFoundError``."""
        ...

    def find_gateway(self, owner: NodeId) -> str | None:
        """WebSocket address of an owner's gateway, where the owner is here."""
        ...

    async def open_console(self, hello: Hello) -> tuple[Feed, Snapshot]:
        """Register a viewer; its feed begins after the snapshot."""
        ...

    async def close_console(self, feed: Feed) -> None:
        """The console left: its grants are closed."""
        ...

    async def hear_console(self, feed: Feed, message: FromConsole) -> None:
        """A message from a registered console."""
        ...
