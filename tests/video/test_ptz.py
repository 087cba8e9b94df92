"""Turning a camera by ONVIF, and sending it home."""

from safetynet.base.ids import CameraId
from safetynet.sim.camera import Fault
from safetynet.video.ipc import (
    Prepare,
    Probe,
    Probed,
    Release,
    Returned,
    Turn,
    Turned,
)
from safetynet.video.ptz import position_of, turn_of

from .conftest import HOME, Control, OpenControl, Scene

CAMERA = CameraId("mapo-00002")
WEST = Turn(azimuth_deg=260, tilt_deg=30, hfov_deg=15)


def turn(control: Control, scene: Scene, to: Turn, lock: str, *, password: bool = False) -> None:
    source = scene.source(CAMERA, password=password)
    control.worker.send(Prepare(camera=CAMERA, source=source, turn=to, lock=lock))


def test_a_pose_survives_the_way_to_onvif_and_back() -> None:
    back = turn_of(position_of(WEST, HOME), HOME)
    assert abs(back.azimuth_deg - WEST.azimuth_deg) < 1e-9
    assert abs(back.tilt_deg - WEST.tilt_deg) < 1e-9
    assert abs(back.hfov_deg - WEST.hfov_deg) < 1e-9


def test_home_is_pan_zero_at_the_widest() -> None:
    home = position_of(HOME, HOME)
    assert (home.pan, home.tilt, home.zoom) == (0, -HOME.tilt_deg / 90, 0)


async def test_the_first_lock_turns_the_camera_and_the_last_sends_it_home(
    scene: Scene, open_control: OpenControl
) -> None:
    control = await open_control()
    head = scene.park.get(CAMERA).head
    assert head is not None
    turn(control, scene, WEST, "inc_1")
    (turned,) = await control.heard(Turned)
    assert (turned.error, turned.lock) == ("", "inc_1")
    assert abs(turned.to.azimuth_deg - WEST.azimuth_deg) < 1
    assert abs(head.goal.azimuth_deg - WEST.azimuth_deg) < 1

    turn(control, scene, Turn(azimuth_deg=10, tilt_deg=5, hfov_deg=60), "inc_2")
    (locked,) = await control.heard(Turned, lock="inc_2")
    assert locked.error == "locked"
    assert abs(head.goal.azimuth_deg - WEST.azimuth_deg) < 1

    control.worker.send(Release(camera=CAMERA, lock="inc_1"))
    control.worker.send(Release(camera=CAMERA, lock="inc_unknown"))
    turn(control, scene, HOME, "inc_2")
    await control.heard(Turned, 2, lock="inc_2")
    assert not [m for m in control.said if isinstance(m, Returned)]

    turn(control, scene, WEST, "inc_2")
    await control.heard(Turned, 3, lock="inc_2")
    control.worker.send(Release(camera=CAMERA, lock="inc_2"))
    (returned,) = await control.heard(Returned)
    assert returned.error == ""
    assert abs(head.goal.azimuth_deg - HOME.azimuth_deg) < 1
    assert head.goal.zoom == 0


async def test_a_stopped_worker_leaves_its_cameras_on_their_way_home(
    locked_scene: Scene, open_control: OpenControl
) -> None:
    control = await open_control()
    head = locked_scene.park.get(CAMERA).head
    assert head is not None
    turn(control, locked_scene, WEST, "inc_1", password=True)
    (turned,) = await control.heard(Turned)
    assert turned.error == ""
    await control.worker.stop(10)
    assert abs(head.goal.azimuth_deg - HOME.azimuth_deg) < 1


async def test_a_camera_that_cannot_be_reached_is_told_as_not_turned(
    scene: Scene, open_control: OpenControl
) -> None:
    control = await open_control()
    source = scene.source(CAMERA, onvif=False)
    control.worker.send(Prepare(camera=CAMERA, source=source, turn=WEST, lock="inc_1"))
    (fixed,) = await control.heard(Turned, lock="inc_1")
    assert fixed.error == "fixed"
    scene.park.get(CameraId("mapo-00003")).fault = Fault.DEAD
    dead = CameraId("mapo-00003")
    control.worker.send(Prepare(camera=dead, source=scene.source(dead), turn=WEST, lock="inc_1"))
    (failed,) = await control.heard(Turned, camera=dead)
    assert failed.error == "camera.onvif"


async def test_a_probe_tells_the_living_the_frozen_and_the_dead_apart(
    scene: Scene, open_control: OpenControl
) -> None:
    control = await open_control()
    faults = {"mapo-00000": Fault.NONE, "mapo-00001": Fault.FROZEN, "mapo-00003": Fault.DEAD}
    for name, fault in faults.items():
        scene.park.get(name).fault = fault
        camera = CameraId(name)
        control.worker.send(Probe(camera=camera, source=scene.source(camera)))
    found = {p.camera: p.state for p in await control.heard(Probed, 3)}
    assert found == {"mapo-00000": "ok", "mapo-00001": "frozen", "mapo-00003": "dead"}


async def test_a_sweep_goes_round_until_it_is_told_to_stand_and_then_home(
    scene: Scene, open_control: OpenControl
) -> None:
    control = await open_control()
    head = scene.park.get(CAMERA).head
    assert head is not None
    stops = (WEST, Turn(azimuth_deg=300, tilt_deg=20, hfov_deg=30))
    source = scene.source(CAMERA)
    control.worker.send(
        Prepare(camera=CAMERA, source=source, turn=WEST, lock="inc_1", sweep=stops, dwell_s=0.5)
    )
    said = (await control.heard(Turned, 5, lock="inc_1"))[:5]
    assert [(t.stop, t.round_) for t in said] == [(1, 1), (2, 1), (1, 2), (2, 2), (1, 3)]
    assert not [t.error for t in said if t.error]
    assert all(abs(t.to.azimuth_deg - stops[t.stop - 1].azimuth_deg) < 1 for t in said)

    turn(control, scene, stops[1], "inc_1")
    (held,) = await control.heard(Turned, lock="inc_1", stop=0)
    assert abs(held.to.azimuth_deg - stops[1].azimuth_deg) < 1

    control.worker.send(Release(camera=CAMERA, lock="inc_1"))
    await control.heard(Returned)
    assert abs(head.goal.azimuth_deg - HOME.azimuth_deg) < 1


async def test_a_sweep_whose_camera_does_not_answer_ends_after_a_round(
    scene: Scene, open_control: OpenControl
) -> None:
    control = await open_control()
    dead = CameraId("mapo-00003")
    scene.park.get(dead).fault = Fault.DEAD
    stops = (WEST, HOME)
    control.worker.send(
        Prepare(camera=dead, source=scene.source(dead), turn=WEST, lock="inc_1", sweep=stops)
    )
    failed = await control.heard(Turned, 2, camera=dead)
    assert [t.error for t in failed] == ["camera.onvif", "camera.onvif"]
    turn(control, scene, WEST, "inc_1")  # something else that is told afterwards
    await control.heard(Turned, camera=CAMERA)
    assert len([m for m in control.said if isinstance(m, Turned) and m.camera == dead]) == 2
