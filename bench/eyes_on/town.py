"""Towns of the benchmark: pieces of cities as they truly are, and as a chooser may know them."""

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import safetynet.city
from safetynet.base.clock import SystemClock
from safetynet.base.geo import Floats
from safetynet.city.assume import assume_poses
from safetynet.city.build import BuildOrder, build_city
from safetynet.city.bundle import MANIFEST, load_city
from safetynet.city.model import CameraKind, Cameras, City, Origin
from safetynet.city.tables import (
    middles,
    take_buildings,
    take_cameras,
    take_streets,
)

CAMERAS = 170_000
"""Of the synthetic city: about what Seoul has today."""
REACH_M = 500.0
"""Cameras farther from a place than this are nobody's choice."""
NEAR_SITE_M = 200.0
"""Real streets farther than this from every listed camera site are left out: see README.md."""
_HALF_M = 600.0
_BORDER_M = 200.0
_PIECE_M = 10.0
_MIDDLE_HEIGHT_M = 5.75
_MIDDLE_TILT_DEG = 15.0
_MIDDLE_HFOV_DEG = 80.0
_NIGHT_FIXED_M = ((30.0, 0.3), (50.0, 0.4), (80.0, 0.3))
_NIGHT_PTZ_M = ((100.0, 0.5), (150.0, 0.5))


class Ground(StrEnum):
    """Where a town is cut from."""

    SYNTHETIC = "synthetic"
    SONGPA = "songpa"


class Knows(StrEnum):
    """What a chooser is told of the cameras."""

    POSES = "poses"
    """Everything."""
    KINDS = "kinds"
    """Position, count and which can be turned."""
    LIST = "list"
    """Position and count, as public lists say."""


@dataclass(frozen=True, kw_only=True)
class Town:
    """A piece of a city with the streets on which incidents happen."""

    truth: City
    """As it is; for the judge alone."""
    begin: Floats
    """(k, 2) starts of straight pieces of street, at most 10 m long."""
    end: Floats
    """(k, 2)"""
    kept: float
    """Share of the ground's street length that lies on these pieces."""

    def draw_places(self, count: int, rng: np.random.Generator) -> Floats:
        """(count, 2) places, even on street length."""
        along = self.end - self.begin
        length = np.hypot(*along.T)
        piece = rng.choice(len(length), count, p=length / length.sum())
        return np.asarray(self.begin[piece] + along[piece] * rng.uniform(size=(count, 1)))


def load_ground(ground: Ground, folder: Path, data: Path) -> City:
    """The whole city that towns are cut from, built once and kept in ``folder``.

    It is built anew when the code that builds cities has changed.
    """
    code = hashlib.sha256()
    for path in sorted(Path(safetynet.city.__file__).parent.rglob("*.py")):
        code.update(path.read_bytes())
    out = folder / f"{ground}-{code.hexdigest()[:12]}"
    if not (out / MANIFEST).exists():
        real = ground is Ground.SONGPA
        order = BuildOrder(
            name="seoul", out=out, folder=data if real else None, seed=1, cameras=CAMERAS
        )
        build_city(order, SystemClock(), lambda _: None)
    return load_city(out)


def cut_town(city: City, ground: Ground, seed: int) -> Town:
    """The town of a seed.

    Synthetic: 1.2 km square over a border of two districts, another for each seed, its poses known.
    Songpa: the ground with real footprints, real streets and listed sites; for each seed other poses
    are drawn by ``draw_poses``.
    """
    rng = np.random.default_rng([seed, 11])
    if ground is Ground.SYNTHETIC:
        middle = _border_place(city, rng)
        low, high = middle - _HALF_M, middle + _HALF_M
        piece = cut_city(city, low, high)
        return town_of(draw_nights(piece, rng), low, high)
    real = city.buildings.origin != Origin.SYNTHETIC
    places = middles(city.buildings.ring)[real]
    low, high = places.min(axis=0), places.max(axis=0)
    piece = cut_city(city, low, high)
    return town_of(draw_nights(draw_poses(piece, rng), rng), low, high, near_site_m=NEAR_SITE_M)


def cut_city(city: City, low: Floats, high: Floats) -> City:
    """What can matter for a box: cameras to 500 m around it, buildings and streets farther still."""

    def within(xy: Floats, more_m: float) -> NDArray[np.bool_]:
        return np.asarray(((xy >= low - more_m) & (xy <= high + more_m)).all(axis=1))

    cameras = np.column_stack([city.cameras.x, city.cameras.y])
    return replace(
        city,
        cameras=take_cameras(city.cameras, within(cameras, REACH_M)),
        buildings=take_buildings(
            city.buildings, within(middles(city.buildings.ring), REACH_M + 200)
        ),
        streets=take_streets(city.streets, within(middles(city.streets.line), REACH_M + 200)),
        facilities=(),
    )


