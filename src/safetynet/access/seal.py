"""Sealing personal fields with a key per incident, kept apart from the journal (design 0002)."""

import secrets

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, insert, select, update

from safetynet.access import base64url
from safetynet.base.clock import Clock
from safetynet.base.errors import BrokenError, NotFoundError, RefusedError
from safetynet.base.ids import IncidentId, new_id
from safetynet.journal.entry import time_text
from safetynet.store.store import Store
from safetynet.store.tables import sealing_keys

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

    async def seal(self, incident: IncidentId, plaintext: bytes) -> SealedValue:
        """Seal under the incident's key, which is made, and on disk, before this returns.

        Raises ``RefusedError`` ``seal.key_destroyed``: what is destroyed is not begun anew.
        """
        key = await self._keys.read(lambda conn: _find(conn, incident))
        if key is None:
            key = await self._keys.write(lambda conn: self._make(conn, incident))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + _cipher(key).encrypt(nonce, plaintext, incident.encode())
        return SealedValue(sealed=base64url.encode(sealed), key=key.id)

    async def open_sealed(self, incident: IncidentId, value: SealedValue) -> bytes:
        """The plaintext; raises ``RefusedError`` ``seal.key_destroyed``, ``NotFoundError``
        ``seal.no_key``, ``BrokenError`` ``seal.tampered``.
        """
        key = await self._keys.read(lambda conn: _find(conn, incident))
        if key is None or key.id != value.key:
            raise NotFoundError("seal.no_key", "no such key", key=value.key)
        try:
            sealed = base64url.decode(value.sealed)
            nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            return _cipher(key).decrypt(nonce, ciphertext, incident.encode())
        except (InvalidTag, ValueError) as e:
            raise BrokenError("seal.tampered", "the seal is broken", key=value.key) from e

    async def destroy_key(self, incident: IncidentId) -> bool:
        """Forget the incident's key for good; False where there was none or it is gone already."""
        at = time_text(self._clock.now())
        c = sealing_keys.c
        statement = (
            update(sealing_keys)
            .where(c.subject == incident, c.secret.is_not(None))
            .values(secret=None, destroyed_at=at)
        )
        return await self._keys.write(lambda conn: conn.execute(statement).rowcount > 0)

    def _make(self, conn: Connection, incident: IncidentId) -> _Key:
        if (key := _find(conn, incident)) is not None:
            return key
        now = self._clock.now()
        key = _Key(new_id("key", now), AESGCM.generate_key(256))
        conn.execute(
            insert(sealing_keys).values(
                id=key.id, subject=incident, secret=key.secret, made_at=time_text(now)
            )
        )
        return key


def _find(conn: Connection, incident: IncidentId) -> _Key | None:
    c = sealing_keys.c
    row = conn.execute(select(c.id, c.secret).where(c.subject == incident)).first()
    return None if row is None else _Key(row.id, row.secret)


def _cipher(key: _Key) -> AESGCM:
    if key.secret is None:
        raise RefusedError("seal.key_destroyed", "the key was destroyed", key=key.id)
    return AESGCM(key.secret)
