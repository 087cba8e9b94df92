"""What the product does: entries that come to the hub, reports that are acknowledged, a hub that comes back."""

import asyncio
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from bench.federation.load import Answers, Senders, Words
from bench.federation.nodes import (
    BY_ONVIF,
    NOWHERE,
    PRODUCT,
    ROOT,
    Federation,
    Shape,
    children_of,
    resident_mb,
    resident_once_mb,
    spent_s,
)
from bench.federation.places import make_city, places_in, write_list
from bench.federation.stores import Arrivals, count_reports, read_height, read_lines
from bench.journal.run import write_file
from bench.measure.times import Row, Times, rank, times_row, value_row

from safetynet.app.settings import CameraAccess
from safetynet.base.ids import HUB, NodeId

DISTRICTS = 25
PROCESSES = 5
"""Over which the bench spreads the districts: two processor cores are no 25 machines."""
AT_ONCE = 1000
"""Entries of one command while a journal is filled."""
WITHIN_S = 600.0
ON_DISK = "from the owner's time in the entry to the hub's disk"


class Ours:
    """Measures a federation in a folder of its own for each part."""

    def __init__(self, bundle: Path, seed: int, districts: int = DISTRICTS) -> None:
        self.bundle = bundle
        self._seed = seed
        self._city = make_city(bundle)
        self._nodes = tuple(d.node for d in self._city.districts)[:districts]

    async def apply(self, per_s: float, seconds: float) -> dict[str, Row]:
        """Entry committed in a district → applied at the hub."""
        async with self._federation() as city, _words(city, self._nodes) as words:
            await city.start_hub()
            await city.joined()
            await _caught_up(city)
            arrivals = Arrivals(city.store_of(HUB))
            async with _beside(arrivals.run()):
                await words.pace(per_s, round(per_s * seconds))
                await _caught_up(city)
                await asyncio.sleep(1)  # the last look at what is on disk
            took = list(arrivals.took_s.values())
            note = f"{per_s:g}/s over {len(self._nodes)} districts, {ON_DISK}"
            row = _times_row(took, note, wrong=find_difference(city) or _missing(words, took))
            return {"apply_at_hub": row}

    async def catch_up(self, entries: int, live_per_s: float) -> dict[str, Row]:
        """The hub comes back with entries of one district waiting; the others go on meanwhile."""
        async with self._federation() as city, _words(city, self._nodes) as words:
            await city.start_hub()
            await city.joined()
            await _caught_up(city)
            await city.hub.stop()
            behind, *others = self._nodes
            for done in range(0, entries, AT_ONCE):
                await words.say(behind, min(AT_ONCE, entries - done))
            live = Words(words.bus, others)
            own = read_height(city.store_of(behind), behind)
            before = read_height(city.store_of(HUB), behind)
            await city.start_hub()
            served = time.perf_counter()
            arrivals = Arrivals(city.store_of(HUB))
            async with _beside(arrivals.run()), _beside(live.pace(live_per_s, 10**6)):
                await _reach(city, behind, own)
                took_s = time.perf_counter() - served
            await _caught_up(city)
            wrong = find_difference(city)
        first_s = 1.0  # entries from before the hub heard of the others again
        times = [t for (node, _), t in arrivals.took_s.items() if node != behind and t < first_s]
        late = sum(1 for (node, _), t in arrivals.took_s.items() if node != behind and t >= first_s)
        note = f"{own - before} entries of one district, from the hub's API being there"
        rows = {"catch_up_100k": _wrong(value_row(took_s, "s", note), wrong)}
        if times:
            said = (
                f"other districts' entries meanwhile; {late} from the hub's first moment left out"
            )
            rows["catch_up_live"] = _times_row(times, said, wrong=None)
        return rows

    async def hub_restart(self, times: int) -> dict[str, Row]:
        """The hub is killed and started → the first entry written after that is on its disk."""
        took: list[float] = []
        async with self._federation() as city, _words(city, self._nodes) as words:
            await city.start_hub()
            await city.joined()
            for n in range(times):
                node = self._nodes[n % len(self._nodes)]
                await city.hub.kill()
                began = time.perf_counter()
                city.hub.start()
                await words.say(node)
                await _reach(city, node, read_height(city.store_of(node), node))
                took.append(time.perf_counter() - began)
            await _caught_up(city)
            wrong = find_difference(city)
        note = f"median of {times} kills, most {max(took):.2f}; process start counted"
        return {"hub_restart_first": _wrong(value_row(rank(took, 0.5), "s", note), wrong)}

    async def acknowledge(self, name: str, per_s: float, seconds: float) -> dict[str, Row]:
        """Reports through the framed TCP door of a hub, each on an incident of its own."""
        count = round(per_s * seconds)
        async with self._federation() as city:
            await city.start_hub()
            places = places_in(self._city, 1000, self._seed)
            senders = Senders(city.ucp_port, places, self._seed)
            began, spent = time.perf_counter(), spent_s(city.hub.pid)
            answers = await senders.report(per_s, count)
            took_s = time.perf_counter() - began
            cpu_ms = 1000 * (spent_s(city.hub.pid) - spent) / count
            wrong = find_unkept(city.store_of(HUB), answers)
        got = len(answers.acknowledged)
        note = f"{per_s:g}/s for {seconds:g} s over {senders.rooms} connections; {got} of {count}"
        own_ms = 1000 * answers.processor_s / count
        note += f" acknowledged, {got / took_s:.0f}/s; processor: hub {cpu_ms:.2f} ms each"
        note += f", senders on the same cores {own_ms:.2f}"
        if answers.refused or answers.unanswered:
            note += f"; refused {answers.refused}, unanswered {answers.unanswered}"
        times = list(answers.acknowledged.values()) or [WITHIN_S]
        row = _times_row(times, note, wrong=wrong)
        if name != "burst_1000":
            return {name: row}
        complete = got == count and rank(times, 0.99) <= 1.0 and max(times) <= 5.0
        bar = "none lost, p99 ≤ 1000 ms, most ≤ 5000 ms"
        return {name: _held(row, bar, holds=complete)}

    async def idle(self, cameras: int, seconds: float) -> dict[str, Row]:
        """One district node that has nothing to do; its NATS server is not counted."""
        async with self._idle(cameras, NOWHERE) as pids:
            before = [spent_s(pid) for pid in pids]
            await asyncio.sleep(seconds)
            spent = [(spent_s(p) - b) / seconds for p, b in zip(pids, before, strict=True)]
            memory = _memory_row(pids, f"{cameras} cameras")
        async with self._idle(cameras, BY_ONVIF) as pids:
            by_onvif = _memory_row(pids, f"{cameras} cameras that are reached by ONVIF")
        cpu = f"over {seconds:g} s, no probing; control {spent[0]:.2%}, worker {sum(spent[1:]):.2%}"
        return {
            "idle_district_memory": memory,
            "idle_district_cpu": value_row(100 * sum(spent), "% of a core", cpu),
            "idle_onvif_memory": by_onvif,
        }

    @asynccontextmanager
    async def _idle(self, cameras: int, access: CameraAccess) -> AsyncIterator[list[int]]:
        """A district's processes, control first, when its start is over."""
        node = self._nodes[0]
        with tempfile.TemporaryDirectory() as name:
            own = Path(name) / "cameras.csv"
            write_list(own, node, cameras)
            shape = replace(
                self._shape(Path(name), (node,), 1, {node: own}), cameras={node: access}
            )
            async with Federation(shape) as city:
                await city.start_hub()
                city.districts[0].start()
                await city.joined(1)
                await asyncio.sleep(5)  # what a start leaves behind
                yield [city.districts[0].pid, *children_of(city.districts[0].pid)]

    @asynccontextmanager
    async def _federation(self) -> AsyncIterator[Federation]:
        with tempfile.TemporaryDirectory(prefix="safetynet-bench-") as name:
            async with Federation(self._shape(Path(name), self._nodes, PROCESSES, {})) as city:
                yield city

    def _shape(
        self, folder: Path, nodes: tuple[NodeId, ...], processes: int, lists: dict[NodeId, Path]
    ) -> Shape:
        return Shape(
            folder=folder,
            bundle=self.bundle,
            nodes=nodes,
            processes=min(processes, len(nodes)),
            lists=lists,
            data={},
        )


