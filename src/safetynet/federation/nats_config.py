"""The configuration of a node's own NATS server: the hub accepts leaf nodes, a district is one."""

from pathlib import Path
from urllib.parse import quote

import msgspec


class HubServer(msgspec.Struct, frozen=True, kw_only=True):
    """The hub's server: clients on one port, leaf nodes on another."""

    client_port: int
    leaf_port: int
    leaf_passwords: dict[str, str]
    """One per district: who may join."""
    host: str = "127.0.0.1"


class DistrictServer(msgspec.Struct, frozen=True, kw_only=True):
    """A district's server: clients on its port, and a link to the hub that it keeps trying."""

    node: str
    client_port: int
    hub_host: str
    hub_leaf_port: int
    password: str
    host: str = "127.0.0.1"


def write_hub_config(server: HubServer, path: Path) -> None:
    """Write the configuration file of the hub's server (owner-readable: it holds passwords)."""
    users = "\n".join(
        f"      {{ user: {_quote(node)}, password: {_quote(password)} }}"
        for node, password in sorted(server.leaf_passwords.items())
    )
    text = f"""server_name: "hub"
listen: "{server.host}:{server.client_port}"
max_payload: 8MB
write_deadline: "2s"
leafnodes {{
  listen: "{server.host}:{server.leaf_port}"
  authorization {{
    users = [
{users}
    ]
  }}
}}
"""
    _write_private(path, text)


def write_district_config(server: DistrictServer, path: Path) -> None:
    """Write the configuration file of a district's server."""
    user = f"{quote(server.node, safe='')}:{quote(server.password, safe='')}"
    url = f"nats-leaf://{user}@{server.hub_host}:{server.hub_leaf_port}"
    text = f"""server_name: {_quote(server.node)}
listen: "{server.host}:{server.client_port}"
max_payload: 8MB
write_deadline: "2s"
leafnodes {{
  reconnect: 1
  remotes = [ {{ url: {_quote(url)} }} ]
}}
"""
    _write_private(path, text)


def _quote(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
