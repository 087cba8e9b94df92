"""What a lost disk alone had: what came between the backup and the end of the process that wrote it."""

from pathlib import Path

import msgspec

from safetynet.base.ids import NodeId


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """A node's disk was lost and its store came from a backup. Times are monotonic."""

    node: NodeId
    backup_s: float
    """When the backup began: what was acknowledged before is in it."""
    died_s: float
    """When the process was dead: what was sent after that was answered by the restored one."""
    store: Path
    """The lost store, kept by the harness alone: no number in it may be used again."""

    def took(self, sent_s: float, acknowledged_s: float | None = None) -> bool:
        """True where something that went out and was answered then may be gone with the disk."""
        return sent_s <= self.died_s and (acknowledged_s or sent_s) >= self.backup_s
