"""What a district has now: what its list says, once its journal has it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path

import structlog

from safetynet.app.district.listing import read_list
from safetynet.base.clock import Clock
from safetynet.base.errors import InvalidError, NotFoundError, SafetyNetError
from safetynet.base.ids import CameraId, NodeId
from safetynet.federation.catalogue import Catalogue, Change, difference
from safetynet.federation.inventory import as_journalled, drafts_of, list_cameras
from safetynet.federation.messages import CameraRecord
from safetynet.journal.append import Journal

LOOK_EVERY_S = 0.5

log = structlog.get_logger()
OnChange = Callable[[Catalogue, Change], Awaitable[None]]
type Stamp = tuple[int, int, int] | None


class Inventory:
    """The cameras of one district by its journal; ``take`` is the one way to change them."""

    def __init__(self, node: NodeId, journal: Journal, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._node = node
        self._journal = journal

    @classmethod
    async def open(cls, node: NodeId, journal: Journal) -> "Inventory":
        """As the journal of this node says, which may be empty."""
        known = await journal.store.read(lambda conn: list(list_cameras(conn, node)))
        return cls(node, journal, Catalogue(node, known))

    def owns(self, camera: CameraId) -> bool:
        """True for a camera that this district has now."""
        return self.catalogue.find(camera) is not None

    async def take(self, cameras: Iterable[CameraRecord]) -> Change:
        """Have exactly these cameras from now on; what changes is on disk when this returns.

        A list that says nothing new writes nothing.
        """
        wanted = Catalogue(self._node, map(as_journalled, cameras))
        change = difference(self.catalogue, wanted)
        if change:
            await self._journal.append(drafts_of(change))
            self.catalogue = self.catalogue.changed(change)
            log.info(
                "district.cameras_changed",
                of=self._node,
                put=len(change.put),
                removed=len(change.removed),
                cameras=len(self.catalogue),
            )
        return change


async def take_list(inventory: Inventory, path: Path) -> Change:
    """Have what a list says; one that cannot be is refused loudly, and what is known stays.

    Raises what was wrong with it where nothing is known yet.
    """
    try:
        return await inventory.take(_handed_over(await asyncio.to_thread(read_list, path)))
    except (InvalidError, NotFoundError) as error:
        log.error("district.list_refused", of=inventory.catalogue.node, why=str(error))
        if not len(inventory.catalogue):
            raise
        return Change()


def _handed_over(cameras: list[CameraRecord]) -> Iterator[CameraRecord]:
    """One after the other, each let go as it goes: a long list does not stand twice in memory."""
    cameras.reverse()
    while cameras:
        yield cameras.pop()


async def follow_list(
    inventory: Inventory, path: Path, taken: Stamp, clock: Clock, tell: OnChange
) -> None:
    """Take a list again whenever its file is another than ``taken``, and ``tell`` what changed by it.

    A file is read when it has stayed the same from one look to the next: nobody is writing it any more.
    """
    now = taken
    while True:
        await clock.sleep(LOOK_EVERY_S)
        before, now = now, await asyncio.to_thread(stamp_of, path)
        if now != before or now == taken:
            continue
        try:
            change = await take_list(inventory, path)
        except SafetyNetError as error:
            log.error("district.list_not_taken", of=inventory.catalogue.node, code=error.code)
            continue
        taken = now
        if change:
            await tell(inventory.catalogue, change)


def stamp_of(path: Path) -> Stamp:
    """Tells one state of a file from another; None where there is no file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
