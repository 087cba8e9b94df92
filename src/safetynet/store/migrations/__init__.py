"""Alembic migrations of a node's store, oldest first."""
