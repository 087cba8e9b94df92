"""A city's cameras as the columns that the loops read."""

import math

import numpy as np

from safetynet.base.geo import Floats
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.model import PTZ_MODELS, CameraKind, Cameras, Origin
from safetynet.sight.belief import Beliefs
from safetynet.sight.boxes import Index
from safetynet.sight.grid import grid_of, move_item
from safetynet.sight.kernels.lens import Flags, Lenses
from safetynet.sight.profiles import WallProfiles

WIDEST_DEG = 170.0
"""A flat picture cannot be wider; declared wider fields (360° domes) count as this."""
KNOWN_SD_DEG = 20.0
"""A direction that is less sure than this is believed, not known."""
HIGHEST_M = 1_000.0
"""No lens hangs higher over the ground."""
CELL_M = 100.0
_OWN = (
    "x",
    "y",
    "z",
    "place",
    "turns",
    "usable",
    "trust",
    "azimuth",
    "tilt",
    "roll",
    "half_w",
    "aspect",
    "half_px",
    "zoom",
    "speed",
    "tilts",
    "night_m",
    "belief",
)
"""Columns that change when one camera is set anew; its owner, its rank and its zones stay."""
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

    Bad values make a camera unusable, never an error.
    """

    def __init__(
        self, cameras: Cameras, owners: tuple[NodeId, ...], walls: WallProfiles, *, assumed: bool
    ) -> None:
        self.source = cameras
        self.owners = owners
        self.ids = cameras.id
        self.row: dict[CameraId, int] = {camera: i for i, camera in enumerate(cameras.id)}
        self.unknown = _unknown(cameras, assumed=assumed)
        with np.errstate(invalid="ignore"):  # directions beyond all bounds
            self.beliefs = Beliefs.fresh(cameras, self.unknown)
        self.changed: list[int] = []
        """Rows that were put anew, in order."""
        self._walls = walls
        self._assumed = assumed
        self.lens = _packed(self._read(cameras))
        self.home: Floats = np.stack([self.lens.azimuth, self.lens.tilt, self.lens.half_w], axis=1)
        self.grid = grid_of(self.lens.x, self.lens.y, self.lens.x, self.lens.y, CELL_M)

    def __len__(self) -> int:
        return len(self.ids)

    def owner_of(self, row: int) -> NodeId:
        """Whose camera it is."""
        return self.owners[int(self.lens.owner[row])]

    def take_beliefs(self, other: "CameraTable") -> None:
        """What another table learned of the cameras of this one."""
        self.beliefs = other.beliefs.moved(self.source, self.unknown)
        self.read_beliefs()

    def read_beliefs(self) -> None:
        """Let the loops see what was learned."""
        np.copyto(self.lens.belief, np.where(self.lens.turns, -1, self.beliefs.row))

    def put(self, row: int, one: Cameras) -> None:
        """The camera in ``row`` as ``one`` (a single row) says it is now; what was learned of it goes."""
        self.unknown[row] = _unknown(one, assumed=self._assumed)[0]
        with np.errstate(invalid="ignore"):  # a direction beyond all bounds
            self.beliefs.put(row, one, unknown=bool(self.unknown[row]))
        fresh = self._read(one, np.array([row]))
        before = self.grid, float(self.lens.x[row]), float(self.lens.y[row])
        for name in _OWN:
            getattr(self.lens, name)[row] = getattr(fresh, name)[0]
        self.home[row] = fresh.azimuth[0], fresh.tilt[0], fresh.half_w[0]
        self.changed.append(row)
        self.grid = move_item(*before, row, float(fresh.x[0]), float(fresh.y[0]))

    def _read(self, c: Cameras, rows: Index | None = None) -> Lenses:
        usable = _usable(c)
        turns = np.asarray(c.kind == CameraKind.PTZ)
        x, y, height = (np.where(usable, v, 0.0) for v in (c.x, c.y, c.height_m))
        z = height + self._walls.ground_at(x, y)
        azimuth = np.radians(np.where(usable & np.isfinite(c.azimuth_deg), c.azimuth_deg, 0) % 360)
        hfov = np.radians(np.minimum(np.where(usable, c.hfov_deg, 60.0), WIDEST_DEG))
        trust = np.array([TRUST[Origin(o)] for o in range(len(Origin))])
        unknown = self.unknown if rows is None else self.unknown[rows]
        pose_trust = np.where(unknown & ~turns, 1.0, trust[c.pose_origin])
        first, zones = _zones(c)
        model = [PTZ_MODELS[min(int(m), len(PTZ_MODELS) - 1)] for m in np.unique(c.ptz_model)]
        which = np.searchsorted(np.unique(c.ptz_model), c.ptz_model)
        zoom = np.array([m.max_magnification for m in model] or [1.0])
        speed = [
            [
                math.radians(m.pan_dps),
                math.radians(m.tilt_dps),
                m.zoom_per_s * (m.max_magnification - 1),
            ]
            for m in model
        ]
        tilts = [[math.radians(m.min_tilt_deg), math.radians(m.max_tilt_deg)] for m in model]
        return Lenses(
            x=x,
            y=y,
            z=z,
            place=self._walls.rows_of(x, y, z),
            turns=turns,
            usable=usable,
            trust=pose_trust * trust[c.position_origin],
            azimuth=azimuth,
            tilt=np.radians(np.where(usable, c.tilt_deg, 0.0)),
            roll=np.radians(np.where(np.isfinite(c.roll_deg), c.roll_deg, 0.0)),
            half_w=np.tan(hfov / 2),
            aspect=c.height_px / np.maximum(c.width_px, 1),
            half_px=c.width_px / 2,
            zoom=np.where(turns, zoom[which] if len(c.id) else 1.0, 1.0),
            speed=np.array(speed or [[1.0, 1.0, 1.0]])[which],
            tilts=np.array(tilts or [[0.0, 0.0]])[which],
            night_m=c.night_range_m.astype(np.float64),
            belief=np.where(
                turns, -1, self.beliefs.row if rows is None else self.beliefs.row[rows]
            ).astype(np.int32),
            zone=first,
            zones=zones,
            owner=c.district.astype(np.int32),
            rank=_ranks(c.id),
        )


def _packed(lens: Lenses) -> Lenses:
    """The same columns, each camera's numbers side by side in memory: a question reads rows."""
    for kind in (np.float64, np.int32):
        names = [n for n in lens._fields if n != "zone" and _is_column(getattr(lens, n), kind)]
        rows = np.stack([getattr(lens, n) for n in names], axis=1)
        lens = lens._replace(**{n: rows[:, k] for k, n in enumerate(names)})
    return lens


def _is_column(values: np.typing.NDArray[np.generic], kind: type[np.generic]) -> bool:
    return values.ndim == 1 and values.dtype == kind


def _usable(c: Cameras) -> Flags:
    numbers = [c.x, c.y, c.height_m, c.tilt_deg, c.hfov_deg]
    finite = np.logical_and.reduce([np.isfinite(n) for n in numbers])
    finite &= ~np.isinf(c.azimuth_deg)
    with np.errstate(invalid="ignore"):
        good = (np.abs(c.tilt_deg) <= 90) & (c.height_m >= 0) & (c.height_m <= HIGHEST_M)
        good &= (c.hfov_deg >= 1) & (c.hfov_deg <= 360) & (c.width_px > 0) & (c.height_px > 0)
        good &= np.maximum(np.abs(c.x), np.abs(c.y)) <= 100_000
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


def _ranks(ids: tuple[CameraId, ...]) -> np.typing.NDArray[np.int32]:
    """Place of each id in their order."""
    rank = np.empty(len(ids), np.int32)
    rank[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids), dtype=np.int32)
    return rank
