"""Camera poles at street corners: how many cameras, which kinds, and where they look."""

from dataclasses import dataclass

import numpy as np

from safetynet.base.geo import Floats
from safetynet.city.lattice import Corners
from safetynet.city.model import Bytes, CameraKind, Ints

PER_POLE = np.array([0.25, 0.35, 0.25, 0.15])
"""Share of poles with 1, 2, 3 and 4 cameras."""
PTZ_HFOV_DEG = 60.0


@dataclass(frozen=True, kw_only=True)
class Mounts:
    """Cameras on poles; arrays have shape (n,)."""

    x: Floats
    y: Floats
    height_m: Floats
    azimuth_deg: Floats
    tilt_deg: Floats
    hfov_deg: Floats
    kind: Bytes
    pole: Ints
    """Counted from 0 within this plan."""


def plan_poles(corners: Corners, count: int, rng: np.random.Generator) -> Mounts:
    """Hang ``count`` cameras at corners spread evenly over the given ones.

    Fewer where there are not enough corners for four cameras each.
    """
    per_pole = _draw_per_pole(count, len(corners.xy), rng)
    chosen = _spread(corners, len(per_pole), rng)
    pole = np.repeat(np.arange(len(per_pole), dtype=np.int32), per_pole)
    ordinal = np.arange(len(pole)) - np.repeat(np.cumsum(per_pole) - per_pole, per_pole)
    return mount(
        corners.xy[chosen], _ways(corners, chosen), per_pole, pole, ordinal.astype(np.int32), rng
    )


def mount(
    at: Floats,
    ways: Floats,
    per_pole: Ints,
    pole: Ints,
    ordinal: Ints,
    rng: np.random.Generator,
) -> Mounts:
    """Poses for cameras at poles ``at`` (p, 2) that may look along ``ways`` (p, w) azimuths (NaN: none).

    The first camera of a pole is a PTZ for nine poles of ten with several cameras and for every
    second with a single one, so that about a third of all turn. Fixed ones share out the ways.
    """
    n, p = len(pole), len(at)
    chance = np.where(per_pole == 1, 0.5, 0.9)
    ptz = (ordinal == 0) & (rng.uniform(size=p) < chance)[pole]
    order = np.argsort(np.isnan(ways), axis=1, kind="stable")
    sorted_ways = np.take_along_axis(ways, order, axis=1)
    number = np.maximum((~np.isnan(ways)).sum(axis=1), 1)
    turn = rng.integers(0, 4, p)
    picked = sorted_ways[pole, (ordinal + turn[pole]) % number[pole]]
    second_round = ordinal // number[pole]
    azimuth = (picked + rng.uniform(-6, 6, n) + 35 * second_round) % 360
    pole_height = rng.uniform(4.5, 7.0, p)
    return Mounts(
        x=at[pole, 0],
        y=at[pole, 1],
        height_m=np.where(
            ptz, pole_height[pole] + 1.0, pole_height[pole] - 0.1 * np.minimum(ordinal, 5)
        ),
        azimuth_deg=azimuth,
        tilt_deg=np.where(ptz, 15.0, rng.uniform(10, 25, n)),
        hfov_deg=np.where(ptz, PTZ_HFOV_DEG, rng.uniform(60, 100, n)),
        kind=np.where(ptz, CameraKind.PTZ, CameraKind.FIXED).astype(np.uint8),
        pole=pole,
    )


def _draw_per_pole(count: int, corners: int, rng: np.random.Generator) -> Ints:
    draws = rng.choice(np.arange(1, 5), max(count, 1), p=PER_POLE)
    poles = int(np.searchsorted(np.cumsum(draws), count)) + 1
    if poles > corners:
        draws, poles = np.full(corners, 4), min(corners, -(-count // 4))
    per_pole: Ints = np.asarray(draws[:poles] if count and corners else draws[:0]).astype(np.int32)
    if len(per_pole):
        per_pole[-1] -= max(0, int(per_pole.sum()) - count)
    kept: Ints = per_pole[per_pole > 0]
    return kept


def _spread(corners: Corners, count: int, rng: np.random.Generator) -> Ints:
    """Indices of ``count`` corners: every k-th along a meandering walk, one corner for each crossing first."""
    if count == 0:
        return np.zeros(0, np.int32)
    shuffled = rng.permutation(len(corners.xy))
    _, first = np.unique(corners.node[shuffled], return_index=True)
    one_each = shuffled[first]
    pool = one_each if len(one_each) >= count else shuffled
    band = np.floor(corners.xy[pool, 1] / 150).astype(int)
    x = corners.xy[pool, 0]
    walk = pool[np.lexsort((np.where(band % 2 == 0, x, -x), band))]
    start = rng.uniform(0, 1)
    picked: Ints = walk[((np.arange(count) + start) * len(walk) / count).astype(int)]
    return picked


def _ways(corners: Corners, chosen: Ints) -> Floats:
    """(p, 4) azimuths from the pole to points down the streets of its crossing."""
    d = corners.along[chosen] - corners.xy[chosen, None]
    return np.asarray(np.degrees(np.arctan2(d[..., 0], d[..., 1])) % 360)
