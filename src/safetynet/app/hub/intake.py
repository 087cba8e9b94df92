"""From reports to incidents on disk."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from safetynet.access.seal import Keys, SealedValue, Vault
from safetynet.app.hub.group import Case, Group, Standing, write
from safetynet.base.clock import Clock
from safetynet.base.errors import (
    ConflictError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from safetynet.base.ids import NodeId
from safetynet.incident.entries import Sealed, Words, incident_moved, message_kept, read_words
from safetynet.incident.locate import Bounds, Gazetteer
from safetynet.incident.model import Accepted, Incident, KeptMessage, Report
from safetynet.incident.read import Kept, find_kept, find_revision
from safetynet.incident.state import Change, Identity, identity
from safetynet.journal.append import Change as Writing
from safetynet.journal.append import Journal
from safetynet.journal.entry import Draft

MAX_GROUP = 64
"""Reports that are decided and written together: some 20 ms in which the loop does little else."""
MAX_WAITING = 4096
"""Reports that wait. Full policy: the next one is refused, and its sender sends it again."""
RUSH_S = 0.1
"""So long after a group of reports the next one is expected."""
TRIES = 8
"""How often a report is decided anew because its incident moved in between."""

log = structlog.get_logger()
OnChange = Callable[[Change], None]


@dataclass(eq=False)
class _Waiting:
    report: Report
    done: asyncio.Future[Accepted]
    tries: int = 0


class Intake:
    """Accepts reports: sealed, decided, journalled and folded, many in one transaction.

    What waits is taken as a group (docs/design/0014): one look for all incidents, one commit for all new
    keys, one commit for all entries. While a group is on its way to disk the next one gathers.
    """

    def __init__(
        self,
        journal: Journal,
        vault: Vault,
        gazetteer: Gazetteer,
        bounds: Bounds,
        clock: Clock,
        on_change: OnChange,
    ) -> None:
        self._journal = journal
        self._vault = vault
        self._gazetteer = gazetteer
        self._bounds = bounds
        self._clock = clock
        self._on_change = on_change
        self._waiting: deque[_Waiting] = deque()
        self._taking: asyncio.Task[None] | None = None
        self._in_hand = 0
        self._rush, self._rush_s = 0, -RUSH_S

    @property
    def pending(self) -> int:
        """Reports that are not on disk yet. In a rush their senders wait for an answer before they send the
        next ones: between two groups it is the number of those just taken."""
        rush = self._rush if self._clock.monotonic_s() - self._rush_s < RUSH_S else 0
        return max(len(self._waiting) + self._in_hand, rush)

    async def accept(self, report: Report) -> Accepted:
        """Put a report on disk; what it changed is told to ``on_change`` after that.

        Raises ``ConflictError`` ``report.contended`` where others moved its incident so often that this
        one never fitted, and ``UnavailableError`` ``report.busy`` where too many wait; the sender may
        send it again.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise UnavailableError("report.busy", "too many reports wait", limit=MAX_WAITING)
        loop = asyncio.get_running_loop()
        waiting = _Waiting(report, loop.create_future())
        self._waiting.append(waiting)
        if self._taking is None:
            # A task of its own: whose report began it may give up, and the others must not.
            self._taking = loop.create_task(self._take_all())
        return await waiting.done

    async def keep(self, message: KeptMessage) -> None:
        """Put on disk what made no report, sealed."""
        # Sealed under a subject of its own: it belongs to no incident.
        value = await self._vault.seal(message.id, message.raw)
        await self._journal.append([message_kept(message, raw=_sealed(value))])

    async def open_words(self, kept: Kept) -> Incident:
        """The incident with its sealed words; without them where their key is lost."""
        (incident,) = await self.open_all([kept])
        return incident

    async def open_all(self, kept: Sequence[Kept]) -> list[Incident]:
        """As ``open_words``, with one look for all their keys."""
        keys = await self._vault.find_keys([one.body.incident for one in kept])
        return [_open(one, keys) for one in kept]

    async def move(self, kept: Kept | None, change: Change, *also: Draft) -> None:
        """Write what no report did to an incident: an operator's end, another node's word.

        ``kept`` is None for one that begins so, ``also`` are entries to write before it. Raises
        ``ConflictError`` where it moved meanwhile.
        """
        draft = incident_moved(change, words=kept.words if kept else None)
        drafts = [*also, draft] if draft is not None else [*also]
        if not drafts:
            return
        revision = None if change.before is None else change.before.revision

        def write_move(writing: Writing) -> bool:
            who = identity(change.after)
            return _write_if(writing, self._journal.node, who, revision, drafts)

        if not await self._journal.change(write_move):
            raise ConflictError("incident.moved", "the incident changed meanwhile")
        if draft is not None:
            self._on_change(change)

    async def _take_all(self) -> None:
        """Take what waits, group by group, until nothing does."""
        group: list[_Waiting] = []
        try:
            while group := self._next_group():
                self._in_hand = len(group)
                await self._take(group)
                self._rush, self._rush_s = len(group), self._clock.monotonic_s()
                self._in_hand = 0
        finally:
            self._taking, self._in_hand = None, 0
            # Nobody is left here unless we are cancelled, with the hub.
            ending = UnavailableError("hub.ending", "the hub is ending")
            _fail((*group, *self._waiting), ending)
            self._waiting.clear()

    def _next_group(self) -> list[_Waiting]:
        """The longest waiting; without those whose sender was told meanwhile that it took too long."""
        group: list[_Waiting] = []
        while self._waiting and len(group) < MAX_GROUP:
            one = self._waiting.popleft()
            if not one.done.done():
                group.append(one)
        return group

    async def _take(self, group: Sequence[_Waiting]) -> None:
        try:
            cases = await self._write([one.report for one in group])
        except Exception as error:  # noqa: BLE001 - their senders get it, and those after them go on
            if len(group) == 1 or isinstance(error, UnavailableError):
                _fail(group, error)
                return
            log.warning("intake.one_by_one", reports=len(group), error=type(error).__name__)
            for one in group:  # what one report trips over must not cost the others
                await self._take([one])
            return
        left = [one for one, case in zip(group, cases, strict=True) if not self._tell(one, case)]
        self._waiting.extendleft(reversed(left))  # decided anew, before what came later

    async def _write(self, reports: Sequence[Report]) -> list[Case]:
        """Decide, seal and write; of cases whose standing does not fit nothing was written."""
        standing, keys = await self._look({identity(report) for report in reports})
        group = Group(standing, self._gazetteer, self._bounds, self._clock.now())
        for report in reports:
            group.take(report)
        keys |= await self._vault.make_keys([s for s in group.subjects() if s not in keys])
        drafted = group.draft(keys)
        node = self._journal.node
        await self._journal.change(lambda writing: write(writing, node, drafted))
        return group.cases

    async def _look(self, whose: set[Identity]) -> tuple[dict[Identity, Standing], Keys]:
        """How the incidents stand on disk, and the keys of those that are there."""
        node = self._journal.node
        found = await self._journal.store.read(lambda conn: find_kept(conn, node, whose))
        keys = await self._vault.find_keys([kept.body.incident for kept in found.values()])
        return {who: _standing(kept, keys) for who, kept in found.items()}, keys

    def _tell(self, one: _Waiting, case: Case) -> bool:
        """Say that a report is on disk; False where it is not and may be tried again."""
        if not case.standing.fits:
            one.tries += 1
            if one.tries < TRIES:
                return False
            error = ConflictError("report.contended", "too many changes of one incident at once")
            _fail([one], error)
            return True
        change = case.change
        try:
            self._on_change(change)
        except Exception as error:  # noqa: BLE001 - its sender gets it, the others of the group go on
            _fail([one], error)
        if not one.done.done():
            one.done.set_result(
                Accepted(
                    incident=change.after.id,
                    report=case.report.id,
                    new=change.before is None,
                    state=change.after.state,
                )
            )
        return True


def _fail(group: Sequence[_Waiting], error: Exception) -> None:
    for one in group:
        if not one.done.done():
            one.done.set_exception(error)


def _standing(kept: Kept, keys: Keys) -> Standing:
    gone = kept.destroyed or keys.is_destroyed(kept.body.incident)
    return Standing(kept=kept, now=_open(kept, keys), gone=gone, words=None if gone else kept.words)


def _open(kept: Kept, keys: Keys) -> Incident:
    """The incident with its words; without them where their key is lost."""
    words = Words()
    if kept.words is not None:
        value = SealedValue(sealed=kept.words.sealed, key=kept.words.key)
        try:
            words = read_words(keys.open_sealed(kept.body.incident, value))
        except (NotFoundError, RefusedError) as error:
            log.error("intake.words_lost", incident=kept.body.incident, code=error.code)
    return kept.incident(words)


def _sealed(value: SealedValue) -> Sealed:
    return Sealed(sealed=value.sealed, key=value.key)


def _write_if(
    writing: Writing, node: NodeId, who: Identity, revision: int | None, drafts: list[Draft]
) -> bool:
    if find_revision(writing.conn, node, who) != revision:
        return False
    writing.append(*drafts)
    return True
