"""The line to the video worker that the districts of one process share."""

import asyncio
from collections.abc import Callable

import structlog

from safetynet.app.district.node import DistrictNode
from safetynet.base.clock import Clock
from safetynet.base.errors import SafetyNetError, UnavailableError
from safetynet.base.ids import NodeId, SessionId
from safetynet.video import ipc
from safetynet.video.control import VideoWorker
from safetynet.video.ipc import ToControl, ToWorker
from safetynet.video.limits import Limits

RESTART_PAUSE_S = 0.5
WAITING = 1024
"""Messages of the worker that wait for one district. Full policy: the reader waits, so the worker's
socket fills and the worker, which never waits for us, logs that control is away and lets leases run."""

log = structlog.get_logger()
OnGateway = Callable[[str], None]


class WorkerLine:
    """Keeps one worker running and passes its messages to the districts they concern."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.gateway: tuple[str, int] | None = None
        """Where the worker's gateway listens; None while there is no worker."""
        self._limits = limits
        self._clock = clock
        self._worker: VideoWorker | None = None
        self._nodes: dict[NodeId, DistrictNode] = {}
        self._queues: dict[NodeId, asyncio.Queue[ToControl]] = {}
        self._of_session: dict[SessionId, NodeId] = {}

    def add(self, node: DistrictNode) -> None:
        """A district joins this process's worker."""
        self._nodes[node.node] = node
        self._queues[node.node] = asyncio.Queue(WAITING)

    def gateway_of(self, node: NodeId) -> str:
        """Address that viewers of a district use; empty while no worker serves."""
        if self.gateway is None:
            return ""
        host, port = self.gateway
        return f"ws://{host}:{port}/view/{node}"

    def send(self, message: ToWorker) -> None:
        """Tell the worker; what cannot be told is lost with it, and its sessions with it."""
        if isinstance(message, ipc.Verdict) and not message.accepted:
            self._of_session.pop(message.session, None)  # a refused one has no end
        if self._worker is None:
            return
        try:
            self._worker.send(message)
        except UnavailableError as error:
            log.warning("worker.unreachable", code=error.code)

    async def run(self) -> None:
        """Start the worker, again whenever it ends; ends it when cancelled."""
        while True:
            self._worker = await VideoWorker.start(self._limits)
            try:
                async for message in self._worker:
                    await self._pass_on(message)
            finally:
                worker, self._worker, self.gateway = self._worker, None, None
                await worker.stop()
            log.error("worker.ended")
            for node in list(self._nodes.values()):  # one may join meanwhile
                await node.stop()
            await self._clock.sleep(RESTART_PAUSE_S)

    async def serve(self, node: NodeId) -> None:
        """Handle one district's messages, in order."""
        queue, district = self._queues[node], self._nodes[node]
        while True:
            message = await queue.get()
            try:
                await _handle(district, message)
            except SafetyNetError as error:
                log.error("district.failed", of=node, code=error.code, message=error.message)
                if isinstance(message, ipc.Ask):
                    self.send(_unsure(message, error))

    async def _pass_on(self, message: ToControl) -> None:
        if isinstance(message, ipc.Listening):
            self.gateway = (message.host, message.port)
            for district in list(self._nodes.values()):  # one may join meanwhile
                await district.take_up()
            return
        node = self._node_of(message)
        if node is None or node not in self._queues:
            log.info("worker.nobody_concerned", message=type(message).__name__)
            if isinstance(message, ipc.Ask):
                self.send(_nobody(message))
            return
        await self._queues[node].put(message)

    def _node_of(self, message: ToControl) -> NodeId | None:
        match message:
            case ipc.Ask():
                self._of_session[message.session] = NodeId(message.audience)
                return NodeId(message.audience)
            case ipc.Opened() | ipc.FirstFrame():
                return self._of_session.get(message.session)
            case ipc.Ended():
                return self._of_session.pop(message.session, None)
            case (
                ipc.SourceState()
                | ipc.Turned()
                | ipc.Returned()
                | ipc.Probed()
                | ipc.StillTaken()
                | ipc.Recorded()
            ):
                owners = (n.node for n in self._nodes.values() if n.owns(message.camera))
                return next(owners, None)
            case _:
                return None


def _unsure(ask: ipc.Ask, error: SafetyNetError) -> ipc.Verdict:
    """What could not be written down is not shown."""
    return ipc.Verdict(
        session=ask.session, accepted=False, code=error.code, message="not decided, try again"
    )


def _nobody(ask: ipc.Ask) -> ipc.Verdict:
    return ipc.Verdict(
        session=ask.session, accepted=False, code="grant.audience", message="no such owner here"
    )


async def _handle(district: DistrictNode, message: ToControl) -> None:
    match message:
        case ipc.Ask():
            await district.judge(message)
        case ipc.FirstFrame():
            await district.note_first_frame(message)
        case ipc.Ended():
            await district.note_end(message)
        case ipc.Turned():
            await district.note_turn(message)
        case ipc.Returned():
            await district.note_return(message)
        case ipc.SourceState():
            district.note_source(message)
        case ipc.Probed():
            district.note_probe(message)
        case ipc.StillTaken():
            district.keeper.note_still(message)
        case ipc.Recorded():
            await district.keeper.note_clip(message)
        case _:
            pass
