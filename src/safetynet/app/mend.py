"""``safetynet rebuild``, ``snapshot`` and ``reinstate``: work on the stores of stopped nodes."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from safetynet.app.check import FOLDS, STORE
from safetynet.app.demo import default_data
from safetynet.base.clock import SystemClock
from safetynet.base.errors import InvalidError, NotFoundError
from safetynet.base.ids import NodeId
from safetynet.journal.follow import Follower
from safetynet.journal.mark import stopped
from safetynet.journal.snapshot import make_snapshot, rebuild
from safetynet.journal.verify import list_journals
from safetynet.store.store import Store

EVIDENCE = "evidence"
"""Folder beside a store for entries that were taken out of a copy."""

type Work = Callable[[str, Store, NodeId], Awaitable[str]]


def run_rebuild(place: str | None, nodes: Sequence[str], *, whole: bool) -> int:
    """Fold journals again, each in one transaction, and print what was done.

    The nodes must be stopped: a rebuild holds the one writer longer than reports may wait. Raises
    ``ConflictError`` ``store.in_use`` where the node of an SQLite store runs; of a database's URL nobody
    can see it from here.
    """

    async def work(where: str, store: Store, node: NodeId) -> str:
        done = await store.write(lambda conn: rebuild(conn, node, FOLDS, whole=whole), wait_s=60)
        for why in done.passed_over:
            print(f"{where}: {node}: snapshot not used: {why}")
        base = (
            f"snapshot at epoch {done.base.epoch} seq {done.base.seq}" if done.base else "entry 1"
        )
        return f"{done.entries} entries folded again after {base}"

    return _for_each(place, nodes, work, running=False)


def run_snapshot(place: str | None, nodes: Sequence[str]) -> int:
    """Make snapshots and print where they stand. The nodes may run: it reads, and writes in pieces."""

    async def work(_: str, store: Store, node: NodeId) -> str:
        made = await make_snapshot(store, node, SystemClock())
        if made is None:
            return "nothing new since the last snapshot"
        return f"snapshot at epoch {made.head.epoch} seq {made.head.seq}, {made.blocks} blocks"

    return _for_each(place, nodes, work, running=True)


def run_reinstate(place: str, node: str, *, after: int | None) -> int:
    """Let a store take the journal of a node again whose chain it refused; its own node is stopped.

    With ``after`` the copy's entries beyond that sequence are first written to a file beside the store,
    or where the command is given if the store is a database.
    """
    if "://" in place:
        asyncio.run(_reinstate(place, Path(EVIDENCE), NodeId(node), after))
    else:
        path = _find_stores(place)[0]
        with stopped(path.parent):
            url = f"sqlite:///{path}"
            asyncio.run(_reinstate(url, path.parent / EVIDENCE, NodeId(node), after))
    print(f"{node} is taken again at the next start" + (f", after seq {after}" if after else ""))
    return 0


async def _reinstate(url: str, evidence: Path, node: NodeId, after: int | None) -> None:
    async with Store(url) as store:
        follower = Follower(store, SystemClock(), FOLDS)
        if after is not None:
            lines = await follower.list_after(node, after)
            _keep_evidence(evidence, f"{node}-after-{after}", lines)
        await follower.reinstate(node, after=after)


def _keep_evidence(folder: Path, name: str, lines: Sequence[bytes]) -> None:
    if not lines:
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    taken = len(list(folder.glob(f"{name}*")))
    path = folder / f"{name}-{taken + 1}.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    print(f"{len(lines)} entries are kept in {path}")


def _for_each(place: str | None, nodes: Sequence[str], work: Work, *, running: bool) -> int:
    if place is not None and "://" in place:
        asyncio.run(_in_store(place.rsplit("/", 1)[-1], place, nodes, work))
        return 0
    for path in _find_stores(place):
        with _nothing() if running else stopped(path.parent):
            asyncio.run(_in_store(path.parent.name, f"sqlite:///{path}", nodes, work))
    return 0


@contextlib.contextmanager
def _nothing() -> Iterator[None]:
    yield


def _find_stores(place: str | None) -> list[Path]:
    path = default_data() if place is None else Path(place)
    found = [path] if path.is_file() else sorted(path.rglob(STORE))
    if not found:
        raise NotFoundError("store.none", "no store found", path=str(path))
    return found


async def _in_store(where: str, url: str, nodes: Sequence[str], work: Work) -> None:
    async with Store(url) as store:
        known = await list_journals(store)
        if unknown := sorted(set(nodes) - set(known)):
            raise InvalidError("store.no_journal", "no journal of this node", node=unknown[0])
        for node in known:
            if not nodes or node in nodes:
                print(f"{where}: {node}: {await work(where, store, node)}")
