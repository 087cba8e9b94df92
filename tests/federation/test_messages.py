"""What goes on the wire comes back equal; what is no message is refused by name."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safetynet.base.errors import InvalidError
from safetynet.base.ids import CameraId, GrantId, IncidentId, NodeId, ViewerId
from safetynet.federation.messages import (
    Answer,
    Beat,
    CameraRecord,
    CatalogueBlock,
    CataloguePart,
    CatalogueRequest,
    ClipAnswer,
    CloseViews,
    Command,
    Deadline,
    EntryBatch,
    ExportClip,
    HeadAnswer,
    HeadRequest,
    HealthNote,
    HealthNotes,
    OpenViews,
    RangeRequest,
    RenewLeases,
    Right,
    StillAnswer,
    TakeStill,
    TurnView,
    ViewAnswer,
    ViewStatus,
    WantedTurn,
    WantedView,
    decode,
    decode_command,
    encode,
)

NODE = NodeId("mapo")
RECORD = CameraRecord(
    CameraId("mapo-00001"), "합정 1", 126.9, 37.5, 5.0, 90.0, 15.0, 60.0, 1, 7, 2, 2
)
RIGHT = Right(
    grant=GrantId("grant_1"),
    viewer=ViewerId("view_1"),
    agency="119",
    service="119UC001",
    purpose="fire",
    basis="개인정보 보호법 제18조제2항제3호",
    drill=False,
)
COMMANDS: list[Command] = [
    OpenViews(
        key="cmd_1",
        generation="gen_1",
        incident=IncidentId("inc_1"),
        agency="119",
        service="119UC001",
        purpose="fire",
        basis="개인정보 보호법 제18조제2항제3호",
        drill=False,
        views=(
            WantedView(camera=RECORD.id, turn=WantedTurn(azimuth_deg=1, tilt_deg=2, hfov_deg=3)),
            WantedView(camera=CameraId("mapo-00002"), turn=None),
        ),
        lease_s=15.0,
    ),
    RenewLeases(
        key="cmd_2",
        generation="gen_1",
        grants=(GrantId("grant_1"),),
        incidents=(IncidentId("inc_1"),),
        lease_s=15.0,
    ),
    CloseViews(
        key="cmd_3",
        generation="gen_1",
        incident=IncidentId("inc_1"),
        grants=(),
        cameras=(RECORD.id,),
        incident_over=True,
    ),
    TurnView(
        key="cmd_4",
        generation="gen_1",
        incident=IncidentId("inc_1"),
        camera=RECORD.id,
        right=RIGHT,
        turn=WantedTurn(azimuth_deg=1, tilt_deg=2, hfov_deg=3),
        deadline=Deadline(sent_s=1.5, within_s=1.0),
    ),
    TakeStill(
        key="cmd_5",
        generation="gen_1",
        incident=IncidentId("inc_1"),
        camera=RECORD.id,
        right=RIGHT,
    ),
    ExportClip(
        key="cmd_6",
        generation="gen_1",
        incident=IncidentId("inc_1"),
        camera=RECORD.id,
        right=RIGHT,
        seconds=10,
        approved_by="control",
    ),
]
OTHERS: list[msgspec.Struct] = [
    Beat(node=NODE, boot="boot_1", epoch=1, head=9, cameras=1, catalogue="ab", gateway=""),
    RangeRequest(after_epoch=1, after_seq=4),
    EntryBatch(node=NODE, entries=(b"{}", b"\xff")),
    HeadRequest(epoch=1, seq=4, leaf="ab"),
    HeadAnswer(epoch=2, seq=9, leaf="cd", fits=True, highest_epoch=3, broken=False),
    HealthNotes(
        node=NODE,
        whole=True,
        notes=(HealthNote(camera=RECORD.id, state="dead"),),
        boot="boot_1",
        number=3,
    ),
    CatalogueRequest(blocks=(0, 255)),
    CataloguePart(
        node=NODE,
        catalogue="ab",
        digests=b"\x00\xff",
        blocks=(CatalogueBlock(number=1, cameras=encode((RECORD,))),),
    ),
    Answer(ok=True, views=(ViewAnswer(camera=RECORD.id, status=ViewStatus.READY),)),
    Answer(
        ok=True,
        still=StillAnswer(id="still_1", captured_ms=1, octets=2, sha256="ab", jpeg=b"\xff\xd8"),
        clip=ClipAnswer(id="clip_1", seconds=10),
    ),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: type(c).__name__)
def test_a_command_comes_back_equal(command: Command) -> None:
    assert decode_command(encode(command)) == command


@pytest.mark.parametrize("message", OTHERS, ids=lambda m: type(m).__name__)
def test_a_message_comes_back_equal(message: msgspec.Struct) -> None:
    assert decode(encode(message), type(message)) == message


@pytest.mark.parametrize("message", OTHERS, ids=lambda m: type(m).__name__)
def test_a_cut_message_is_refused(message: msgspec.Struct) -> None:
    whole = encode(message)
    for end in range(len(whole)):
        with pytest.raises(InvalidError) as refused:
            decode(whole[:end], type(message))
        assert refused.value.code == "message.undecodable"


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_never_anything_else(data: bytes) -> None:
    for kind in {type(m) for m in OTHERS}:
        with pytest.raises(InvalidError):
            decode(data, kind)
    with pytest.raises(InvalidError) as refused:
        decode_command(data)
    assert refused.value.code == "command.undecodable"
