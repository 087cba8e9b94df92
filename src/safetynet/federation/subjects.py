"""The grammar of NATS subjects: ``sn.<word>.<node>``, written here and nowhere else.

=====================  =========  ==========================================================
subject                kind       content
=====================  =========  ==========================================================
``sn.beat.<node>``     published  ``Beat``, each half second
``sn.journal.<node>``  published  ``EntryBatch``: committed entries in order, verbatim
``sn.range.<node>``    request    ``RangeRequest`` → ``EntryBatch``
``sn.catalogue.<node>``  request  ``CatalogueRequest`` → ``CataloguePart``
``sn.command.<node>``  request    a ``Command`` → ``Answer``
``sn.head.<node>``     request    ``HeadRequest`` → ``HeadAnswer``: the named node asks, who follows it tells
``sn.copy.<node>``     request    ``RangeRequest`` → ``EntryBatch``: the named node's entries, from a follower
``sn.health.<node>``   published  ``HealthNotes``: cameras that fell ill or recovered
``sn.unwell.<node>``   request    nothing → ``HealthNotes``: all cameras that are not well
=====================  =========  ==========================================================
"""

from safetynet.base.ids import NodeId

ALL_BEATS = "sn.beat.*"
ALL_JOURNALS = "sn.journal.*"
ALL_HEALTH = "sn.health.*"


def beat(node: NodeId) -> str:
    """Where a node says that it is alive."""
    return f"sn.beat.{node}"


def journal(node: NodeId) -> str:
    """Where a node publishes its committed entries."""
    return f"sn.journal.{node}"


def entry_range(node: NodeId) -> str:
    """Where a node answers for its entries."""
    return f"sn.range.{node}"


def head(node: NodeId) -> str:
    """Where a node asks its followers how far its own journal is."""
    return f"sn.head.{node}"


def copy(node: NodeId) -> str:
    """Where a node asks its followers for its own entries back."""
    return f"sn.copy.{node}"


def catalogue(node: NodeId) -> str:
    """Where a district answers for its cameras."""
    return f"sn.catalogue.{node}"


def command(node: NodeId) -> str:
    """Where a district takes commands."""
    return f"sn.command.{node}"


def health(node: NodeId) -> str:
    """Where a district says which of its cameras fell ill or recovered."""
    return f"sn.health.{node}"


def unwell(node: NodeId) -> str:
    """Where a district answers which of its cameras are not well."""
    return f"sn.unwell.{node}"


def node_of(subject: str) -> NodeId:
    """The node that a subject of this grammar names."""
    return NodeId(subject.rsplit(".", 1)[1])
