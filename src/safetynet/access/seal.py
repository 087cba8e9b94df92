"""Sealing personal fields with a key per subject (an incident, a person), kept apart from the journal (design 0002)."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from itertools import batched

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, bindparam, insert, select, update

from safetynet.access import base64url
from safetynet.base.clock import Clock
from safetynet.base.errors import BrokenError, NotFoundError, RefusedError
from safetynet.base.ids import NodeId, new_id
from safetynet.journal.entry import time_text
from safetynet.journal.rows import Head
from safetynet.store.store import Store
from safetynet.store.tables import replayed, sealing_keys

_NONCE_BYTES = 12
_AT_ONCE = 1000
"""Subjects that are asked for at once: databases bound the parameters of a statement."""


class SealedValue(msgspec.Struct, frozen=True, kw_only=True):
    """A sealed value as it stands in a body: base64url of nonce and ciphertext, and its key's id."""

    sealed: str
    key: str


class _Key(msgspec.Struct, frozen=True):
    id: str
    secret: bytes | None


class Keys:
    """Keys of some subjects in hand: seals and opens many values without asking the store again.

    Not to be kept: a key that is destroyed meanwhile would still open here.
    """

    def __init__(self, found: Mapping[str, _Key]) -> None:
        self._found = found

    def __contains__(self, subject: str) -> bool:
        """True where the subject has, or had, a key."""
        return subject in self._found

    def __or__(self, others: "Keys") -> "Keys":
        """The keys of both."""
        return Keys({**self._found, **others._found})

    def seal(self, subject: str, plaintext: bytes) -> SealedValue:
        """Seal under the subject's key; raises ``RefusedError`` ``seal.key_destroyed``,
        ``NotFoundError`` ``seal.no_key``."""
        key = self._get(subject)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + _cipher(key).encrypt(nonce, plaintext, subject.encode())
        return SealedValue(sealed=base64url.encode(sealed), key=key.id)

    def open_sealed(self, subject: str, value: SealedValue) -> bytes:
        """The plaintext; raises ``RefusedError`` ``seal.key_destroyed``, ``NotFoundError``
        ``seal.no_key``, ``BrokenError`` ``seal.tampered``.
        """
        key = self._get(subject)
        if key.id != value.key:
            raise NotFoundError("seal.no_key", "no such key", key=value.key)
        try:
            sealed = base64url.decode(value.sealed)
            nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            return _cipher(key).decrypt(nonce, ciphertext, subject.encode())
        except (InvalidTag, ValueError) as e:
            raise BrokenError("seal.tampered", "the seal is broken", key=value.key) from e

    def is_destroyed(self, subject: str) -> bool:
        """True where the subject's key was here and was destroyed."""
        key = self._found.get(subject)
        return key is not None and key.secret is None

    def _get(self, subject: str) -> _Key:
        key = self._found.get(subject)
        if key is None:
            raise NotFoundError("seal.no_key", "no such key", subject=subject)
        return key


class Vault:
    """Seals and opens with keys from the key store; a destroyed key opens nothing ever again."""

    def __init__(self, keys: Store, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    async def find_keys(self, subjects: Collection[str]) -> Keys:
        """The keys that these subjects have, destroyed ones among them; one look for all."""
        if not subjects:
            return Keys({})
        return Keys(await self._keys.read(lambda conn: _find(conn, subjects)))

    async def make_keys(self, subjects: Collection[str]) -> Keys:
        """The keys of these subjects. Those that have none get one; all are on disk, by one commit,
        before this returns. What is destroyed is not begun anew."""
        if not subjects:
            return Keys({})
        return Keys(await self._keys.write(lambda conn: self._make(conn, subjects)))

    async def seal(self, subject: str, plaintext: bytes) -> SealedValue:
        """Seal under the subject's key, which is made, and on disk, before this returns.

        Raises ``RefusedError`` ``seal.key_destroyed``: what is destroyed is not begun anew.
        """
        keys = await self.find_keys([subject])
        if subject not in keys:
            keys = await self.make_keys([subject])
        return keys.seal(subject, plaintext)

    async def open_sealed(self, subject: str, value: SealedValue) -> bytes:
        """The plaintext; raises as ``Keys.open_sealed``."""
        return (await self.find_keys([subject])).open_sealed(subject, value)

    async def has_key(self, subject: str) -> bool:
        """True where the subject has a key that opens."""
        keys = await self.find_keys([subject])
        return subject in keys and not keys.is_destroyed(subject)

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

    def _make(self, conn: Connection, subjects: Collection[str]) -> dict[str, _Key]:
        found = _find(conn, subjects)
        now = self._clock.now()
        new = {
            subject: _Key(new_id("key", now), AESGCM.generate_key(256))
            for subject in subjects
            if subject not in found
        }
        if new:
            made_at = time_text(now)
            rows = [
                {"id": key.id, "subject": subject, "secret": key.secret, "made_at": made_at}
                for subject, key in new.items()
            ]
            conn.execute(_MAKE, rows)
        return found | new


_MAKE = insert(sealing_keys)
_FIND = select(sealing_keys.c.subject, sealing_keys.c.id, sealing_keys.c.secret).where(
    sealing_keys.c.subject.in_(bindparam("subjects", expanding=True))
)


def _find(conn: Connection, subjects: Collection[str]) -> dict[str, _Key]:
    found: dict[str, _Key] = {}
    for some in batched(subjects, _AT_ONCE):
        rows = conn.execute(_FIND, {"subjects": some})
        found |= {subject: _Key(id_, secret) for subject, id_, secret in rows}
    return found


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
