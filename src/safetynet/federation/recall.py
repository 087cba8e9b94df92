"""A node that starts asks its followers how far its own journal was, and takes back what it lacks."""

from collections.abc import Sequence
from functools import partial

import msgspec
import structlog
from sqlalchemy import Connection

from safetynet.base.clock import Clock
from safetynet.base.errors import InvalidError, UnavailableError
from safetynet.base.ids import NodeId
from safetynet.federation import subjects
from safetynet.federation.bus import Bus
from safetynet.federation.messages import (
    EntryBatch,
    HeadAnswer,
    HeadRequest,
    RangeRequest,
    decode,
    encode,
)
from safetynet.federation.replicate import RANGE_WITHIN_S, answer_range
from safetynet.journal.append import Change, Journal
from safetynet.journal.entry import Entry
from safetynet.journal.follow import Follower, NodeState
from safetynet.journal.mark import HeadMark
from safetynet.journal.resume import (
    Found,
    Step,
    Told,
    highest_epoch,
    holds,
    look,
    plan_epoch,
    plan_start,
    take_back,
)
from safetynet.journal.rows import Folds, Head, read_head

SURE_WITHIN_S = 0.5
"""How long an answer is waited for where the mark says that nothing is missing."""
UNSURE_WITHIN_S = 10.0
"""And where it does not: at the first start and after a restore."""
ASK_AGAIN_S = 0.1

log = structlog.get_logger()


class RecallDoor:
    """A follower's side: tells nodes how far it has them, and gives their entries back."""

    def __init__(self, follower: Follower, bus: Bus) -> None:
        self._follower = follower
        self._bus = bus

    async def open(self, nodes: Sequence[NodeId]) -> None:
        """Answer these nodes from now on, each for its own journal alone."""
        store = self._follower.store
        for node in nodes:
            await self._bus.answer(subjects.head(node), partial(self._tell_head, node))
            await self._bus.answer(subjects.copy(node), partial(answer_range, store, node))

    async def _tell_head(self, node: NodeId, data: bytes) -> bytes:
        asked = decode(data, HeadRequest)
        theirs = Head(epoch=asked.epoch, seq=asked.seq, leaf=asked.leaf)
        broken = await self._follower.state(node) is NodeState.BROKEN

        def read(conn: Connection) -> HeadAnswer:
            own = read_head(conn, node)
            return HeadAnswer(
                epoch=own.epoch,
                seq=own.seq,
                leaf=own.leaf,
                fits=holds(conn, node, theirs),
                highest_epoch=highest_epoch(conn, node),
                broken=broken,
            )

        return encode(await self._follower.store.read(read))


async def resume(
    journal: Journal,
    bus: Bus,
    mark: HeadMark,
    clock: Clock,
    folds: Folds,
    *,
    followed: bool,
    unsure_within_s: float = UNSURE_WITHIN_S,
) -> Step:
    """Find out where this node's journal really was, before anything is appended.

    Asks who follows it (``followed``: somebody does), takes back what the store lacks, begins a new
    epoch where nobody can know, and from then on moves the mark with every commit. Returns how it
    went on. Cost of an ordinary start: one question; without an answer ``SURE_WITHIN_S``.
    """
    node, store = journal.node, journal.store
    found = await look(store, node, mark.read(), followed=followed)
    if followed:
        within_s = SURE_WITHIN_S if found.mark_held else unsure_within_s
        found = await _ask(found, journal, bus, clock, within_s)
    took = 0
    while plan_start(found) is Step.TAKE_BACK:
        lines = await _fetch(node, bus, found.head)
        taken = await take_back(store, node, lines, folds)
        took += len(taken)
        found = await _look_again(found, journal, fits=bool(taken))
    step = plan_start(found)
    journal.feed.mark = mark.note
    if step is Step.NEW_EPOCH:
        if found.forked:
            log.error("journal.two_histories", of=node, seq=found.head.seq)
        entry = await _begin_epoch(journal, plan_epoch(found, clock.now()))
        log.warning("journal.new_epoch", of=node, epoch=entry.epoch, seq=entry.seq)
    else:
        mark.write(found.head)
    if took:
        log.warning("journal.taken_back", of=node, entries=took, seq=found.head.seq)
        return step if step is Step.NEW_EPOCH else Step.TAKE_BACK
    return step


async def _begin_epoch(journal: Journal, planned: int) -> Entry:
    """Of several processes of one node that start at once each begins one, above the others'."""

    def begin(change: Change) -> Entry:
        known = read_head(change.conn, journal.node).epoch
        return change.begin_epoch(max(planned, known + 1))

    return await journal.change(begin)


async def _ask(found: Found, journal: Journal, bus: Bus, clock: Clock, within_s: float) -> Found:
    """Add what a follower says; what was found stays as it is where none answers in time."""
    head = found.head
    request = encode(HeadRequest(epoch=head.epoch, seq=head.seq, leaf=head.leaf))
    until_s = clock.monotonic_s() + within_s
    while (left_s := until_s - clock.monotonic_s()) > 0:
        try:
            reply = await bus.ask(subjects.head(journal.node), request, left_s)
            return await _with_answer(found, journal, decode(reply, HeadAnswer))
        except (UnavailableError, InvalidError) as error:
            log.info("journal.head_unknown", of=journal.node, code=error.code)
            await clock.sleep(ASK_AGAIN_S)
    return found


async def _with_answer(found: Found, journal: Journal, answer: HeadAnswer) -> Found:
    head = Head(epoch=answer.epoch, seq=answer.seq, leaf=answer.leaf)
    if answer.broken:
        log.error("journal.refused_by_follower", of=journal.node, epoch=head.epoch, seq=head.seq)
    held = await journal.store.read(lambda conn: holds(conn, journal.node, head))
    told = Told(
        head=head,
        fits=answer.fits,
        held=held,
        highest_epoch=answer.highest_epoch,
    )
    return msgspec.structs.replace(found, told=told)


async def _fetch(node: NodeId, bus: Bus, after: Head) -> tuple[bytes, ...]:
    """The next entries of this node as a follower keeps them; none where none come."""
    request = RangeRequest(after_epoch=after.epoch, after_seq=after.seq)
    try:
        reply = await bus.ask(subjects.copy(node), encode(request), RANGE_WITHIN_S)
        return decode(reply, EntryBatch).entries
    except (UnavailableError, InvalidError) as error:
        log.warning("journal.not_given_back", of=node, code=error.code)
        return ()


async def _look_again(found: Found, journal: Journal, *, fits: bool) -> Found:
    """After taking entries back; where none followed, the follower's history is another one."""
    now = await look(journal.store, journal.node, found.mark, followed=found.followed)
    assert found.told is not None
    head = found.told.head
    held = await journal.store.read(lambda conn: holds(conn, journal.node, head))
    told = msgspec.structs.replace(found.told, fits=fits, held=held)
    return msgspec.structs.replace(now, told=told, taken_back=True)
