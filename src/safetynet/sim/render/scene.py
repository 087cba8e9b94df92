"""What a camera of the living city sees at a moment."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from safetynet.base.errors import NotFoundError
from safetynet.base.ids import CameraId
from safetynet.city.model import PICTURE_PX, City
from safetynet.sim.camera import Pose
from safetynet.sim.render.block import Block, Strips, Walls
from safetynet.sim.render.ground import paint_ground, paint_lamps, paint_shadows
from safetynet.sim.render.light import Light, light_at
from safetynet.sim.render.overlay import put_overlay
from safetynet.sim.render.pinhole import Pinhole
from safetynet.sim.render.raster import Canvas
from safetynet.sim.render.shade import shade
from safetynet.sim.render.solid import draw_solid
from safetynet.sim.render.thing import put_things
from safetynet.sim.world import World

__all__ = ["Pose", "Scene"]

Picture = NDArray[np.uint8]
SIGHT_M = 1500.0
"""Buildings farther away are lost in the haze."""
STREETS_M = 600.0


@dataclass(frozen=True, kw_only=True)
class _Background:
    picture: Picture
    canvas: Canvas
    lens: Pinhole


class Scene:
    """The living city as its cameras see it. Any number of threads may render at once.

    A background is kept per camera, pose, scale and light, the ``kept`` latest of them (about
    10 MB each at full size); a frame on a kept background costs a few milliseconds.
    """

    def __init__(self, city: City, world: World, *, kept: int = 24) -> None:
        self.city = city
        self.world = world
        self.block = Block(city)
        self._row = {camera: i for i, camera in enumerate(city.cameras.id)}
        self._around = lru_cache(maxsize=2 * kept)(self._find_around)
        self._kept = kept
        self._lock = threading.Lock()
        self._backgrounds: OrderedDict[tuple[CameraId, Pose, int, Light], _Background] = (
            OrderedDict()
        )

    def warm_up(self, at: datetime) -> None:
        """Have the loops compiled (once; kept on disk), so that no first picture waits for it."""
        if self.city.cameras.id:
            home = Pose(azimuth_deg=0.0, tilt_deg=20.0, hfov_deg=60.0)
            self.render(self.city.cameras.id[0], home, at)

    def render(self, camera: CameraId, pose: Pose, at: datetime, scale: int = 1) -> Picture:
        """The picture (720/scale, 1280/scale, 3), RGB, at an aware moment.

        Raises ``NotFoundError`` for a camera that the city does not have.
        """
        background = self._background(camera, pose, scale, light_at(at))
        picture = background.picture.copy()
        put_things(
            picture,
            background.canvas,
            background.lens,
            self.world.snapshot(),
            at.timestamp() % 10_000,
        )
        put_overlay(picture, self.city.cameras.name[self._row[camera]], at, scale)
        return picture

    def lens(self, camera: CameraId, pose: Pose, scale: int = 1) -> Pinhole:
        """The camera's lens in a pose; raises ``NotFoundError`` where there is no such camera."""
        row = self._row.get(camera)
        if row is None:
            raise NotFoundError("camera.unknown", "the city has no such camera", camera=camera)
        cameras = self.city.cameras
        width, height = PICTURE_PX[0] // scale, PICTURE_PX[1] // scale
        return Pinhole(
            x=float(cameras.x[row]),
            y=float(cameras.y[row]),
            height_m=float(cameras.height_m[row]),
            pose=pose,
            width_px=width,
            height_px=height,
            columns=width,
            rows=height,
        )

    def _background(self, camera: CameraId, pose: Pose, scale: int, light: Light) -> _Background:
        key = (camera, pose, scale, light)
        with self._lock:
            found = self._backgrounds.get(key)
            if found is not None:
                self._backgrounds.move_to_end(key)
                return found
        made = self._draw(self.lens(camera, pose, scale), light)
        with self._lock:
            self._backgrounds[key] = made
            while len(self._backgrounds) > self._kept:
                self._backgrounds.popitem(last=False)
        return made

    def _find_around(self, x: float, y: float) -> tuple[Walls, Strips]:
        return self.block.walls(x, y, SIGHT_M), self.block.strips(x, y, STREETS_M)

    def _draw(self, lens: Pinhole, light: Light) -> _Background:
        walls, strips = self._around(lens.x, lens.y)
        solid = draw_solid(lens, walls, self.block.ring)
        ground = paint_ground(lens, strips)
        shadow = paint_shadows(lens, walls, light)
        lamps = paint_lamps(lens, strips) if light.day < 1 else np.zeros_like(shadow)
        picture = shade(lens, solid, ground, shadow, lamps, light)
        return _Background(picture=picture, canvas=solid.canvas, lens=lens)
