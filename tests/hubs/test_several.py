"""A hub of three processes and a cluster of three NATS servers: whichever of them dies or freezes, what was
acknowledged is there exactly once, one process answers, and entries flow."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
from bench.federation.balancer import Balancer
from bench.federation.hubs import HubProcess, Hubs, look
from bench.federation.light import LightDistrict, living

from safetynet.access.entries import GRANT_CLOSED, GRANT_ISSUED, ClosedBody, IssuedBody
from safetynet.app.check import check_database
from safetynet.app.cli import main
from safetynet.base.errors import UnavailableError
from safetynet.base.geo import LonLat
from safetynet.base.ids import HUB, NodeId
from safetynet.city.bundle import load_city
from safetynet.city.model import City
from safetynet.federation.messages import RenewLeases
from safetynet.incident.entries import REPORT_ACCEPTED, ReportBody
from safetynet.incident.model import IncidentKind
from safetynet.incident.showing import CHOICE_MADE, ChoiceBody
from safetynet.incident.state import Outcome
from safetynet.journal.entry import Entry
from safetynet.journal.read import read_range
from safetynet.links.ucp.client import connect_ucp
from safetynet.links.ucp.dispatch119 import encode_119
from safetynet.store.store import Store
from tests.app.conftest import make_bundle
from tests.app.viewer import open_console
from tests.postgres import Server
from tests.support import eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.asyncio(loop_scope="module"),
]

NODES = (NodeId("mapo"), NodeId("seocho"))
SENDERS = 4
type Query = dict[str, str | float]
TAKEN = (Outcome.OPENED, Outcome.CHANGED, Outcome.ENDED)


class Town:
    """The hub, its districts, and a store through which the test looks at what is on disk."""

    def __init__(
        self, hubs: Hubs, city: City, districts: Sequence[LightDistrict], store: Store
    ) -> None:
        self.place: LonLat | None = None
        """Where the fires are: cameras see it."""
        self._city = city
        self.hubs = hubs
        self.districts = districts
        self.store = store
        self.acknowledged: list[str] = []
        self._numbers = 0

    @property
    def at(self) -> LonLat:
        """Where the fires are."""
        assert self.place is not None
        return self.place

    def new_key(self) -> str:
        """A number that no report had yet."""
        self._numbers += 1
        return f"T20260301{self._numbers:06d}"

    async def report(self, url: str, key: str) -> dict[str, Any]:
        """Report a fire by HTTP; the hub's answer, after 201 alone."""
        body: dict[str, object] = {"sender": "119", "key": key, "kind": "fire"}
        body |= {"lon": self.at.lon, "lat": self.at.lat, "occurred_at": SAID_AT.isoformat()}
        async with http(url) as web:
            answer = await web.post("/api/reports", json=body)
        answer.raise_for_status()
        self.acknowledged.append(key)
        found: dict[str, Any] = answer.json()
        return found

    async def find_place(self, answering: HubProcess) -> None:
        """Take a street corner that cameras would show."""
        streets = self._city.streets.line.xy
        lons, lats = self._city.plane.to_lonlat(streets[::5, 0], streets[::5, 1])
        async with http(answering.url) as web:
            for lon, lat in zip(lons, lats, strict=True):
                at: Query = {"lon": float(lon), "lat": float(lat), "target": "fire"}
                if (await web.get("/api/views", params=at)).json()["views"]:
                    self.place = LonLat(float(lon), float(lat))
                    return
        raise AssertionError("no camera sees a street")

    async def call(self, port: int, key: str) -> None:
        """Report a fire by a TCP frame."""
        frame = encode_119(
            number=key,
            kind=IncidentKind.FIRE,
            detail="연기가 보인다",
            at=self.at,
            address="",
            dong_code="",
            message_time=SAID_AT,
        )
        async with connect_ucp("127.0.0.1", port) as client:
            answer = await client.send(frame, timeout_s=4)
        if not answer.good:
            raise UnavailableError("test.refused", answer.text)
        self.acknowledged.append(key)

    async def entries(self, node: NodeId = HUB) -> list[Entry]:
        """A journal as the hub's store has it."""
        found: list[Entry] = []
        while more := await read_range(
            self.store,
            node,
            after_epoch=found[-1].epoch if found else 0,
            after_seq=found[-1].seq if found else 0,
        ):
            found += more
        return found

    async def entries_flow(self) -> None:
        """What districts write from now on comes to the hub's store."""
        for district in self.districts:
            written = await district.write()

            async def is_here(written: Entry = written) -> bool:
                theirs = await self.entries(NodeId(written.node))
                return bool(theirs) and (theirs[-1].epoch, theirs[-1].seq) >= (
                    written.epoch,
                    written.seq,
                )

            await eventually(is_here)

    async def reported(self, count: int) -> None:
        """Wait until so many more reports are acknowledged."""
        until = len(self.acknowledged) + count
        await eventually(lambda: len(self.acknowledged) >= until)

    async def standby(self) -> list[HubProcess]:
        """The processes that do not answer."""
        answering = await self.hubs.answers()
        return [one for one in self.hubs.processes if one is not answering]

    async def judge(self) -> None:
        """Nothing acknowledged is missing, each has one effect and was answered, and the journals hold."""
        own = await self.entries()
        reports = [e.read(ReportBody) for e in own if e.kind == REPORT_ACCEPTED]
        effects = Counter(r.key for r in reports if r.outcome in TAKEN)
        wrong = {k: effects[k] for k in self.acknowledged if effects[k] != 1}
        assert not wrong
        incidents = {r.key: r.incident for r in reports}
        assert all(len({r.incident for r in reports if r.key == k}) == 1 for k in effects)

        async def answered() -> bool:
            chosen = {c.incident for c in await self.choices()}
            missing = {incidents[k] for k in self.acknowledged} - chosen
            assert not missing, f"{len(missing)} of {len(incidents)} have no views: {missing}"
            return True

        await eventually(answered)
        issued = [e.read(IssuedBody).grant for e in await self.entries() if e.kind == GRANT_ISSUED]
        generations = [grant.generation for grant in issued]
        assert generations == sorted(generations)
        for district in self.districts:
            asked = [command.generation for command in district.commands]
            assert asked == sorted(asked)
        for district in self.districts:
            await self.entries_flow()
            theirs = {e.leaf for e in await self.entries(district.node)}
            assert {e.leaf for e in district.written} <= theirs
        checked = await asyncio.to_thread(check_database, self.hubs.store_url)
        assert {c.result.node for c in checked} >= set(NODES)
        assert all(c.ok for c in checked)

    async def choices(self) -> list[ChoiceBody]:
        """Every choice of views so far."""
        return [e.read(ChoiceBody) for e in await self.entries() if e.kind == CHOICE_MADE]


