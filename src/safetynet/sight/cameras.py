"""A city's cameras as the columns that the loops read."""

import math

import numpy as np

from safetynet.base.geo import Floats
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.model import PTZ_MODELS, CameraKind, Cameras, Origin
from safetynet.city.tables import order_cameras
from safetynet.sight.belief import Beliefs
from safetynet.sight.boxes import Index
from safetynet.sight.grid import grid_of, move_item
from safetynet.sight.kernels.tables import CAMERA, Flags, Lenses, Records
from safetynet.sight.lens import Lenses as RoughLenses
from safetynet.sight.lens import read_lenses
from safetynet.sight.profiles import WallProfiles

WIDEST_DEG = 170.0
"""A flat picture cannot be wider; declared wider fields (360° domes) count as this."""
KNOWN_SD_DEG = 20.0
"""A direction that is less sure than this is believed, not known."""
HIGHEST_M = 1_000.0
"""No lens hangs higher over the ground."""
CELL_M = 100.0
FARTHEST_M = 100_000.0
"""No camera of a city stands farther from the plane's origin."""
_STAY = ("owner", "rank")
"""What stays when one camera is set anew."""
TRUST = {
    Origin.SURVEYED: 0.98,
    Origin.DECLARED: 0.92,
    Origin.ASSUMED: 0.85,
    Origin.SYNTHETIC: 0.98,
    Origin.LEARNED: 0.92,
}
"""Probability that a value of this origin is right enough to see what it says."""


class CameraTable:
    """Cameras of one city, ready to be asked; ``assumed`` directions count as true, or as unknown.

    Rows are in the order of places, so that neighbours are neighbours in memory. Bad values make a
    camera unusable, never an error.
    """

    def __init__(
        self, cameras: Cameras, owners: tuple[NodeId, ...], walls: WallProfiles, *, assumed: bool
    ) -> None:
        ranks = _ranks(cameras.id)
        order = _by_place(cameras, ranks)
        cameras = order_cameras(cameras, order)
        self.source = cameras
        self.owners = owners
        self.ids = cameras.id
        self.row: dict[CameraId, int] = {camera: i for i, camera in enumerate(cameras.id)}
        self.unknown = _unknown(cameras, assumed=assumed)
        with np.errstate(invalid="ignore"):  # directions beyond all bounds
            self.beliefs = Beliefs.fresh(cameras, self.unknown)
        self.changed: list[int] = []
        """Rows that were put anew, in order."""
        self._put: dict[int, Cameras] = {}
        self._walls = walls
        self._assumed = assumed
        zone, zones = _zones(cameras)
        self.lens = Lenses(camera=self._read(cameras), zone=zone, zones=zones)
        self.lens.camera["rank"] = ranks[order]
        x, y = (np.ascontiguousarray(self.lens.camera[name]) for name in ("x", "y"))
        self.grid = grid_of(x, y, x, y, CELL_M)

    def __len__(self) -> int:
        return len(self.ids)

    def owner_of(self, row: int) -> NodeId:
        """Whose camera it is."""
        return self.owners[int(self.lens.camera["owner"][row])]

    def lenses_of(self, row: int) -> RoughLenses:
        """A camera's geometry as areas are drawn from it, as it is now."""
        one = self._put.get(row)
        return read_lenses(self.source, np.array([row])) if one is None else read_lenses(one)

    def take_beliefs(self, other: "CameraTable") -> None:
        """What another table learned of the cameras of this one."""
        self.beliefs = other.beliefs.moved(self.source, self.unknown)
        self.read_beliefs()

    def read_beliefs(self) -> None:
        """Let the loops see what was learned."""
        camera = self.lens.camera
        camera["belief"] = np.where(camera["turns"], -1, self.beliefs.row)

    def put(self, row: int, one: Cameras) -> None:
        """The camera in ``row`` as ``one`` (a single row) says it is now; what was learned of it goes."""
        self.unknown[row] = _unknown(one, assumed=self._assumed)[0]
        with np.errstate(invalid="ignore"):  # a direction beyond all bounds
            self.beliefs.put(row, one, unknown=bool(self.unknown[row]))
        fresh, camera = self._read(one, np.array([row])), self.lens.camera
        before = self.grid, float(camera["x"][row]), float(camera["y"][row])
        for name in _STAY:
            fresh[name] = camera[name][row]
        camera[row] = fresh[0]
        self._put_zones(row, one)
        self._put[row] = one
        self.changed.append(row)
        self.grid = move_item(*before, row, float(camera["x"][row]), float(camera["y"][row]))

    def _put_zones(self, row: int, one: Cameras) -> None:
        zone, zones = self.lens.zone, self.lens.zones
        before, after = zones[: zone[row]], zones[zone[row + 1] :]
        _, own = _zones(one)
        if np.array_equal(own, zones[zone[row] : zone[row + 1]]):
            return
        more = len(own) - int(zone[row + 1] - zone[row])
        zone = np.concatenate([zone[: row + 1], zone[row + 1 :] + np.int32(more)])
        self.lens = self.lens._replace(zone=zone, zones=np.concatenate([before, own, after]))

    def _read(self, c: Cameras, rows: Index | None = None) -> Records:
        usable = _usable(c)
        turns = np.asarray(c.kind == CameraKind.PTZ)
        x, y, height = (np.where(usable, v, 0.0) for v in (c.x, c.y, c.height_m))
        z = height + self._walls.ground_at(x, y)
        azimuth = np.radians(np.where(usable & np.isfinite(c.azimuth_deg), c.azimuth_deg, 0) % 360)
        hfov = np.radians(np.minimum(np.where(usable, c.hfov_deg, 60.0), WIDEST_DEG))
        trust = np.array([TRUST[Origin(o)] for o in range(len(Origin))])
        unknown, believed = self.unknown, self.beliefs.row
        if rows is not None:
            unknown, believed = unknown[rows], believed[rows]
        columns = {
            "x": x,
            "y": y,
            "z": z,
            "place": self._walls.rows_of(x, y, z),
            "turns": turns,
            "usable": usable,
            "trust": np.where(unknown & ~turns, 1.0, trust[c.pose_origin])
            * trust[c.position_origin],
            "azimuth": azimuth,
            "tilt": np.radians(np.where(usable, c.tilt_deg, 0.0)),
            "roll": np.radians(np.where(np.isfinite(c.roll_deg), c.roll_deg, 0.0)),
            "half_w": np.tan(hfov / 2),
            "aspect": c.height_px / np.maximum(c.width_px, 1),
            "half_px": c.width_px / 2,
            "night_m": c.night_range_m,
            "belief": np.where(turns, -1, believed),
            "owner": c.district,
            **_motors(c),
        }
        made = np.zeros(len(c), CAMERA)
        for name, values in columns.items():
            made[name] = values
        made["zoom"] = np.where(turns, made["zoom"], 1.0)
        return made


