"""A PostgreSQL of the bench's own, as durable as a store asks for."""

import os
import pwd
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from bench.measure.servers import find_program, lesser_user, program, wait_for

KEPT = "usr/lib/postgresql/*/bin/"


@contextmanager
def open_postgres() -> Iterator[str]:
    """The URL of an empty database on the disk of temporary files; raises ``NotHereError``."""
    initdb, postgres = (find_program(name, KEPT + name) for name in ("initdb", "postgres"))
    user = lesser_user()
    with tempfile.TemporaryDirectory(prefix="safetynet-bench-") as name:
        folder = Path(name)
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        data = folder / "data"
        locale = ("-E", "UTF8", "--locale=C")
        # Reachable by a socket in this folder alone, with synthetic data: no password.
        with program(initdb, "-D", data, "-A", "trust", "-U", "bench", *locale, user=user) as made:
            made.wait()
        url = f"postgresql://bench@/postgres?host={folder}"
        with program(postgres, "-D", data, "-h", "", "-k", folder, user=user):

            def is_there() -> bool | None:
                try:
                    psycopg.connect(url).close()
                except psycopg.OperationalError:
                    return None
                return True

            wait_for(is_there)
            yield url
