"""Fresh tables and migrated tables are the same, and an ordinary start loads nothing extra."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from safetynet.base.errors import BrokenError
from safetynet.store.engines import make_engine
from safetynet.store.migrate import upgrade
from safetynet.store.schema import KEYS_SCHEMA, NODE_SCHEMA, Schema, bring_up
from safetynet.store.store import Store
from safetynet.store.tables import FOLDED

MIGRATIONS = "safetynet.store:migrations"
BOTH = pytest.mark.parametrize("schema", [NODE_SCHEMA, KEYS_SCHEMA], ids=["node", "keys"])


type MakeUrl = Callable[[], str]


@contextmanager
def engine(url: str) -> Iterator[Engine]:
    engine = make_engine(url, writes=True, connections=1)
    try:
        yield engine
    finally:
        engine.dispose()


def shape(engine: Engine) -> dict[str, Any]:
    seen = inspect(engine)
    return {
        table: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in seen.get_columns(table)],
            seen.get_pk_constraint(table),
            sorted(seen.get_indexes(table), key=lambda i: str(i["name"])),
            seen.get_unique_constraints(table),
        )
        for table in seen.get_table_names()
    }


@BOTH
def test_migrations_and_fresh_tables_give_the_same_schema(
    schema: Schema, make_store_url: MakeUrl
) -> None:
    assert schema.migrations is not None
    with engine(make_store_url()) as fresh, engine(make_store_url()) as migrated:
        with fresh.begin() as conn:
            bring_up(conn, schema)
        with migrated.begin() as conn:
            upgrade(conn, schema.migrations)
            assert compare_metadata(MigrationContext.configure(conn), schema.metadata) == []
        assert shape(migrated) == shape(fresh)
        with migrated.begin() as conn:
            bring_up(conn, schema)


def test_an_older_store_is_brought_up(make_store_url: MakeUrl) -> None:
    with engine(make_store_url()) as older, engine(make_store_url()) as fresh:
        with older.begin() as conn:
            upgrade(conn, MIGRATIONS, to="0001")
        with older.begin() as conn:
            bring_up(conn, NODE_SCHEMA)
        with fresh.begin() as conn:
            bring_up(conn, NODE_SCHEMA)
        assert shape(older) == shape(fresh)


async def test_processes_that_start_at_once_find_one_schema(store_url: str) -> None:
    opening = [asyncio.to_thread(Store, store_url) for _ in range(6)]
    stores = await asyncio.gather(*opening)
    for store in stores:
        await asyncio.to_thread(store.close)


@BOTH
def test_the_stamp_of_a_fresh_store_is_the_newest_migration(schema: Schema) -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.migrations))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.version


def test_a_store_of_the_first_release_loses_the_digest_of_reports(
    make_store_url: MakeUrl,
) -> None:
    """A digest of a few words can be tried out by whoever has a list of them: none is kept."""
    with engine(make_store_url()) as old:
        with old.begin() as conn:
            upgrade(conn, MIGRATIONS, to="0002")
            assert "digest" in {c["name"] for c in inspect(conn).get_columns("reports")}
            row = "'hub', 'rep_1', 'inc_1', '119', 'T1', 'http', 10, 't', 'd', 1, 1"
            conn.execute(text(f"INSERT INTO reports VALUES ({row})"))
        with old.begin() as conn:
            bring_up(conn, NODE_SCHEMA)
            assert "digest" not in {c["name"] for c in inspect(conn).get_columns("reports")}
            assert conn.scalar(text("SELECT id FROM reports")) == "rep_1"


async def test_a_store_of_a_newer_program_is_not_touched(store_url: str) -> None:
    async with Store(store_url):
        pass
    with engine(store_url) as newer, newer.begin() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(BrokenError) as e:
        Store(store_url)
    assert e.value.code == "store.unknown_version"


def test_every_folded_table_is_keyed_by_its_journal_first() -> None:
    assert FOLDED
    for table in FOLDED:
        assert next(iter(table.primary_key.columns)).name == "node", table.name


LEAN = """
import sys
from safetynet.store.store import Store
import safetynet.journal.append, safetynet.journal.follow, safetynet.journal.verify
import safetynet.access.authority, safetynet.access.seal, safetynet.access.ledger
Store(sys.argv[1]).close()
heavy = ("alembic", "sqlalchemy.orm", "sqlalchemy.ext", "joserfc", "av", "shapely", "PIL", "httpx", "psycopg")
print([m for m in sys.modules if m.startswith(heavy)])
"""


def test_an_ordinary_start_loads_neither_alembic_nor_the_orm(tmp_path: Path) -> None:
    for _ in ("fresh", "known"):
        done = subprocess.run(
            [sys.executable, "-c", LEAN, f"sqlite:///{tmp_path}/node.db"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == "[]"
