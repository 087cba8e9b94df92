"""Bringing a database to the schema of this version.

A fresh database is made straight from the tables and stamped; Alembic is imported only where an
older version is found, so that an ordinary start does not pay for it.
"""

from dataclasses import dataclass

from sqlalchemy import Column, Connection, MetaData, String, Table, insert, inspect, select

from safetynet.base.errors import BrokenError
from safetynet.store.tables import keys_metadata, metadata

_VERSIONS = Table(
    "alembic_version",
    MetaData(naming_convention={"pk": "alembic_version_pkc"}),
    Column("version_num", String(32), primary_key=True, nullable=False),
)


@dataclass(frozen=True, kw_only=True)
class Schema:
    """A set of tables, its version, and where its migrations are (None: there are none yet)."""

    metadata: MetaData
    version: str
    migrations: str | None = None


NODE_SCHEMA = Schema(metadata=metadata, version="0005", migrations="safetynet.store:migrations")
KEYS_SCHEMA = Schema(
    metadata=keys_metadata, version="0002", migrations="safetynet.store:key_migrations"
)


def bring_up(conn: Connection, schema: Schema) -> None:
    """Create or migrate the tables inside the caller's transaction, which is the writer's: of
    several processes that start at once one does it and the others find it done.

    Raises ``BrokenError`` ``store.unknown_version`` where the database is newer than the program.
    """
    if conn.dialect.name == "postgresql":
        from safetynet.store.postgres import allow_long_statements, check_database

        check_database(conn)
        allow_long_statements(conn)
    found = find_version(conn)
    if found is None:
        schema.metadata.create_all(conn)
        _VERSIONS.create(conn)
        conn.execute(insert(_VERSIONS).values(version_num=schema.version))
    elif found != schema.version:
        _migrate(conn, schema, found)


def find_version(conn: Connection) -> str | None:
    """The version of the tables that are here; None where there are none."""
    if not inspect(conn).has_table(_VERSIONS.name):
        return None
    return conn.scalar(select(_VERSIONS.c.version_num))


def _migrate(conn: Connection, schema: Schema, found: str) -> None:
    if schema.migrations is None or found > schema.version:
        raise BrokenError("store.unknown_version", "no way from this schema version", found=found)
    from safetynet.store.migrate import upgrade

    upgrade(conn, schema.migrations)
