"""What walls hide around every lens position: found when first asked for, or all at once."""

import os
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from safetynet.base.errors import InvalidError
from safetynet.base.geo import Floats
from safetynet.city.model import Buildings, City
from safetynet.sight.boxes import Index
from safetynet.sight.grid import grid_of
from safetynet.sight.kernels.compiled import DIGEST
from safetynet.sight.kernels.points import building_at
from safetynet.sight.kernels.walls import (
    BUCKETS,
    DIRECTIONS,
    NO_END,
    RINGS_M,
    Bytes,
    Counts,
    Edges,
    Ends,
    Profiles,
    Rows,
    Scratch,
    Solids,
    find_walls,
    make_scratch,
)

CELL_M = 25.0
_EXACT = 1000
"""Positions are kept to the millimetre."""
_VERSION = 4


class Found(NamedTuple):
    """The walls around some positions; as ``Profiles``, spans counted from 0."""

    span: Rows
    wall: Rows
    within: Bytes
    short_cm: Ends
    tall_cm: Ends


class WallProfiles:
    """The buildings of a city, and the walls that matter around lens positions.

    A position gets a row once and for ever; its walls are found by ``find``. Not safe for several
    threads at once, but for ``find_all``, which uses its own.
    """

    def __init__(self, city: City) -> None:
        self._made_for = f"{_VERSION} {DIGEST} {city.version}"
        self.ground = city.ground
        self.solids, self.building = _solids(city)
        self._row: dict[tuple[int, int, int], int] = {}
        self._count, self._used = 0, 0
        self._position = np.empty((0, 3))
        self._span = np.empty((0, BUCKETS + 1), np.int32)
        self._within = np.empty((0, BUCKETS, len(RINGS_M)), np.uint8)
        self._short_cm, self._tall_cm = (np.empty((0, BUCKETS), np.uint16) for _ in range(2))
        self.profiles = Profiles(
            span=self._span,
            wall=np.empty(1024, np.int32),
            within=self._within,
            short_cm=self._short_cm,
            tall_cm=self._tall_cm,
        )
        self._room = make_scratch()

    def ground_at(self, x: Floats, y: Floats) -> Floats:
        """Height of the ground, m; 0 where the city has none."""
        return self.ground.height_at(x, y) if self.ground is not None else np.zeros(x.shape)

    def rows_of(self, x: Floats, y: Floats, z: Floats) -> Rows:
        """Row of each position; new ones get new rows, without walls yet."""
        keys = np.round(np.stack([x, y, z], axis=1) * _EXACT).astype(np.int64)
        rows, before = np.empty(len(keys), np.int32), len(self._row)
        fresh: list[int] = []
        for i, key in enumerate(map(tuple, keys.tolist())):
            row = self._row.get(key)
            if row is None:
                row = self._row[key] = before + len(fresh)
                fresh.append(i)
            rows[i] = row
        if fresh:
            self._grow(x[fresh], y[fresh], z[fresh])
        return rows

    def missing(self, rows: Rows) -> Rows:
        """Those of the rows whose walls were not found yet, each once."""
        return np.unique(rows[self.profiles.span[rows, 0] < 0])

    def find(self, rows: Rows) -> None:
        """Find the walls around these positions."""
        for first in range(0, len(rows), 4096):
            part = rows[first : first + 4096]
            self._put(part, _find(self.solids, self._positions(part), self._room))

    def find_all(self, threads: int | None = None) -> None:
        """Find the walls around all positions, by several threads."""
        rows = self.missing(np.arange(self._count, dtype=np.int32))
        parts = np.array_split(rows, max(len(rows) // 2048, 1))
        work = threads or os.cpu_count() or 1

        def one(part: Rows) -> Found:
            return _find(self.solids, self._positions(part), make_scratch())

        with ThreadPoolExecutor(work) as pool:
            for part, found in zip(parts, pool.map(one, parts), strict=True):
                self._put(part, found)

    def save(self, path: Path) -> None:
        """Write what was found, for ``load``."""
        self.to_save()(path)

    def to_save(self) -> Callable[[Path], None]:
        """What was found until now, to be written by any thread while more is found."""
        known = np.flatnonzero(self.profiles.span[:, 0] >= 0)
        columns = {
            "made_for": np.array(self._made_for),
            "position": self._position[known],
            "span": self.profiles.span[known],
            "wall": self.profiles.wall[: self._used],  # what is in it stays as it is
            "within": self.profiles.within[known],
            "short_cm": self.profiles.short_cm[known],
            "tall_cm": self.profiles.tall_cm[known],
        }

        def write(path: Path) -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(path.name + ".new")
            with beside.open("wb") as file:
                np.savez(file, allow_pickle=False, **columns)
            beside.replace(path)

        return write

    def load(self, path: Path) -> None:
        """Take what was found before for the same city.

        Raises ``InvalidError`` ``sight.profiles`` where the file is of another city or version, or none.
        """
        try:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                kept = {name: file[name] for name in file.files}
            fits = str(kept["made_for"]) == self._made_for
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise InvalidError("sight.profiles", "this file holds no wall profiles") from error
        if not fits:
            raise InvalidError("sight.profiles", "the profiles are of another city or version")
        rows = self.rows_of(*kept["position"].T)
        offset, wall = self._used, kept["wall"]
        if offset:
            self._reserve(len(wall))
            self.profiles.wall[offset : offset + len(wall)] = wall
        else:  # hundreds of megabytes, at a start: taken as they are
            self.profiles = self.profiles._replace(wall=wall)
        self._used += len(wall)
        self.profiles.span[rows] = kept["span"] + offset
        self.profiles.within[rows] = kept["within"]
        self.profiles.short_cm[rows] = kept["short_cm"]
        self.profiles.tall_cm[rows] = kept["tall_cm"]

    def _positions(self, rows: Rows | Index) -> Floats:
        """(n, 5): x, y, z, ground, and the building that does not count or -1."""
        x, y, z = self._position[rows].T
        base = self.ground_at(x, y)
        skip = np.full(len(rows), -1.0)
        for k in range(len(rows)):
            home = building_at(self.solids, float(x[k]), float(y[k]))
            if home >= 0 and self.solids.edge[self.solids.first[home], 4] > z[k]:
                skip[k] = home
        return np.stack([x, y, z, base, skip], axis=1)

    def _grow(self, x: Floats, y: Floats, z: Floats) -> None:
        """New rows without walls; room is made for twice as many, so that one more costs little."""
        n = self._count + len(x)
        if n > len(self._position):
            size = max(n, 2 * len(self._position) if self._count else n)
            self._position = _longer(self._position, size, 0.0)
            self._span = _longer(self._span, size, -1)
            self._within = _longer(self._within, size, 0)
            self._short_cm = _longer(self._short_cm, size, NO_END)
            self._tall_cm = _longer(self._tall_cm, size, NO_END)
        self._position[self._count : n] = np.stack([x, y, z], axis=1)
        self._count = n
        self.profiles = self.profiles._replace(
            span=self._span[:n],
            within=self._within[:n],
            short_cm=self._short_cm[:n],
            tall_cm=self._tall_cm[:n],
        )

    def _reserve(self, count: int) -> int:
        """Room for so many more walls; returns where it begins."""
        if self._used + count > len(self.profiles.wall):
            size = max(2 * len(self.profiles.wall), self._used + count)
            wall = np.empty(size, np.int32)
            wall[: self._used] = self.profiles.wall[: self._used]
            self.profiles = self.profiles._replace(wall=wall)
        return self._used

    def _put(self, rows: Rows, found: Found) -> None:
        offset = self._reserve(len(found.wall))
        made = self.profiles
        made.wall[offset : offset + len(found.wall)] = found.wall
        self._used += len(found.wall)
        made.span[rows] = found.span + offset
        made.within[rows] = found.within
        made.short_cm[rows] = found.short_cm
        made.tall_cm[rows] = found.tall_cm


def _longer[T: np.generic](
    column: np.typing.NDArray[T], size: int, fill: float
) -> np.typing.NDArray[T]:
    """The same rows, with room for more."""
    longer = np.full((size, *column.shape[1:]), fill, column.dtype)
    longer[: len(column)] = column
    return longer


def _find(solids: Solids, position: Floats, room: Scratch) -> Found:
    """Walls around positions (n, 5): spans from 0, walls, ends of sight."""
    n = len(position)
    span, within = (
        np.empty((n, BUCKETS + 1), np.int32),
        np.empty((n, BUCKETS, len(RINGS_M)), np.uint8),
    )
    short_cm, tall_cm = (np.empty((n, BUCKETS), np.uint16) for _ in range(2))
    walls, used = [np.empty(0, np.int32)], 0
    for k, (x, y, z, base, skip) in enumerate(position.tolist()):
        rows = short_cm[k], tall_cm[k], span[k], within[k]
        count = find_walls(solids, x, y, z, base, int(skip), room, DIRECTIONS, *rows)
        walls.append(room.found[:count].copy())
        span[k] += used
        used += count
    return Found(span, np.concatenate(walls), within, short_cm, tall_cm)


def _solids(city: City) -> tuple[Solids, Index]:
    """All buildings with at least three corners and a height, and the bundle's number of each."""
    buildings: Buildings = city.buildings
    xy, offset = buildings.ring.xy, buildings.ring.offset.astype(np.int64)
    corners = np.diff(offset)
    with np.errstate(invalid="ignore"):
        real = np.flatnonzero((corners >= 3) & (buildings.height_m > 0))
    real = real[np.isfinite(buildings.height_m[real])]
    count = corners[real]
    first: Counts = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    own = np.repeat(np.arange(len(real)), count)
    a = offset[real][own] + np.arange(len(own)) - first[own]
    last = np.zeros(len(own), np.bool_)
    last[first[1:] - 1] = True
    b = np.where(last, offset[real][own], a + 1)
    edge: Edges = np.empty((len(own), 5), np.float32)
    edge[:, :2] = xy[a]
    edge[:, 2:4] = xy[b].astype(np.float32) - xy[a].astype(np.float32)
    box = np.empty((len(real), 4))
    if len(real):
        starts = first[:-1]
        for k, f in enumerate((np.minimum, np.maximum)):
            box[:, 2 * k] = f.reduceat(edge[:, 0], starts)
            box[:, 2 * k + 1] = f.reduceat(edge[:, 1], starts)
    foot = np.zeros(len(real))
    if city.ground is not None:
        foot = city.ground.height_at(*((box[:, :2] + box[:, 2:]) / 2).T)
    edge[:, 4] = (foot + buildings.height_m[real])[own]
    grid = grid_of(box[:, 0], box[:, 1], box[:, 2], box[:, 3], CELL_M)
    return Solids(edge=edge, first=first, box=box, grid=grid), real
