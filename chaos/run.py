"""A federation under load while things break, and the verdict on what it kept.

``make chaos``, ``make chaos-short``, or ``python -m chaos.run``; README.md beside this file says what is tried and
what must hold. Exit status 0 only where everything holds.
"""

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import msgspec
from bench.federation.nodes import ROOT, Federation, Shape
from bench.federation.places import make_city, places_in, write_list
from bench.federation.stores import read_height
from chaos.faults import Faults
from chaos.judge import Finding, judge, judge_living, judge_standing
from chaos.node import SPOILING, write_offset
from chaos.plan import Fault, Kind, plan_faults
from chaos.proxy import Link
from chaos.report import Report, print_report, write_report
from chaos.senders import Rooms

from safetynet.base.geo import LonLat
from safetynet.base.ids import HUB, NodeId

CAMERAS = 40
ROOMS = 40
LIST_EVERY_S = 0.5
SETTLED_WITHIN_S = 120.0
STILL_S = 4.0
"""Both sides agree, and nothing was written for so long: the last close and the last list are in."""
DISK = "256m"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to try."""

    seed: int = 1
    districts: int = 25
    seconds: float = 300.0
    rate: float = 20.0
    """Reports a second."""
    every_s: float = 5.0
    """A fault about so often."""
    spoil: str = "none"


async def run_chaos(order: Order, folder: Path, disk: Path | None) -> Report:
    """One run in an empty folder; ``disk`` is a small one that the hub's state may fill up."""
    began = time.monotonic()
    city_map = make_city(ROOT / "var" / "bench" / "federation")
    nodes = tuple(d.node for d in city_map.districts)[: order.districts]
    centres = dict(zip(nodes, places_in(city_map, len(nodes), order.seed), strict=True))
    without = frozenset() if disk else frozenset({Kind.FULL_DISK})
    plan = plan_faults(order.seed, order.seconds, nodes, order.every_s, without)
    async with _federation(order, folder, nodes, centres, disk) as (city, faults):
        rooms = Rooms(city.ucp_port, list(centres.values()), order.seed, ROOMS)
        await _load(order, rooms, faults, plan, _Lists(folder, centres, order.seed))
        settled = await _settle(city)
        agreed = await asyncio.to_thread(judge_living, city.hub_settings)
    findings = [settled, agreed, *await judge(city, rooms.ledger)]
    return Report(
        seed=order.seed,
        districts=order.districts,
        seconds=order.seconds,
        rate=order.rate,
        spoil=order.spoil,
        left_out=tuple(sorted(without)),
        acknowledged=len(rooms.ledger.acknowledged),
        resent=rooms.ledger.resent,
        refused=rooms.ledger.refused,
        given_up=rooms.ledger.given_up,
        longest_s=round(rooms.ledger.longest_s, 2),
        took_s=round(time.monotonic() - began, 1),
        faults=tuple(faults.done),
        findings=tuple(findings),
    )


@asynccontextmanager
async def _federation(
    order: Order,
    folder: Path,
    nodes: tuple[NodeId, ...],
    centres: dict[NodeId, LonLat],
    disk: Path | None,
) -> AsyncIterator[tuple[Federation, Faults]]:
    """All processes run and all districts have joined."""
    target = 0
    links = {node: Link(lambda: target) for node in nodes}
    for link in links.values():
        await link.open()
    clocks: dict[str, Path] = {name: folder / f"clock-{name}" for name in (HUB, *nodes)}
    for file in clocks.values():
        write_offset(file, 0.0)

    def dial(node: NodeId, port: int) -> int:
        nonlocal target
        target = port
        return links[node].port

    def command(name: str) -> tuple[str, ...]:
        guilty = name == (HUB if order.spoil == "drop" else nodes[0])
        spoil = order.spoil if guilty else "none"
        return (sys.executable, "-m", "chaos.node", str(clocks[name]), spoil)

    lists = {node: folder / "lists" / f"{node}.csv" for node in nodes}
    for node, path in lists.items():
        write_list(path, node, CAMERAS, centres[node])
    shape = Shape(
        folder=folder,
        bundle=ROOT / "var" / "bench" / "federation",
        nodes=nodes,
        processes=len(nodes),
        lists=lists,
        data={HUB: disk / "hub"} if disk else {},
        command=command,
        dial=dial,
    )
    try:
        async with Federation(shape) as city:
            await city.start_hub()
            for process in city.districts:
                process.start()
            await city.joined()
            yield city, Faults(city, links, clocks, disk)
    finally:
        for link in links.values():
            await link.close()


