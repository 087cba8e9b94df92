"""``safetynet nats``: writes the configuration of a node's own NATS server."""

from collections.abc import Sequence
from pathlib import Path

from safetynet.base.errors import InvalidError
from safetynet.base.ids import HUB
from safetynet.federation.identity.certificates import read_member
from safetynet.federation.identity.city import list_members
from safetynet.federation.identity.files import read_file
from safetynet.federation.identity.node import CERTIFICATE_FILE, open_identity
from safetynet.federation.nats_config import (
    Address,
    Cluster,
    DistrictServer,
    HubServer,
    write_district_config,
    write_hub_config,
)

RELOAD = "nats-server --signal reload=PID lets a running server read it."


def read_address(text: str) -> Address:
    """``HOST:PORT``, the host of IPv6 in brackets; raises ``InvalidError`` for anything else."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise InvalidError("nats.address", "an address is HOST:PORT", address=text)
    return Address(host=host.removeprefix("[").removesuffix("]"), port=int(port))


def write_hub(
    keys: Path,
    city: Path,
    *,
    clients: Address,
    leafs: Address,
    cluster: Address | None,
    routes: Sequence[Address],
    out: Path,
) -> int:
    """The hub's: who is in the register may join. Needs no private key of the city.

    ``cluster`` is where the hub's other servers, at ``routes``, reach this one; None where it is alone.
    """
    if cluster is None and routes:
        raise InvalidError("nats.alone", "--route needs --cluster, where the others reach this one")
    members = list_members(city)
    server = HubServer(
        identity=open_identity(keys, HUB),
        members=members,
        host=clients.host,
        client_port=clients.port,
        leaf_host=leafs.host,
        leaf_port=leafs.port,
        cluster=Cluster(own=cluster, others=routes) if cluster else None,
    )
    write_hub_config(server, out)
    admitted = sorted({member.node for member in members} - {HUB})
    print(f"wrote {out}; admitted: {', '.join(admitted) or 'nobody yet'}. {RELOAD}")
    return 0


def write_district(keys: Path, *, clients: Address, hub: Sequence[Address], out: Path) -> int:
    """A district's, which is a leaf node of the hub's."""
    node = read_member(read_file(keys / CERTIFICATE_FILE)).node
    server = DistrictServer(
        identity=open_identity(keys, node),
        host=clients.host,
        client_port=clients.port,
        hub=hub,
    )
    write_district_config(server, out)
    print(f"wrote {out} for {node}. {RELOAD}")
    return 0
