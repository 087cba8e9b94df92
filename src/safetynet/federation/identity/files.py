"""Key files: private to the account, written whole, never over another one."""

import os
import stat
from pathlib import Path

from safetynet.base.errors import BrokenError, ConflictError, NotFoundError


def make_folder(folder: Path) -> None:
    """A folder that the account alone may look into; raises ``ConflictError`` where it exists."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        raise ConflictError(
            "keys.exists", "there are keys already; nothing was written", folder=str(folder)
        ) from None


def write_new(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a file and its folder's entry to disk; raises ``ConflictError`` where it exists."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise ConflictError(
            "keys.exists", "the file exists; nothing was written", file=str(path)
        ) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read_file(path: Path) -> bytes:
    """A public file's content; raises ``NotFoundError`` where there is none to read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFoundError(
            "keys.missing", error.strerror or "cannot be read", file=str(path)
        ) from error


def check_private(path: Path) -> Path:
    """The path itself; raises ``BrokenError`` where others may read the file, or it is missing."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise NotFoundError(
            "keys.missing", error.strerror or "cannot be read", file=str(path)
        ) from error
    if stat.S_IMODE(mode) & 0o077:
        raise BrokenError("keys.exposed", "the key file is open to others", file=str(path))
    return path
