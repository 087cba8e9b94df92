"""Verifying journals: from a store, or offline from a file of lines."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from sqlalchemy import Connection, select

from safetynet.base.errors import InvalidError
from safetynet.base.ids import NodeId
from safetynet.journal.chain import Rule, check_next
from safetynet.journal.entry import Entry, parse_entry
from safetynet.journal.rows import Head, read_head
from safetynet.store.store import Store
from safetynet.store.tables import journal_entries

MAX_FAULTS = 100
"""Faults listed per journal; counting stops there."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One place where a chain does not hold."""

    node: str
    epoch: int
    """As the entry says, or where it was expected."""
    seq: int
    rule: Rule
    detail: str = ""


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What verifying one journal found."""

    node: str
    entries: int
    head: Head
    faults: tuple[Fault, ...]

    @property
    def ok(self) -> bool:
        """True where every rule holds."""
        return not self.faults


class Verifier:
    """Goes along one node's chain; after a fault it goes on from the entry it found."""

    def __init__(self, node: str) -> None:
        self.node = node
        self.head = Head()
        self.entries = 0
        self.faults: list[Fault] = []

    def take(self, line: bytes, columns: tuple[str, int, int, str] | None = None) -> None:
        """Check the next line; ``columns`` are node, epoch, seq and leaf as they stand beside it."""
        self.entries += 1
        try:
            entry = parse_entry(line)
        except InvalidError as e:
            self._fault(self.head.epoch, self.head.seq + 1, Rule.MALFORMED, e.message)
            return
        if (rule := self._rule(entry, columns)) is not None:
            self._fault(entry.epoch, entry.seq, rule)
        self.head = Head(epoch=entry.epoch, seq=entry.seq, leaf=entry.leaf)

    def end(self, recorded: Head | None = None) -> Verified:
        """The result; ``recorded`` is the head that the store claims."""
        if recorded is not None and recorded != self.head:
            self._fault(recorded.epoch, recorded.seq, Rule.HEAD)
        return Verified(
            node=self.node, entries=self.entries, head=self.head, faults=tuple(self.faults)
        )

    def _rule(self, entry: Entry, columns: tuple[str, int, int, str] | None) -> Rule | None:
        if entry.node != self.node:
            return Rule.NODE
        if columns is not None and columns != (entry.node, entry.epoch, entry.seq, entry.leaf):
            return Rule.COLUMNS
        return check_next(self.head, entry)

    def _fault(self, epoch: int, seq: int, rule: Rule, detail: str = "") -> None:
        if len(self.faults) < MAX_FAULTS:
            fault = Fault(node=self.node, epoch=epoch, seq=seq, rule=rule, detail=detail)
            self.faults.append(fault)


async def verify_store(store: Store, node: NodeId) -> Verified:
    """Verify a node's journal as it stands in a store, with its columns and its recorded head."""
    return await store.read(lambda conn: verify_rows(conn, node))


def verify_rows(conn: Connection, node: NodeId) -> Verified:
    """The same inside a transaction."""
    verifier = Verifier(node)
    for name, epoch, seq, leaf, line in _rows(conn, node):
        verifier.take(line, (name, epoch, seq, leaf))
    return verifier.end(read_head(conn, node))


async def list_journals(store: Store) -> list[NodeId]:
    """The nodes whose entries this store holds."""
    return await store.read(find_journals)


def find_journals(conn: Connection) -> list[NodeId]:
    """The same inside a transaction."""
    statement = select(journal_entries.c.node).distinct().order_by(journal_entries.c.node)
    return [NodeId(name) for name in conn.scalars(statement)]


def verify_file(path: Path) -> list[Verified]:
    """Verify a file of entries, one per line, of one or several nodes, each in its order."""
    with path.open("rb") as file:
        return verify_lines(line.rstrip(b"\n") for line in file)


def verify_lines(lines: Iterable[bytes]) -> list[Verified]:
    """Verify entries as they come; a line that cannot be read counts to the node before it."""
    verifiers: dict[str, Verifier] = {}
    node = ""
    for line in lines:
        node = _node_of(line) or node
        verifiers.setdefault(node, Verifier(node)).take(line)
    return [verifier.end() for verifier in verifiers.values()]


class _Whose(msgspec.Struct):
    node: str


_whose = msgspec.json.Decoder(_Whose)


def _node_of(line: bytes) -> str | None:
    try:
        return _whose.decode(line).node
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def _rows(conn: Connection, node: NodeId) -> Iterator[tuple[str, int, int, str, bytes]]:
    c = journal_entries.c
    statement = (
        select(c.node, c.epoch, c.seq, c.leaf, c.line)
        .where(c.node == node, c.superseded_by.is_(None))
        .order_by(c.epoch, c.seq)
    )
    result = conn.execute(statement, execution_options={"yield_per": 1000})
    for row in result:
        name, epoch, seq, leaf, line = row
        yield name, epoch, seq, leaf, line
