"""All tables of a node's store.

Conventions: a table marked *folded* is only a view of the journal: its rows come from entries
alone, can be dropped and folded again, and its key begins with ``node``, the journal it is folded
from. Times are text as in the journal (``YYYY-MM-DDTHH:MM:SS.ffffffZ``, sortable), quantities are integers with
their unit in the name, and nothing personal stands in the clear: sealed values stand as they do in
the entry.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Neither text nor integers have a width: SQLite holds nobody to one, so PostgreSQL must not either.
_ID = _TIME = _HASH = String()
_FOLDED = {"folded": True}


def _node() -> Column[str]:
    return Column("node", String(), primary_key=True)


journal_entries = Table(
    "journal_entries",
    metadata,
    _node(),
    Column("epoch", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("time", _TIME, nullable=False),
    Column("kind", String(), nullable=False),
    Column("incident", _ID),
    Column("leaf", _HASH, nullable=False),
    Column("line", LargeBinary, nullable=False),
    Column("superseded_by", BigInteger),
    Index(None, "incident", "time"),
    Index(None, "kind", "time"),
)
"""Own and followed entries, verbatim. ``superseded_by`` names the epoch that began anew below it."""

heard = Table(
    "heard",
    metadata,
    _node(),
    Column("epoch", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("time", _TIME, nullable=False),
    Column("kind", String(), nullable=False),
    Column("leaf", _HASH, nullable=False),
    Column("line", LargeBinary, nullable=False),
    Column("superseded_by", BigInteger),
    Index(None, "kind", "time"),
)
"""At a district: the hub's entries that concern it, verbatim. They are words of another node with gaps
between them, no journal that could be verified whole; ``superseded_by`` as above."""

nodes = Table(
    "nodes",
    metadata,
    _node(),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("leaf", _HASH, nullable=False),
    Column("state", String(), nullable=False),
    Column("broken_rule", String()),
    Column("broken_epoch", BigInteger),
    Column("broken_seq", BigInteger),
    Column("broken_line", LargeBinary),
    Column("changed_at", _TIME, nullable=False),
)
"""Head of each known journal; ``broken`` with the rule and the refused line where a chain broke."""

answering = Table(
    "answering",
    metadata,
    _node(),
    Column("generation", String(), nullable=False),
    Column("address", String(), nullable=False),
    Column("since", _TIME, nullable=False),
)
"""Which process of a node answers for it, since when and where it is reached by the others. What a process
of an earlier generation still wants to write is refused."""

incidents = Table(
    "incidents",
    metadata,
    _node(),
    Column("id", _ID, primary_key=True),
    Column("sender", String(), nullable=False),
    Column("key", String(), nullable=False),
    Column("state", String(), nullable=False),
    Column("kind", String(), nullable=False),
    Column("grade", String(), nullable=False),
    Column("drill", Boolean, nullable=False),
    Column("received_at", _TIME, nullable=False),
    Column("changed_at", _TIME, nullable=False),
    Column("ended_at", _TIME),
    Column("revision", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    Column("sealed", Text),
    Index(None, "node", "sender", "key", unique=True),
    Index(None, "state", "received_at"),
    info=_FOLDED | {"sealed_under": "id"},
)
"""``document`` is the incident without its personal fields, as JSON; ``sealed`` holds those.

