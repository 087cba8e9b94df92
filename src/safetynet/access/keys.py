"""Nodes' signing keys: the own private one in a file, the others' public ones in a ring."""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from safetynet.access import base64url
from safetynet.base.errors import BrokenError, InvalidError, NotFoundError
from safetynet.base.ids import NodeId

KEY_FILE = "node-key.pem"
NEXT_FILE = "node-key.next.pem"


class NodeJwk(msgspec.Struct, frozen=True, kw_only=True):
    """A node's public signing key as a JWK (RFC 8037): Ed25519, named by the node."""

    kid: NodeId
    """The node whose key it is."""
    x: str
    """The public key, base64url."""
    kty: str = "OKP"
    """Always this."""
    crv: str = "Ed25519"
    """Always this."""


@dataclass(frozen=True)
class NodeKey:
    """A node's private signing key."""

    node: NodeId
    private: Ed25519PrivateKey

    def sign(self, data: bytes) -> bytes:
        """Ed25519 signature, 64 bytes."""
        return self.private.sign(data)

    def jwk(self) -> NodeJwk:
        """The public half, for others' rings."""
        public = self.private.public_key().public_bytes_raw()
        return NodeJwk(kid=self.node, x=base64url.encode(public))


class KeyRing:
    """Public keys by node: whose signatures this node believes.

    A node may have several: while its key is made anew, the one before and the next.
    """

    def __init__(self, keys: Iterable[NodeJwk] = ()) -> None:
        self._keys: dict[NodeId, list[Ed25519PublicKey]] = {}
        for key in keys:
            self.add(key)

    def add(self, jwk: NodeJwk) -> None:
        """Believe this key beside others of the node; raises ``InvalidError`` ``key.malformed``."""
        try:
            public = Ed25519PublicKey.from_public_bytes(base64url.decode(jwk.x))
        except ValueError as e:
            raise InvalidError("key.malformed", "not an Ed25519 key", node=jwk.kid) from e
        if (jwk.kty, jwk.crv) != ("OKP", "Ed25519"):
            raise InvalidError("key.malformed", "not an Ed25519 key", node=jwk.kid)
        self._keys.setdefault(jwk.kid, []).append(public)

    def knows(self, node: NodeId) -> bool:
        """True where there is a key of this node."""
        return node in self._keys

    def verify(self, node: NodeId, signature: bytes, data: bytes) -> bool:
        """True where ``data`` bears the signature of a known node."""
        return any(_holds(public, signature, data) for public in self._keys.get(node, ()))


def _holds(public: Ed25519PublicKey, signature: bytes, data: bytes) -> bool:
    try:
        public.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def open_node_key(folder: Path, node: NodeId) -> NodeKey:
    """The node's key from its folder, made there (mode 0600) at the first start.

    Raises ``BrokenError`` ``key.exposed`` where others may read the file, ``key.malformed`` where
    it holds no Ed25519 key.
    """
    return _open(folder / KEY_FILE, node)


def open_next_key(folder: Path, node: NodeId) -> NodeKey:
    """The key that is to take the place of the node's; made where there is none. Raises as above."""
    return _open(folder / NEXT_FILE, node)


def use_next_key(folder: Path, node: NodeId) -> NodeKey:
    """Put the next key in the place of the node's, which is gone then; it counts from the next start.

    Raises ``NotFoundError`` where none was made.
    """
    if not (folder / NEXT_FILE).exists():
        raise NotFoundError("key.no_next", "no next key was made", folder=str(folder))
    _open(folder / NEXT_FILE, node)
    (folder / NEXT_FILE).replace(folder / KEY_FILE)
    return open_node_key(folder, node)


def _open(path: Path, node: NodeId) -> NodeKey:
    if not path.exists():
        _create(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise BrokenError("key.exposed", "the key file is open to others", file=path.name)
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as e:
        raise BrokenError("key.malformed", "the key file cannot be read", file=path.name) from e
    if not isinstance(private, Ed25519PrivateKey):
        raise BrokenError("key.malformed", "the key file holds another kind", file=path.name)
    return NodeKey(node, private)


def _create(path: Path) -> None:
    """Write a new key beside its place and move it there whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
