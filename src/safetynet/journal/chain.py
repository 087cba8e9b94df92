"""The rules of the chain: what may follow what (docs/design/0002, "Verification")."""

from enum import StrEnum

import msgspec

from safetynet.base.errors import InvalidError
from safetynet.journal.entry import EPOCH_KIND, Entry
from safetynet.journal.rows import Head


class Rule(StrEnum):
    """Which rule of the chain broke. Public and stable."""

    MALFORMED = "malformed"
    """The bytes are no entry of version 1."""
    NOT_CANONICAL = "not_canonical"
    """The bytes are not the canonical form of what they say."""
    NODE = "node"
    """The entry is another node's."""
    SEQUENCE = "sequence"
    """The sequence does not rise by one."""
    EPOCH = "epoch"
    """An epoch fell, or a new one does not begin as it must."""
    PREVIOUS = "previous"
    """``prev`` is not the leaf hash of the entry before."""
    FORK = "fork"
    """Two different entries bear one number."""
    FOLD = "fold"
    """What it says cannot be folded: a body that is not of its kind, a value no table takes."""
    COLUMNS = "columns"
    """The columns beside the bytes say something else than the bytes."""
    HEAD = "head"
    """The recorded head is not the last entry: entries were cut off."""


class EpochBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``journal.epoch/1``: the last entry the node knew when it began anew."""

    known_epoch: int
    known_seq: int


def check_position(head: Head, entry: Entry) -> Rule | None:
    """Is this the next number?"""
    if entry.seq != head.seq + 1:
        return Rule.SEQUENCE
    return Rule.EPOCH if entry.epoch < head.epoch else None


def check_next(head: Head, entry: Entry) -> Rule | None:
    """The rule that ``entry`` breaks as the successor of ``head``, or None where it holds."""
    if (rule := check_position(head, entry)) is not None:
        return rule
    if entry.prev != head.leaf:
        return Rule.PREVIOUS
    if entry.epoch > head.epoch and not _begins_epoch(head, entry):
        return Rule.EPOCH
    return None


def known_epoch(entry: Entry) -> int | None:
    """The epoch that an epoch's first entry follows; None for any other entry."""
    try:
        return entry.read(EpochBody).known_epoch if entry.kind == EPOCH_KIND else None
    except InvalidError:
        return None


def _begins_epoch(head: Head, entry: Entry) -> bool:
    if entry.kind != EPOCH_KIND:
        return False
    try:
        body = entry.read(EpochBody)
    except InvalidError:
        return False
    return (body.known_epoch, body.known_seq) == (head.epoch, head.seq)
