"""A node's folder of keys: made there, requested, completed by the city's answer, renewed."""

import secrets
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from safetynet.base.errors import ConflictError, NotFoundError, RefusedError
from safetynet.base.ids import NodeId
from safetynet.federation.identity import nkey
from safetynet.federation.identity.certificates import (
    Member,
    check_issued,
    check_link,
    key_pem,
    make_key,
    make_request,
    read_key,
    read_member,
    split,
)
from safetynet.federation.identity.files import check_private, make_folder, read_file, write_new

CITY_FILE = "city.crt"
CERTIFICATE_FILE = "node.crt"
KEY_FILE = "node.key"
SEED_FILE = "node.seed"
REQUEST_FILE = "node.request"
NEXT = "next"
"""Keys whose certificate is not here yet."""
BEFORE = "before"
"""The keys before these, until they are renewed again."""
WARN_BEFORE = timedelta(days=30)

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who a node is: the files that its connections use, and what its certificate says."""

    city: Path
    """Certificate of the city, whose signature on the other end's is asked for."""
    certificate: Path
    key: Path
    seed: Path
    """Private half of the nkey."""
    member: Member

    def remaining(self, now: datetime) -> timedelta:
        """How long the certificate still holds."""
        return self.member.not_after - now

    def read_seed(self) -> str:
        """The private half of the nkey, for a server that takes it in its configuration alone."""
        return read_file(check_private(self.seed)).decode().strip()

    def warn(self, now: datetime) -> None:
        """Say in the log where the keys end soon, or have ended."""
        left = self.remaining(now)
        if left < WARN_BEFORE:
            until = self.member.not_after.isoformat()
            log.warning("keys.expire", of=self.member.node, days=left.days, until=until)


def open_identity(folder: Path, node: NodeId) -> Identity:
    """A node's identity from its folder.

    Raises ``NotFoundError`` where a file is missing, ``BrokenError`` where a private one is open to
    others, and ``RefusedError`` where the keys do not belong together or to this node.
    """
    identity = Identity(
        city=folder / CITY_FILE,
        certificate=folder / CERTIFICATE_FILE,
        key=check_private(folder / KEY_FILE),
        seed=check_private(folder / SEED_FILE),
        member=read_member(read_file(folder / CERTIFICATE_FILE)),
    )
    if identity.member.node != node:
        raise RefusedError("keys.other_node", "the keys are another node's", folder=str(folder))
    _check(folder, read_file(identity.certificate), read_file(identity.city))
    return identity


def request_keys(folder: Path, node: NodeId, hosts: Iterable[str]) -> bytes:
    """Make keys where they are to be used; the request for the city to sign, PEM.

    They wait in ``next`` beside those in use, so that the same way leads to the first keys and to
    new ones. Raises ``ConflictError`` where a request is out already.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / NEXT).exists():
        raise ConflictError(
            "keys.request_out", "a request is out: take its answer or remove it", folder=NEXT
        )
    make_folder(folder / NEXT)
    key, seed = make_key(), nkey.make_seed(secrets.token_bytes(32))
    request = make_request(node, hosts, nkey.public_of(seed), key)
    write_new(folder / NEXT / KEY_FILE, key_pem(key))
    write_new(folder / NEXT / SEED_FILE, seed)
    write_new(folder / NEXT / REQUEST_FILE, request)
    return request


def take_answer(folder: Path, answer: bytes) -> Member:
    """Put the requested keys into use with what the city signed; the ones before are kept aside.

    Raises ``RefusedError`` where the answer is not to this request, or of another city than before;
    then nothing has changed.
    """
    fresh = folder / NEXT
    if not fresh.is_dir():
        raise NotFoundError("keys.no_request", "no request is out", folder=str(folder))
    certificate, city = _read_answer(answer)
    _check(fresh, certificate, city)
    known = folder / CITY_FILE
    if known.exists():
        believed = read_file(known)
        if city not in split(believed):
            raise RefusedError(
                "keys.other_city", "the answer is of another city than the keys in use"
            )
        city = believed
    for name, data in ((CERTIFICATE_FILE, certificate), (CITY_FILE, city)):
        (fresh / name).unlink(missing_ok=True)
        write_new(fresh / name, data)
    _put_into_use(folder)
    return read_member(certificate)


def take_trust(folder: Path, trust: bytes) -> None:
    """Believe the cities of a ``trust.pem``; the keys in use must be of one of them.

    A city that was not believed before needs a link from the one that was. Raises ``RefusedError``
    where there is none; then nothing has changed.
    """
    known = split(read_file(folder / CITY_FILE))
    city, *rest = split(trust)
    believed = [city, *(pem for pem in rest if pem in known)]
    if city not in known:
        check_link(rest[-1] if rest else city, city, known[0])
    own = read_file(folder / CERTIFICATE_FILE)
    _check(folder, own, b"".join(believed))
    part = folder / f"{CITY_FILE}.part"
    part.unlink(missing_ok=True)
    write_new(part, b"".join(believed))
    part.replace(folder / CITY_FILE)


def _read_answer(answer: bytes) -> tuple[bytes, bytes]:
    try:
        certificate, city = split(answer)
    except ValueError:
        raise RefusedError(
            "keys.answer", "an answer is the node's certificate and the city's"
        ) from None
    return certificate, city


def _check(folder: Path, certificate: bytes, city: bytes) -> None:
    check_issued(certificate, city, read_key(read_file(folder / KEY_FILE)))
    if read_member(certificate).nkey != nkey.public_of(read_file(folder / SEED_FILE)):
        raise RefusedError("keys.other_key", "the certificate names another nkey")


def _put_into_use(folder: Path) -> None:
    names = (KEY_FILE, SEED_FILE, CERTIFICATE_FILE, CITY_FILE)
    if (folder / KEY_FILE).exists():
        shutil.rmtree(folder / BEFORE, ignore_errors=True)
        make_folder(folder / BEFORE)
        for name in names:
            write_new(folder / BEFORE / name, read_file(folder / name))
    for name in names:
        (folder / NEXT / name).replace(folder / name)
    shutil.rmtree(folder / NEXT)
