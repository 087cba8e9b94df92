"""How far a node's journal was, kept outside the store: what tells a backup from the store itself.

A backup of the store does not hold this file. It is written before a commit is acknowledged, without
waiting for the disk: it survives the process, which is what a kill leaves behind; after a power cut it
may lag, which is harmless, because a store that is ahead of it has lost nothing (docs/design/0015).
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from safetynet.base.errors import ConflictError
from safetynet.journal.entry import Entry
from safetynet.journal.rows import Head

MARK_FILE = "head.mark"
_OCTETS = 256
"""Always as long, so that one write replaces the whole of it."""


class HeadMark:
    """The mark of one node's data folder. While it is open, the node counts as running."""

    def __init__(self, folder: Path) -> None:
        """Open it; raises ``ConflictError`` ``store.in_use`` while a command works on the store."""
        self._fd = os.open(folder / MARK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # Shared: several processes of one node may run on one store.
            fcntl.flock(self._fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._fd)
            raise ConflictError(
                "store.in_use", "a command is working on this store", folder=folder.name
            ) from error

    def read(self) -> Head | None:
        """What was written last; None where nothing was, or nothing that can be read."""
        try:
            return msgspec.json.decode(os.pread(self._fd, _OCTETS, 0), type=Head)
        except msgspec.MsgspecError:
            return None

    def write(self, head: Head) -> None:
        """Remember that the journal came this far."""
        os.pwrite(self._fd, msgspec.json.encode(head).ljust(_OCTETS - 1) + b"\n", 0)

    def note(self, entry: Entry) -> None:
        """The journal came this far: what a journal's feed calls (``Feed.mark``)."""
        self.write(Head(epoch=entry.epoch, seq=entry.seq, leaf=entry.leaf))

    def close(self) -> None:
        """The node no longer runs; what was written stays."""
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@contextlib.contextmanager
def stopped(folder: Path) -> Iterator[None]:
    """Hold a data folder whose node must not run, nor start meanwhile.

    Raises ``ConflictError`` ``store.in_use`` where it runs.
    """
    path = folder / MARK_FILE
    if not path.exists():
        yield  # no node ever ran here: a copy, or a backup
        return
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(
                "store.in_use", "the node is running: stop it first", folder=folder.name
            ) from error
        yield
