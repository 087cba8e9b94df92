"""The configuration of a node's own NATS server: the hub accepts leaf nodes, a district is one. Several
servers of the hub are one cluster.

Two locks on every connection: a certificate of the city (mutual TLS), and the nkey of a node that
the register knows. What the node may say and hear follows from the grammar of subjects; at the hub
it holds whatever a district's own configuration says.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from safetynet.base.ids import HUB, NodeId
from safetynet.federation.identity.certificates import Member
from safetynet.federation.identity.node import Identity
from safetynet.federation.permissions import permissions_of

CLIENT, LEAF = "STANDARD", "LEAFNODE"
PING_EVERY = "2s"
"""A link on which nothing comes is given up after three of these: one whose other end froze, or whose
cable was pulled. The servers' own default is minutes."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a server is found."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One server's part in the hub's cluster."""

    own: Address
    """Where the other servers reach this one."""
    others: Sequence[Address]


@dataclass(frozen=True, kw_only=True)
class HubServer:
    """The hub's server: clients on one port, leaf nodes on another."""

    identity: Identity
    members: Sequence[Member]
    """The city's register: whose leaf nodes may join."""
    client_port: int
    leaf_port: int
    host: str = "127.0.0.1"
    leaf_host: str = "127.0.0.1"
    """The address that districts reach; in the hub's certificate."""
    cluster: Cluster | None = None
    """None where the hub has one server."""


@dataclass(frozen=True, kw_only=True)
class DistrictServer:
    """A district's server: clients on its port, and a link to the hub that it keeps trying."""

    identity: Identity
    client_port: int
    hub: Sequence[Address]
    """Leaf ports of the hub's servers; the link goes to one of them, and to another when that is gone."""
    host: str = "127.0.0.1"


def write_hub_config(server: HubServer, path: Path) -> None:
    """Write the configuration file of the hub's server."""
    own = {server.identity.member.nkey}
    own |= {member.nkey for member in server.members if member.node == HUB}
    users = [_user(HUB, key, CLIENT) for key in sorted(own)]
    users += [_user(m.node, m.nkey, LEAF) for m in server.members if m.node != HUB]
    leaf = f"""leafnodes {{
  listen: {_quote(f"{server.leaf_host}:{server.leaf_port}")}
  tls {_tls(server.identity, verify=True)}
  no_advertise: true
}}"""
    name = HUB if server.cluster is None else f"{HUB}-{server.cluster.own}"
    more = leaf if server.cluster is None else f"{leaf}\n{_cluster(server, server.cluster)}"
    address = f"{server.host}:{server.client_port}"
    _write_private(path, _server(name, address, server.identity, users, more))


def write_district_config(server: DistrictServer, path: Path) -> None:
    """Write the configuration file of a district's server; the seed stands in it: NATS reads no file."""
    member = server.identity.member
    urls = [f"tls://{place}" for place in server.hub]
    leaf = f"""leafnodes {{
  reconnect: "1s"
  remotes = [ {{
    urls: {_quote(urls)}
    nkey: {_quote(server.identity.read_seed())}
    tls {_tls(server.identity, verify=False)}
  }} ]
}}"""
    address = f"{server.host}:{server.client_port}"
    users = [_user(member.node, member.nkey, CLIENT)]
    _write_private(path, _server(member.node, address, server.identity, users, leaf))


def _cluster(server: HubServer, cluster: Cluster) -> str:
    """Whom a route is made with: nobody but the hub's own keys. That a certificate is of the city is
    not enough, for each district has one, and on a route everything may be said."""
    members = [server.identity.member, *(m for m in server.members if m.node == HUB)]
    tls = _tls_files(server.identity) | {
        "pinned_certs": sorted({member.key_sha256 for member in members}),
        "timeout": 5,
    }
    # Nothing is told about who else there is: everybody has the list, with names that stand in certificates.
    return f"""cluster {{
  name: {_quote(HUB)}
  listen: {_quote(str(cluster.own))}
  no_advertise: true
  tls {_quote(tls)}
  routes: {_quote([f"tls://{place}" for place in cluster.others])}
}}"""


def _server(name: str, address: str, identity: Identity, users: Iterable[str], leaf: str) -> str:
    listed = "\n".join(users)
    return f"""server_name: {_quote(name)}
listen: {_quote(address)}
max_payload: 8MB
write_deadline: "2s"
ping_interval: {_quote(PING_EVERY)}
ping_max: 2
tls {_tls(identity, verify=True)}
authorization {{
  users = [
{listed}
  ]
}}
{leaf}
"""


def _user(node: NodeId, nkey: str, connects_as: str) -> str:
    may = permissions_of(node)
    permissions = {
        "publish": {"allow": may.publish},
        "subscribe": {"allow": may.subscribe},
    }
    user = {
        "nkey": nkey,
        "allowed_connection_types": [connects_as],
        "permissions": permissions,
    }
    return f"    {_quote(user)}"


def _tls(identity: Identity, *, verify: bool) -> str:
    files = _tls_files(identity) | {"handshake_first": True}
    return _quote(files | {"verify": True} if verify else files)


def _tls_files(identity: Identity) -> dict[str, object]:
    return {
        "cert_file": identity.certificate,
        "key_file": identity.key,
        "ca_file": identity.city,
        "min_version": "1.3",
    }


def _quote(value: object) -> str:
    """As JSON, which the servers' configuration reads too."""
    return msgspec.json.encode(value, enc_hook=_path).decode()


def _path(value: object) -> str:
    if isinstance(value, Path):
        return str(value.resolve())
    raise NotImplementedError


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