class _Lists:
    """Operators who turn a camera now and then: each time an entry in their district's journal."""

    def __init__(self, folder: Path, centres: dict[NodeId, LonLat], seed: int) -> None:
        self._folder = folder / "lists"
        self._centres = centres
        self._chance = random.Random(seed)

    async def run(self) -> None:
        """Until cancelled."""
        nodes = list(self._centres)
        turn_deg = 0
        while True:
            node = self._chance.choice(nodes)
            turn_deg = (turn_deg + 1) % 360
            write_list(
                self._folder / f"{node}.csv", node, CAMERAS, self._centres[node], float(turn_deg)
            )
            await asyncio.sleep(LIST_EVERY_S)


async def _load(
    order: Order, rooms: Rooms, faults: Faults, plan: tuple[Fault, ...], lists: _Lists
) -> None:
    turning = asyncio.create_task(lists.run())
    reporting = asyncio.create_task(rooms.run(order.rate))
    breaking = asyncio.create_task(faults.run(plan))
    await asyncio.sleep(order.seconds)
    await breaking
    rooms.end()
    await reporting
    turning.cancel()
    with suppress(asyncio.CancelledError):
        await turning


async def _settle(city: Federation) -> Finding:
    """Everything is whole again: how long until both sides agree."""
    promise = f"within {SETTLED_WITHIN_S:g} s of the last fault every district is here and applied"
    began = time.monotonic()
    try:
        async with asyncio.timeout(SETTLED_WITHIN_S):
            await city.joined()
            before = None
            while (now := _find_agreed(city)) is None or now != before:
                if not (standing := judge_standing(city.store_of(HUB))).holds:
                    return Finding(promise=promise, holds=False, detail=standing.detail)
                before = now
                await asyncio.sleep(STILL_S)
    except TimeoutError:
        said = ", ".join(node for node in city.nodes if not _is_applied(city, node))
        return Finding(promise=promise, holds=False, detail=f"not: {said or 'joined'}")
    took_s = time.monotonic() - began
    return Finding(promise=promise, holds=True, detail=f"{took_s:.1f} s")


def _is_applied(city: Federation, node: NodeId) -> bool:
    return read_height(city.store_of(HUB), node) == read_height(city.store_of(node), node)


def _find_agreed(city: Federation) -> list[int] | None:
    """How far every journal is; None where the hub's copy is not as far as the district's own."""
    if not all(_is_applied(city, node) for node in city.nodes):
        return None
    return [read_height(city.store_of(node), node) for node in (HUB, *city.nodes)]


@contextmanager
def small_disk() -> Iterator[Path | None]:
    """A file system of its own in memory that may be filled; None where we may not mount one."""
    with tempfile.TemporaryDirectory(prefix="safetynet-disk-") as name:
        command = ("mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", name)
        mounted = (
            os.geteuid() == 0
            and not subprocess.run(command, capture_output=True, check=False).returncode
        )
        try:
            yield Path(name) if mounted else None
        finally:
            if mounted:
                subprocess.run(("umount", "--lazy", name), check=True)


def main() -> int:
    """Run, print, write; the exit status is the verdict."""
    a = parse()
    order = Order(
        seed=a.seed,
        districts=a.districts,
        seconds=a.seconds,
        rate=a.rate,
        every_s=a.every,
        spoil=a.spoil,
    )
    with tempfile.TemporaryDirectory(prefix="safetynet-chaos-") as name, small_disk() as disk:
        folder = a.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        report = asyncio.run(run_chaos(order, folder, disk))
    print_report(report)
    write_report(report, a.out)
    return 0 if report.holds else 1


def parse() -> argparse.Namespace:
    """The command line."""
    words = argparse.ArgumentParser(description=__doc__)
    default = Order()
    words.add_argument("--seed", type=int, default=default.seed, metavar="N")
    words.add_argument("--districts", type=int, default=default.districts, metavar="N")
    words.add_argument("--seconds", type=float, default=default.seconds, metavar="S")
    words.add_argument("--rate", type=float, default=default.rate, metavar="R", help="reports/s")
    words.add_argument("--every", type=float, default=default.every_s, metavar="S", help="a fault")
    words.add_argument("--spoil", choices=tuple(SPOILING), default="none", help="a faulty build")
    words.add_argument("--out", type=Path, default=ROOT / "var" / "chaos", metavar="FOLDER")
    words.add_argument("--keep", type=Path, metavar="FOLDER", help="of state and logs, to look at")
    return words.parse_args()


if __name__ == "__main__":
    sys.exit(main())
