"""The hub's cluster of three NATS servers: nobody but the hub's own keys makes a route, and words flow again
whichever server dies, the leader of an idle JetStream included."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from bench.federation.hubs import PROCESSES, Hubs
from bench.federation.nodes import Process

from safetynet.app.nats_server import find_nats_server
from safetynet.app.ports import find_free_ports
from safetynet.base.ids import HUB, NodeId
from safetynet.federation import subjects
from safetynet.federation.bus import NatsBus
from safetynet.federation.identity.city import list_members
from safetynet.federation.identity.node import open_identity
from safetynet.federation.nats_config import Address, Cluster, HubServer, write_hub_config
from tests.support import eventually

MAPO = NodeId("mapo")


class Cluster3:
    """The servers, what they say of themselves, and who speaks over them."""

    def __init__(self, hubs: Hubs, monitors: list[int], hub: list[NatsBus], mapo: NatsBus) -> None:
        self.hubs = hubs
        self.hub = hub
        self._mapo = mapo
        self._monitors = monitors
        self._said = 0

    async def ask(self, k: int, what: str) -> Any:
        """What a server says of itself."""
        async with httpx.AsyncClient(trust_env=False, timeout=2) as web:
            return (await web.get(f"http://127.0.0.1:{self._monitors[k]}/{what}")).json()

    async def words_flow(self) -> None:
        """What a district says comes to every process of the hub, and an answer back."""
        self._said += 1
        word = f"word {self._said}".encode()
        for bus in self.hub:
            heard = asyncio.Event()

            async def hear(_: str, data: bytes, heard: asyncio.Event = heard) -> None:
                if data == word:
                    heard.set()

            await bus.subscribe(subjects.health(MAPO), hear)

            async def say(heard: asyncio.Event = heard) -> bool:
                await self._mapo.publish(subjects.health(MAPO), word)
                return heard.is_set()

            await eventually(say)

            async def asked(bus: NatsBus = bus) -> bool:
                return await bus.ask(subjects.unwell(MAPO), b"", 1.0) == b"well"

            await eventually(asked)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster3]:
    monitors = find_free_ports(PROCESSES)

    def more(k: int) -> str:
        return f'''
http: "127.0.0.1:{monitors[k]}"
jetstream {{ store_dir: "{tmp_path}/jetstream-{k}" }}
'''

    hubs = Hubs(tmp_path, tmp_path, (MAPO,), "unused", "unused", more=more)
    async with AsyncExitStack() as stack:
        for server in (*hubs.servers, hubs.leafs[MAPO]):
            server.start()
            stack.push_async_callback(server.stop)
        buses = [await hubs.connect_hub(k) for k in range(PROCESSES)]
        mapo = await hubs.connect(MAPO)
        for bus in (*buses, mapo):
            stack.push_async_callback(bus.close)

        async def well(_: bytes) -> bytes:
            return b"well"

        await mapo.answer(subjects.unwell(MAPO), well)
        cluster = Cluster3(hubs, monitors, buses, mapo)
        await cluster.words_flow()
        yield cluster


async def find_leader(cluster: Cluster3) -> int:
    """The number of the server that leads JetStream."""

    async def look() -> str | None:
        answer = await cluster.ask(0, "jsz")
        leader: str | None = answer.get("meta_cluster", {}).get("leader")
        return leader

    leader = await eventually(look)
    names = [(await cluster.ask(k, "varz"))["server_name"] for k in range(PROCESSES)]
    return names.index(leader)


async def test_words_flow_again_whichever_server_dies(cluster: Cluster3) -> None:
    for server in cluster.hubs.servers:
        await server.kill()
        await cluster.words_flow()
        server.start()
        await cluster.words_flow()


async def test_words_flow_again_when_the_leader_of_jetstream_dies_for_nothing_waits_for_it(
    cluster: Cluster3,
) -> None:
    leader = await find_leader(cluster)
    await cluster.hubs.servers[leader].kill()
    await cluster.words_flow()
    for k in range(PROCESSES):
        if k != leader:
            answer = await cluster.ask(k, "jsz")
            assert (answer["streams"], answer["consumers"], answer["messages"]) == (0, 0, 0)


async def test_a_district_makes_no_route_with_its_good_keys(
    cluster: Cluster3, tmp_path: Path
) -> None:
    own, client, leaf = find_free_ports(3)
    others = [Address(host="127.0.0.1", port=port) for port in cluster.hubs.routes]
    rogue = HubServer(
        identity=open_identity(tmp_path / "keys" / MAPO, MAPO),
        members=[m for m in list_members(tmp_path / "city") if m.node == HUB],
        client_port=client,
        leaf_port=leaf,
        cluster=Cluster(own=Address(host="127.0.0.1", port=own), others=others),
    )
    config, log = tmp_path / "rogue.conf", tmp_path / "rogue.log"
    write_hub_config(rogue, config)
    process = Process("rogue", (find_nats_server(), "--config", str(config)), log)
    process.start()
    try:
        said = tmp_path / "log" / "nats-0.log"
        await eventually(lambda: "certificate not pinned" in said.read_text())
        for k in range(PROCESSES):
            routes = (await cluster.ask(k, "routez"))["routes"]
            assert not any(
                "rogue" in r["remote_name"] or str(own) in r["remote_name"] for r in routes
            )
            assert {r["remote_name"] for r in routes} <= {
                f"{HUB}-127.0.0.1:{port}" for port in cluster.hubs.routes
            }
        await cluster.words_flow()
    finally:
        await process.stop()
