"""Whether the stills and clips on a district's disk are what its journal says."""

import hashlib
from pathlib import Path

from safetynet.access import takings
from safetynet.access.takings import GoneBody, MadeBody, StillBody, file_of
from safetynet.base.clock import SystemClock
from safetynet.journal.read import read_kinds
from safetynet.store.store import Store

FOLDER = "exports"
SETTLED_S = 3600.0
"""A file that the journal does not name yet may be on its way into it for so long."""
KINDS = (takings.STILL_TAKEN, takings.EXPORT_MADE, takings.EXPORT_DESTROYED)


async def check_exports(data: Path, store: Store) -> tuple[str, ...]:
    """What is wrong with the files beside a store: missing, changed, or of nobody; empty where nothing is."""
    folder = data / FOLDER
    if not folder.is_dir():
        return ()
    told: dict[str, str] = {}
    for entry in await read_kinds(store, KINDS):
        if entry.kind == takings.EXPORT_DESTROYED:
            told.pop(file_of(entry.read(GoneBody).id), None)
        elif entry.kind == takings.EXPORT_MADE:
            made = entry.read(MadeBody)
            told[file_of(made.id)] = made.sha256
        elif (still := entry.read(StillBody)).kept:
            told[file_of(still.id)] = still.sha256
    return tuple(_faults(folder, told))


def _faults(folder: Path, told: dict[str, str]) -> list[str]:
    there = {path.name: path for path in folder.iterdir()}
    found = [f"{name} is missing" for name in sorted(told.keys() - there.keys())]
    for name in sorted(told.keys() & there.keys()):
        with there[name].open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != told[name]:
                found.append(f"{name} was changed")
    before = SystemClock().now().timestamp() - SETTLED_S
    strangers = sorted(there.keys() - told.keys())
    found += [f"{n} is in no journal" for n in strangers if there[n].stat().st_mtime < before]
    return found
