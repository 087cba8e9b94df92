"""From a camera to a viewer, through the real worker process."""

import asyncio
import io
from collections.abc import Awaitable, Callable

import av
from PIL import Image

from safetynet.base.ids import CameraId
from safetynet.sim.camera import Fault
from safetynet.video.ipc import (
    Ask,
    Cut,
    Ended,
    FirstFrame,
    Opened,
    Release,
    SourceState,
    SourceStatus,
    Verdict,
)
from safetynet.video.limits import Limits
from safetynet.video.wire import MediaMessage, MediaType

from .conftest import Control, OpenControl, Scene, Viewer

OpenViewer = Callable[[str], Awaitable[Viewer]]
CAMERA = CameraId("mapo-00001")


def decode(media: list[MediaMessage]) -> list[av.VideoFrame]:
    """The frames of an initialisation segment and the fragments after it."""
    video = b"".join(m.payload for m in media if m.type is not MediaType.STILL)
    with av.open(io.BytesIO(video), "r") as container:
        return list(container.decode(video=0))


async def watch(control: Control, open_viewer: OpenViewer) -> Viewer:
    viewer = await open_viewer(await control.address())
    assert (await viewer.present())["type"] == "accepted", viewer.answer
    return viewer


async def test_a_viewer_sees_still_then_init_then_a_key_frame_and_live(
    scene: Scene, open_control: OpenControl, open_viewer: OpenViewer
) -> None:
    control = await open_control()
    control.prepare(CAMERA, scene.source(CAMERA))
    control.accept(CAMERA)
    viewer = await watch(control, open_viewer)
    assert viewer.answer["mime"].startswith('video/mp4; codecs="avc1.42')
    assert (viewer.answer["width"], viewer.answer["height"]) == (1280, 720)
    media = await viewer.media(12)
    assert [m.type for m in media[:3]] == [MediaType.STILL, MediaType.INIT, MediaType.KEY]
    assert Image.open(io.BytesIO(media[0].payload)).size == (1280, 720)
    frames = decode(media)
    assert len(frames) == 10
    times = [f.pts for f in frames if f.pts is not None]
    assert len(times) == 10
    assert times == sorted(set(times))
    captured = [m.captured_us for m in media[2:]]
    assert captured == sorted(set(captured))


async def test_a_refused_viewer_gets_the_code_and_no_picture(
    scene: Scene, open_control: OpenControl, open_viewer: OpenViewer
) -> None:
    control = await open_control()
    control.prepare(CAMERA, scene.source(CAMERA))
    viewer = await open_viewer(await control.address())
    assert await viewer.present() == {"type": "refused", "code": "grant.unknown", "message": "no"}
    await viewer.socket.wait_closed()
    (ask,) = await control.heard(Ask)
    assert ask.audience == "mapo"
    assert not [m for m in control.said if isinstance(m, Ended | Opened)]


async def test_a_cut_right_behind_the_verdict_is_not_lost(
    scene: Scene, open_control: OpenControl, open_viewer: OpenViewer
) -> None:
    control = await open_control()
    control.prepare(CAMERA, scene.source(CAMERA))
    await control.heard(SourceState, status=SourceStatus.LIVE)

    def let_in_and_cut(ask: Ask) -> None:
        yes = Verdict(session=ask.session, accepted=True, camera=CAMERA, lease_s=3600)
        control.worker.send(yes)
        control.worker.send(Cut(session=ask.session, reason="closed"))

    control.decide = let_in_and_cut
    viewer = await open_viewer(await control.address())
    assert (await viewer.present())["type"] == "refused"
    (ended,) = await control.heard(Ended)
    assert (ended.reason, ended.frames) == ("closed", 0)


async def test_a_cut_ends_the_session_and_nothing_is_shown_after_it(
    scene: Scene, open_control: OpenControl, open_viewer: OpenViewer
) -> None:
    control = await open_control()
    control.prepare(CAMERA, scene.source(CAMERA))
    control.accept(CAMERA)
    viewer = await watch(control, open_viewer)
    await viewer.media(5)
    (opened,) = await control.heard(Opened)
    control.worker.send(Cut(session=opened.session, reason="closed"))
    media, last = await viewer.rest()
    assert last == {"type": "ended", "reason": "closed"}
    (ended,) = await control.heard(Ended)
    assert (ended.session, ended.reason) == (opened.session, "closed")
    # At 10 frames/s a cut within a second lets at most ten frames through.
    assert len(media) <= 10
    await viewer.socket.wait_closed()
    assert viewer.socket.close_code == 1000
    assert len([m for m in control.said if isinstance(m, Ended)]) == 1


async def test_a_lease_that_nobody_extends_cuts_the_viewer(
    scene: Scene, open_control: OpenControl, open_viewer: OpenViewer
) -> None:
    control = await open_control()
    control.prepare(CAMERA, scene.source(CAMERA))
    control.accept(CAMERA, lease_s=1.0)
    viewer = await watch(control, open_viewer)
    _, last = await viewer.rest()
    assert last == {"type": "ended", "reason": "lease_ran_out"}
    (ended,) = await control.heard(Ended)
    assert ended.reason == "lease_ran_out"


