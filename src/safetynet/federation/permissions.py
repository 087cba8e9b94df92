"""What each node may publish and subscribe, derived from the grammar of subjects. Pure."""

from dataclasses import dataclass

from safetynet.base.ids import HUB, NodeId
from safetynet.federation.subjects import GRAMMAR

INBOXES = "_INBOX"


@dataclass(frozen=True, kw_only=True)
class Permissions:
    """Patterns of subjects in the order of the grammar; whatever they do not match is denied."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def permissions_of(node: NodeId) -> Permissions:
    """What this node may do; it holds at its own server and at the hub's leaf port alike."""
    publish = [found for s in GRAMMAR if (found := s.pattern(s.sends, node))]
    subscribe = [found for s in GRAMMAR if (found := s.pattern(s.takes, node))]
    if any(s.reply and s.pattern(s.takes, node) for s in GRAMMAR):
        publish.append(f"{INBOXES}.>" if node == HUB else f"{inbox(HUB, node)}.>")
    subscribe.append(f"{INBOXES}.{node}.>")
    return Permissions(publish=tuple(publish), subscribe=tuple(subscribe))


def inbox(asker: NodeId, named: NodeId) -> str:
    """Below which answers come to questions on a subject that names ``named``.

    Nobody but the asker may listen there, and no district but the named one may answer there: it
    can neither read nor forge what another one says.
    """
    return f"{INBOXES}.{asker}.{named}"
