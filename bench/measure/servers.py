"""Programs that the bench starts on loopback and ends again."""

import http.client
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

READY_WITHIN_S = 60.0
ENDS_WITHIN_S = 60.0
LOOK_EVERY_S = 0.05


class NotHereError(Exception):
    """A peer cannot run on this machine; says why."""


@contextmanager
def program(*command: str | Path, user: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A program for as long as the block lasts."""
    group = pwd.getpwnam(user).pw_gid if user else None
    process = subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=user,
        group=group,
        extra_groups=None if user is None else [],
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for[T](look: Callable[[], T | None], within_s: float = READY_WITHIN_S) -> T:
    """Look again and again; raises ``TimeoutError``. A refused connection counts as nothing yet."""
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        with suppress(OSError, http.client.HTTPException):
            if (found := look()) is not None:
                return found
        time.sleep(LOOK_EVERY_S)
    raise TimeoutError("a program of the bench did not begin to serve")


def find_program(name: str, *patterns: str) -> Path:
    """A program on PATH or, newest first, where the patterns say; raises ``NotHereError``."""
    kept = [str(p) for pattern in patterns for p in sorted(Path("/").glob(pattern), reverse=True)]
    for path in (shutil.which(name), *kept):
        if path:
            return Path(path)
    raise NotHereError(f"no program {name}")


def lesser_user() -> str | None:
    """Whom a server runs as that refuses root; None where we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise NotHereError("no account but root")
