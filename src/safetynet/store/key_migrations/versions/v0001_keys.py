"""One key per incident or person."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of the first release."""
    op.create_table(
        "sealing_keys",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("made_at", sa.String(), nullable=False),
        sa.Column("destroyed_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sealing_keys")),
        sa.UniqueConstraint("subject", name=op.f("uq_sealing_keys_subject")),
    )