async def test_a_viewer_that_leaves_ends_its_session_once(
    scene: Scene, open_control: OpenControl, open_viewer: OpenViewer
) -> None:
    control = await open_control()
    control.prepare(CAMERA, scene.source(CAMERA))
    control.accept(CAMERA)
    viewer = await watch(control, open_viewer)
    await viewer.media(3)
    await viewer.socket.send('{"type":"first_frame","shown_at_ms":42}')
    await viewer.socket.send("nonsense")
    (shown,) = await control.heard(FirstFrame)
    assert shown.shown_at_ms == 42
    await viewer.socket.close()
    (ended,) = await control.heard(Ended)
    assert ended.reason == "viewer_left"
    assert ended.frames >= 1
    assert ended.bytes > 0


async def test_two_viewers_share_one_pull_and_the_second_starts_at_a_key_frame(
    scene: Scene, open_control: OpenControl, open_viewer: OpenViewer
) -> None:
    control = await open_control()
    control.prepare(CAMERA, scene.source(CAMERA))
    control.accept(CAMERA)
    first = await watch(control, open_viewer)
    await first.media(6)
    second = await watch(control, open_viewer)
    media = await second.media(6)
    assert [m.type for m in media[:3]] == [MediaType.STILL, MediaType.INIT, MediaType.KEY]
    assert len(decode(media)) == 4
    assert scene.feeds.watched == {CAMERA: 1}


async def test_a_pull_ends_after_its_last_need_and_begins_anew(
    scene: Scene, open_control: OpenControl, open_viewer: OpenViewer
) -> None:
    control = await open_control(Limits(linger_s=0.05))
    control.prepare(CAMERA, scene.source(CAMERA), lock="inc_1")
    await control.heard(SourceState, status=SourceStatus.LIVE)
    control.worker.send(Release(camera=CAMERA, lock="inc_1"))
    await control.heard(SourceState, status=SourceStatus.CLOSED)
    control.prepare(CAMERA, scene.source(CAMERA), lock="inc_2")
    await control.heard(SourceState, 2, status=SourceStatus.LIVE)


async def test_a_camera_that_dies_and_comes_back_gives_a_new_epoch(
    scene: Scene, open_control: OpenControl, open_viewer: OpenViewer
) -> None:
    control = await open_control()
    control.prepare(CAMERA, scene.source(CAMERA))
    control.accept(CAMERA)
    viewer = await watch(control, open_viewer)
    await viewer.media(4)
    scene.park.get(CAMERA).fault = Fault.DEAD
    scene.feeds.end(CAMERA)
    await control.heard(SourceState, status=SourceStatus.LOST)
    scene.park.get(CAMERA).fault = Fault.NONE
    media: list[MediaMessage] = []
    while len(media) < 4:
        media += [m for m in await viewer.media(1) if m.epoch == 2]
    assert [m.type for m in media[:2]] == [MediaType.INIT, MediaType.KEY]
    assert len(decode(media)) == 3


async def test_a_camera_with_a_password_is_opened_and_the_password_is_not_told(
    locked_scene: Scene, open_control: OpenControl, open_viewer: OpenViewer
) -> None:
    control = await open_control()
    wrong = locked_scene.source(CAMERA, onvif=False)
    control.prepare(CameraId("mapo-00000"), wrong)
    control.prepare(CAMERA, locked_scene.source(CAMERA, password=True))
    control.accept(CAMERA)
    viewer = await watch(control, open_viewer)
    await viewer.media(3)
    (lost, *_) = await control.heard(SourceState, status=SourceStatus.LOST)
    assert lost.camera == "mapo-00000"
    assert "rtsp://" not in lost.detail


async def test_an_accepted_viewer_of_a_camera_nobody_prepared_is_told_so(
    scene: Scene, open_control: OpenControl, open_viewer: OpenViewer
) -> None:
    control = await open_control()
    control.accept(CAMERA)
    viewer = await open_viewer(await control.address())
    assert (await viewer.present())["code"] == "source.lost"
    (ended,) = await control.heard(Ended)
    assert ended.reason == "source_lost"


async def test_the_worker_ends_viewers_when_it_is_stopped(
    scene: Scene, open_control: OpenControl, open_viewer: OpenViewer
) -> None:
    control = await open_control()
    control.prepare(CAMERA, scene.source(CAMERA))
    control.accept(CAMERA)
    viewer = await watch(control, open_viewer)
    await viewer.media(3)
    code, (_, last) = await asyncio.gather(control.worker.stop(10), viewer.rest())
    assert last == {"type": "ended", "reason": "node_stopped"}
    assert code == 0
    (ended,) = await control.heard(Ended)
    assert ended.reason == "node_stopped"
