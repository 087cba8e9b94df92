"""Sealed values open for their incident alone, until its key is destroyed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from safetynet.access import base64url
from safetynet.access.seal import SealedValue, Vault
from safetynet.base.clock import ManualClock
from safetynet.base.errors import BrokenError, NotFoundError, RefusedError
from safetynet.base.ids import HUB, IncidentId
from safetynet.journal.rows import Head
from safetynet.store.schema import KEYS_SCHEMA
from safetynet.store.store import Store
from safetynet.store.tables import sealing_keys

ONE, TWO = IncidentId("inc_1"), IncidentId("inc_2")
SECRET = "홍길동 010-0000-0000".encode()


@pytest.fixture
async def keys(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store(f"sqlite:///{tmp_path}/keys.db", schema=KEYS_SCHEMA) as store:
        yield store


@pytest.fixture
def vault(keys: Store, clock: ManualClock) -> Vault:
    return Vault(keys, clock)


async def test_what_is_sealed_opens_again(vault: Vault) -> None:
    value = await vault.seal(ONE, SECRET)
    assert await vault.open_sealed(ONE, value) == SECRET
    assert SECRET not in base64url.decode(value.sealed)
    assert (await vault.seal(ONE, SECRET)).sealed != value.sealed


async def test_an_incident_has_one_key_however_many_ask_at_once(vault: Vault) -> None:
    values = await asyncio.gather(*(vault.seal(ONE, SECRET) for _ in range(20)))
    assert len({v.key for v in values}) == 1
    assert (await vault.seal(TWO, SECRET)).key != values[0].key


async def test_a_value_moved_to_another_incident_does_not_open(vault: Vault) -> None:
    value, other = await vault.seal(ONE, SECRET), await vault.seal(TWO, SECRET)
    with pytest.raises(NotFoundError):
        await vault.open_sealed(TWO, value)
    with pytest.raises(BrokenError) as e:
        await vault.open_sealed(TWO, msgspec.structs.replace(value, key=other.key))
    assert e.value.code == "seal.tampered"


async def test_a_changed_value_does_not_open(vault: Vault) -> None:
    value = await vault.seal(ONE, SECRET)
    raw = bytearray(base64url.decode(value.sealed))
    for place in (0, 12, len(raw) - 1):
        changed = raw.copy()
        changed[place] ^= 1
        with pytest.raises(BrokenError):
            await vault.open_sealed(
                ONE, SealedValue(sealed=base64url.encode(bytes(changed)), key=value.key)
            )
    with pytest.raises(BrokenError):
        await vault.open_sealed(ONE, SealedValue(sealed="", key=value.key))


async def test_a_destroyed_key_opens_and_seals_nothing_again(vault: Vault, keys: Store) -> None:
    value, kept = await vault.seal(ONE, SECRET), await vault.seal(TWO, SECRET)
    assert await vault.destroy([ONE], HUB, Head(seq=1)) == 1
    assert await vault.destroy([ONE], HUB, Head(seq=1)) == 0
    for attempt in (vault.open_sealed(ONE, value), vault.seal(ONE, SECRET)):
        with pytest.raises(RefusedError) as e:
            await attempt
        assert e.value.code == "seal.key_destroyed"
    assert await vault.open_sealed(TWO, kept) == SECRET
    row = await keys.read(
        lambda conn: conn.execute(select(sealing_keys).where(sealing_keys.c.subject == ONE)).one()
    )
    assert row.secret is None
    assert row.destroyed_at is not None


async def test_the_bytes_of_a_destroyed_key_are_gone_from_the_file(
    vault: Vault, keys: Store, tmp_path: Path
) -> None:
    await vault.seal(ONE, SECRET)
    secret = await keys.read(lambda conn: conn.scalar(select(sealing_keys.c.secret)))
    assert secret is not None
    assert secret in everything_in(tmp_path)
    await vault.destroy([ONE], HUB, Head(seq=1))
    assert secret not in everything_in(tmp_path)


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_keys_of_a_group_are_made_in_one_commit_and_are_on_disk(
    vault: Vault, keys: Store
) -> None:
    before = keys.commits
    subjects = [f"inc_{n}" for n in range(40)]
    made = await vault.make_keys([*subjects, subjects[0]])
    assert keys.commits == before + 1
    values = {subject: made.seal(subject, SECRET) for subject in subjects}
    for subject, value in values.items():
        assert await vault.open_sealed(subject, value) == SECRET
    again = await vault.make_keys(subjects)
    assert again.open_sealed(subjects[0], values[subjects[0]]) == SECRET
    with pytest.raises(NotFoundError):
        made.seal("inc_unknown", SECRET)
