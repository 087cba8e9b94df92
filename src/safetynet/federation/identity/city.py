"""The city's folder: the key that signs, and the register of every node that was signed."""

import shutil
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from safetynet.base.errors import ConflictError, NotFoundError
from safetynet.base.ids import NodeId
from safetynet.federation.identity.certificates import (
    LOOPBACK,
    NODE_DAYS,
    Member,
    is_issued,
    key_pem,
    make_city,
    make_key,
    make_link,
    read_key,
    read_member,
    read_request,
    sign_request,
    split,
)
from safetynet.federation.identity.files import check_private, make_folder, read_file, write_new
from safetynet.federation.identity.node import BEFORE, CITY_FILE, request_keys, take_answer

CITY_KEY_FILE = "city.key"
TRUST_FILE = "trust.pem"
"""What a node takes to believe the city's new key, or no longer the old one; nothing private."""
NODES = "nodes"
"""One certificate a file: nothing private, so the register may lie where the key does not."""


def create_city(folder: Path, name: str, now: datetime) -> None:
    """Make a city's key and certificate; raises ``ConflictError`` where the folder exists."""
    make_folder(folder)
    make_folder(folder / NODES)
    key = make_key()
    write_new(folder / CITY_KEY_FILE, key_pem(key))
    write_new(folder / CITY_FILE, make_city(name, key, now))


def renew_city(folder: Path, name: str, now: datetime) -> None:
    """Make the city's key anew. Until ``retire_city`` nodes of the old one are believed too.

    ``trust.pem`` then holds what nodes need to believe both. Raises ``ConflictError`` where a renewal is
    under way.
    """
    if (folder / BEFORE).exists():
        raise ConflictError("keys.renewal_out", "the last renewal is not finished", folder=BEFORE)
    old_key = read_key(read_file(check_private(folder / CITY_KEY_FILE)))
    old = read_file(folder / CITY_FILE)
    key = make_key()
    fresh = make_city(name, key, now)
    link = make_link(fresh, old, old_key, now)
    make_folder(folder / BEFORE)
    for file in (CITY_KEY_FILE, CITY_FILE):
        (folder / file).rename(folder / BEFORE / file)
    write_new(folder / CITY_KEY_FILE, key_pem(key))
    write_new(folder / CITY_FILE, fresh + old)
    (folder / TRUST_FILE).unlink(missing_ok=True)
    write_new(folder / TRUST_FILE, fresh + old + link, mode=0o644)


def retire_city(folder: Path, now: datetime) -> None:
    """End a renewal: the old key is believed no more, and is gone.

    Raises ``ConflictError`` where the register still has a node that only the old key signed.
    """
    if not (folder / BEFORE).is_dir():
        raise NotFoundError("keys.no_renewal", "no renewal is under way", folder=str(folder))
    fresh = split(read_file(folder / CITY_FILE))[0]
    for path in sorted((folder / NODES).glob("*.crt")):
        pem = read_file(path)
        member = read_member(pem)
        if member.not_after > now and not is_issued(pem, fresh):
            raise ConflictError(
                "keys.not_renewed",
                "a node still has keys of before: renew or drop them",
                of=member.node,
            )
    for file, mode in ((CITY_FILE, 0o600), (TRUST_FILE, 0o644)):
        (folder / file).unlink()
        write_new(folder / file, fresh, mode=mode)
    shutil.rmtree(folder / BEFORE)


def sign_node(folder: Path, request: bytes, now: datetime, days: int = NODE_DAYS) -> bytes:
    """Sign a node's request and note it; the answer for the node, PEM.

    Raises ``ConflictError`` where another node has one of its hosts or its nkey: it could stand in
    for that node.
    """
    node, hosts, public = read_request(request)
    for member in list_members(folder):
        if member.nkey == public:
            raise ConflictError("keys.nkey_taken", "this nkey was signed before", of=member.node)
        shared = set(hosts) & set(member.hosts) - set(LOOPBACK)
        if member.node != node and member.not_after > now and shared:
            host = min(shared)
            raise ConflictError(
                "keys.host_taken", "another node has this host", host=host, of=member.node
            )
    key = read_key(read_file(check_private(folder / CITY_KEY_FILE)))
    city = read_file(folder / CITY_FILE)
    certificate = sign_request(request, city, key, now, days)
    member = read_member(certificate)
    write_new(folder / NODES / f"{node}-{member.serial}.crt", certificate)
    return certificate + split(city)[0]


def create_node(
    city: Path, folder: Path, node: NodeId, hosts: Iterable[str], now: datetime
) -> Member:
    """Make, sign and take a node's keys at once, where city and node are one machine."""
    return take_answer(folder, sign_node(city, request_keys(folder, node, hosts), now))


def list_members(folder: Path) -> Sequence[Member]:
    """Every node that was signed and not dropped, by name and end; needs no private key."""
    if not (folder / NODES).is_dir():
        raise NotFoundError("keys.no_city", "no city's folder", folder=str(folder))
    found = [read_member(read_file(path)) for path in (folder / NODES).glob("*.crt")]
    return sorted(found, key=lambda m: (m.node, m.not_after, m.serial))


def drop_node(folder: Path, node: NodeId, serial: str | None) -> Sequence[Member]:
    """Strike a node's keys from the register: all, or those of one serial. What was struck.

    A server that is configured from the register then admits them no more. Raises
    ``NotFoundError`` where there are none.
    """
    gone = [m for m in list_members(folder) if m.node == node and serial in (None, m.serial)]
    if not gone:
        raise NotFoundError("keys.unknown", "no such keys in the register", node=node)
    for member in gone:
        (folder / NODES / f"{member.node}-{member.serial}.crt").unlink()
    return gone
