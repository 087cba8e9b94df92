"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables of the first release."""
    _camera_states()
    _cameras()
    _choices()
    _grants()
    _incidents()
    _journal_entries()
    _nodes()
    _ptz_moves()
    _reports()
    _sessions()
    _views()


def _camera_states() -> None:
    op.create_table(
        "camera_states",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("camera", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("since", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("node", "camera", name=op.f("pk_camera_states")),
    )


def _cameras() -> None:
    op.create_table(
        "cameras",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("node", "id", name=op.f("pk_cameras")),
    )


def _choices() -> None:
    op.create_table(
        "choices",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("decided_at", sa.String(), nullable=False),
        sa.Column("decided_ms", sa.BigInteger(), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("node", "incident", name=op.f("pk_choices")),
    )


def _grants() -> None:
    op.create_table(
        "grants",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("camera", sa.String(), nullable=False),
        sa.Column("viewer", sa.String(), nullable=False),
        sa.Column("agency", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("drill", sa.Boolean(), nullable=False),
        sa.Column("generation", sa.String(), nullable=False),
        sa.Column("issued_at", sa.String(), nullable=False),
        sa.Column("hard_end", sa.String(), nullable=False),
        sa.Column("closed_at", sa.String(), nullable=True),
        sa.Column("closed_because", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("node", "id", name=op.f("pk_grants")),
    )
    op.create_index(op.f("ix_grants_incident"), "grants", ["incident"], unique=False)


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("grade", sa.String(), nullable=False),
        sa.Column("drill", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.String(), nullable=False),
        sa.Column("changed_at", sa.String(), nullable=False),
        sa.Column("ended_at", sa.String(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("node", "id", name=op.f("pk_incidents")),
    )
    op.create_index(
        op.f("ix_incidents_node_sender_key"), "incidents", ["node", "sender", "key"], unique=True
    )
    op.create_index(
        op.f("ix_incidents_state_received_at"), "incidents", ["state", "received_at"], unique=False
    )


def _journal_entries() -> None:
    op.create_table(
        "journal_entries",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("incident", sa.String(), nullable=True),
        sa.Column("leaf", sa.String(), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.Column("superseded_by", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("node", "epoch", "seq", name=op.f("pk_journal_entries")),
    )
    op.create_index(
        op.f("ix_journal_entries_incident_time"),
        "journal_entries",
        ["incident", "time"],
        unique=False,
    )
    op.create_index(
        op.f("ix_journal_entries_kind_time"), "journal_entries", ["kind", "time"], unique=False
    )


def _nodes() -> None:
    op.create_table(
        "nodes",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("broken_rule", sa.String(), nullable=True),
        sa.Column("broken_epoch", sa.BigInteger(), nullable=True),
        sa.Column("broken_seq", sa.BigInteger(), nullable=True),
        sa.Column("broken_line", sa.LargeBinary(), nullable=True),
        sa.Column("changed_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_nodes")),
    )


def _ptz_moves() -> None:
    op.create_table(
        "ptz_moves",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.String(), nullable=False),
        sa.Column("camera", sa.String(), nullable=False),
        sa.Column("incident", sa.String(), nullable=True),
        sa.Column("move", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("node", "epoch", "seq", name=op.f("pk_ptz_moves")),
    )
    op.create_index(op.f("ix_ptz_moves_camera_time"), "ptz_moves", ["camera", "time"], unique=False)


def _reports() -> None:
    op.create_table(
        "reports",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("progress", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node", "id", name=op.f("pk_reports")),
    )
    op.create_index(
        op.f("ix_reports_incident_received_at"),
        "reports",
        ["incident", "received_at"],
        unique=False,
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("grant", sa.String(), nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("camera", sa.String(), nullable=False),
        sa.Column("viewer", sa.String(), nullable=False),
        sa.Column("opened_at", sa.String(), nullable=False),
        sa.Column("first_frame_at", sa.String(), nullable=True),
        sa.Column("ended_at", sa.String(), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.Column("frames", sa.BigInteger(), nullable=True),
        sa.Column("octets", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("node", "id", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_grant"), "sessions", ["grant"], unique=False)
    op.create_index(op.f("ix_sessions_incident"), "sessions", ["incident"], unique=False)


def _views() -> None:
    op.create_table(
        "views",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("camera", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("changed_at", sa.String(), nullable=False),
        sa.Column("still_ms", sa.BigInteger(), nullable=True),
        sa.Column("eyes_on_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("node", "incident", "camera", name=op.f("pk_views")),
    )
