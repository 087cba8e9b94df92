"""Who really sees a thing: in a decoded frame, and by search over every camera and aim.

Shares no code with ``sight``: it draws, with the renderer, the window of the picture that the
thing covers, behind the walls that stand before it.
"""

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from safetynet.base.geo import azimuth_deg
from safetynet.base.ids import CameraId
from safetynet.city.model import PICTURE_PX, PTZ, CameraKind, City
from safetynet.sim.camera import Pose
from safetynet.sim.render.block import Block
from safetynet.sim.render.pinhole import Pinhole
from safetynet.sim.render.solid import draw_solid
from safetynet.sim.render.thing import find_window, list_patches
from safetynet.sim.world import SIGNATURES, THING_SIZES, Thing, ThingKind

MIN_HEIGHT_PX = 12
MIN_SIGNATURE_PX = 50
FILL = 1 / 3
"""Zoom rule for PTZ cameras: the thing fills this much of the picture's height, or of its width where
that comes first, as far as the lens's zoom reaches."""
_MIN_CHROMA = 0.42
_MAX_SKEW = 0.24
_MIN_NEIGHBOURS = 4

Picture = NDArray[np.uint8]
Flags = NDArray[np.bool_]
_CB = np.array([-0.168736, -0.331264, 0.5], np.float32)
_CR = np.array([0.5, -0.418688, -0.081312], np.float32)


class Seen(msgspec.Struct, frozen=True):
    """How much of a signature a picture shows."""

    px: int
    height_px: int

    @property
    def accepted(self) -> bool:
        """True where somebody who looks would see the thing."""
        return self.px >= MIN_SIGNATURE_PX and self.height_px >= MIN_HEIGHT_PX


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A camera that shows a thing, with the pose it shows it in."""

    camera: CameraId
    pose: Pose
    distance_m: float
    seen: Seen


def judge_frame(rgb: Picture, signature: int) -> Seen:
    """What a decoded frame (rows, columns, 3) shows of a signature.

    A pixel counts when its chroma has the signature's hue (within 13.5°) and at least 42 % of its
    strength, and when it is not alone: at least four of the nine pixels around it count too. Height
    is the longest unbroken run down a column, the second best column being taken.
    """
    coarse = _hue(rgb[::2, ::2], signature)
    rows, columns = np.flatnonzero(coarse.any(axis=1)), np.flatnonzero(coarse.any(axis=0))
    if not len(rows):
        return Seen(0, 0)
    top, left = max(2 * int(rows[0]) - 3, 0), max(2 * int(columns[0]) - 3, 0)
    part = rgb[top : 2 * int(rows[-1]) + 5, left : 2 * int(columns[-1]) + 5]
    return measure(_together(_hue(part, signature)))


def measure(mask: Flags) -> Seen:
    """Number of set pixels, and the second longest of the columns' longest runs."""
    run = np.zeros(mask.shape[1], np.int32)
    longest = run.copy()
    for row in mask:
        run = (run + 1) * row
        np.maximum(longest, run, out=longest)
    height = int(np.partition(longest, -2)[-2]) if len(longest) > 1 else 0
    return Seen(int(mask.sum()), height)


def _hue(rgb: Picture, signature: int) -> Flags:
    colour = np.array(SIGNATURES[signature], np.float32)
    aim = np.array([colour @ _CB, colour @ _CR])
    strength = float(np.hypot(*aim))
    aim = (aim / strength).astype(np.float32)
    pixels = rgb.astype(np.float32)
    along = pixels @ (_CB * aim[0] + _CR * aim[1])
    across = np.abs(pixels @ (_CB * aim[1] - _CR * aim[0]))
    found: Flags = (along >= _MIN_CHROMA * strength) & (across <= _MAX_SKEW * along)
    return found


def _together(mask: Flags) -> Flags:
    padded = np.pad(mask.astype(np.uint8), 1)
    down = padded[:-2] + padded[1:-1] + padded[2:]
    around = down[:, :-2] + down[:, 1:-1] + down[:, 2:]
    kept: Flags = mask & (around >= _MIN_NEIGHBOURS)
    return kept


