"""How soon a hub of three processes and three NATS servers goes on when one of them dies: reports are accepted
again, entries of districts come again. Killed in turn are the process that answers, one that only takes
reports, and each server, first the one that leads an (idle) JetStream; at last the one that answers is frozen."""

import asyncio
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import httpx
import msgspec
import psycopg
from bench.federation.balancer import Balancer
from bench.federation.hubs import PROCESSES, Hubs
from bench.federation.light import LightDistrict, living
from bench.federation.places import make_city, places_in
from bench.journal.server import open_postgres
from bench.measure.times import Row, value_row

from safetynet.app.ports import find_free_ports
from safetynet.base.geo import LonLat
from safetynet.base.ids import NodeId
from safetynet.store.engines import make_engine
from safetynet.store.tables import nodes

DISTRICTS = 2
LOOK_EVERY_S = 0.01
SETTLED_S = 3.0
"""Between two faults, so that each finds a whole hub."""


class Took(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from a fault."""

    what: str
    reports_s: float
    """To the acknowledgement of a report that was first sent right after it."""
    entries_s: float
    """To the hub's disk, for entries that the districts wrote right after it."""


class Takeovers:
    """One hub, and what its faults cost."""

    def __init__(
        self, hubs: Hubs, districts: Sequence[LightDistrict], address: str, places: list[LonLat]
    ) -> None:
        self.took: list[Took] = []
        self._hubs = hubs
        self._districts = districts
        self._address = address
        self._places = places
        self._number = 0
        self._engine = make_engine(hubs.store_url, writes=False, connections=1)

    async def fault(self, what: str) -> None:
        """Measure from now on until reports and entries go on."""
        began = time.perf_counter()
        reports, entries = await asyncio.gather(self._report(), self._entries())
        self.took.append(Took(what=what, reports_s=reports - began, entries_s=entries - began))

    async def whole(self) -> None:
        """Everything runs, and a moment has passed."""
        for server in self._hubs.servers:
            server.send(signal.SIGCONT)
            server.start()
        for one in self._hubs.processes:
            one.process.send(signal.SIGCONT)
            one.process.start()
            await self._hubs.serves(one)
        await self._hubs.answers()
        await self._entries()
        await asyncio.sleep(SETTLED_S)

    async def _report(self) -> float:
        self._number += 1
        at = self._places[self._number % len(self._places)]
        report = {"sender": "119", "key": f"B{self._number:06d}", "kind": "fire"}
        body = report | {"lon": at.lon, "lat": at.lat}
        while True:
            async with httpx.AsyncClient(trust_env=False, timeout=2, verify=False) as web:
                with suppress(httpx.HTTPError):
                    if (await web.post(f"{self._address}/api/reports", json=body)).is_success:
                        return time.perf_counter()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _entries(self) -> float:
        written = [await district.write() for district in self._districts]
        while True:
            heads = await asyncio.to_thread(self._heads)
            if all(heads.get(e.node, (0, 0)) >= (e.epoch, e.seq) for e in written):
                return time.perf_counter()
            await asyncio.sleep(LOOK_EVERY_S)

    def _heads(self) -> dict[str, tuple[int, int]]:
        with self._engine.connect() as conn, conn.begin():
            rows = conn.execute(nodes.select()).all()
        return {row.node: (row.epoch, row.seq) for row in rows}


async def measure(bundle: Path, seed: int) -> dict[str, Row]:
    """Kill each once; the rows are the worst of all."""
    async with _takeovers(bundle, seed) as (takeovers, hubs, monitors):
        await takeovers.whole()
        answering = await hubs.answers()
        await answering.process.kill()
        await takeovers.fault("the process that answers")
        await takeovers.whole()
        answering = await hubs.answers()
        await next(one for one in hubs.processes if one is not answering).process.kill()
        await takeovers.fault("one that takes reports")
        leader = await find_leader(monitors)
        for k in sorted(range(PROCESSES), key=lambda k: k != leader):
            await takeovers.whole()
            await hubs.servers[k].kill()
            await takeovers.fault("JetStream's leader" if k == leader else "a NATS server")
        dead = list(takeovers.took)
        await takeovers.whole()
        (await hubs.answers()).process.send(signal.SIGSTOP)
        await takeovers.fault("frozen: the process that answers")
        frozen = takeovers.took[-1]
        await takeovers.whole()
    told = {name: [getattr(t, name) for t in dead] for name in ("reports_s", "entries_s")}
    note = "most of " + ", ".join(f"{t.what} {t.reports_s:.2f}" for t in dead)
    notes = "most of " + ", ".join(f"{t.what} {t.entries_s:.2f}" for t in dead)
    return {
        "reports_again": value_row(max(told["reports_s"]), "s", note),
        "entries_again": value_row(max(told["entries_s"]), "s", notes),
        "reports_again_frozen": value_row(frozen.reports_s, "s", "who answers is stopped"),
        "entries_again_frozen": value_row(frozen.entries_s, "s", "who answers is stopped"),
    }


@asynccontextmanager
async def _takeovers(bundle: Path, seed: int) -> AsyncIterator[tuple[Takeovers, Hubs, list[int]]]:
    city = make_city(bundle)
    own: list[NodeId] = [d.node for d in city.districts][:DISTRICTS]
    monitors = find_free_ports(PROCESSES)
    with open_postgres() as url, tempfile.TemporaryDirectory(prefix="safetynet-bench-") as name:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("CREATE DATABASE keys")
        folder = Path(name)

        def more(k: int) -> str:
            own = f'http: "127.0.0.1:{monitors[k]}"\n'
            return own + f'jetstream {{ store_dir: "{folder}/jetstream-{k}" }}\n'

        keys_url = url.replace("/postgres?", "/keys?")
        hubs = Hubs(folder, bundle, own, url, keys_url, more=more)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(hubs)
            balancer = await stack.enter_async_context(Balancer(hubs.backends()).open())
            districts = []
            for node in own:
                bus = await hubs.connect(node)
                stack.push_async_callback(bus.close)
                districts.append(await stack.enter_async_context(living(node, city, folder, bus)))
            address = f"http://127.0.0.1:{balancer.ports[0]}"
            places = places_in(city, 100, seed)
            yield Takeovers(hubs, districts, address, places), hubs, monitors


async def find_leader(monitors: Sequence[int]) -> int | None:
    """The number of the server that leads JetStream; None where none does yet."""
    names: list[str] = []
    leader = ""
    async with httpx.AsyncClient(trust_env=False, timeout=2) as web:
        for port in monitors:
            names.append((await web.get(f"http://127.0.0.1:{port}/varz")).json()["server_name"])
            told = (await web.get(f"http://127.0.0.1:{port}/jsz")).json()
            leader = told.get("meta_cluster", {}).get("leader") or leader
    return names.index(leader) if leader in names else None
