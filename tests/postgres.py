"""A real PostgreSQL for the tests: one server a session, one database a test."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import psycopg

READY_WITHIN_S = 60.0
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 1 << 30
LOOK_EVERY_S = 0.02
USER = "postgres"
SETTINGS = ("listen_addresses=", "shared_buffers=32MB", "max_connections=100", "autovacuum=off")
"""Durable as it must be in earnest: a store refuses a server with ``fsync`` off."""


@dataclass
class Server:
    """A server of the session, on a Unix socket in its own folder."""

    bin: Path
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    made: int = 0
    kept: list[str] = field(default_factory=list)

    @property
    def newest(self) -> str:
        """The name of the database that was made last."""
        return self.kept[-1]

    def make_database(self, options: str = "ENCODING 'UTF8' LOCALE 'C'") -> str:
        """The URL of a new, empty database."""
        self.made += 1
        self.kept.append(f"test_{self.made}")
        with self.connect() as conn:
            conn.execute(f"CREATE DATABASE {self.newest} TEMPLATE template0 {options}".encode())
        return self.url(self.newest)

    def drop_databases(self) -> None:
        """Remove all that were made, whoever is still in them."""
        with self.connect() as conn:
            while self.kept:
                conn.execute(f"DROP DATABASE {self.kept.pop()} WITH (FORCE)".encode())

    def url(self, database: str) -> str:
        """The URL of a database, as an operator writes it."""
        return f"postgresql://{USER}@/{database}?host={self.folder}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A connection for the test itself, every statement its own transaction."""
        return psycopg.connect(
            host=str(self.folder), user=USER, dbname=database, autocommit=True, connect_timeout=5
        )

    def start(self, *settings: str) -> None:
        """Serve; returns when it does."""
        ends = time.monotonic() + READY_WITHIN_S
        while not self._serves():
            assert time.monotonic() < ends, (self.folder / "log").read_text()
            # Anew where it ended at once: after a crash children of before may still be leaving.
            if self.process is None or self.process.poll() is not None:
                self._launch(*settings)
            time.sleep(LOOK_EVERY_S)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT cuts all sessions, SIGQUIT too but unclean, SIGKILL is a crash."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(READY_WITHIN_S)
            self.process = None

    def _launch(self, *settings: str) -> None:
        words = [word for setting in (*SETTINGS, *settings) for word in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.folder / "data", "-k", self.folder, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **_as_whom(),
            )

    def _serves(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def running_server(bin_folder: Path, *settings: str) -> Iterator[Server]:
    """A new server, and its end; ``settings`` beside those of every test."""
    # Not in pytest's own folder: as root we run it as another account, which cannot look in there.
    folder = Path(tempfile.mkdtemp(prefix="safetynet-pg-", dir=_roomy_memory()))
    try:
        if (account := _account()) is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        command: list[str | Path] = [
            bin_folder / "initdb",
            "-D",
            folder / "data",
            "-U",
            USER,
            "--auth=trust",
        ]
        subprocess.run(
            [*command, "--no-sync", "--no-instructions", "--encoding=UTF8", "--locale=C"],
            check=True,
            capture_output=True,
            cwd=folder,
            **_as_whom(),
        )
        server = Server(bin_folder, folder)
        server.start(*settings)
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)  # without a checkpoint: nobody needs it any more
    finally:
        shutil.rmtree(folder)


def _roomy_memory() -> Path | None:
    """A file system in memory where one has room: what is killed here is never the machine."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED and os.access(MEMORY, os.W_OK):
            return MEMORY
    return None


def _account() -> pwd.struct_passwd | None:
    """Whom the server runs as where we are root, which it refuses; None where we are not."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise LookupError("no account but root")


class _Whom(TypedDict):
    user: int | None
    group: int | None
    extra_groups: list[int] | None


def _as_whom() -> _Whom:
    account = _account()
    if account is None:
        return {"user": None, "group": None, "extra_groups": None}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
