"""The depth buffer against rays cast one by one, and what walls and distance must do."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from safetynet.base.errors import NotFoundError
from safetynet.base.ids import CameraId
from safetynet.city.model import City
from safetynet.sim.camera import Pose
from safetynet.sim.judge import Judge
from safetynet.sim.render.block import Block
from safetynet.sim.render.light import light_at
from safetynet.sim.render.pinhole import Pinhole
from safetynet.sim.render.scene import Scene
from safetynet.sim.render.solid import draw_solid
from safetynet.sim.world import SIGNATURES, Thing, ThingKind, World

Floats = NDArray[np.float64]
NOON = datetime(2026, 5, 11, 3, 0, tzinfo=UTC)


def cast(lens: Pinhole, houses: list[tuple[Floats, float]], column: int, row: int) -> float:
    """Inverse depth of the first thing that the ray through a pixel's centre meets; 0 is the sky."""
    a, t = math.radians(lens.pose.azimuth_deg), math.radians(lens.pose.tilt_deg)
    u = (column + 0.5 - lens.width_px / 2) / lens.focal_px
    v = (row + 0.5 - lens.height_px / 2) / lens.focal_px
    ahead, up = math.cos(t) - v * math.sin(t), -math.sin(t) - v * math.cos(t)
    dx = ahead * math.sin(a) + u * math.cos(a)
    dy = ahead * math.cos(a) - u * math.sin(a)
    depths = [-lens.height_m / up] if up < 0 else []
    if up < 0:
        depths += [
            k
            for ring, height in houses
            if height < lens.height_m
            and _holds(ring, lens.x + (k := (height - lens.height_m) / up) * dx, lens.y + k * dy)
        ]
    p = np.concatenate([ring for ring, _ in houses])
    edge = np.concatenate([np.roll(ring, -1, axis=0) - ring for ring, _ in houses])
    height = np.concatenate([np.full(len(ring), h) for ring, h in houses])
    cross = dx * edge[:, 1] - dy * edge[:, 0]
    to = p - [lens.x, lens.y]
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = (to[:, 0] * edge[:, 1] - to[:, 1] * edge[:, 0]) / cross
        along = (to[:, 0] * dy - to[:, 1] * dx) / cross
    z = lens.height_m + depth * up
    met = (depth > 0.15) & (along >= 0) & (along < 1) & (z >= 0) & (z <= height)
    depths += depth[met].tolist()
    return 1 / min(depths) if depths else 0.0


def _holds(ring: Floats, x: float, y: float) -> bool:
    (ax, ay), (bx, by) = ring.T, np.roll(ring, -1, axis=0).T
    over = (ay > y) != (by > y)
    crossed = over & (x < ax + (y - ay) * (bx - ax) / np.where(over, by - ay, 1))
    return bool(crossed.sum() % 2)


@pytest.mark.parametrize(
    ("height_m", "azimuth_deg", "tilt_deg", "hfov_deg"),
    [(6, 20, 12, 65), (6, 200, 45, 65), (30, 80, 30, 90), (6, 91, 3, 9), (12, 315, 85, 60)],
)
def test_depth_agrees_with_cast_rays(
    town: City, height_m: float, azimuth_deg: float, tilt_deg: float, hfov_deg: float
) -> None:
    pose = Pose(azimuth_deg=azimuth_deg, tilt_deg=tilt_deg, hfov_deg=hfov_deg)
    lens = Pinhole(x=6.5, y=6.5, height_m=height_m, pose=pose)
    block = Block(town)
    near = draw_solid(lens, block.walls(lens.x, lens.y, 1500), block.ring).canvas.nearness
    heights = town.buildings.height_m.tolist()
    houses = [(town.buildings.ring[i], h) for i, h in enumerate(heights)]
    rng = np.random.default_rng(11)
    wrong = []
    for _ in range(120):
        column, row = int(rng.integers(1280)), int(rng.integers(720))
        want = cast(lens, houses, column, row)
        if not math.isclose(near[row, column], want, rel_tol=1e-4, abs_tol=1e-6):
            wrong.append((column, row, float(near[row, column]), want))
    assert not wrong


def test_a_window_is_a_piece_of_the_whole(town: City) -> None:
    pose = Pose(azimuth_deg=30, tilt_deg=10, hfov_deg=50)
    whole = Pinhole(x=6.5, y=6.5, height_m=6, pose=pose)
    part = Pinhole(
        x=6.5,
        y=6.5,
        height_m=6,
        pose=pose,
        left_px=400,
        top_px=200,
        columns=90,
        rows=140,
    )
    block = Block(town)
    walls = block.walls(6.5, 6.5, 1500)
    full = draw_solid(whole, walls, block.ring).canvas.nearness[200:340, 400:490]
    np.testing.assert_allclose(
        draw_solid(part, walls, block.ring).canvas.nearness, full, rtol=1e-4, atol=1e-6
    )


