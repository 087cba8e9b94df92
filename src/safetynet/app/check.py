"""``safetynet check``: verify the journals on disk, and that the state agrees with them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec

from safetynet.app.demo import default_data
from safetynet.base.errors import NotFoundError
from safetynet.journal.verify import Verified, list_journals, verify_file, verify_store
from safetynet.store.store import Store

STORE = "node.sqlite"
SHOWN_FAULTS = 20


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One journal in one place."""

    where: str
    result: Verified


def run_check(path: Path | None) -> int:
    """Print a table of journals; 0 where all of them hold, 1 where one does not."""
    place = path or default_data()
    if place.is_file() and place.suffix != ".sqlite":
        checked = [Checked(where=place.name, result=result) for result in verify_file(place)]
    else:
        checked = asyncio.run(_check(_find_stores(place)))
    if not checked:
        raise NotFoundError("check.nothing", "no journal found", path=str(place))
    print(_table(checked))
    for one in checked:
        for fault in one.result.faults[:SHOWN_FAULTS]:
            print(
                f"BROKEN {one.where}: {fault.node} epoch {fault.epoch} seq {fault.seq}: "
                f"{fault.rule.value} {fault.detail}"
            )
    return 0 if all(one.result.ok for one in checked) else 1


def _find_stores(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(place.rglob(STORE))


async def _check(stores: Sequence[Path]) -> list[Checked]:
    found: list[Checked] = []
    for path in stores:
        async with Store(f"sqlite:///{path}") as store:
            results = [await verify_store(store, node) for node in await list_journals(store)]
        found += [Checked(where=path.parent.name, result=result) for result in results]
    return found


def _table(checked: Sequence[Checked]) -> str:
    rows = [("store", "journal", "entries", "epoch", "seq", "head", "")]
    rows += [
        (
            one.where,
            one.result.node,
            str(one.result.entries),
            str(one.result.head.epoch),
            str(one.result.head.seq),
            one.result.head.leaf[:16],
            "holds" if one.result.ok else "BROKEN",
        )
        for one in checked
    ]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
