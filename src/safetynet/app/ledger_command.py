"""``safetynet ledger``: who saw what, why, by which law."""

import asyncio
from pathlib import Path

from safetynet.access.ledger import HEADINGS, read_ledger
from safetynet.app.demo import default_data
from safetynet.base.errors import NotFoundError
from safetynet.store.engines import sqlite_url
from safetynet.store.store import Store


def run_ledger(store: str | None, *, limit: int) -> int:
    """Print the ledger of personal video information of one store, tab-separated, oldest first."""
    url = store if store is not None and "://" in store else _url_of_file(store)
    print("\t".join(HEADINGS))
    for cells in asyncio.run(_read(url, limit)):
        print("\t".join(cells))
    return 0


def _url_of_file(store: str | None) -> str:
    path = Path(store) if store else default_data() / "hub" / "node.sqlite"
    if not path.is_file():
        raise NotFoundError("ledger.no_store", "no store found", path=str(path))
    return sqlite_url(path)


async def _read(url: str, limit: int) -> list[tuple[str, ...]]:
    async with Store(url) as store:
        return [line.cells() for line in await read_ledger(store, limit=limit)]
