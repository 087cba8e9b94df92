"""Each district says and hears only what is its own: tried with real servers, honest and tampered."""

import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import nats.errors
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from safetynet.base.clock import SystemClock
from safetynet.base.errors import RefusedError, UnavailableError
from safetynet.base.ids import HUB, NodeId
from safetynet.federation import subjects
from safetynet.federation.bus import connect_bus, leave
from safetynet.federation.identity.certificates import read_member
from safetynet.federation.identity.city import (
    create_city,
    create_node,
    drop_node,
    sign_node,
)
from safetynet.federation.identity.node import (
    CITY_FILE,
    Identity,
    open_identity,
    request_keys,
    take_answer,
)
from safetynet.federation.identity.tls import make_tls
from safetynet.federation.nats_config import (
    Address,
    DistrictServer,
    HubServer,
    write_district_config,
    write_hub_config,
)
from safetynet.federation.permissions import inbox
from tests.federation.conftest import MAPO, SEOCHO, Buses, Servers
from tests.support import eventually

OTHERS_WORDS = [s(MAPO) for s in subjects.GRAMMAR]
OTHERS_EARS = [*OTHERS_WORDS, *(s.all for s in subjects.GRAMMAR), "sn.>", ">", "_INBOX.>"]
OTHERS_EARS += ["_INBOX.hub.>", "_INBOX.mapo.>", f"{inbox(HUB, MAPO)}.*", "$SYS.>"]


class Raw:
    """A client that asks for what it likes, with the errors that it was told."""

    def __init__(self) -> None:
        self.client = Client()
        self.errors: list[str] = []
        self.heard: list[str] = []
        self.at_hub: list[tuple[str, bytes]] = []

    async def report(self, error: Exception) -> None:
        self.errors.append(str(error).lower())

    async def hear(self, message: Msg) -> None:
        self.heard.append(message.subject)

    async def denied(self, verb: str, subject: str) -> None:
        """Wait until the server has said no."""
        word = f'{verb} to "{subject.lower()}"'
        await eventually(lambda: any(word in error for error in self.errors))


@asynccontextmanager
async def raw(url: str, identity: Identity | None, **options: Any) -> AsyncIterator[Raw]:
    """Connected without the house's own bus; an attacker writes a client of its own."""
    one = Raw()
    if identity is not None:
        options |= {"tls": make_tls(identity), "nkeys_seed": str(identity.seed)}
    settings: dict[str, Any] = {
        "error_cb": one.report,
        "allow_reconnect": False,
        "tls_handshake_first": "tls" in options,
    }
    settings |= options
    try:
        await one.client.connect(url, **settings)
        yield one
    finally:
        await leave(one.client)


async def listen_at(buses: Buses) -> list[tuple[str, bytes]]:
    """What the hub hears, soon: not before its server has taken the subscriptions."""
    heard: list[tuple[str, bytes]] = []

    async def hear(subject: str, data: bytes) -> None:
        heard.append((subject, data))

    for subject in subjects.GRAMMAR:
        if subject.takes is subjects.Party.OTHER_END:
            await buses.hub.subscribe(subject.all, hear)
    return heard


async def test_a_district_is_denied_at_its_own_server(servers: Servers, buses: Buses) -> None:
    heard = await listen_at(buses)
    await buses.linked()
    async with raw(servers.url[SEOCHO], servers.identity[SEOCHO]) as seocho:
        answer = f"{inbox(HUB, MAPO)}.token"
        for subject in [*OTHERS_WORDS, answer, subjects.beat(HUB), subjects.command(SEOCHO)]:
            await seocho.client.publish(subject, b"forged")
            await seocho.denied("publish", subject)
        for subject in OTHERS_EARS:
            await seocho.client.subscribe(subject, cb=seocho.hear)
            await seocho.denied("subscription", subject)

        async def say() -> bool:
            await seocho.client.publish(subjects.beat(SEOCHO), b"own")
            return (subjects.beat(SEOCHO), b"own") in heard

        await eventually(say)
    assert not any(data == b"forged" for _, data in heard)


