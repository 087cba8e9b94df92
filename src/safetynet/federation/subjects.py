"""The grammar of NATS subjects, ``sn.<word>.<node>``: declared here and nowhere else.

A new subject is one more ``Subject`` below, and its name in ``GRAMMAR``. What each node may send
and take (``permissions.py``) and the page ``docs/reference/subjects.md`` follow from it.
"""

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from safetynet.base.ids import HUB, NodeId
from safetynet.federation.messages import (
    Answer,
    Beat,
    BorderAnswer,
    BorderRequest,
    CataloguePart,
    CatalogueRequest,
    CloseViews,
    ConcernBatch,
    ConcernRequest,
    EntryBatch,
    ExportClip,
    HeadAnswer,
    HeadRequest,
    HealthNotes,
    OpenViews,
    RangeRequest,
    RenewLeases,
    TakeStill,
    TurnView,
)

ROOT = "sn"

type Payload = type[msgspec.Struct]


class Party(StrEnum):
    """Who does something on a subject, seen from the node that the subject names."""

    NAMED = "the named node"
    OTHER_END = "the other end"
    """Of its leaf link: the hub where a district is named, any district where the hub is."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One word of the grammar; called with a node it is the subject that names this node."""

    word: str
    sends: Party
    """Who publishes; on a request who asks."""
    takes: Party
    """Who listens; on a request who answers."""
    carries: tuple[Payload, ...]
    """What is sent: one of these; empty bytes where there is none."""
    reply: Payload | None = None
    """What is answered; None where nobody answers."""
    of_hub: bool = False
    """True where the hub may be named too, not districts alone."""
    note: str
    """One sentence for the reference."""

    def __call__(self, node: NodeId) -> str:
        """The subject that names ``node``."""
        return f"{ROOT}.{self.word}.{node}"

    @property
    def all(self) -> str:
        """The pattern that matches this word with any node."""
        return f"{ROOT}.{self.word}.*"

    def pattern(self, party: Party, actor: NodeId) -> str | None:
        """What ``actor`` may use as this party; None where it is never this party."""
        if party is Party.NAMED:
            return self(actor) if actor != HUB or self.of_hub else None
        if actor == HUB:
            return self.all
        return self(HUB) if self.of_hub else None


beat = Subject(
    word="beat",
    sends=Party.NAMED,
    takes=Party.OTHER_END,
    carries=(Beat,),
    of_hub=True,
    note="The node is alive; each half second.",
)
journal = Subject(
    word="journal",
    sends=Party.NAMED,
    takes=Party.OTHER_END,
    carries=(EntryBatch,),
    note="Committed entries in order, verbatim.",
)
entry_range = Subject(
    word="range",
    sends=Party.OTHER_END,
    takes=Party.NAMED,
    carries=(RangeRequest,),
    reply=EntryBatch,
    note="Entries of the node that somebody missed.",
)
head = Subject(
    word="head",
    sends=Party.NAMED,
    takes=Party.OTHER_END,
    carries=(HeadRequest,),
    reply=HeadAnswer,
    note="How far the named node's journal is at who follows it; asked at its start.",
)
copy = Subject(
    word="copy",
    sends=Party.NAMED,
    takes=Party.OTHER_END,
    carries=(RangeRequest,),
    reply=EntryBatch,
    note="The named node's own entries, back from who follows it.",
)
catalogue = Subject(
    word="catalogue",
    sends=Party.OTHER_END,
    takes=Party.NAMED,
    carries=(CatalogueRequest,),
    reply=CataloguePart,
    note="The cameras of a district: digests of its blocks, or those blocks that are named.",
)
command = Subject(
    word="command",
    sends=Party.OTHER_END,
    takes=Party.NAMED,
    carries=(OpenViews, RenewLeases, CloseViews, TurnView, TakeStill, ExportClip),
    reply=Answer,
    note="What the owner of cameras is asked to do.",
)
health = Subject(
    word="health",
    sends=Party.NAMED,
    takes=Party.OTHER_END,
    carries=(HealthNotes,),
    note="Cameras that fell ill or recovered.",
)
unwell = Subject(
    word="unwell",
    sends=Party.OTHER_END,
    takes=Party.NAMED,
    carries=(),
    reply=HealthNotes,
    note="All cameras of a district that are not well.",
)

concern = Subject(
    word="concern",
    sends=Party.OTHER_END,
    takes=Party.NAMED,
    carries=(ConcernBatch,),
    note="Entries of the hub that concern the named district, verbatim.",
)
missed = Subject(
    word="missed",
    sends=Party.NAMED,
    takes=Party.OTHER_END,
    carries=(ConcernRequest,),
    reply=ConcernBatch,
    note="Those of them that the named district has not got.",
)
border = Subject(
    word="border",
    sends=Party.NAMED,
    takes=Party.OTHER_END,
    carries=(BorderRequest,),
    reply=BorderAnswer,
    note="The neighbours' cameras at the border of the named district.",
)

GRAMMAR = (
    beat,
    journal,
    entry_range,
    head,
    copy,
    catalogue,
    command,
    health,
    unwell,
    concern,
    missed,
    border,
)

ALL_BEATS = beat.all
ALL_JOURNALS = journal.all
ALL_HEALTH = health.all


def node_of(subject: str) -> NodeId:
    """The node that a subject of this grammar names."""
    return NodeId(subject.rsplit(".", 1)[1])
