"""Fresh tables and migrated tables are the same, and an ordinary start loads nothing extra."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from safetynet.base.errors import BrokenError
from safetynet.store.migrate import upgrade
from safetynet.store.schema import NODE_SCHEMA, bring_up
from safetynet.store.store import Store
from safetynet.store.tables import FOLDED, metadata

MIGRATIONS = "safetynet.store:migrations"


def engine(tmp_path: Path, name: str) -> Engine:
    return create_engine(f"sqlite:///{tmp_path}/{name}.db", poolclass=NullPool)


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


def test_migrations_and_fresh_tables_give_the_same_schema(tmp_path: Path) -> None:
    fresh, migrated = engine(tmp_path, "fresh"), engine(tmp_path, "migrated")
    with fresh.begin() as conn:
        bring_up(conn, NODE_SCHEMA)
    with migrated.begin() as conn:
        upgrade(conn, MIGRATIONS)
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []
    assert shape(migrated) == shape(fresh)
    with migrated.begin() as conn:
        bring_up(conn, NODE_SCHEMA)


def test_the_stamp_of_a_fresh_store_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    assert ScriptDirectory.from_config(config).get_current_head() == NODE_SCHEMA.version


async def test_a_store_of_a_newer_program_is_not_touched(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/node.db"
    async with Store(url):
        pass
    newer = create_engine(url)
    with newer.begin() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    newer.dispose()
    with pytest.raises(BrokenError) as e:
        Store(url)
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
heavy = ("alembic", "sqlalchemy.orm", "sqlalchemy.ext", "joserfc", "av", "shapely", "PIL", "httpx")
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
