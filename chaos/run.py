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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from bench.federation.nodes import ROOT, Federation
from bench.federation.stores import read_height
from chaos.faults import Faults
from chaos.finding import Finding
from chaos.judge import judge, judge_living, judge_standing
from chaos.node import SPOILING
from chaos.plan import Fault, Kind, plan_faults
from chaos.report import Report, print_report, write_report
from chaos.senders import FIRE, POLICE, Ledger, Rooms
from chaos.sessions import judge_ends, judge_record, read_owners
from chaos.stage import Stage, make_process, open_federation, set_stage
from chaos.viewers import Ended, Watched, read_lines

from safetynet.base.ids import HUB, NodeId

ROOMS, POLICE_ROOMS = 40, 6
POLICE_RATE = 0.5
"""Incidents a second that somebody watches."""
STAY_S = 5.0
"""Viewers look on for so long after the load: a picture that goes on too long is seen."""
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
    scenes: int = 3
    """Districts whose cameras show something; every second of them cuts where the hub is away."""
    viewers: int = 3
    spoil: str = "none"


async def run_chaos(order: Order, folder: Path, disk: Path | None) -> Report:
    """One run in an empty folder; ``disk`` is a small one that the hub's state may fill up."""
    began = time.monotonic()
    stage = set_stage(folder, order.seed, order.districts, order.scenes)
    without = frozenset() if disk else frozenset({Kind.FULL_DISK})
    plan = plan_faults(
        order.seed, order.seconds, stage.nodes, order.every_s, without, tuple(stage.policies)
    )
    ledger = Ledger()
    async with open_federation(stage, order.spoil, disk) as (city, faults):
        await _load(order, stage, city, ledger, faults, plan)
        settled = await _settle(city)
        agreed = await asyncio.to_thread(judge_living, city.hub_settings)
    lines = read_lines(folder / "views")
    watched = [line for line in lines if isinstance(line, Watched)]
    ended = [line for line in lines if isinstance(line, Ended)]
    owners = read_owners(folder, tuple(stage.policies), faults.deaths)
    findings = [
        settled,
        agreed,
        *await judge(city, ledger, ended, faults.losses),
        judge_ends(watched, owners, stage.policies),
        judge_record(city, watched, faults.losses),
    ]
    return Report(
        seed=order.seed,
        districts=order.districts,
        seconds=order.seconds,
        rate=order.rate,
        viewers=order.viewers,
        cores=os.cpu_count() or 1,
        spoil=order.spoil,
        left_out=tuple(sorted(without)),
        acknowledged=len(ledger.acknowledged),
        resent=ledger.resent,
        refused=ledger.refused,
        given_up=ledger.given_up,
        longest_s=round(ledger.longest_s, 2),
        again_s=ledger.find_again_s(faults.hub_started_s),
        took_s=round(time.monotonic() - began, 1),
        faults=tuple(faults.done),
        findings=tuple(findings),
    )


class _Lists:
    """Operators who turn a camera now and then: each time an entry in their district's journal."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._chance = random.Random(stage.seed)

    async def run(self) -> None:
        """Until cancelled."""
        turn_deg = 0
        while True:
            turn_deg = (turn_deg + 1) % 360
            self._stage.write_list(self._chance.choice(self._stage.nodes), float(turn_deg))
            await asyncio.sleep(LIST_EVERY_S)


async def _load(
    order: Order,
    stage: Stage,
    city: Federation,
    ledger: Ledger,
    faults: Faults,
    plan: tuple[Fault, ...],
) -> None:
    """Reports, turned cameras, viewers and faults; returns when the last of them is over."""
    places, scenes = list(stage.centres.values()), [stage.centres[n] for n in stage.policies]
    fire = Rooms(FIRE, ledger, city.ucp_port, places, order.seed, ROOMS)
    police = Rooms(POLICE, ledger, city.ucp_port, scenes, order.seed, POLICE_ROOMS)
    url = f"http://127.0.0.1:{city.http_port}"
    views, many = str(stage.folder / "views"), str(order.viewers)
    viewers = make_process(stage, "viewers", url, views, many, str(order.seed))
    viewers.start()
    turning = asyncio.create_task(_Lists(stage).run())
    reporting = [
        asyncio.create_task(fire.run(order.rate)),
        asyncio.create_task(police.run(POLICE_RATE)),
    ]
    breaking = asyncio.create_task(faults.run(plan))
    await asyncio.sleep(order.seconds)
    await breaking
    fire.end()
    police.end()
    await asyncio.gather(*reporting)
    turning.cancel()
    with suppress(asyncio.CancelledError):
        await turning
    await asyncio.sleep(STAY_S)
    await viewers.stop()


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
        scenes=a.scenes,
        viewers=a.viewers,
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
    words.add_argument("--scenes", type=int, default=default.scenes, metavar="N", help="districts")
    words.add_argument("--viewers", type=int, default=default.viewers, metavar="N")
    words.add_argument("--spoil", choices=tuple(SPOILING), default="none", help="a faulty build")
    words.add_argument("--out", type=Path, default=ROOT / "var" / "chaos", metavar="FOLDER")
    words.add_argument("--keep", type=Path, metavar="FOLDER", help="of state and logs, to look at")
    return words.parse_args()


if __name__ == "__main__":
    sys.exit(main())
