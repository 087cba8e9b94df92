"""A process's identity on the wire, opened from the folder that its settings name."""

from pathlib import Path

from safetynet.base.clock import Clock
from safetynet.base.ids import NodeId
from safetynet.federation.identity.node import Identity, open_identity


def open_keys(folder: str | None, node: NodeId, clock: Clock) -> Identity | None:
    """The node's identity, with a warning where it ends soon; None where no folder is named."""
    if folder is None:
        return None
    identity = open_identity(Path(folder), node)
    identity.warn(clock.now())
    return identity
