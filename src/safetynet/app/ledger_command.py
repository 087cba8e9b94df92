"""``safetynet ledger``: who saw what, why, by which law."""

import asyncio
from pathlib import Path

from safetynet.access.ledger import HEADINGS, read_ledger
from safetynet.app.demo import default_data
from safetynet.base.errors import NotFoundError
from safetynet.store.store import Store


def run_ledger(store: Path | None, *, limit: int) -> int:
    """Print the ledger of personal video information of one store, tab-separated, oldest first."""
    path = store or default_data() / "hub" / "node.sqlite"
    if not path.is_file():
        raise NotFoundError("ledger.no_store", "no store found", path=str(path))
    print("\t".join(HEADINGS))
    for cells in asyncio.run(_read(path, limit)):
        print("\t".join(cells))
    return 0


async def _read(path: Path, limit: int) -> list[tuple[str, ...]]:
    async with Store(f"sqlite:///{path}") as store:
        return [line.cells() for line in await read_ledger(store, limit=limit)]