``sealed_under`` names the column whose value is the subject of the key: when that is destroyed, the
column ``sealed`` is cleared, here and in snapshots.
"""

destructions = Table(
    "destructions",
    metadata,
    _node(),
    Column("subject", _ID, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("time", _TIME, nullable=False),
    Column("because", String(), nullable=False),
    Column("by", String(), nullable=False),
    Index(None, "node", "epoch", "seq"),
    info=_FOLDED,
)
"""Whose sealed words were destroyed, and where the journal says so."""

reports = Table(
    "reports",
    metadata,
    _node(),
    Column("id", _ID, primary_key=True),
    Column("incident", _ID, nullable=False),
    Column("sender", String(), nullable=False),
    Column("key", String(), nullable=False),
    Column("format", String(), nullable=False),
    Column("progress", BigInteger, nullable=False),
    Column("received_at", _TIME, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Index(None, "incident", "received_at"),
    info=_FOLDED,
)
"""The raw report stands sealed in the entry at ``epoch``/``seq``; ``digest`` tells a resend."""

choices = Table(
    "choices",
    metadata,
    _node(),
    Column("incident", _ID, primary_key=True),
    Column("decided_at", _TIME, nullable=False),
    Column("decided_ms", BigInteger),
    Column("document", Text, nullable=False),
    info=_FOLDED,
)
"""The latest choice of views for an incident with every reason, as JSON."""

views = Table(
    "views",
    metadata,
    _node(),
    Column("incident", _ID, primary_key=True),
    Column("camera", _ID, primary_key=True),
    Column("owner", String(), nullable=False),
    Column("rank", BigInteger, nullable=False),
    Column("state", String(), nullable=False),
    Column("note", String(), nullable=False),
    Column("changed_at", _TIME, nullable=False),
    Column("still_ms", BigInteger),
    Column("eyes_on_ms", BigInteger),
    info=_FOLDED,
)
"""How each chosen view of an incident stands."""

judgements = Table(
    "judgements",
    metadata,
    _node(),
    Column("incident", _ID, primary_key=True),
    Column("camera", _ID, primary_key=True),
    Column("viewer", _ID, primary_key=True),
    Column("shown", Boolean, nullable=False),
    Column("judged_at", _TIME, nullable=False),
    Column("document", Text, nullable=False),
    Index(None, "camera"),
    info=_FOLDED,
)
"""Whether a view showed the scene, by the last word of each viewer; with its place, as JSON."""

grants = Table(
    "grants",
    metadata,
    _node(),
    Column("id", _ID, primary_key=True),
    Column("side", String(), nullable=False),
    Column("issuer", String(), nullable=False),
    Column("owner", String(), nullable=False),
    Column("incident", _ID, nullable=False),
    Column("camera", _ID, nullable=False),
    Column("viewer", _ID, nullable=False),
    Column("agency", String(), nullable=False),
    Column("service", String(), nullable=False),
    Column("purpose", String(), nullable=False),
    Column("basis", Text, nullable=False),
    Column("drill", Boolean, nullable=False),
    Column("generation", String(), nullable=False),
    Column("issued_at", _TIME, nullable=False),
    Column("hard_end", _TIME, nullable=False),
    Column("closed_at", _TIME),
    Column("closed_because", String()),
    Index(None, "incident"),
    info=_FOLDED,
)
"""``side`` is ``issued`` in the issuer's journal and ``received`` in the owner's."""

sessions = Table(
    "sessions",
    metadata,
    _node(),
    Column("id", _ID, primary_key=True),
    Column("grant", _ID, nullable=False),
    Column("incident", _ID, nullable=False),
    Column("camera", _ID, nullable=False),
    Column("viewer", _ID, nullable=False),
    Column("opened_at", _TIME, nullable=False),
    Column("first_frame_at", _TIME),
    Column("ended_at", _TIME),
    Column("end_reason", String()),
    Column("frames", BigInteger),
    Column("octets", BigInteger),
    Index(None, "grant"),
    Index(None, "incident"),
    info=_FOLDED,
)

ptz_moves = Table(
    "ptz_moves",
    metadata,
    _node(),
    Column("epoch", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("time", _TIME, nullable=False),
    Column("camera", _ID, nullable=False),
    Column("incident", _ID),
    Column("move", String(), nullable=False),
    Column("document", Text, nullable=False),
    Index(None, "camera", "time"),
    info=_FOLDED,
)
"""Every turn and return of a PTZ camera: one row per entry."""

camera_states = Table(
    "camera_states",
    metadata,
    _node(),
    Column("camera", _ID, primary_key=True),
    Column("state", String(), nullable=False),
    Column("detail", String(), nullable=False),
    Column("since", _TIME, nullable=False),
    info=_FOLDED,
)

cameras = Table(
    "cameras",
    metadata,
    _node(),
    Column("id", _ID, primary_key=True),
    Column("document", Text, nullable=False),
    info=_FOLDED,
)
"""A district's catalogue: the cameras it has now; ``document`` as in ``cameras.changed/1``."""

snapshots = Table(
    "snapshots",
    metadata,
    _node(),
    Column("epoch", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("leaf", _HASH, nullable=False),
    Column("program", String(), nullable=False),
    Column("blocks", BigInteger, nullable=False),
    Column("digest", _HASH, nullable=False),
    Column("made_at", _TIME, nullable=False),
)
"""One node's folded rows as they were at an entry; without this row its blocks count for nothing.

``program`` is the version that folded them: another one may fold otherwise."""

snapshot_blocks = Table(
    "snapshot_blocks",
    metadata,
    _node(),
    Column("epoch", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)
"""Folded rows without what is sealed, many to a block, compressed."""

snapshot_seals = Table(
    "snapshot_seals",
    metadata,
    _node(),
    Column("epoch", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("origin", String(), primary_key=True),
    Column("subject", _ID, primary_key=True),
    Column("sealed", Text, nullable=False),
    Index(None, "node", "subject"),
)
"""What is sealed of a snapshot's rows, by table and subject, so that a destruction takes it out."""

FOLDED: tuple[Table, ...] = tuple(t for t in metadata.sorted_tables if t.info.get("folded"))
"""The tables that are only a view of the journal."""


keys_metadata = MetaData(naming_convention=metadata.naming_convention)

sealing_keys = Table(
    "sealing_keys",
    keys_metadata,
    Column("id", _ID, primary_key=True),
    Column("subject", _ID, nullable=False, unique=True),
    Column("secret", LargeBinary),
    Column("made_at", _TIME, nullable=False),
    Column("destroyed_at", _TIME),
)
"""One key per incident or person; the secret of a destroyed key is gone, its row stays."""

replayed = Table(
    "replayed",
    keys_metadata,
    _node(),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("leaf", _HASH, nullable=False),
)
"""Up to which entry of a journal its destructions were carried out in this key store. It stands
beside the keys, so that a key store from a backup knows how far behind it is."""
