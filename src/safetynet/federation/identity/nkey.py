"""NATS's own keys (nkeys): Ed25519, written as base 32 with a prefix and a checksum."""

import base64
import binascii

import nkeys

from safetynet.base.errors import InvalidError

PUBLIC_LENGTH = 56


def make_seed(chance: bytes) -> bytes:
    """The private half of a user's key from 32 bytes of chance, as NATS writes it (``SU…``)."""
    return bytes(nkeys.encode_seed(chance, nkeys.PREFIX_BYTE_USER))


def public_of(seed: bytes) -> str:
    """The public half (``U…``); raises ``InvalidError`` where the seed is none."""
    try:
        return bytes(nkeys.from_seed(bytearray(seed.strip())).public_key).decode()
    except (nkeys.NkeysError, ValueError) as error:
        raise InvalidError("keys.seed", "not the seed of an nkey") from error


def check_public(text: str) -> str:
    """The key itself; raises ``InvalidError`` where it is no user's public key."""
    try:
        raw = base64.b32decode(text) if len(text) == PUBLIC_LENGTH else b""
    except (binascii.Error, ValueError):
        raw = b""
    body, sum_ = raw[:-2], raw[-2:]
    right = body[:1] == bytes([nkeys.PREFIX_BYTE_USER])
    if not right or nkeys.crc16(bytearray(body)) != int.from_bytes(sum_, "little"):
        raise InvalidError("keys.nkey", "not the public nkey of a user")
    return text
