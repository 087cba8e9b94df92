"""Destructions, snapshots; no digest of reports."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and take away a digest that nothing ever filled or read.

    A digest of a few words, a name or a number can be tried out by whoever has a list of them; none
    is kept. Entries of the new kind are newer than its table, so nothing is to be folded.
    """
    op.drop_column("reports", "digest")
    op.create_table(
        "destructions",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.String(), nullable=False),
        sa.Column("because", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("node", "subject", name=op.f("pk_destructions")),
    )
    op.create_index(
        op.f("ix_destructions_node_epoch_seq"),
        "destructions",
        ["node", "epoch", "seq"],
        unique=False,
    )
    _snapshots()


def _snapshots() -> None:
    op.create_table(
        "snapshots",
        *_position(),
        sa.Column("leaf", sa.String(), nullable=False),
        sa.Column("program", sa.String(), nullable=False),
        sa.Column("blocks", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("made_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("node", "epoch", "seq", name=op.f("pk_snapshots")),
    )
    op.create_table(
        "snapshot_blocks",
        *_position(),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("node", "epoch", "seq", "number", name=op.f("pk_snapshot_blocks")),
    )
    op.create_table(
        "snapshot_seals",
        *_position(),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "node", "epoch", "seq", "origin", "subject", name=op.f("pk_snapshot_seals")
        ),
    )
    op.create_index(
        op.f("ix_snapshot_seals_node_subject"),
        "snapshot_seals",
        ["node", "subject"],
        unique=False,
    )


def _position() -> list[sa.Column[int] | sa.Column[str]]:
    return [
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
    ]