def count(picture: NDArray[np.uint8], signature: int) -> int:
    return int((picture == SIGNATURES[signature]).all(axis=2).sum())


@pytest.mark.parametrize("kind", [ThingKind.PERSON, ThingKind.VEHICLE, ThingKind.CROWD])
def test_a_thing_behind_a_wall_gives_no_pixels_and_before_it_many(
    one_house: City, kind: ThingKind
) -> None:
    world, judge = World(), Judge(one_house)
    scene, camera = Scene(one_house, world), one_house.cameras.id[0]
    north = Pose(azimuth_deg=0, tilt_deg=12, hfov_deg=65)
    for away, visible in ((15, True), (48, False), (300, False)):
        thing = Thing(id="t", kind=kind, x=0, y=away, signature=3, since=NOON)
        world.add(thing)
        assert (count(scene.render(camera, north, NOON), 3) > 500) == visible
        assert judge.look(camera, north, thing).seen.accepted == visible
        found = [shown.camera for shown in judge.visible_views(thing)]
        assert (camera in found) == visible


def test_smoke_rises_above_a_low_house(one_house: City) -> None:
    fire = Thing(id="t", kind=ThingKind.FIRE, x=0, y=60, signature=3, since=NOON)
    assert [shown.camera for shown in Judge(one_house).visible_views(fire)] == ["mapo-00001"]


def test_a_lens_inside_a_house_looks_out_of_it(one_house: City) -> None:
    inside = Thing(id="t", kind=ThingKind.PERSON, x=0, y=6, signature=3, since=NOON)
    seen = Judge(one_house).look(
        one_house.cameras.id[2], Pose(azimuth_deg=180, tilt_deg=10, hfov_deg=60), inside
    )
    assert seen.seen.accepted


@pytest.mark.parametrize("kind", list(ThingKind))
def test_nearer_is_bigger(town: City, kind: ThingKind) -> None:
    world = World()
    scene = Scene(town, world)
    x, y = float(town.cameras.x[0]), float(town.cameras.y[0])
    south = Pose(azimuth_deg=180, tilt_deg=8, hfov_deg=65)
    seen = []
    for away in (20, 30, 45, 70):
        world.add(Thing(id="t", kind=kind, x=x, y=y - away, signature=1, since=NOON))
        seen.append(count(scene.render(town.cameras.id[0], south, NOON), 1))
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] > 0


def test_a_person_is_as_high_as_the_pinhole_says(town: City) -> None:
    world = World()
    scene = Scene(town, world)
    x, y = float(town.cameras.x[0]), float(town.cameras.y[0])
    pose = Pose(azimuth_deg=180, tilt_deg=0, hfov_deg=65)
    # Whoever has fallen lies to the side, so that the standing one alone gives the height.
    beside = Thing(
        id="t", kind=ThingKind.PERSON, x=x, y=y - 40, heading_deg=90, signature=1, since=NOON
    )
    world.add(beside)
    picture = scene.render(town.cameras.id[0], pose, NOON)
    rows = np.flatnonzero((picture == SIGNATURES[1]).all(axis=2).any(axis=1))
    focal = scene.lens(town.cameras.id[0], pose).focal_px
    assert np.ptp(rows) + 1 == pytest.approx(focal * 1.7 / 40, abs=3)


def test_night_is_darker_and_the_clock_is_seouls(town: City) -> None:
    scene = Scene(town, World())
    pose = Pose(azimuth_deg=20, tilt_deg=12, hfov_deg=65)
    midnight = datetime(2026, 5, 11, 15, 0, tzinfo=UTC)
    day, night = (scene.render(town.cameras.id[0], pose, t).mean() for t in (NOON, midnight))
    assert night < 0.5 * day
    assert (light_at(NOON).level, light_at(midnight).level) == (24, 0)


def test_a_small_picture_has_the_asked_size_and_an_unknown_camera_is_an_error(town: City) -> None:
    scene = Scene(town, World())
    pose = Pose(azimuth_deg=20, tilt_deg=12, hfov_deg=65)
    assert scene.render(town.cameras.id[0], pose, NOON, scale=4).shape == (180, 320, 3)
    with pytest.raises(NotFoundError):
        scene.render(CameraId("nowhere-1"), pose, NOON)
