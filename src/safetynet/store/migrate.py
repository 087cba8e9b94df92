"""Running the Alembic migrations; imported only where an older database is found."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade(conn: Connection, migrations: str, *, to: str = "head") -> None:
    """Bring the tables to revision ``to`` inside the caller's transaction."""
    config = Config()
    config.set_main_option("script_location", migrations)
    config.attributes["connection"] = conn
    command.upgrade(config, to)
