"""``safetynet check``: verify the journals on disk, and that the state agrees with them."""

import asyncio
import contextlib
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, Table, select
from sqlalchemy.exc import DBAPIError

from safetynet.access.fold import ACCESS_FOLDS
from safetynet.app.check_exports import check_exports
from safetynet.app.demo import default_data
from safetynet.base.errors import BrokenError, NotFoundError
from safetynet.base.ids import NodeId
from safetynet.federation.inventory import CATALOGUE_FOLDS
from safetynet.incident.fold import FOLDS as INCIDENT_FOLDS
from safetynet.journal.rows import Folds, fold_again
from safetynet.journal.verify import (
    Verified,
    find_journals,
    list_journals,
    verify_file,
    verify_rows,
    verify_store,
)
from safetynet.store.engines import make_engine, parse_url, sqlite_url
from safetynet.store.faults import translate
from safetynet.store.schema import NODE_SCHEMA, find_version
from safetynet.store.store import Store
from safetynet.store.tables import FOLDED

FOLDS: Folds = {**INCIDENT_FOLDS, **ACCESS_FOLDS, **CATALOGUE_FOLDS}
STORE = "node.sqlite"
SHOWN_FAULTS = 20


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One journal in one place."""

    where: str
    result: Verified
    unfolded: tuple[str, ...] = ()
    """Tables whose rows are not what the journal says."""
    exports: tuple[str, ...] = ()
    """What is wrong with the stills and clips on disk."""

    @property
    def ok(self) -> bool:
        """True where the chain holds and the state agrees with it."""
        return self.result.ok and not self.unfolded and not self.exports


def run_check(place: str | None) -> int:
    """Print a table of journals; 0 where all of them hold, 1 where one does not.

    ``place`` is a folder, a store's file, a file of entries, or the URL of a store on PostgreSQL.
    """
    if place is not None and "://" in place:
        where, checked = parse_url(place).database or "", check_database(place)
    else:
        path = Path(place) if place else default_data()
        where, checked = str(path), check_files(path)
    if not checked:
        raise NotFoundError("check.nothing", "no journal found", path=where)
    return 0 if tell_checked(checked) else 1


def tell_checked(checked: Sequence[Checked]) -> bool:
    """Print what was found; True where all of it holds."""
    print(_table(checked))
    for one in checked:
        for fault in one.result.faults[:SHOWN_FAULTS]:
            print(
                f"BROKEN {one.where}: {fault.node} epoch {fault.epoch} seq {fault.seq}: "
                f"{fault.rule.value} {fault.detail}"
            )
        for table in one.unfolded:
            print(
                f"BROKEN {one.where}: {one.result.node}: table {table} disagrees with the journal"
            )
        for file in one.exports:
            print(f"BROKEN {one.where}: {one.result.node}: exports: {file}")
    return all(one.ok for one in checked)


def check_database(url: str) -> list[Checked]:
    """Check a store on PostgreSQL where it stands, in one snapshot, beside the running node.

    The entries are folded again into temporary tables of the same names, which PostgreSQL finds
    before the node's own and which vanish with the transaction.
    """
    where = parse_url(url).database or ""
    engine = make_engine(url, writes=False, connections=1)
    try:
        with engine.connect() as conn, conn.begin():
            conn.exec_driver_sql("SET TRANSACTION READ WRITE")  # or there are no temporary tables
            if find_version(conn) != NODE_SCHEMA.version:
                raise BrokenError("check.no_store", "no store of this version", path=where)
            nodes = find_journals(conn)
            results = [verify_rows(conn, node) for node in nodes]
            before = [_folded(conn, node) for node in nodes]
            for table in FOLDED:
                name = conn.dialect.identifier_preparer.quote(table.name)
                conn.exec_driver_sql(
                    f"CREATE TEMPORARY TABLE {name} (LIKE {name} INCLUDING ALL) ON COMMIT DROP"
                )
            return [
                _compare(conn, where, result, rows)
                for result, rows in zip(results, before, strict=True)
            ]
    except DBAPIError as error:
        if (fault := translate(error)) is not error:
            raise fault from error
        raise
    finally:
        engine.dispose()


def _compare(
    conn: Connection, where: str, result: Verified, before: dict[str, set[str]]
) -> Checked:
    if not result.ok:
        return Checked(where=where, result=result)
    fold_again(conn, NodeId(result.node), FOLDS)
    after = _folded(conn, NodeId(result.node))
    unfolded = tuple(name for name in before if before[name] != after[name])
    return Checked(where=where, result=result, unfolded=unfolded)


def check_files(place: Path) -> list[Checked]:
    """Check the stores below a folder, one store, or a file of entries."""
    if place.is_file() and place.suffix != ".sqlite":
        return [Checked(where=place.name, result=result) for result in verify_file(place)]
    return asyncio.run(_check(_find_stores(place)))


def _find_stores(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(place.rglob(STORE))


async def _check(stores: Sequence[Path]) -> list[Checked]:
    """Each store is checked in a copy: a running node is not disturbed, and nothing is changed."""
    found: list[Checked] = []
    with tempfile.TemporaryDirectory(prefix="safetynet-check-") as folder:
        for number, path in enumerate(stores):
            copy = Path(folder) / f"{number}.sqlite"
            await asyncio.to_thread(_copy, path, copy)
            async with Store(sqlite_url(copy)) as store:
                journals = [
                    await _check_journal(path.parent.name, store, node)
                    for node in await list_journals(store)
                ]
                if journals and (wrong := await check_exports(path.parent, store)):
                    journals[0] = msgspec.structs.replace(journals[0], exports=wrong)
                found += journals
    return found


async def _check_journal(where: str, store: Store, node: NodeId) -> Checked:
    result = await verify_store(store, node)
    before = await store.read(lambda conn: _folded(conn, node))
    return await store.write(lambda conn: _compare(conn, where, result, before))


def _folded(conn: Connection, node: NodeId) -> dict[str, set[str]]:
    """Rows of the folded tables of one journal, as text, so that order does not matter."""
    return {
        table.name: {repr(tuple(row)) for row in conn.execute(_rows_of(table, node))}
        for table in FOLDED
    }


def _rows_of(table: Table, node: NodeId) -> Select[Any]:
    return select(table).where(table.c.node == node)


def _copy(path: Path, copy: Path) -> None:
    """SQLite's own online backup: a consistent copy of a store that may be in use."""
    try:
        with (
            contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except sqlite3.DatabaseError as error:
        raise BrokenError("check.no_store", str(error), path=str(path)) from error


def _table(checked: Sequence[Checked]) -> str:
    """One line a journal."""
    rows = [("store", "journal", "entries", "epoch", "seq", "head", "")]
    rows += [
        (
            one.where,
            one.result.node,
            str(one.result.entries),
            str(one.result.head.epoch),
            str(one.result.head.seq),
            one.result.head.leaf[:16],
            "holds" if one.ok else "BROKEN",
        )
        for one in checked
    ]
    return set_in_columns(rows)


def set_in_columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as lines, each column as wide as its widest cell."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