class Judge:
    """Searches a city's cameras for those that can show a thing."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._block = Block(city)
        self._row = {camera: i for i, camera in enumerate(city.cameras.id)}

    def visible_views(self, thing: Thing, within_m: float = 500.0) -> list[Shown]:
        """Every camera within reach that shows the thing, most pixels first.

        PTZ cameras are aimed at it (see ``FILL``), fixed ones stand as they stand; all are taken
        to be in order.
        """
        found = []
        for row in self._within(thing.x, thing.y, within_m):
            shown = self._show(row, thing, self._pose(row, thing.kind, thing.x, thing.y))
            if shown.seen.accepted:
                found.append(shown)
        return sorted(found, key=lambda s: -s.seen.px)

    def nearest_views(
        self, kind: ThingKind, x: float, y: float, count: int
    ) -> list[tuple[CameraId, Pose]]:
        """The ``count`` cameras nearest to a place by straight line, PTZ ones aimed at it.

        This is how cameras are chosen today: no facing, no walls, no health.
        """
        rows = self._within(x, y, math.inf)[:count]
        return [(self._city.cameras.id[r], self._pose(r, kind, x, y)) for r in rows]

    def look(self, camera: CameraId, pose: Pose, thing: Thing) -> Shown:
        """How much of a thing one camera shows in one pose."""
        return self._show(self._row[camera], thing, pose)

    def aim_at(self, camera: CameraId, kind: ThingKind, x: float, y: float) -> Pose:
        """Where a camera looks when it is turned to a place, by the zoom rule of ``FILL``; a fixed one
        stands as it stands."""
        return self._pose(self._row[camera], kind, x, y)

    def is_ptz(self, camera: CameraId) -> bool:
        """True where the camera can be turned."""
        return bool(self._city.cameras.kind[self._row[camera]] == CameraKind.PTZ)

    def _within(self, x: float, y: float, radius_m: float) -> list[int]:
        away = np.hypot(self._city.cameras.x - x, self._city.cameras.y - y)
        rows = np.flatnonzero(away <= radius_m)
        return [int(r) for r in rows[np.argsort(away[rows], kind="stable")]]

    def _pose(self, row: int, kind: ThingKind, x: float, y: float) -> Pose:
        cameras = self._city.cameras
        widest = float(cameras.hfov_deg[row])
        if cameras.kind[row] != CameraKind.PTZ:
            return Pose(
                azimuth_deg=float(cameras.azimuth_deg[row]),
                tilt_deg=float(cameras.tilt_deg[row]),
                hfov_deg=widest,
            )
        size = THING_SIZES[kind]
        dx, dy = x - float(cameras.x[row]), y - float(cameras.y[row])
        away = math.hypot(dx, dy)
        drop = float(cameras.height_m[row]) - size.height_m / 2
        tilt = math.degrees(math.atan2(drop, max(away, 0.1)))
        line = math.hypot(away, drop)
        focal = min(PICTURE_PX[1] / size.height_m, PICTURE_PX[0] / size.width_m) * FILL * line
        wide = PICTURE_PX[0] / 2 / math.tan(math.radians(widest) / 2)
        focal = min(max(focal, wide), wide * PTZ.max_magnification)
        return Pose(
            azimuth_deg=azimuth_deg(dx, dy),
            tilt_deg=min(max(tilt, PTZ.min_tilt_deg), PTZ.max_tilt_deg),
            hfov_deg=math.degrees(2 * math.atan(PICTURE_PX[0] / 2 / focal)),
        )

    def _show(self, row: int, thing: Thing, pose: Pose) -> Shown:
        cameras = self._city.cameras
        x, y = float(cameras.x[row]), float(cameras.y[row])
        lens = Pinhole(x=x, y=y, height_m=float(cameras.height_m[row]), pose=pose)
        away = math.hypot(thing.x - x, thing.y - y)
        window = find_window(lens, thing)
        seen = Seen(0, 0)
        if window is not None:
            reach = THING_SIZES[thing.kind].width_m
            walls = self._block.walls((x + thing.x) / 2, (y + thing.y) / 2, away / 2 + reach)
            canvas = draw_solid(window, walls, self._block.ring).canvas
            mask = np.zeros((window.rows, window.columns), np.bool_)
            for patch in list_patches(canvas, window, thing, 0.0):
                rows, columns = patch.signature.shape
                box = mask[patch.top : patch.top + rows, patch.left : patch.left + columns]
                box |= patch.signature
                box &= ~patch.detail
            seen = measure(mask)
        return Shown(camera=cameras.id[row], pose=pose, distance_m=away, seen=seen)
