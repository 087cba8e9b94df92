"""How far the journal's destructions were carried out."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; empty, so that every destruction in the journal is carried out once more."""
    op.create_table(
        "replayed",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_replayed")),
    )