def _memory_row(pids: Sequence[int], of: str) -> Row:
    memory = [resident_mb(pid) for pid in pids]
    said = f"{of}; resident, files that both processes have in memory counted once;"
    said += f" control {memory[0]:.0f}, video worker {sum(memory[1:]):.0f}, sum {sum(memory):.0f}"
    return value_row(resident_once_mb(pids), "MB", said)


def verify(entries: int) -> dict[str, Row]:
    """``safetynet check`` of a file of entries, as an auditor does it."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "entries.jsonl"
        leaf, _ = write_file(file, entries)
        began = time.perf_counter()
        said = subprocess.run(
            (*PRODUCT, "check", str(file)), cwd=ROOT, capture_output=True, text=True, check=False
        )
        took_s = time.perf_counter() - began
    wrong = None if said.returncode == 0 and leaf[:16] in said.stdout else "check failed"
    return {"verify_1m": _wrong(value_row(took_s, "s", f"{entries} entries, process start"), wrong)}


def find_difference(city: Federation) -> str | None:
    """Where the hub's copy of a district's journal is not the district's own."""
    for node in city.nodes:
        own = read_lines(city.store_of(node), node)
        copy = read_lines(city.store_of(HUB), node)
        if own != copy:
            return f"{node} has {len(own)} entries, its copy at the hub {len(copy)}, not the same"
    return None


def find_unkept(store: Path, answers: Answers) -> str | None:
    """Reports that were acknowledged and are not on disk exactly once."""
    kept = count_reports(store)
    lost = [number for number in answers.acknowledged if kept[number] == 0]
    twice = [number for number in answers.acknowledged if kept[number] > 1]
    return f"{len(lost)} lost, {len(twice)} kept twice" if lost or twice else None


@asynccontextmanager
async def _words(city: Federation, nodes: Sequence[NodeId]) -> AsyncIterator[Words]:
    """The districts run, and somebody has them write."""
    for process in city.districts:
        process.start()
    bus = await city.connect(HUB)
    try:
        yield Words(bus, nodes)
    finally:
        await bus.close()


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Something goes on while the block lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()):
            raise error


async def _caught_up(city: Federation) -> None:
    """Until the hub has everything that the districts have."""
    for node in city.nodes:
        await _reach(city, node, read_height(city.store_of(node), node))


async def _reach(city: Federation, node: NodeId, height: int) -> None:
    async with asyncio.timeout(WITHIN_S):
        while read_height(city.store_of(HUB), node) < height:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.005)


def _times_row(took_s: Sequence[float], note: str, *, wrong: str | None) -> Row:
    return _wrong(times_row(Times([1000 * t for t in took_s], []), "", note), wrong)


def _missing(words: Words, took: Sequence[float]) -> str | None:
    return None if words.written == len(took) else f"{words.written} written, {len(took)} came"


def _wrong(row: Row, wrong: str | None) -> Row:
    return msgspec.structs.replace(row, wrong=wrong)


def _held(row: Row, bar: str, *, holds: bool) -> Row:
    return msgspec.structs.replace(row, bar=bar, holds=holds)