def http(url: str) -> httpx.AsyncClient:
    """A client that gives up on a frozen process."""
    return httpx.AsyncClient(base_url=url, trust_env=False, timeout=4, verify=False)


SOMEWHERE: Query = {"lon": 126.9, "lat": 37.55, "target": "fire"}
SAID_AT = datetime(2026, 3, 1, 3, tzinfo=UTC)
"""A resend says the very same again."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: Server
) -> AsyncIterator[Town]:
    folder = tmp_path_factory.mktemp("hubs")
    bundle = make_bundle(folder / "bundle")
    city = load_city(bundle)
    store_url, keys_url = postgres_server.make_database(), postgres_server.make_database()
    hubs = Hubs(folder, bundle, NODES, store_url, keys_url)
    try:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(hubs)
            districts = []
            for node in NODES:
                bus = await hubs.connect(node)
                stack.push_async_callback(bus.close)
                district = await stack.enter_async_context(living(node, city, folder, bus))
                districts.append(district)
            store = await stack.enter_async_context(Store(store_url))
            yield Town(hubs, city, districts, store)
    finally:
        postgres_server.drop_databases()


@pytest_asyncio.fixture(loop_scope="module")
async def whole(town: Town) -> Town:
    """The town with everything running and every district at every process."""
    for server in town.hubs.servers:
        server.start()
    for one in town.hubs.processes:
        one.process.send(signal.SIGCONT)
        one.process.start()
        await town.hubs.serves(one)
    answering = await town.hubs.answers()

    async def joined() -> bool:
        async with http(answering.url) as web:
            nodes = (await web.get("/api/nodes")).json()
            whys = [
                await web.get("/api/views/why", params={**SOMEWHERE, "camera": camera["id"]})
                for camera in (await web.get("/api/cameras")).json()
            ]
        return all(n["can_show"] and n["cameras"] for n in nodes) and all(
            why.status_code == 200 for why in whys
        )

    await eventually(joined)
    if town.place is None:
        await town.find_place(answering)
    return town


@asynccontextmanager
async def load(town: Town) -> AsyncIterator[None]:
    """Senders at the one address, by HTTP and by frames, that say each report until it is acknowledged."""

    async def send(turn: int, balancer: Balancer) -> None:
        while True:
            key = town.new_key()
            while key not in town.acknowledged:
                with suppress(httpx.HTTPError, UnavailableError):
                    if turn % 2:
                        await town.call(balancer.ports[1], key)
                    else:
                        await town.report(f"http://127.0.0.1:{balancer.ports[0]}", key)
                await asyncio.sleep(0.05)

    async with Balancer(town.hubs.backends()).open() as balancer:
        senders = [asyncio.create_task(send(turn, balancer)) for turn in range(SENDERS)]
        try:
            await town.reported(SENDERS)
            yield
            await town.reported(SENDERS)
        finally:
            for sender in senders:
                sender.cancel()
            await asyncio.gather(*senders, return_exceptions=True)


async def test_every_process_takes_reports_and_passes_on_the_rest(whole: Town) -> None:
    answering = await whole.hubs.answers()
    one, other = await whole.standby()
    keys = [whole.new_key() for _ in range(3)]
    for process, key in zip((one, other, answering), keys, strict=True):
        await whole.report(process.url, key)
    by_frame = whole.new_key()
    await whole.call(one.ucp_port, by_frame)
    for process in whole.hubs.processes:

        async def shown(process: HubProcess = process) -> bool:
            async with http(process.url) as web:
                listed = (await web.get("/api/incidents")).json()
            views = {i["key"]: i["views"] for i in listed}
            return all(views[key] for key in (*keys, by_frame))

        await eventually(shown)
        async with http(process.url) as web:
            ready = await web.get("/api/ready")
            unknown = await web.get("/api/incidents/inc_0")
        assert ready.status_code == (200 if process is answering else 503)
        assert (unknown.status_code, unknown.json()["type"]) == (404, "incident.unknown")
    chosen = Counter(choice.incident for choice in await whole.choices())
    reports = [e.read(ReportBody) for e in await whole.entries() if e.kind == REPORT_ACCEPTED]
    assert [chosen[r.incident] for r in reports if r.key in (*keys, by_frame)] == [1] * 4
    await whole.judge()


async def test_what_a_console_watches_goes_on_when_the_process_that_answers_is_killed(
    whole: Town,
) -> None:
    answering = await whole.hubs.answers()
    one, other = await whole.standby()
    key = whole.new_key()
    incident = (await whole.report(one.url, key))["incident"]
    async with open_console(other.url) as console:  # its socket is passed on
        grants = {g["id"] for g in await console.granted(incident)}
        await answering.process.kill()
        after = await whole.hubs.answers(but=[answering])
        assert after is not answering

        def renewed() -> bool:
            said = [c for d in whole.districts for c in d.commands if isinstance(c, RenewLeases)]
            new = max(command.generation for command in said)
            kept = {g for command in said if command.generation == new for g in command.grants}
            return grants <= kept

        await eventually(renewed)
        async with open_console(other.url) as again:
            fresh = {g["id"] for g in await again.granted(incident)}
            assert not fresh & grants
            async with http(one.url) as web:
                (await web.post(f"/api/incidents/{incident}/close")).raise_for_status()

            async def closed() -> bool:
                bodies = [
                    e.read(ClosedBody) for e in await whole.entries() if e.kind == GRANT_CLOSED
                ]
                return grants | fresh <= {body.id for body in bodies}

            await eventually(closed)
    await whole.judge()


async def test_nothing_is_lost_when_the_process_that_answers_is_killed(whole: Town) -> None:
    answering = await whole.hubs.answers()
    async with load(whole):
        await answering.process.kill()
        await whole.hubs.answers(but=[answering])
        await whole.entries_flow()
    await whole.judge()


async def test_nothing_is_lost_when_a_process_that_only_takes_reports_is_killed(
    whole: Town,
) -> None:
    answering = await whole.hubs.answers()
    (one, _) = await whole.standby()
    async with load(whole):
        await one.process.kill()
        await whole.reported(SENDERS)
        await whole.entries_flow()
    assert await whole.hubs.answers() is answering
    await whole.judge()


async def test_a_frozen_process_is_replaced_and_when_it_wakes_it_answers_no_more(
    whole: Town,
) -> None:
    frozen = await whole.hubs.answers()
    async with load(whole):
        frozen.process.send(signal.SIGSTOP)
        await whole.hubs.answers(but=[frozen])
        await whole.entries_flow()
        frozen.process.send(signal.SIGCONT)

        async def is_another() -> bool:
            now = await look(frozen)
            return now is not None and not now.answers and now.answering != frozen.url

        await eventually(is_another)
        await whole.reported(SENDERS)
    await whole.judge()


async def test_entries_flow_again_when_any_nats_server_dies(whole: Town) -> None:
    async with load(whole):
        for server in whole.hubs.servers:
            await server.kill()
            await whole.entries_flow()
            await whole.reported(1)
            server.start()
    await whole.judge()


async def test_a_frozen_nats_server_is_left_for_another(whole: Town) -> None:
    *others, last = whole.hubs.servers
    for server in others:
        await server.kill()
    await whole.entries_flow()  # over the last one, where all of them are now
    for server in others:
        server.start()
    last.send(signal.SIGSTOP)
    try:
        await whole.entries_flow()
        bus = await whole.hubs.connect_hub(2)  # a process that begins now finds another, too
        await bus.close()
    finally:
        last.send(signal.SIGCONT)
    await whole.judge()


async def test_the_living_check_knows_such_a_hub(
    whole: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    await whole.entries_flow()
    settings = str(whole.hubs.processes[0].settings)
    code = await asyncio.to_thread(main, ["check", "--all", settings])
    said = capsys.readouterr().out
    assert (code, "BROKEN" in said) == (0, False), said
    answering = await whole.hubs.answers()
    assert f"answered by {answering.url}" in said
