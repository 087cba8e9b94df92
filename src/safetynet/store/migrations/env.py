"""Run by Alembic: migrates on the connection that the caller opened."""

from alembic import context

from safetynet.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
context.run_migrations()
