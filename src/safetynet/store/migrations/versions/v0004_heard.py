"""What a district hears of the hub's journal."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; it is empty until the hub tells."""
    op.create_table(
        "heard",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("leaf", sa.String(), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.Column("superseded_by", sa.BigInteger()),
        sa.PrimaryKeyConstraint("node", "epoch", "seq", name=op.f("pk_heard")),
    )
    op.create_index(op.f("ix_heard_kind_time"), "heard", ["kind", "time"], unique=False)