async def tamper(servers: Servers, node: NodeId) -> None:
    """The district's server lets its clients do anything; the hub's knows nothing of it."""
    honest = servers.read_config(node)
    free = re.sub(r"authorization \{.*?\n\}\n", "", honest, flags=re.DOTALL)
    assert free != honest
    servers.write_config(node, free)
    await servers.end(node)
    await servers.start(node)


@pytest.fixture
async def tampered(servers: Servers, buses: Buses) -> AsyncIterator[Raw]:
    """A client of a tampered 서초 that is free to try, with valid keys, the leaf link up."""
    await buses.seocho.close()
    await tamper(servers, SEOCHO)
    heard = await listen_at(buses)
    tls = make_tls(servers.identity[SEOCHO])
    async with raw(servers.url[SEOCHO], None, tls=tls, allow_reconnect=True) as seocho:

        async def say() -> bool:
            await seocho.client.publish(subjects.beat(SEOCHO), b"back")
            return (subjects.beat(SEOCHO), b"back") in heard

        await eventually(say)
        seocho.at_hub = heard
        yield seocho


async def test_a_tampered_district_speaks_for_nobody_else(tampered: Raw) -> None:
    heard = tampered.at_hub
    for subject in [*OTHERS_WORDS, subjects.beat(HUB), "sn.anything", "$SYS.REQ.SERVER.PING"]:
        await tampered.client.publish(subject, b"forged")
    await tampered.client.publish(subjects.beat(SEOCHO), b"after")
    await eventually(lambda: (subjects.beat(SEOCHO), b"after") in heard)
    assert not any(data == b"forged" for _, data in heard), "one link keeps the order"


async def test_a_tampered_district_hears_nothing_of_others(buses: Buses, tampered: Raw) -> None:
    for subject in [">", "_INBOX.>", *OTHERS_WORDS]:
        await tampered.client.subscribe(subject, cb=tampered.hear)
    await tampered.client.flush()
    arrived = tampered.at_hub

    async def answer(_: bytes) -> bytes:
        return b"mapo's"

    await buses.mapo.answer(subjects.command(MAPO), answer)
    await buses.linked_of(MAPO)
    for own in (subjects.beat, subjects.journal, subjects.health):
        await buses.mapo.publish(own(MAPO), b"mapo's")
    await eventually(lambda: (subjects.health(MAPO), b"mapo's") in arrived)
    assert await buses.hub.ask(subjects.command(MAPO), b"?", 10) == b"mapo's"
    await buses.hub.publish(subjects.concern(MAPO), b"what concerns mapo alone")

    async def end() -> bool:
        await buses.hub.publish(subjects.beat(HUB), b"")
        return subjects.beat(HUB) in tampered.heard

    await eventually(end)
    others = [s for s in tampered.heard if s.startswith(("sn.", "_INBOX."))]
    assert set(others) <= {subjects.beat(HUB), subjects.beat(SEOCHO)}


async def test_a_tampered_district_answers_for_nobody_else(buses: Buses, tampered: Raw) -> None:
    async def forge(message: Msg) -> None:
        await tampered.client.publish(message.reply, b"forged")

    asked = [s for s in subjects.GRAMMAR if s.reply and s.takes is subjects.Party.NAMED]
    for subject in asked:
        await tampered.client.subscribe(subject(MAPO), cb=forge)
    await tampered.client.flush()
    for subject in asked:
        with pytest.raises(UnavailableError) as silent:
            await buses.hub.ask(subject(MAPO), b"?", 1)
        assert silent.value.code == "bus.no_answer"


async def test_an_answer_cannot_be_forged_even_where_its_inbox_is_known(
    servers: Servers, buses: Buses, tampered: Raw
) -> None:
    heard = tampered.at_hub
    await buses.mapo.close()
    async with raw(servers.url[MAPO], servers.identity[MAPO]) as mapo:

        async def tell_and_answer(message: Msg) -> None:
            await tampered.client.publish(message.reply, b"forged")
            await tampered.client.publish(subjects.beat(SEOCHO), b"told")
            await eventually(lambda: (subjects.beat(SEOCHO), b"told") in heard)
            await message.respond(b"mapo's")

        await mapo.client.subscribe(subjects.command(MAPO), cb=tell_and_answer)
        await mapo.client.flush()

        async def ask() -> bytes | None:
            try:
                return await buses.hub.ask(subjects.command(MAPO), b"?", 10)
            except UnavailableError:
                return None

        assert await eventually(ask) == b"mapo's"


