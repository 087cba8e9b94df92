"""How fast and how large the journal is on this machine: encode, append, verify.

The size of the same entries in deterministic CBOR (RFC 8949 §4.2, hashes as bytes) stands beside
ours; its time is not compared, because the few lines of CBOR here are no fair peer.

Appending is measured on SQLite and, where PostgreSQL is there, on a server of the bench's own with its
files on the same disk (``--postgres URL`` takes an empty database of yours instead), both durable.

Prints one JSON object. Inputs are made by rule, so every run does the same work; the head's hash is
checked against the chain that was written.
"""

import argparse
import asyncio
import json
import tempfile
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from bench.journal.server import open_postgres
from bench.measure.servers import NotHereError

from safetynet.base.clock import ManualClock
from safetynet.base.ids import NodeId
from safetynet.journal.append import Journal
from safetynet.journal.entry import ZERO, Draft, encode_entry
from safetynet.journal.verify import list_journals, verify_file, verify_store
from safetynet.store.engines import sqlite_url
from safetynet.store.store import Store

NODE = NodeId("mapo")
AT = datetime(2026, 3, 1, tzinfo=UTC)


def draft(n: int) -> Draft:
    """A body of ordinary size."""
    return Draft(
        kind="session.opened/1",
        body={
            "session": f"ses_{n:026d}",
            "grant": f"gr_{n:026d}",
            "incident": f"inc_{n // 8:026d}",
            "camera": f"mapo-{n % 3000:05d}",
            "viewer": "vw_01j00000000000000000000000",
            "rules": ["dispatch-119"],
        },
    )


def write_file(path: Path, count: int) -> tuple[str, float]:
    """Encode ``count`` chained entries into a file; returns the last leaf and the seconds."""
    started, prev = time.perf_counter(), ZERO
    with path.open("wb") as file:
        for n in range(1, count + 1):
            entry = encode_entry(node=NODE, epoch=1, seq=n, time=AT, draft=draft(n), prev=prev)
            prev = entry.leaf
            file.write(entry.line + b"\n")
    return prev, time.perf_counter() - started


def cbor(value: object) -> bytes:
    """Deterministic CBOR of what an entry holds."""
    match value:
        case int() if value >= 0:
            return cbor_head(0, value)
        case str():
            return cbor_head(3, len(value.encode())) + value.encode()
        case bytes():
            return cbor_head(2, len(value)) + value
        case list():
            return cbor_head(4, len(value)) + b"".join(map(cbor, value))
        case dict():
            pairs = sorted((cbor(k), cbor(v)) for k, v in value.items())
            return cbor_head(5, len(pairs)) + b"".join(k + v for k, v in pairs)
        case _:
            raise TypeError(type(value))


def cbor_head(major: int, number: int) -> bytes:
    """Type and shortest length of a CBOR item."""
    for size, code in ((0, 0), (1, 24), (2, 25), (4, 26), (8, 27)):
        if size == 0 and number < 24:
            return bytes([major << 5 | number])
        if size and number < 1 << (8 * size):
            return bytes([major << 5 | code]) + number.to_bytes(size)
    raise ValueError(number)


def cbor_size(path: Path, sample: int = 1000) -> int:
    """Mean bytes of the first entries of a file as CBOR."""
    with path.open("rb") as file:
        entries = [json.loads(line) for _, line in zip(range(sample), file, strict=False)]
    return sum(len(cbor(e | {"prev": bytes.fromhex(e["prev"])})) for e in entries) // len(entries)


async def append(url: str, count: int) -> dict[str, float]:
    """Append from many tasks at once, then one after the other, then verify the store."""
    async with Store(url) as store:
        assert not await list_journals(store), "the bench needs an empty store"
        journal = Journal(NODE, store, ManualClock(AT), {})
        started = time.perf_counter()
        await asyncio.gather(*(journal.append([draft(n)]) for n in range(count)))
        together_s = time.perf_counter() - started
        commits = store.commits
        started = time.perf_counter()
        for n in range(200):
            await journal.append([draft(n)])
        alone_s = time.perf_counter() - started
        assert (await verify_store(store, NODE)).ok
        return {
            "append_per_s": round(count / together_s),
            "entries_per_commit": round(count / commits),
            "append_alone_ms": round(alone_s / 200 * 1000, 2),
        }


def append_on_each(folder: Path, count: int, own: str | None) -> dict[str, object]:
    """The figures of appending by engine."""
    figures: dict[str, object] = {
        "sqlite": asyncio.run(append(sqlite_url(folder / "node.db"), count))
    }
    try:
        with open_postgres() if own is None else nullcontext(own) as url:
            figures["postgres"] = asyncio.run(append(url, count))
    except NotHereError as why:
        figures["postgres"] = f"not here: {why}"
    return figures


def main() -> None:
    """Run all and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--appends", type=int, default=5_000)
    parser.add_argument("--postgres", metavar="URL", help="an empty database of yours")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        leaf, encode_s = write_file(folder / "entries.jsonl", args.entries)
        started = time.perf_counter()
        (verified,) = verify_file(folder / "entries.jsonl")
        verify_s = time.perf_counter() - started
        assert verified.ok
        assert verified.head.leaf == leaf
        figures: dict[str, object] = {
            "entries": args.entries,
            "bytes_per_entry": (folder / "entries.jsonl").stat().st_size // args.entries,
            "cbor_bytes_per_entry": cbor_size(folder / "entries.jsonl"),
            "encode_us": round(encode_s / args.entries * 1e6, 1),
            "verify_us": round(verify_s / args.entries * 1e6, 1),
            "verify_a_million_s": round(verify_s / args.entries * 1e6, 1),
        }
        figures |= append_on_each(folder, args.appends, args.postgres)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
