"""Run by Alembic: migrates the key store on the connection that the caller opened."""

from alembic import context

from safetynet.store.tables import keys_metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=keys_metadata,
    transaction_per_migration=False,
)
context.run_migrations()