def _by_place(c: Cameras, ranks: Index) -> Index:
    """The order of rows: by cell, then by id, so that it does not depend on the order given."""
    with np.errstate(invalid="ignore"):
        usable = _usable(c)
        column, row = (
            np.where(usable, v, 0.0).clip(-FARTHEST_M, FARTHEST_M) // CELL_M for v in (c.x, c.y)
        )
    return np.lexsort((ranks, column, row))


def _motors(c: Cameras) -> dict[str, Floats]:
    """What turns a PTZ, by its model."""
    known = [PTZ_MODELS[min(m, len(PTZ_MODELS) - 1)] for m in range(256)]
    numbers = np.array(
        [
            (
                m.max_magnification,
                math.radians(m.pan_dps),
                math.radians(m.tilt_dps),
                m.zoom_per_s * (m.max_magnification - 1),
                math.radians(m.min_tilt_deg),
                math.radians(m.max_tilt_deg),
            )
            for m in known
        ]
    )
    names = ("zoom", "pan_speed", "tilt_speed", "zoom_speed", "least_tilt", "most_tilt")
    return dict(zip(names, numbers[c.ptz_model].T, strict=True))


def _usable(c: Cameras) -> Flags:
    numbers = [c.x, c.y, c.height_m, c.tilt_deg, c.hfov_deg]
    finite = np.logical_and.reduce([np.isfinite(n) for n in numbers])
    finite &= ~np.isinf(c.azimuth_deg)
    with np.errstate(invalid="ignore"):
        good = (np.abs(c.tilt_deg) <= 90) & (c.height_m >= 0) & (c.height_m <= HIGHEST_M)
        good &= (c.hfov_deg >= 1) & (c.hfov_deg <= 360) & (c.width_px > 0) & (c.height_px > 0)
        good &= np.maximum(np.abs(c.x), np.abs(c.y)) <= FARTHEST_M
    return np.asarray(finite & good)


def _unknown(c: Cameras, *, assumed: bool) -> Flags:
    """Cameras whose direction nobody knows."""
    unsure = np.isnan(c.azimuth_deg) | (c.azimuth_sd_deg > KNOWN_SD_DEG)
    if assumed:
        unsure &= (c.azimuth_origin != Origin.ASSUMED) | np.isnan(c.azimuth_deg)
    return np.asarray(unsure)


def _zones(c: Cameras) -> tuple[np.typing.NDArray[np.int32], Floats]:
    """Privacy zones, sorted by camera: first row of each camera, and the sectors."""
    z = c.zones
    order = np.argsort(z.camera, kind="stable")
    sectors = np.stack([np.radians(z.from_deg), np.radians(z.to_deg), z.near_m, z.far_m], axis=1)
    first = np.searchsorted(z.camera[order], np.arange(len(c.id) + 1))
    return first.astype(np.int32), np.ascontiguousarray(sectors[order])


def _ranks(ids: tuple[CameraId, ...]) -> Index:
    """Place of each id in their order."""
    rank = np.empty(len(ids), np.int64)
    rank[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
    return rank
