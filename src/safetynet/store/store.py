"""A node's SQL store: one writer that groups its commits, and a few readers."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from safetynet.base.errors import UnavailableError
from safetynet.store.engines import make_engine, parse_url
from safetynet.store.faults import lost, translate, translate_commit
from safetynet.store.notify import Announcement, announce
from safetynet.store.schema import NODE_SCHEMA, Schema, bring_up

log = structlog.get_logger()

_SAVE, _KEEP, _UNDO = "SAVEPOINT write", "RELEASE SAVEPOINT write", "ROLLBACK TO SAVEPOINT write"
"""Undoing leaves the savepoint where it is, for the next write."""

MAX_WAITING = 4096
"""Writes that may wait at once; see ``Store.write`` for what happens to the next."""
MAX_GROUP = 256
"""Writes that share one commit at most."""


@dataclass(eq=False)
class _Job:
    work: Callable[[Connection], Any]  # one queue carries jobs of every result type
    committed: Callable[[Any], None] | None
    announcing: Callable[[Any], Announcement | None] | None
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Store:
    """SQL behind two verbs: ``write`` and ``read``. Belongs to one event loop.

    ``url`` is an SQLAlchemy URL: SQLite by default, PostgreSQL where several processes share one
    store. Either way every commit is on disk before it counts, and there is one writer at a time:
    a group begins by taking the database's own lock and holds it to the commit. ``before_commit`` runs
    in the writer's thread before each COMMIT: where it waits, the disk is slow; where it raises, the
    group is undone and its callers get that error.
    """

    def __init__(
        self,
        url: str,
        *,
        schema: Schema = NODE_SCHEMA,
        readers: int = 2,
        before_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self.url = parse_url(url)
        self.shared = self.url.get_backend_name() == "postgresql"
        """True where other processes may write here too."""
        self._write_engine = make_engine(url, writes=True, connections=1)
        try:
            with self._write_engine.begin() as conn:
                bring_up(conn, schema)
        except BaseException as error:
            self._write_engine.dispose()
            if isinstance(error, Exception) and (fault := translate(error)) is not error:
                raise fault from error
            raise
        self._read_engine = make_engine(url, writes=False, connections=readers)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="store-read")
        self._before_commit = before_commit
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._places = asyncio.Semaphore(MAX_WAITING)
        self._closed = False
        self._writer = threading.Thread(target=self._run, name="store-write", daemon=True)
        self._writer.start()
        self.commits = 0
        """Commits so far; with ``writes`` it tells how well they group."""
        self.writes = 0

    async def write[T](
        self,
        work: Callable[[Connection], T],
        *,
        committed: Callable[[T], None] | None = None,
        announcing: Callable[[T], Announcement | None] | None = None,
        wait_s: float = 10.0,
    ) -> T:
        """Run ``work`` in the writer's transaction; returns only after its commit is on disk.

        Waiting writes share one commit, each in a savepoint of its own: an exception undoes that
        write alone and is raised here. ``committed`` is called on the loop with the result, in
        order of commit, even where the caller was cancelled meanwhile. A cancelled write may still
        be committed. ``announcing`` makes of the result what other processes hear once the group
        is committed; of one channel they hear the group's last.

        Raises ``UnavailableError``: ``store.unavailable``, ``store.locked``, ``store.slow``,
        ``store.full`` where nothing was written, and ``store.unknown`` where nobody can say whether
        it was, because the answer to the commit was lost. The store itself goes on by itself.

        Full policy: ``MAX_WAITING`` writes wait; whoever comes then waits for a place, and after
        ``wait_s`` gets ``UnavailableError`` ``store.busy``, having written nothing.
        """
        await self._take_place(wait_s)
        loop = asyncio.get_running_loop()
        job = _Job(work, committed, announcing, loop, loop.create_future())
        job.done.add_done_callback(_retrieve)
        self._jobs.put(job)
        result: T = await asyncio.shield(job.done)
        return result

    async def read[T](self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` on a reader's connection, in one snapshot of what is committed.

        Raises ``UnavailableError`` ``store.unavailable`` where the database does not answer.
        """
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def scrub(self) -> None:
        """Take what was overwritten or deleted out of SQLite's write-ahead log too."""
        if self._write_engine.dialect.name == "sqlite":
            await self.write(lambda _: None)  # what waits before us is in the log, and then in here
            await asyncio.to_thread(self._empty_log)

    def close(self) -> None:
        """Finish the waiting writes and let go of the database."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        self._writer.join()
        self._readers.shutdown()
        self._write_engine.dispose()
        self._read_engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.close)

    async def _take_place(self, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await self._places.acquire()
        except TimeoutError as e:
            raise UnavailableError("store.busy", "too many writes wait", limit=MAX_WAITING) from e
        if self._closed:
            self._places.release()
            raise UnavailableError("store.closed", "the store is closed")

    def _read[T](self, work: Callable[[Connection], T]) -> T:
        try:
            with self._read_engine.connect() as conn, conn.begin():
                return work(conn)
        except DBAPIError as error:
            if (fault := translate(error)) is not error:
                raise fault from error
            raise

    def _empty_log(self) -> None:
        with contextlib.closing(self._write_engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _run(self) -> None:
        open_ = True
        while open_:
            group, open_ = self._next_group()
            if group:
                self._commit(group)
                with contextlib.suppress(RuntimeError):  # the loop ended before its answers came
                    group[0].loop.call_soon_threadsafe(self._tell, group)

    def _next_group(self) -> tuple[list[_Job], bool]:
        group: list[_Job] = []
        job = self._jobs.get()
        with contextlib.suppress(queue.Empty):
            while job is not None:
                group.append(job)
                if len(group) == MAX_GROUP:
                    return group, True
                job = self._jobs.get_nowait()
            return group, False
        return group, True

    def _commit(self, group: list[_Job]) -> None:
        fault = translate
        try:
            with self._write_engine.connect() as conn, conn.begin() as transaction:
                conn.exec_driver_sql(_SAVE)
                for job in group:
                    _attempt(conn, job)
                announce(conn, _last_of_each_channel(group))
                self._before_commit()
                fault = translate_commit
                transaction.commit()
            self.commits += 1
            self.writes += len(group)
        except Exception as e:  # noqa: BLE001 - outermost door of the writer: the callers get it
            error = fault(e)
            code = getattr(error, "code", type(error).__name__)
            log.error("store.commit_failed", writes=len(group), error=code)
            for job in group:
                job.error = job.error or error

    def _tell(self, group: list[_Job]) -> None:
        for job in group:
            self._places.release()
            if job.error is not None:
                job.done.set_exception(job.error)
                continue
            if job.committed is not None:
                job.committed(job.result)
            job.done.set_result(job.result)


def _attempt(conn: Connection, job: _Job) -> None:
    """Run one write after a savepoint, and leave another one behind it."""
    try:
        job.result = job.work(conn)
        # By statements rather than by ``begin_nested``, whose bookkeeping is a quarter of the time.
        if conn.dialect.name == "postgresql":
            conn.exec_driver_sql(f"{_KEEP}; {_SAVE}")
        else:
            conn.exec_driver_sql(_KEEP)
            conn.exec_driver_sql(_SAVE)
    except Exception as e:  # noqa: BLE001 - the writer outlives any write; the caller gets it
        job.error = translate(e)
        try:
            conn.exec_driver_sql(_UNDO)
        except SQLAlchemyError as gone:
            # The connection went, or SQLite undid everything (a full disk): so goes the whole group.
            raise (lost() if conn.invalidated else job.error) from gone


def _last_of_each_channel(group: list[_Job]) -> dict[str, str]:
    said = [j.announcing(j.result) for j in group if j.announcing and j.error is None]
    return dict(one for one in said if one is not None)


def _retrieve(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()  # a cancelled caller no longer asks for it
