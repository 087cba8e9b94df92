"""Which process answers for a node."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; it is filled by the first process that answers."""
    op.create_table(
        "answering",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("generation", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("since", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_answering")),
    )
