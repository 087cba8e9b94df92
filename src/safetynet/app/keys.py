"""A process's keys, opened from where its settings say: its identity on the wire, and what it seals with."""

from pathlib import Path

from safetynet.base.clock import Clock
from safetynet.base.ids import NodeId
from safetynet.federation.identity.node import Identity, open_identity
from safetynet.store.engines import sqlite_url
from safetynet.store.schema import KEYS_SCHEMA
from safetynet.store.store import Store


def open_keys(folder: str | None, node: NodeId, clock: Clock) -> Identity | None:
    """The node's identity, with a warning where it ends soon; None where no folder is named."""
    if folder is None:
        return None
    identity = open_identity(Path(folder), node)
    identity.warn(clock.now())
    return identity


def open_keys_store(data: Path, url: str | None) -> Store:
    """The store of sealing keys, apart from the node's own so that a backup of the journal has none."""
    path = data / "keys" / "keys.sqlite"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Store(url or sqlite_url(path), schema=KEYS_SCHEMA)
