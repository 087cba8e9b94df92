"""The judge's window agrees with the whole picture, and its colours survive the encoder."""

from datetime import UTC, datetime
from fractions import Fraction

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from safetynet.city.model import City
from safetynet.sim.judge import Judge, judge_frame
from safetynet.sim.render.scene import Scene
from safetynet.sim.world import SIGNATURES, Thing, ThingKind, World

NOON = datetime(2026, 5, 11, 3, 0, tzinfo=UTC)
NIGHT = datetime(2026, 5, 11, 15, 0, tzinfo=UTC)


def thing(kind: ThingKind, x: float, y: float, signature: int = 0) -> Thing:
    return Thing(id="t", kind=kind, x=x, y=y, heading_deg=40, signature=signature, since=NOON)


def through_h264(frames: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The last frame after x264 as the cameras use it: ultrafast, about 2 Mbit/s."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = 1280, 720
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, 10)
    encoder.bit_rate = 2_000_000
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency"}
    packets = [
        p for f in frames for p in encoder.encode(av.VideoFrame.from_ndarray(f, format="rgb24"))
    ]
    packets += encoder.encode(None)
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    shown = [f for p in packets for f in decoder.decode(p)] + decoder.decode(None)
    return np.asarray(shown[-1].to_ndarray(format="rgb24"), np.uint8)


@pytest.mark.parametrize("kind", list(ThingKind))
def test_window_and_whole_picture_count_the_same_pixels(town: City, kind: ThingKind) -> None:
    judge, world = Judge(town), World()
    scene = Scene(town, world)
    rng = np.random.default_rng(5)
    compared = 0
    while compared < 3:
        at = thing(kind, float(rng.uniform(-150, 150)), float(rng.uniform(-150, 150)))
        world.add(at)
        for shown in judge.visible_views(at, 250)[:2]:
            moment = datetime.fromtimestamp(20_000_000, UTC)  # where the smoke's clock is at 0
            picture = scene.render(shown.camera, shown.pose, moment)
            whole = int((picture == SIGNATURES[0]).all(axis=2).sum())
            assert whole == pytest.approx(shown.seen.px, abs=2)
            compared += 1


@pytest.mark.parametrize("at", [NOON, NIGHT])
def test_every_signature_is_known_again_after_the_encoder(town: City, at: datetime) -> None:
    world = World()
    scene, judge = Scene(town, world), Judge(town)
    place = thing(ThingKind.PERSON, 78.0, 40.0)
    camera, pose = judge.nearest_views(ThingKind.PERSON, place.x, place.y, 1)[0]
    for signature in range(len(SIGNATURES)):
        world.add(thing(ThingKind.PERSON, place.x, place.y, signature))
        picture = scene.render(camera, pose, at)
        before = judge_frame(picture, signature)
        after = through_h264([picture] * 3)
        seen = [judge_frame(after, s) for s in range(len(SIGNATURES))]
        assert before.accepted
        assert seen[signature].px > 0.8 * before.px
        assert [i for i, s in enumerate(seen) if s.accepted] == [signature]


@pytest.mark.parametrize("at", [NOON, NIGHT])
def test_scenery_never_carries_a_signature(town: City, at: datetime) -> None:
    scene, judge = Scene(town, World()), Judge(town)
    for camera, pose in judge.nearest_views(ThingKind.FIRE, 0.0, 0.0, 3):
        picture = through_h264([scene.render(camera, pose, at)] * 2)
        assert not [s for s in range(len(SIGNATURES)) if judge_frame(picture, s).px]
