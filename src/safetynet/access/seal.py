"""Sealing personal fields with a key per subject (an incident, a person), kept apart from the journal (design 0002)."""

import secrets
from collections.abc import Sequence

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, insert, select, update

from safetynet.access import base64url
from safetynet.base.clock import Clock
from safetynet.base.errors import BrokenError, NotFoundError, RefusedError
from safetynet.base.ids import NodeId, new_id
from safetynet.journal.entry import time_text
from safetynet.journal.rows import Head
from safetynet.store.store import Store
from safetynet.store.tables import replayed, sealing_keys

_NONCE_BYTES = 12


class SealedValue(msgspec.Struct, frozen=True, kw_only=True):
    """A sealed value as it stands in a body: base64url of nonce and ciphertext, and its key's id."""

    sealed: str
    key: str


class _Key(msgspec.Struct, frozen=True):
    id: str
    secret: bytes | None


class Vault:
    """Seals and opens with keys from the key store; a destroyed key opens nothing ever again."""

    def __init__(self, keys: Store, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    async def seal(self, subject: str, plaintext: bytes) -> SealedValue:
        """Seal under the subject's key, which is made, and on disk, before this returns.

        Raises ``RefusedError`` ``seal.key_destroyed``: what is destroyed is not begun anew.
        """
        key = await self._keys.read(lambda conn: _find(conn, subject))
        if key is None:
            key = await self._keys.write(lambda conn: self._make(conn, subject))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + _cipher(key).encrypt(nonce, plaintext, subject.encode())
        return SealedValue(sealed=base64url.encode(sealed), key=key.id)

    async def open_sealed(self, subject: str, value: SealedValue) -> bytes:
        """The plaintext; raises ``RefusedError`` ``seal.key_destroyed``, ``NotFoundError``
        ``seal.no_key``, ``BrokenError`` ``seal.tampered``.
        """
        key = await self._keys.read(lambda conn: _find(conn, subject))
        if key is None or key.id != value.key:
            raise NotFoundError("seal.no_key", "no such key", key=value.key)
        try:
            sealed = base64url.decode(value.sealed)
            nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            return _cipher(key).decrypt(nonce, ciphertext, subject.encode())
        except (InvalidTag, ValueError) as e:
            raise BrokenError("seal.tampered", "the seal is broken", key=value.key) from e

    async def has_key(self, subject: str) -> bool:
        """True where the subject has a key that opens."""
        key = await self._keys.read(lambda conn: _find(conn, subject))
        return key is not None and key.secret is not None

    async def is_destroyed(self, subject: str) -> bool:
        """True where the subject's key was here and was destroyed."""
        key = await self._keys.read(lambda conn: _find(conn, subject))
        return key is not None and key.secret is None

    async def carried_out(self, node: NodeId) -> Head:
        """Up to which entry of a node's journal its destructions were carried out here."""
        return await self._keys.read(lambda conn: _carried_out(conn, node))

    async def destroy(self, subjects: Sequence[str], node: NodeId, up_to: Head) -> int:
        """Forget these subjects' keys for good, and that this was done up to an entry of ``node``.

        Returns how many keys there still were. No bytes of them stay in the store's files.
        """
        at = time_text(self._clock.now())
        count = await self._keys.write(lambda conn: _destroy(conn, subjects, node, up_to, at))
        await self._keys.scrub()
        return count

    def _make(self, conn: Connection, subject: str) -> _Key:
        if (key := _find(conn, subject)) is not None:
            return key
        now = self._clock.now()
        key = _Key(new_id("key", now), AESGCM.generate_key(256))
        conn.execute(
            insert(sealing_keys).values(
                id=key.id, subject=subject, secret=key.secret, made_at=time_text(now)
            )
        )
        return key


def _find(conn: Connection, subject: str) -> _Key | None:
    c = sealing_keys.c
    row = conn.execute(select(c.id, c.secret).where(c.subject == subject)).first()
    return None if row is None else _Key(row.id, row.secret)


def _carried_out(conn: Connection, node: NodeId) -> Head:
    c = replayed.c
    row = conn.execute(select(c.epoch, c.seq, c.leaf).where(c.node == node)).first()
    return Head() if row is None else Head(epoch=row.epoch, seq=row.seq, leaf=row.leaf)


def _destroy(conn: Connection, subjects: Sequence[str], node: NodeId, up_to: Head, at: str) -> int:
    c = sealing_keys.c
    count = 0
    for subject in subjects:
        live = (c.subject == subject) & c.secret.is_not(None)
        statement = update(sealing_keys).where(live).values(secret=None, destroyed_at=at)
        count += conn.execute(statement).rowcount
    values = {"epoch": up_to.epoch, "seq": up_to.seq, "leaf": up_to.leaf}
    statement = update(replayed).where(replayed.c.node == node).values(values)
    if conn.execute(statement).rowcount == 0:
        conn.execute(insert(replayed).values(node=node, **values))
    return count


def _cipher(key: _Key) -> AESGCM:
    if key.secret is None:
        raise RefusedError("seal.key_destroyed", "the key was destroyed", key=key.id)
    return AESGCM(key.secret)
