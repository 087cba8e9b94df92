"""``safetynet keys``: the city's signature, each node's own keys, and who is admitted until when."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from safetynet.access.keys import open_next_key, open_node_key, use_next_key
from safetynet.base.clock import SystemClock
from safetynet.base.errors import ConflictError, InvalidError, RefusedError
from safetynet.base.ids import HUB, NodeId
from safetynet.federation.identity import city as cities
from safetynet.federation.identity import node as nodes
from safetynet.federation.identity.certificates import (
    LOOPBACK,
    Member,
    expires,
    fingerprint,
    read_member,
    read_request,
    split,
)
from safetynet.federation.identity.files import read_file, write_new


def make_city(folder: Path, *, name: str) -> int:
    """Make the city's key and certificate."""
    cities.create_city(folder, name, SystemClock().now())
    print(f"city: {name}, made in {folder}")
    _print_city(folder)
    print(f"Keep {folder / cities.CITY_KEY_FILE} offline, and a copy of it: it makes nodes.")
    return 0


def renew_city(folder: Path, *, name: str) -> int:
    """Make the city's key anew; nodes of both keys are believed until it is retired."""
    cities.renew_city(folder, name, SystemClock().now())
    print(f"city: {name}, a new key in {folder}; the old one is in {folder / nodes.BEFORE}")
    _print_city(folder)
    print(f"Carry {folder / cities.TRUST_FILE} to every node (nothing private): `keys trust`.")
    return 0


def retire_city(folder: Path) -> int:
    """End a renewal: the old key is believed no more."""
    cities.retire_city(folder, SystemClock().now())
    print("retired: the old key is gone")
    _print_city(folder)
    print(f"Carry {folder / cities.TRUST_FILE} to every node once more: `keys trust`.")
    return 0


def trust(folder: Path, file: Path) -> int:
    """Believe what a city's ``trust.pem`` says; the node's own keys stay."""
    nodes.take_trust(folder, read_file(file))
    _print_city(folder)
    print("Restart the node's NATS server and its process.")
    return 0


def make_node(
    city: Path, folder: Path, node: NodeId, *, hosts: Sequence[str], days: int, renew: bool
) -> int:
    """Make, sign and take a node's keys where city and node are one machine."""
    hosts = _hosts(folder, hosts, renew=renew)
    request = nodes.request_keys(folder, node, hosts)
    answer = cities.sign_node(city, request, SystemClock().now(), days)
    _print_member(nodes.take_answer(folder, answer))
    return 0


def request(folder: Path, node: NodeId, *, hosts: Sequence[str], renew: bool) -> int:
    """Make a node's keys and the request that travels to the city."""
    nodes.request_keys(folder, node, _hosts(folder, hosts, renew=renew))
    print(f"request: {folder / nodes.NEXT / nodes.REQUEST_FILE}")
    print("It holds nothing private. Send it to the hub's operator; `keys take` takes the answer.")
    return 0


def sign(city: Path, node: NodeId, file: Path, *, out: Path, days: int) -> int:
    """Sign a request that says it is of ``node``, and write the answer."""
    pem = read_file(file)
    asks, _, _ = read_request(pem)
    if asks != node:
        raise RefusedError("keys.other_node", "the request is another node's", asks=asks)
    if out.exists():
        raise ConflictError("keys.exists", "the file exists; nothing was signed", file=str(out))
    answer = cities.sign_node(city, pem, SystemClock().now(), days)
    write_new(out, answer, mode=0o644)
    _print_member(read_member(answer))
    _print_city(city)
    print(f"answer: {out} (nothing private; send it back)")
    print("Whoever holds these keys answers at the hosts above: check them.")
    return 0


def take(folder: Path, answer: Path) -> int:
    """Put the requested keys into use with the city's answer."""
    _print_member(nodes.take_answer(folder, read_file(answer)))
    _print_city(folder)
    return 0


def signing(data: Path, *, fresh: bool, use: bool) -> int:
    """Print the public half of the key that the hub signs grants with, as a district's ``issuers`` take it."""
    open_key = use_next_key if use else open_next_key if fresh else open_node_key
    jwk = open_key(data, HUB).jwk()
    print(f'[[issuers]]\nkid = "{jwk.kid}"\nx = "{jwk.x}"')
    return 0


def list_keys(folder: Path) -> int:
    """Print whose keys hold until when, of a city's folder or a node's; 1 where one has ended."""
    now = SystemClock().now()
    if (folder / cities.NODES).is_dir():
        members = cities.list_members(folder)
    else:
        members = [read_member(read_file(folder / nodes.CERTIFICATE_FILE))]
    print(f"{'node':16} {'until':16} {'days':>5}  {'serial':16}  hosts")
    for member in members:
        print(_line(member, now))
    _print_city(folder)
    return 1 if any(member.not_after <= now for member in members) else 0


def drop(city: Path, node: NodeId, *, serial: str | None) -> int:
    """Strike keys from the register; the hub's NATS server learns it from a new configuration."""
    found = [m.serial for m in cities.list_members(city) if m.node == node]
    whole = [s for s in found if serial is None or s.startswith(serial)]
    if serial is not None and len(whole) != 1:
        raise InvalidError("keys.serial", "no one serial begins so", serial=serial)
    for member in cities.drop_node(city, node, whole[0] if serial is not None else None):
        print(f"dropped: {member.node} {member.serial[:16]}")
    print("Write the hub's NATS configuration anew and restart its server: a reload cuts no link.")
    return 0


def _hosts(folder: Path, hosts: Sequence[str], *, renew: bool) -> Sequence[str]:
    """The hosts to be signed: on renewal those of before where none are given."""
    current = folder / nodes.CERTIFICATE_FILE
    if not current.exists():
        return hosts
    if not renew:
        raise ConflictError("keys.exists", "there are keys; --renew replaces them")
    return hosts or [h for h in read_member(read_file(current)).hosts if h not in LOOPBACK]


def _line(member: Member, now: datetime) -> str:
    days = (member.not_after - now).days
    hosts = ", ".join(host for host in member.hosts if host not in LOOPBACK)
    mark = "ENDED" if member.not_after <= now else "soon" if days < nodes.WARN_BEFORE.days else ""
    until = f"{member.not_after:%Y-%m-%d %H:%M}"
    line = f"{member.node:16} {until} {days:5}  {member.serial[:16]}  {hosts or '-'}  {mark}"
    return line.rstrip()


def _print_member(member: Member) -> None:
    print(f"node: {member.node}, hosts {', '.join(member.hosts)}")
    print(f"until: {member.not_after:%Y-%m-%d %H:%M} UTC, serial {member.serial[:16]}")


def _print_city(folder: Path) -> None:
    for pem in split(read_file(folder / nodes.CITY_FILE)):
        print(f"city until: {expires(pem):%Y-%m-%d} UTC, SHA-256 {fingerprint(pem)}")
