"""A destruction is an entry: its fold clears what is sealed, its effect is made up for at each start."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from safetynet.access.destruction import Because, carry_out, destroyed
from safetynet.access.fold import ACCESS_FOLDS
from safetynet.access.ledger import read_ledger
from safetynet.access.seal import SealedValue, Vault
from safetynet.base.clock import ManualClock
from safetynet.base.errors import NotFoundError, RefusedError
from safetynet.base.ids import HUB, IncidentId
from safetynet.journal.append import Journal
from safetynet.journal.entry import Draft, time_text
from safetynet.store.schema import KEYS_SCHEMA
from safetynet.store.store import Store
from safetynet.store.tables import destructions, incidents

ONE, TWO = IncidentId("inc_1"), IncidentId("inc_2")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store(f"sqlite:///{tmp_path}/node.sqlite") as store:
        yield store


@pytest.fixture
def journal(store: Store, clock: ManualClock) -> Journal:
    return Journal(HUB, store, clock, ACCESS_FOLDS)


def open_keys(path: Path) -> Store:
    return Store(f"sqlite:///{path}", schema=KEYS_SCHEMA)


def word(subject: IncidentId, clock: ManualClock) -> Draft:
    return destroyed(
        subject,
        incident=subject,
        because=Because.RETENTION_ENDED,
        by="control",
        at=time_text(clock.now()),
    )


async def is_gone(vault: Vault, subject: IncidentId, value: SealedValue) -> bool:
    try:
        await vault.open_sealed(subject, value)
    except (RefusedError, NotFoundError):
        return True
    return False


async def test_a_process_that_died_before_the_effect_makes_up_for_it(
    journal: Journal, store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    async with open_keys(tmp_path / "keys.sqlite") as keys:
        vault = Vault(keys, clock)
        value, kept = await vault.seal(ONE, b"words"), await vault.seal(TWO, b"others")
        await journal.append([word(ONE, clock)])  # and here it died
        assert not await is_gone(vault, ONE, value)
    async with open_keys(tmp_path / "keys.sqlite") as keys:
        vault = Vault(keys, clock)
        assert await carry_out(store, HUB, vault) == 1
        assert await is_gone(vault, ONE, value)
        assert await vault.open_sealed(TWO, kept) == b"others"
        assert await carry_out(store, HUB, vault) == 0


async def test_a_key_store_from_a_backup_loses_what_the_journal_says_is_destroyed(
    journal: Journal, store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    async with open_keys(tmp_path / "keys.sqlite") as keys:
        vault = Vault(keys, clock)
        values = {s: await vault.seal(s, b"words") for s in (ONE, TWO)}
        await journal.append([word(ONE, clock)])
        await carry_out(store, HUB, vault)
    shutil.copy(tmp_path / "keys.sqlite", tmp_path / "backup.sqlite")
    async with open_keys(tmp_path / "keys.sqlite") as keys:
        vault = Vault(keys, clock)
        await journal.append([word(TWO, clock)])
        await carry_out(store, HUB, vault)
    async with open_keys(tmp_path / "backup.sqlite") as keys:
        vault = Vault(keys, clock)
        assert not await is_gone(vault, TWO, values[TWO])
        assert await carry_out(store, HUB, vault) == 1
        assert await is_gone(vault, TWO, values[TWO])


async def test_a_key_store_that_went_along_another_journal_is_gone_through_from_the_start(
    journal: Journal, store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    async with (
        open_keys(tmp_path / "keys.sqlite") as keys,
        Store(f"sqlite:///{tmp_path}/other.sqlite") as elsewhere,
    ):
        vault = Vault(keys, clock)
        other = Journal(HUB, elsewhere, clock, ACCESS_FOLDS)
        await other.append([word(IncidentId(f"inc_x{n}"), clock) for n in range(5)])
        await carry_out(elsewhere, HUB, vault)
        value = await vault.seal(ONE, b"words")
        clock.advance(1)
        await journal.append([word(ONE, clock)])
        assert await carry_out(store, HUB, vault) == 1
        assert await is_gone(vault, ONE, value)


async def test_the_fold_clears_what_is_sealed_and_the_ledger_has_a_line(
    journal: Journal, store: Store, clock: ManualClock
) -> None:
    row = {
        "node": HUB,
        "sender": "119",
        "state": "ended",
        "kind": "fire",
        "grade": "",
        "drill": False,
        "received_at": "t",
        "changed_at": "t",
        "revision": 1,
        "document": "{}",
        "sealed": "sealed words",
    }
    rows = [row | {"id": subject, "key": subject} for subject in (ONE, TWO)]
    await store.write(lambda conn: conn.execute(insert(incidents), rows))
    (first,) = await journal.append([word(ONE, clock)])
    clock.advance(60)
    await journal.append([word(ONE, clock)])
    columns = select(incidents.c.id, incidents.c.sealed)
    sealed = await store.read(lambda conn: {row.id: row.sealed for row in conn.execute(columns)})
    assert sealed == {ONE: None, TWO: "sealed words"}
    (told,) = await store.read(lambda conn: conn.execute(select(destructions)).all())
    assert (told.subject, told.seq, told.time, told.because) == (
        ONE,
        1,
        first.time,
        "retention_ended",
    )
    lines = await read_ledger(store)
    assert [line.ledger.division.value for line in lines] == ["파기", "파기"]
    assert lines[0].number == "hub-1-1"
    assert lines[0].closed_at == first.time
