"""What viewers say of views: judgements."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; entries of this kind are newer than it, so nothing is to be folded."""
    op.create_table(
        "judgements",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("camera", sa.String(), nullable=False),
        sa.Column("viewer", sa.String(), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("judged_at", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("node", "incident", "camera", "viewer", name=op.f("pk_judgements")),
    )
    op.create_index(op.f("ix_judgements_camera"), "judgements", ["camera"], unique=False)