async def test_the_hub_speaks_for_no_district_and_hears_no_answer_meant_for_one(
    servers: Servers, buses: Buses
) -> None:
    async with raw(servers.url[HUB], servers.identity[HUB]) as hub:
        for subject in (subjects.beat, subjects.journal, subjects.health):
            await hub.client.publish(subject(MAPO), b"forged")
            await hub.denied("publish", subject(MAPO))
        await hub.client.subscribe("_INBOX.mapo.>", cb=hub.hear)
        await hub.denied("subscription", "_INBOX.mapo.>")


def make_foreign(servers: Servers, folder: Path) -> Identity:
    """Mapo by the keys of another city that has this one's name, and believes this one."""
    # By the same name: Go shows a certificate only to who asks for its issuer.
    create_city(folder / "other city", "test city", SystemClock().now())
    create_node(folder / "other city", folder / "keys", MAPO, (), SystemClock().now())
    (folder / "keys" / CITY_FILE).write_bytes((servers.city / CITY_FILE).read_bytes())
    return as_it_is(folder / "keys")


def make_expired(servers: Servers, folder: Path) -> Identity:
    """Mapo by keys that this city signed for a day, a month ago."""
    before = SystemClock().now() - timedelta(days=30)
    request = request_keys(folder / "keys", MAPO, ())
    take_answer(folder / "keys", sign_node(servers.city, request, before, days=1))
    servers.configure_hub()
    return as_it_is(folder / "keys")


def make_unknown(servers: Servers, folder: Path) -> Identity:
    """Mapo by good keys that no server was told of."""
    create_node(servers.city, folder / "keys", MAPO, (), SystemClock().now())
    return as_it_is(folder / "keys")


def as_it_is(folder: Path) -> Identity:
    """An identity as an attacker opens it: unchecked."""
    return Identity(
        city=folder / CITY_FILE,
        certificate=folder / "node.crt",
        key=folder / "node.key",
        seed=folder / "node.seed",
        member=read_member((folder / "node.crt").read_bytes()),
    )


MAKERS = [make_foreign, make_expired, make_unknown]


@pytest.mark.parametrize("make", MAKERS)
async def test_wrong_keys_are_refused_at_a_client_port(
    servers: Servers, buses: Buses, tmp_path: Path, make: Any
) -> None:
    identity = make(servers, tmp_path / "attack")
    with pytest.raises(RefusedError) as refused:
        await servers.connect(MAPO, identity)
    assert refused.value.code == "bus.refused"


SAID_BY_THE_HUB = {
    make_foreign: "certificate signed by unknown authority",
    make_expired: "certificate has expired",
    make_unknown: "authentication error",
}


@pytest.mark.parametrize("make", MAKERS)
async def test_wrong_keys_are_refused_at_the_leaf_port(
    servers: Servers, buses: Buses, tmp_path: Path, make: Any
) -> None:
    await servers.end(MAPO)
    servers.identity[MAPO] = make(servers, tmp_path / "attack")
    servers.configure_district(MAPO)
    await servers.start(MAPO)
    await eventually(lambda: SAID_BY_THE_HUB[make] in servers.read_log(HUB).lower())


@pytest.mark.parametrize("node", [HUB, MAPO])
async def test_without_a_certificate_or_without_an_nkey_nobody_is_let_in(
    servers: Servers, buses: Buses, node: NodeId
) -> None:
    own = servers.identity[node]
    alone = ssl.create_default_context(cafile=own.city)
    for options in (
        {"tls": alone, "nkeys_seed": str(own.seed)},
        {"tls": make_tls(own)},
        {"tls": make_tls(own), "user": node, "password": "guess"},
        {},
    ):
        with pytest.raises((nats.errors.Error, OSError)):
            async with raw(servers.url[node], None, **options):
                pass


