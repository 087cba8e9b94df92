"""The city's key made anew while the city lives: with real servers, one node after the other."""

from pathlib import Path

import pytest

from safetynet.base.clock import SystemClock
from safetynet.base.errors import ConflictError, NotFoundError, RefusedError, SafetyNetError
from safetynet.base.ids import HUB, NodeId
from safetynet.federation.identity.certificates import split
from safetynet.federation.identity.city import (
    TRUST_FILE,
    create_city,
    create_node,
    drop_node,
    list_members,
    renew_city,
    retire_city,
    sign_node,
)
from safetynet.federation.identity.node import (
    BEFORE,
    CITY_FILE,
    open_identity,
    request_keys,
    take_answer,
    take_trust,
)
from tests.federation.conftest import MAPO, NODES, SEOCHO, Buses, Servers


class Rotation:
    """What operators do at the city and at each node."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.city = servers.city

    async def restart(self, node: NodeId) -> None:
        """A node reads its folder anew: its server's configuration, its server."""
        self.servers.identity[node] = open_identity(self.servers.folder / node, node)
        if node == HUB:
            self.servers.configure_hub()
        else:
            self.servers.configure_district(node)
        await self.servers.end(node)
        await self.servers.start(node)

    async def trust(self, node: NodeId) -> None:
        """``keys trust``."""
        take_trust(self.servers.folder / node, (self.city / TRUST_FILE).read_bytes())
        await self.restart(node)

    async def renew(self, node: NodeId) -> None:
        """``keys request --renew``, ``sign``, ``take``; the keys of before are dropped."""
        old = self.servers.identity[node].member.serial
        request = request_keys(self.servers.folder / node, node, ())
        take_answer(self.servers.folder / node, sign_node(self.city, request, SystemClock().now()))
        self.servers.identity[node] = open_identity(self.servers.folder / node, node)
        await self.restart(HUB)  # it admits both
        await self.restart(node)
        drop_node(self.city, node, old)

    async def joined(self) -> None:
        """All are linked, by connections made now."""
        buses = [await self.servers.connect(node) for node in NODES]
        try:
            await Buses(*buses).linked()
        finally:
            for bus in buses:
                await bus.close()


@pytest.fixture
def rotation(servers: Servers) -> Rotation:
    return Rotation(servers)


async def test_the_citys_key_is_renewed_node_by_node_and_the_old_one_believed_no_more(
    rotation: Rotation, tmp_path: Path
) -> None:
    now = SystemClock().now()
    city = rotation.city
    before = (city / CITY_FILE).read_bytes()
    renew_city(city, "test city", now)
    await rotation.trust(MAPO)
    await rotation.joined()  # the others know of nothing yet
    for node in (SEOCHO, HUB):
        await rotation.trust(node)
    await rotation.joined()
    await rotation.renew(MAPO)
    await rotation.joined()  # one of the new key, two of the old one
    with pytest.raises(ConflictError) as early:
        retire_city(city, now)
    assert early.value.code == "keys.not_renewed"
    for node in (SEOCHO, HUB):
        await rotation.renew(node)
    retire_city(city, now)
    for node in NODES:
        await rotation.trust(node)
    await rotation.joined()
    assert not (city / BEFORE).exists()
    for folder in (city, *(rotation.servers.folder / node for node in NODES)):
        (left,) = split((folder / CITY_FILE).read_bytes())
        assert left not in split(before)
    assert {m.node for m in list_members(city)} == set(NODES)


def city_and_node(folder: Path) -> tuple[Path, Path]:
    now = SystemClock().now()
    create_city(folder / "city", "test city", now)
    create_node(folder / "city", folder / "mapo", MAPO, (), now)
    return folder / "city", folder / "mapo"


def refusal(folder: Path, trust: bytes) -> str:
    """Code of the refusal; nothing may have changed."""
    before = (folder / CITY_FILE).read_bytes()
    with pytest.raises(SafetyNetError) as refused:
        take_trust(folder, trust)
    assert (folder / CITY_FILE).read_bytes() == before
    open_identity(folder, MAPO)
    return refused.value.code


def test_nobody_but_the_city_in_use_makes_another_one_believed(tmp_path: Path) -> None:
    city, mapo = city_and_node(tmp_path)
    now = SystemClock().now()
    create_city(tmp_path / "false", "test city", now)
    false = (tmp_path / "false" / CITY_FILE).read_bytes()
    own = (mapo / CITY_FILE).read_bytes()
    renew_city(tmp_path / "false", "test city", now)
    for trust in (false, false + own, (tmp_path / "false" / TRUST_FILE).read_bytes()):
        assert refusal(mapo, trust) == "keys.no_link"
    renew_city(city, "test city", now)
    fresh, old, link = split((city / TRUST_FILE).read_bytes())
    assert refusal(mapo, false + old + link) == "keys.no_link"
    take_trust(mapo, fresh + old + link)
    take_trust(mapo, fresh + old + link)  # twice is once
    assert split((mapo / CITY_FILE).read_bytes()) == [fresh, old]


def test_a_node_does_not_give_up_the_key_that_signed_its_own(tmp_path: Path) -> None:
    city, mapo = city_and_node(tmp_path)
    now = SystemClock().now()
    renew_city(city, "test city", now)
    take_trust(mapo, (city / TRUST_FILE).read_bytes())
    drop_node(city, MAPO, None)
    retire_city(city, now)
    assert refusal(mapo, (city / TRUST_FILE).read_bytes()) == "keys.foreign"


def test_a_renewal_is_finished_before_the_next_and_none_is_retired_twice(tmp_path: Path) -> None:
    city, _ = city_and_node(tmp_path)
    now = SystemClock().now()
    renew_city(city, "test city", now)
    with pytest.raises(ConflictError) as again:
        renew_city(city, "test city", now)
    assert again.value.code == "keys.renewal_out"
    drop_node(city, MAPO, None)
    retire_city(city, now)
    with pytest.raises(NotFoundError):
        retire_city(city, now)


def test_an_answer_of_a_city_that_is_not_believed_yet_is_refused(tmp_path: Path) -> None:
    city, mapo = city_and_node(tmp_path)
    now = SystemClock().now()
    renew_city(city, "test city", now)
    answer = sign_node(city, request_keys(mapo, MAPO, ()), now)
    with pytest.raises(RefusedError) as refused:
        take_answer(mapo, answer)
    assert refused.value.code == "keys.other_city"
    take_trust(mapo, (city / TRUST_FILE).read_bytes())
    assert take_answer(mapo, answer).node == MAPO
