"""Keys, a grant and a store for the tests of access."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from safetynet.access.keys import KeyRing, NodeKey, open_node_key
from safetynet.access.model import Grant
from safetynet.access.proof import new_viewer_key, viewer_key
from safetynet.base.clock import ManualClock
from safetynet.base.ids import CameraId, GrantId, IncidentId, NodeId, ViewerId
from safetynet.store.store import Store

NOW = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    async with Store(store_url) as store:
        yield store


@pytest.fixture(scope="session")
def hub_key(tmp_path_factory: pytest.TempPathFactory) -> NodeKey:
    return open_node_key(tmp_path_factory.mktemp("hub"), NodeId("hub"))


@pytest.fixture(scope="session")
def keyring(hub_key: NodeKey) -> KeyRing:
    return KeyRing([hub_key.jwk()])


@pytest.fixture(scope="session")
def viewer() -> EllipticCurvePrivateKey:
    return new_viewer_key()


@pytest.fixture(scope="session")
def grant(viewer: EllipticCurvePrivateKey) -> Grant:
    return Grant(
        id=GrantId("gr_1"),
        issuer=NodeId("hub"),
        audience=NodeId("mapo"),
        incident=IncidentId("inc_1"),
        camera=CameraId("mapo-00001"),
        viewer=ViewerId("vw_1"),
        viewer_key=viewer_key(viewer),
        agency="119",
        service="119UC001",
        purpose="fire",
        basis="개인정보 보호법 제18조제2항제3호",
        drill=False,
        issued_at=NOW,
        hard_end=NOW + timedelta(minutes=15),
        lease_s=5.0,
    )