async def test_a_district_is_no_client_of_the_hub(servers: Servers, buses: Buses) -> None:
    with pytest.raises(RefusedError):
        await connect_bus(servers.url[HUB], MAPO, servers.identity[MAPO])


async def test_a_server_of_another_city_is_not_believed(
    servers: Servers, buses: Buses, tmp_path: Path
) -> None:
    create_city(tmp_path / "other", "other", SystemClock().now())
    create_node(tmp_path / "other", tmp_path / "keys", MAPO, (), SystemClock().now())
    with pytest.raises(RefusedError) as refused:
        await servers.connect(MAPO, open_identity(tmp_path / "keys", MAPO))
    assert refused.value.code == "bus.refused"


async def test_a_server_without_tls_is_not_believed(servers: Servers, buses: Buses) -> None:
    """A false server could ask the client to speak plainly; NATS's own client would."""
    await buses.mapo.close()
    await servers.end(MAPO)
    servers.write_config(MAPO, f'listen: "127.0.0.1:{servers.port[MAPO]}"\n')
    await servers.start(MAPO)
    with pytest.raises(RefusedError) as refused:
        await servers.connect(MAPO)
    assert refused.value.code == "bus.refused"


async def test_a_false_hub_is_not_joined(servers: Servers, buses: Buses) -> None:
    """Another district's good keys do not make a hub: they are not of the hub's host."""
    host = "127.0.0.2"
    await servers.end(MAPO)
    await servers.end(HUB)
    false = HubServer(
        identity=servers.identity[SEOCHO],
        members=[servers.identity[MAPO].member],
        client_port=servers.port[HUB],
        leaf_port=servers.leaf_port,
        leaf_host=host,
    )
    district = DistrictServer(
        identity=servers.identity[MAPO],
        client_port=servers.port[MAPO],
        hub=[Address(host=host, port=servers.leaf_port)],
    )
    write_hub_config(false, servers.folder / f"{HUB}.conf")
    write_district_config(district, servers.folder / f"{MAPO}.conf")
    await servers.start(HUB)
    await servers.start(MAPO)
    await eventually(lambda: f"not {host}" in servers.read_log(MAPO))
    assert "Leafnode connection created for account" not in servers.read_log(HUB)


async def test_without_keys_only_a_loopback_address_is_used() -> None:
    with pytest.raises(RefusedError) as refused:
        await connect_bus("nats://192.0.2.1:4222", MAPO)
    assert refused.value.code == "bus.plain"


async def test_new_keys_work_beside_the_old_ones_until_those_are_dropped(
    servers: Servers, buses: Buses
) -> None:
    old = servers.identity[MAPO].member
    new = create_node(servers.city, servers.folder / MAPO, MAPO, (), SystemClock().now())
    reconfigure(servers)
    await buses.linked()  # with the old keys: the district has not been started again

    servers.identity[MAPO] = open_identity(servers.folder / MAPO, MAPO)
    servers.configure_district(MAPO)
    await buses.mapo.close()
    await servers.end(MAPO)
    await servers.start(MAPO)
    buses.mapo = await servers.connect(MAPO)
    await buses.linked()

    drop_node(servers.city, MAPO, old.serial)
    reconfigure(servers)
    await eventually(lambda: servers.read_log(HUB).count("Reloaded server configuration") == 2)
    await buses.linked()
    assert "authentication error" not in servers.read_log(HUB).lower()

    drop_node(servers.city, MAPO, new.serial)
    servers.configure_hub()
    await servers.end(HUB)  # a reload lets in and keeps out, but cuts no link that is up
    await servers.start(HUB)
    await eventually(lambda: "authentication error" in servers.read_log(HUB).lower())
    heard = await listen_at(buses)
    await buses.linked_of(SEOCHO)
    await buses.mapo.publish(subjects.beat(MAPO), b"dropped")
    await buses.linked_of(SEOCHO)
    assert (subjects.beat(MAPO), b"dropped") not in heard


def reconfigure(servers: Servers) -> None:
    """What the hub's operator does after the register has changed."""
    servers.configure_hub()
    servers.reload(HUB)
