"""What a node costs to start: processor time, wall time and memory until it serves.

A hub serves when its API answers; a district when its first beat is heard on its NATS server. Each
is started as an operator starts it (``safetynet hub|district --config``), alone, with an empty store
and beside a NATS server of its own; a district's video worker is a process of its own and not
counted. A district asks its hub how far its journal was: it is told at once that nothing is known. ``imports`` is the same interpreter loading the same modules and ending.

Prints one JSON object with medians and the extremes of ``--times`` starts.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import nats
from nats.aio.msg import Msg

from safetynet.access.keys import open_node_key
from safetynet.app.nats_server import find_nats_server
from safetynet.app.ports import find_free_ports, is_free
from safetynet.app.settings import (
    CameraAccess,
    DistrictProcessSettings,
    DistrictSettings,
    HubSettings,
    save_settings,
)
from safetynet.base.clock import SystemClock
from safetynet.base.ids import HUB, NodeId
from safetynet.city.build import BuildOrder, build_city
from safetynet.federation import subjects
from safetynet.federation.messages import HeadAnswer, encode
from safetynet.journal.rows import Head

NODE = NodeId("mapo")
READY_WITHIN_S = 60.0
LOOK_EVERY_S = 0.01
IMPORTS = """
from safetynet.base.lean import without
with without("aiohttp", "rich"):
    import safetynet.app.{name}.process
"""

type Ready = Callable[[], Awaitable[object]]


class Nats:
    """A NATS server on loopback for as long as the block lasts."""

    def __init__(self) -> None:
        (self.port,) = find_free_ports(1)
        self.url = f"nats://127.0.0.1:{self.port}"

    async def __aenter__(self) -> "Nats":
        command = (find_nats_server(), "--addr", "127.0.0.1", "--port", str(self.port))
        self._process = await asyncio.create_subprocess_exec(
            *command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while is_free(self.port):  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(LOOK_EVERY_S)
        self.client = await nats.connect(self.url, allow_reconnect=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()
        self._process.terminate()
        await self._process.wait()


def spent_s(pid: int) -> float:
    """Processor time of one process so far, all its threads."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory of one process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def start_node(name: str, config: Path, ready: Ready) -> dict[str, float]:
    """Start one node, wait until it serves, read what it took, end it."""
    started = time.perf_counter()
    command = (sys.executable, "-m", "safetynet.app.cli", name, "--config", str(config))
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        await asyncio.wait_for(ready(), READY_WITHIN_S)
        wall_s = time.perf_counter() - started
        found = {"cpu_s": spent_s(process.pid), "wall_s": wall_s}
        return found | {"resident_mb": resident_mb(process.pid)}
    finally:
        process.terminate()
        await process.wait()


async def start_hub(bundle: Path, folder: Path, bus: Nats) -> dict[str, float]:
    """A hub until its API answers."""
    http, ucp = find_free_ports(2)
    settings = HubSettings(
        bundle=str(bundle), data=str(folder / "hub"), nats_url=bus.url, http_port=http, ucp_port=ucp
    )
    save_settings(folder / "hub.json", settings)

    async def ready() -> None:
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", http)
                writer.write(b"GET /api/settings HTTP/1.0\r\n\r\n")
                answer = await reader.read(15)
                writer.close()
                if b" 200" in answer:
                    return
            await asyncio.sleep(LOOK_EVERY_S)

    return await start_node("hub", folder / "hub.json", ready)


async def start_district(bundle: Path, folder: Path, bus: Nats) -> dict[str, float]:
    """A district until its first beat is heard."""
    settings = DistrictProcessSettings(
        bundle=str(bundle),
        districts=(DistrictSettings(node=NODE, data=str(folder / NODE), nats_url=bus.url),),
        cameras=CameraAccess(rtsp_url="rtsp://127.0.0.1:9/{camera}"),
        issuers=(open_node_key(folder / "key", HUB).jwk(),),
    )
    save_settings(folder / "district.json", settings)
    asked = await bus.client.subscribe(subjects.head(NODE), cb=_tell_nothing)
    beats = await bus.client.subscribe(subjects.beat(NODE))
    found = await start_node(
        "district", folder / "district.json", partial(beats.next_msg, READY_WITHIN_S)
    )
    await beats.unsubscribe()
    await asked.unsubscribe()
    return found


async def _tell_nothing(message: Msg) -> None:
    none = Head()
    answer = HeadAnswer(
        epoch=none.epoch, seq=none.seq, leaf=none.leaf, fits=True, highest_epoch=1, broken=False
    )
    await message.respond(encode(answer))


def load_modules(name: str) -> dict[str, float]:
    """The imports alone."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run((sys.executable, "-c", IMPORTS.format(name=name)), check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": cpu_s, "wall_s": time.perf_counter() - started}


def summary(runs: list[dict[str, float]]) -> dict[str, list[float]]:
    """Least, median and most of each figure."""
    columns = {name: [run[name] for run in runs] for name in runs[0]}
    return {
        name: [round(f(column), 2) for f in (min, statistics.median, max)]
        for name, column in columns.items()
    }


async def measure(bundle: Path, folder: Path, times: int) -> dict[str, object]:
    """All rows; one start to warm the page cache is not counted."""
    found: dict[str, object] = {"columns": ["least", "median", "most"], "times": times}
    async with Nats() as bus:
        for name, start in (("hub", start_hub), ("district", start_district)):
            runs = []
            for n in range(times + 1):
                place = folder / f"{name}-{n}"
                place.mkdir()
                runs.append(await start(bundle, place, bus))
            found[name] = summary(runs[1:])
            found[f"{name}_imports"] = summary([load_modules(name) for _ in range(times)])
    return found


def main() -> None:
    """Parse, build a small city where none is given, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--city", type=Path, metavar="BUNDLE", help="default: Seoul at scale 0.1")
    parser.add_argument("--times", type=int, default=5, metavar="N")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundle = a.city or Path(folder) / "city"
        if a.city is None:
            order = BuildOrder(name="seoul", out=bundle, scale=0.1)
            build_city(order, SystemClock(), lambda _: None)
        print(json.dumps(asyncio.run(measure(bundle.resolve(), Path(folder), a.times)), indent=1))


if __name__ == "__main__":
    main()
