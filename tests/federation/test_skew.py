"""Nodes are not all renewed on one day: one version older or newer goes on working."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from safetynet.base.clock import SystemClock
from safetynet.base.errors import InvalidError
from safetynet.federation import subjects
from safetynet.federation.commands import CommandDoor, ask_owner
from safetynet.federation.messages import (
    Answer,
    Beat,
    CameraRecord,
    Command,
    Message,
    decode,
    decode_command,
    encode,
)
from safetynet.journal.append import Journal
from safetynet.journal.entry import Draft
from safetynet.journal.follow import Follower
from safetynet.journal.read import read_range
from safetynet.journal.verify import verify_store
from safetynet.store.store import Store
from safetynet.store.tables import camera_states
from tests.federation.conftest import MAPO, Buses
from tests.federation.test_messages import COMMANDS, OTHERS, RECORD
from tests.journal.world import FOLDS, rows, state

type Struct = type[msgspec.Struct]

MESSAGES = [*COMMANDS, *OTHERS]


def twin(kind: Struct, *, keep: int, added: dict[str, Any]) -> Struct:
    """The same schema with the first ``keep`` fields of ours and some that we do not have."""
    fields: list[Any] = [
        (f.name, f.type) if f.required else (f.name, f.type, f.default)
        for f in msgspec.structs.fields(kind)[:keep]
    ]
    config = kind.__struct_config__
    return msgspec.defstruct(
        kind.__name__,
        [*fields, *((name, type(value), value) for name, value in added.items())],
        tag=config.tag,
        tag_field=config.tag_field,
        array_like=config.array_like,
        frozen=True,
        kw_only=not config.array_like,
    )


def of(kind: Struct, values: msgspec.Struct) -> msgspec.Struct:
    """Another version of a message, with the values that both have."""
    names = {f.name for f in msgspec.structs.fields(kind)}
    return kind(**{k: v for k, v in msgspec.structs.asdict(values).items() if k in names})


def count_required(kind: Struct) -> int:
    return sum(f.required for f in msgspec.structs.fields(kind))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_every_message_is_read_by_a_node_that_knows_fewer_fields(message: Message) -> None:
    ours = type(message)
    newer = twin(ours, keep=99, added={"added_later": 7, "added_last": "word"})
    data = encode(of(newer, message))
    assert b"added_later" in data
    read = decode_command(data) if message in COMMANDS else decode(data, ours)
    assert read == message


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_every_message_is_read_from_a_node_that_knows_fewer_fields(message: Message) -> None:
    ours = type(message)
    older = twin(ours, keep=count_required(ours), added={})
    data = encode(of(older, message))
    read = decode_command(data) if message in COMMANDS else decode(data, ours)
    assert of(older, read) == of(older, message)
    for field in msgspec.structs.fields(ours):
        if not field.required:
            assert getattr(read, field.name) == field.default


def test_fields_are_only_added_at_the_end() -> None:
    """In the declaration a field with a default is later than all without; in arrays it must be."""
    kinds: list[Struct] = [CameraRecord, *(type(m) for m in MESSAGES)]
    for kind in kinds:
        required = [f.required for f in msgspec.structs.fields(kind)]
        assert required == sorted(required, reverse=True), kind.__name__


def test_an_array_of_another_version_is_read() -> None:
    newer = twin(CameraRecord, keep=99, added={"added_later": 7})
    assert decode(encode(of(newer, RECORD)), CameraRecord) == RECORD
    older = twin(CameraRecord, keep=count_required(CameraRecord), added={})
    assert decode(encode(of(older, RECORD)), CameraRecord) == RECORD


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_a_message_names_its_schema(message: Message) -> None:
    raw = msgspec.msgpack.decode(encode(message))
    assert next(iter(raw)) == "schema"
    assert raw["schema"] == type(message).__struct_config__.tag


@pytest.mark.parametrize("message", OTHERS, ids=lambda m: type(m).__name__)
def test_another_schema_is_refused_by_name(message: Message) -> None:
    raw = msgspec.to_builtins(message) | {"schema": "something_else/1"}
    with pytest.raises(InvalidError) as refused:
        decode(msgspec.msgpack.encode(raw), type(message))
    assert refused.value.code == "message.other_schema"
    assert refused.value.fields["schema"] == "something_else/1"


def test_a_beat_of_a_later_incompatible_schema_is_refused_and_not_misread() -> None:
    raw = msgspec.to_builtins(OTHERS[0]) | {"schema": "beat/2"}
    with pytest.raises(InvalidError) as refused:
        decode(msgspec.msgpack.encode(raw), Beat)
    assert refused.value.code == "message.other_schema"


async def test_an_unknown_command_gets_a_clean_refusal(buses: Buses) -> None:
    async def never(command: Command) -> Answer:
        raise AssertionError(command)

    await buses.mapo.answer(subjects.command(MAPO), CommandDoor(never, SystemClock()).answer)
    await buses.linked_of(MAPO)
    later = msgspec.defstruct(
        "TurnLights",
        [("key", str), ("generation", str), ("on", bool)],
        bases=(Message,),
        tag="turn_lights/1",
        kw_only=True,
        frozen=True,
    )
    command: Any = later(key="k", generation="g", on=True)
    answer = await ask_owner(buses.hub, MAPO, command, within_s=10)
    assert (answer.ok, answer.code) == (False, "command.unknown")


async def test_unknown_kinds_and_fields_of_entries_are_kept_verbatim(tmp_path: Any) -> None:
    class Later(msgspec.Struct, frozen=True, kw_only=True):
        camera: str
        state: str
        added_later: int

    clock = SystemClock()
    async with (
        Store(f"sqlite:///{tmp_path}/mapo.sqlite") as theirs,
        Store(f"sqlite:///{tmp_path}/hub.sqlite") as ours,
    ):
        journal = Journal(MAPO, theirs, clock, FOLDS)
        follower = Follower(ours, clock, FOLDS)
        body = Later(camera="mapo-1", state="dark", added_later=3)
        entries = await journal.append(
            [
                state("mapo-1", "ok"),
                Draft(kind="camera.invented/1", body=body),
                Draft(kind="camera.state/2", body=body),
                Draft(kind="camera.state/1", body=body),
                state("mapo-2", "ok"),
            ]
        )
        applied = await follower.apply(MAPO, [entry.line for entry in entries])
        assert (applied.applied, applied.broken) == (5, None)
        assert await read_range(ours, MAPO) == entries
        assert (await verify_store(ours, MAPO)).ok
        c = camera_states.c
        query = select(c.camera, c.state).order_by(c.camera)
        folded = await ours.read(lambda conn: [tuple(row) for row in conn.execute(query)])
        assert folded == [("mapo-1", "dark"), ("mapo-2", "ok")]
        assert await follower.rebuild(MAPO) == 5
        assert await ours.read(rows) == await theirs.read(rows)
