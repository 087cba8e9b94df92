"""Certificates of a city and its nodes (X.509, EC P-256): made, requested, signed, read. Pure.

A node's certificate says all that is known of it: its name (CN), the addresses that it answers at,
and its nkey (a URI among them), so that one request and one answer carry both identities.
"""

import hashlib
import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from safetynet.base.errors import InvalidError, RefusedError
from safetynet.base.ids import NodeId
from safetynet.federation.identity import nkey

NODE_DAYS = 365
CITY_DAYS = 3650
EARLIER = timedelta(hours=1)
"""Certificates hold from before they were signed: clocks of two machines differ."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""In every node's certificate: a node reaches its own server there."""

_NODE = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_NKEY = "nkey:"


@dataclass(frozen=True, kw_only=True)
class Member:
    """A node as its certificate says."""

    node: NodeId
    nkey: str
    hosts: tuple[str, ...]
    serial: str
    key_sha256: str
    """Of its public key, hex: by this the servers of one cluster know each other."""
    not_before: datetime
    not_after: datetime


def make_key() -> ec.EllipticCurvePrivateKey:
    """A fresh private key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as it stands in a file."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """The inverse; raises ``InvalidError`` where it is no such key."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise InvalidError("keys.key", "the private key cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InvalidError("keys.key", "not an elliptic-curve key")
    return key


def make_city(
    name: str, key: ec.EllipticCurvePrivateKey, now: datetime, days: int = CITY_DAYS
) -> bytes:
    """The city's own certificate, signed by itself, PEM."""
    subject = _name(name)
    builder = _builder(subject, subject, key.public_key(), now, days)
    usage = _usage(digital_signature=False, key_cert_sign=True)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = builder.add_extension(identifier, critical=False)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def make_request(
    node: NodeId, hosts: Iterable[str], public_nkey: str, key: ec.EllipticCurvePrivateKey
) -> bytes:
    """A request to be signed (PKCS #10, PEM): whoever has it knows nothing private."""
    names = _alternative_names((*LOOPBACK, *hosts), public_nkey)
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(check_node(node)))
    builder = builder.add_extension(names, critical=False)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def read_request(pem: bytes) -> tuple[NodeId, tuple[str, ...], str]:
    """Node, hosts and nkey of a request; raises ``InvalidError`` where it is none, or altered."""
    request = _load_request(pem)
    return _read_names(request.subject, request.extensions)