def town_of(city: City, low: Floats, high: Floats, near_site_m: float = np.inf) -> Town:
    """A town whose incidents happen on streets inside a box, and near listed sites where asked."""
    begin, end = _pieces(city)
    middle = (begin + end) / 2
    inside = ((middle >= low) & (middle <= high)).all(axis=1)
    near = inside & (_to_nearest_m(middle, city.cameras) <= near_site_m)
    length = np.hypot(*(end - begin).T)
    return Town(
        truth=city,
        begin=begin[near],
        end=end[near],
        kept=float(length[near].sum() / length[inside].sum()),
    )


def draw_poses(city: City, rng: np.random.Generator) -> City:
    """True poses for listed sites, by the rule of ``city.assume``: cameras look along the streets that
    adjoin their pole, about a third can be turned. On each pole they are shuffled, so that the order
    in the list tells nothing."""
    cameras = assume_poses(city.cameras, city.streets, city.buildings, rng)
    shuffled = rng.permutation(len(cameras))
    there = np.argsort(cameras.pole, kind="stable")
    source = np.empty(len(cameras), np.int64)
    source[there] = shuffled[np.argsort(cameras.pole[shuffled], kind="stable")]
    drawn = replace(
        cameras,
        height_m=cameras.height_m[source],
        azimuth_deg=cameras.azimuth_deg[source],
        tilt_deg=cameras.tilt_deg[source],
        hfov_deg=cameras.hfov_deg[source],
        kind=cameras.kind[source],
        pose_origin=np.full(len(cameras), Origin.SURVEYED, np.uint8),
        position_origin=np.full(len(cameras), Origin.SURVEYED, np.uint8),
        azimuth_sd_deg=np.zeros(len(cameras)),
        tilt_sd_deg=np.zeros(len(cameras)),
        position_sd_m=np.zeros(len(cameras)),
    )
    return replace(city, cameras=drawn)


def draw_nights(city: City, rng: np.random.Generator) -> City:
    """How far each camera shows something at night: its lamps reach 30 to 80 m, a PTZ's farther."""
    ptz = city.cameras.kind == CameraKind.PTZ
    ranges = np.empty(len(ptz))
    for who, law in ((~ptz, _NIGHT_FIXED_M), (ptz, _NIGHT_PTZ_M)):
        reach, share = zip(*law, strict=True)
        ranges[who] = rng.choice(reach, int(who.sum()), p=share)
    return replace(city, cameras=replace(city.cameras, night_range_m=ranges))


def known_city(truth: City, knows: Knows) -> City:
    """The city as a chooser may know it: what it is not told is NaN, or a middle value by rule."""
    if knows is Knows.POSES:
        return truth
    c, n = truth.cameras, len(truth.cameras)
    told = c.kind if knows is Knows.KINDS else np.full(n, CameraKind.FIXED, np.uint8)
    return replace(
        truth,
        cameras=replace(
            c,
            kind=told,
            height_m=np.full(n, _MIDDLE_HEIGHT_M),
            azimuth_deg=np.full(n, np.nan),
            tilt_deg=np.full(n, _MIDDLE_TILT_DEG),
            hfov_deg=np.where(told == CameraKind.PTZ, 60.0, _MIDDLE_HFOV_DEG),
            night_range_m=np.full(n, np.nan),
            pose_origin=np.full(n, Origin.ASSUMED, np.uint8),
            azimuth_sd_deg=np.full(n, 180.0),
            tilt_sd_deg=np.full(n, 10.0),
        ),
    )


def _border_place(city: City, rng: np.random.Generator) -> Floats:
    """Position of a camera that has another district's camera nearby."""
    c = city.cameras
    for row in rng.permutation(len(c)):
        near = np.hypot(c.x - c.x[row], c.y - c.y[row]) <= _BORDER_M
        if (c.district[near] != c.district[row]).any():
            return np.array([c.x[row], c.y[row]])
    return np.array([c.x.mean(), c.y.mean()])


def _pieces(city: City) -> tuple[Floats, Floats]:
    line = city.streets.line
    same = np.ones(max(len(line.xy) - 1, 0), np.bool_)
    same[line.offset[1:-1] - 1] = False
    a, b = line.xy[:-1][same].astype(np.float64), line.xy[1:][same].astype(np.float64)
    parts = np.maximum(np.ceil(np.hypot(*(b - a).T) / _PIECE_M), 1).astype(np.int64)
    own = np.repeat(np.arange(len(a)), parts)
    k = np.arange(len(own)) - np.repeat(np.cumsum(parts) - parts, parts)
    step = ((b - a) / parts[:, None])[own]
    begin = a[own] + step * k[:, None]
    return begin, begin + step


def _to_nearest_m(at: Floats, cameras: Cameras) -> Floats:
    sites = np.unique(np.column_stack([cameras.x, cameras.y]), axis=0)
    nearest = np.full(len(at), np.inf)
    for x, y in sites:
        np.minimum(nearest, np.hypot(at[:, 0] - x, at[:, 1] - y), out=nearest)
    return nearest
