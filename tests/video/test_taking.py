"""Stills and clips of a stream that is open, through the real worker process."""

import hashlib
import io
from collections.abc import Awaitable, Callable
from pathlib import Path

import av
from PIL import Image

from safetynet.base.ids import CameraId
from safetynet.sim.camera import Fault
from safetynet.video import taking
from safetynet.video.ipc import (
    EndClip,
    Ended,
    Record,
    Recorded,
    SourceState,
    SourceStatus,
    StillTaken,
    TakeStill,
    Verdict,
)
from tests.support import eventually

from .conftest import Control, OpenControl, Scene, Viewer

OpenViewer = Callable[[str], Awaitable[Viewer]]
CAMERA = CameraId("mapo-00001")
ROOM = 64 << 20


async def opened(scene: Scene, open_control: OpenControl) -> Control:
    """A worker with one live stream."""
    control = await open_control()
    control.prepare(CAMERA, scene.source(CAMERA))
    await control.heard(SourceState, camera=CAMERA, status=SourceStatus.LIVE)
    return control


def record(control: Control, path: Path, *, seconds: float, room: int = ROOM) -> None:
    control.worker.send(
        Record(camera=CAMERA, clip=path.stem, path=str(path), seconds=seconds, max_bytes=room)
    )


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def has_pictures(part: Path) -> bool:
    """True where more than the initialisation segment was written."""
    return part.exists() and part.stat().st_size > 2000


def read_frames(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path), "r") as container:
        return list(container.decode(video=0))


async def test_a_still_of_an_open_stream_is_told_whole(
    scene: Scene, open_control: OpenControl, tmp_path: Path
) -> None:
    control = await opened(scene, open_control)
    path = tmp_path / "still_1.jpg"
    control.worker.send(TakeStill(camera=CAMERA, still="s1", path=str(path), within_s=10))
    (still,) = await control.heard(StillTaken)
    assert (still.error, still.camera, still.octets) == ("", CAMERA, len(still.jpeg))
    assert still.sha256 == hashlib.sha256(still.jpeg).hexdigest()
    assert Image.open(io.BytesIO(still.jpeg)).size == (1280, 720)
    assert not path.exists()


async def test_no_still_of_a_camera_that_is_not_open(
    open_control: OpenControl, tmp_path: Path
) -> None:
    control = await open_control()
    asked = TakeStill(camera=CAMERA, still="s1", path=str(tmp_path / "s.jpg"), within_s=10)
    control.worker.send(asked)
    assert [s.error for s in await control.heard(StillTaken)] == ["still.no_stream"]


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    taking.write_whole(tmp_path / "still_1.jpg", b"jpeg")
    assert names_in(tmp_path) == ["still_1.jpg"]
    assert (tmp_path / "still_1.jpg").read_bytes() == b"jpeg"


async def test_a_clip_plays_from_a_key_frame_and_its_hash_is_the_files(
    scene: Scene, open_control: OpenControl, tmp_path: Path
) -> None:
    control = await opened(scene, open_control)
    path = tmp_path / "clip_1.mp4"
    record(control, path, seconds=4)
    (made,) = await control.heard(Recorded)
    assert (made.error, made.clip, made.skipped) == ("", "clip_1", 0)
    assert path.stat().st_size == made.octets
    assert hashlib.sha256(path.read_bytes()).hexdigest() == made.sha256
    frames = read_frames(path)
    assert len(frames) == made.frames > 1
    assert frames[0].key_frame
    times = [f.pts for f in frames if f.pts is not None]
    assert times == sorted(set(times))
    assert times[0] == 0, "media time begins with the clip, not with the stream"
    assert made.first_us < made.last_us
    assert names_in(tmp_path) == ["clip_1.mp4"]


async def test_a_clip_that_is_ended_keeps_what_it_has(
    scene: Scene, open_control: OpenControl, tmp_path: Path
) -> None:
    control = await opened(scene, open_control)
    path = tmp_path / "clip_1.mp4"
    record(control, path, seconds=3600)
    await eventually(lambda: has_pictures(tmp_path / "clip_1.part"))
    control.worker.send(EndClip(clip="clip_unknown"))
    control.worker.send(EndClip(clip="clip_1"))
    (made,) = await control.heard(Recorded)
    assert (made.error, len(read_frames(path))) == ("", made.frames)


async def test_a_clip_ends_where_its_source_is_lost(
    scene: Scene, open_control: OpenControl, tmp_path: Path
) -> None:
    control = await opened(scene, open_control)
    path = tmp_path / "clip_1.mp4"
    record(control, path, seconds=3600)
    await eventually(lambda: has_pictures(tmp_path / "clip_1.part"))
    scene.park.get(CAMERA).fault = Fault.DEAD
    scene.feeds.end(CAMERA)
    await control.heard(SourceState, camera=CAMERA, status=SourceStatus.LOST)
    scene.park.get(CAMERA).fault = Fault.NONE
    (made,) = await control.heard(Recorded)
    assert (made.error, len(read_frames(path))) == ("", made.frames)


async def test_a_clip_never_outgrows_its_room(
    scene: Scene, open_control: OpenControl, tmp_path: Path
) -> None:
    control = await opened(scene, open_control)
    path = tmp_path / "clip_1.mp4"
    record(control, path, seconds=3600, room=40_000)
    (made,) = await control.heard(Recorded)
    if made.error:
        assert (made.error, path.exists()) == ("export.no_picture", False)
    else:
        assert path.stat().st_size == made.octets <= 40_000


async def test_a_clip_without_a_stream_or_a_disk_is_told_and_leaves_nothing(
    scene: Scene, open_control: OpenControl, tmp_path: Path
) -> None:
    control = await opened(scene, open_control)
    record(control, tmp_path / "nowhere" / "clip_1.mp4", seconds=5)
    assert [c.error for c in await control.heard(Recorded)] == ["export.disk"]
    control.worker.send(
        Record(camera=CameraId("x"), clip="c", path=str(tmp_path / "c"), seconds=1, max_bytes=9)
    )
    assert [c.error for c in await control.heard(Recorded, clip="c")] == ["export.no_stream"]
    assert names_in(tmp_path) == []


async def test_a_file_is_handed_out_whole_under_the_sessions_lease(
    open_control: OpenControl, open_viewer: OpenViewer, tmp_path: Path
) -> None:
    control = await open_control()
    path = tmp_path / "clip_1.mp4"
    path.write_bytes(bytes(range(256)) * 4096)
    control.decide = lambda ask: Verdict(
        session=ask.session, accepted=True, camera=CAMERA, lease_s=60, path=str(path)
    )
    viewer = await open_viewer(await control.address())
    answer = await viewer.present()
    assert (answer["type"], answer["mime"], answer["octets"]) == ("accepted", "video/mp4", 1 << 20)
    got = b""
    while isinstance(piece := await viewer.socket.recv(), bytes):
        got += piece
    assert got == path.read_bytes()
    assert '"complete"' in piece
    assert [e.bytes for e in await control.heard(Ended, reason="complete")] == [1 << 20]