def sign_request(
    pem: bytes,
    city_pem: bytes,
    city_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    days: int = NODE_DAYS,
) -> bytes:
    """The certificate that a request asks for, PEM. It ends with the city's at the latest."""
    request, city = _load_request(pem), _load(city_pem)
    node, hosts, public = read_request(pem)
    left = (city.not_valid_after_utc - now).days
    if left < 1:
        raise RefusedError("keys.city_expired", "the city's certificate has run out")
    builder = _builder(_name(node), city.subject, request.public_key(), now, min(days, left))
    # Written anew from what was read and checked, so that nothing else is signed along.
    names = _alternative_names(hosts, public)
    uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    usage = _usage(digital_signature=True, key_cert_sign=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(city_key.public_key())
    for extension, critical in (
        (names, False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage, True),
        (uses, False),
        (issuer, False),
    ):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(city_key, SHA256()).public_bytes(Encoding.PEM)


def read_member(pem: bytes) -> Member:
    """What a node's certificate says; raises ``InvalidError`` where it is no node's."""
    certificate = _load(pem)
    node, hosts, public = _read_names(certificate.subject, certificate.extensions)
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Member(
        node=node,
        nkey=public,
        hosts=hosts,
        serial=f"{certificate.serial_number:x}",
        key_sha256=hashlib.sha256(key).hexdigest(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def make_link(
    city_pem: bytes, old_pem: bytes, old_key: ec.EllipticCurvePrivateKey, now: datetime
) -> bytes:
    """What makes a new city's key believed by those who know the old one: a certificate of the new
    key that the old key signed, PEM."""
    city, old = _load(city_pem), _load(old_pem)
    left = (old.not_valid_after_utc - now).days
    builder = _builder(city.subject, old.subject, city.public_key(), now, max(left, 1))
    constraints = x509.BasicConstraints(ca=True, path_length=0)
    usage = _usage(digital_signature=False, key_cert_sign=True)
    builder = builder.add_extension(constraints, critical=True)
    return (
        builder.add_extension(usage, critical=True)
        .sign(old_key, SHA256())
        .public_bytes(Encoding.PEM)
    )


def check_link(link: bytes, city_pem: bytes, old_pem: bytes) -> None:
    """Raises ``RefusedError`` where the link does not lead from the old city's key to the new one's."""
    if not is_issued(link, old_pem) or _load(link).public_key() != _load(city_pem).public_key():
        raise RefusedError("keys.no_link", "the city in use has not signed for this one")


def is_issued(pem: bytes, city_pem: bytes) -> bool:
    """True where this city's key, the first of the file, signed the certificate."""
    try:
        _load(pem).verify_directly_issued_by(_load(city_pem))
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def check_issued(pem: bytes, city_pem: bytes, key: ec.EllipticCurvePrivateKey) -> None:
    """Raises ``RefusedError`` where no city of the file signed it, or it is not this key's."""
    certificate = _load(pem)
    if not any(is_issued(pem, root) for root in split(city_pem)):
        raise RefusedError("keys.foreign", "another city has signed this")
    if certificate.public_key() != key.public_key():
        raise RefusedError("keys.other_key", "the certificate is not of this node's key")


def fingerprint(pem: bytes) -> str:
    """SHA-256 of a certificate as people compare it."""
    return _load(pem).fingerprint(SHA256()).hex(":")


def expires(pem: bytes) -> datetime:
    """When a certificate ends."""
    return _load(pem).not_valid_after_utc


def split(pem: bytes) -> Sequence[bytes]:
    """The certificates of one file, each for itself."""
    try:
        return [c.public_bytes(Encoding.PEM) for c in x509.load_pem_x509_certificates(pem)]
    except ValueError as error:
        raise InvalidError("keys.certificate", "no certificate can be read here") from error


def check_node(node: NodeId) -> str:
    """A node's name as it may stand in a certificate and a subject."""
    if not _NODE.fullmatch(node):
        raise InvalidError("keys.node", "a node's name is of a-z, 0-9 and hyphen", node=node)
    return node


def _load(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise InvalidError("keys.certificate", "no certificate can be read here") from error


def _load_request(pem: bytes) -> x509.CertificateSigningRequest:
    try:
        request = x509.load_pem_x509_csr(pem)
        good = request.is_signature_valid
    except ValueError as error:
        raise InvalidError("keys.request", "no request can be read here") from error
    if not good:
        raise InvalidError("keys.request", "the request was altered on its way")
    return request


def _read_names(
    subject: x509.Name, extensions: x509.Extensions
) -> tuple[NodeId, tuple[str, ...], str]:
    try:
        (common,) = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
    except (ValueError, x509.ExtensionNotFound) as error:
        raise InvalidError("keys.no_node", "it names no node with one nkey") from error
    node = NodeId(check_node(NodeId(str(common.value))))
    hosts = [str(name) for name in names.get_values_for_type(x509.DNSName)]
    hosts += [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return node, tuple(map(_plain, hosts)), nkey.check_public(uri.removeprefix(_NKEY))


def _alternative_names(hosts: Iterable[str], public_nkey: str) -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = []
    for host in dict.fromkeys(map(_plain, hosts)):
        address = _find_address(host)
        names.append(x509.DNSName(host) if address is None else x509.IPAddress(address))
    return x509.SubjectAlternativeName(
        [*names, x509.UniformResourceIdentifier(_NKEY + public_nkey)]
    )


def _plain(host: str) -> str:
    """A host in its one form, so that two that mean the same are equal; no patterns."""
    address = _find_address(host)
    if address is not None:
        return str(getattr(address, "ipv4_mapped", None) or address)
    name = host.lower().rstrip(".")
    if not _HOST.fullmatch(name):
        raise InvalidError("keys.host", "neither an address nor a host's name", host=host)
    return name


def _find_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: CertificatePublicKeyTypes,
    now: datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(*, digital_signature: bool, key_cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        encipher_only=False,
        decipher_only=False,
    )
