"""What tests may need from the machine, and what its absence means.

On a developer's machine a test that needs Chromium or PostgreSQL is skipped, and says so. In CI
(``CI=true``) such a skip is a failure: a promise that nobody tried is not kept.
"""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from safetynet.store.engines import sqlite_url
from tests.postgres import Server, running_server

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> Path | None:
    """The browser to drive: ``$SAFETYNET_CHROMIUM``, else one on PATH."""
    return _find(os.environ.get("SAFETYNET_CHROMIUM", ""), *CHROMIUM_NAMES)


def find_postgres() -> Path | None:
    """The PostgreSQL server program: on PATH, else the newest where Debian keeps it."""
    kept = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
    return _find("postgres", *map(str, kept))


def _find(*names: str) -> Path | None:
    found = (shutil.which(name) for name in names if name)
    return next((Path(path) for path in found if path), None)


NEEDS: dict[str, tuple[str, Callable[[], Path | None]]] = {
    "browser": ("Chromium (Debian: apt-get install chromium)", find_chromium),
    "postgres": ("PostgreSQL (Debian: apt-get install postgresql)", find_postgres),
}
"""Marker, what it stands for, and how to find it."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or in CI fail, a test whose marker names what this machine does not have."""
    for marker, (title, find) in NEEDS.items():
        if item.get_closest_marker(marker) and find() is None:
            refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            refuse(f"needs {title}, which is not here")


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """The browser of a test marked ``browser``."""
    path = find_chromium()
    assert path is not None, "mark the test with pytest.mark.browser"
    return path


@pytest.fixture(scope="session")
def postgres_bin() -> Path:
    """The folder with ``initdb``, ``pg_ctl`` and ``postgres``, of a test marked ``postgres``."""
    path = find_postgres()
    assert path is not None, "mark the test with pytest.mark.postgres"
    return path.resolve().parent


@pytest.fixture(scope="session")
def postgres_server(postgres_bin: Path) -> Iterator[Server]:
    """The session's PostgreSQL server."""
    with running_server(postgres_bin) as server:
        yield server


@pytest.fixture
def postgres(postgres_server: Server) -> Iterator[Server]:
    """The session's server; the databases that a test makes end with it."""
    yield postgres_server
    postgres_server.drop_databases()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres])], ids=str)
def make_store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """URLs of new, empty stores: every test that asks for it runs on SQLite and on PostgreSQL."""
    if request.param == "postgres":
        server: Server = request.getfixturevalue("postgres")
        return server.make_database
    count = itertools.count()
    return lambda: sqlite_url(tmp_path / f"store{next(count)}.db")


@pytest.fixture
def store_url(make_store_url: Callable[[], str]) -> str:
    """The URL of one new, empty store."""
    return make_store_url()
