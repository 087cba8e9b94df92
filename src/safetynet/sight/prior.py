"""What lists tell of a camera's pose before anything is observed: where a belief starts."""

import numpy as np
from numpy.typing import NDArray

from safetynet.base.geo import Floats
from safetynet.city.model import CameraKind, Cameras, Ints
from safetynet.sight.mounting import (
    AXES_RAD,
    AZIMUTH_STEP_RAD,
    AZIMUTHS,
    FIXED,
    FIXED_SHARE,
    MOUNTINGS,
    TURNING_SHARE,
    azimuth_bin,
)

MOST_ON_POLE = 6
"""A pole with more cameras than this counts as one with so many."""
TURNING = 0.8
"""On a pole of which no list says what turns, this many cameras do: a site is usually one that turns
and some that do not. At most half of the chance goes to one camera."""
TURNING_TOLD = 0.02
"""The same for one camera whose owner does say which of its cameras turn."""
TURNING_ALL_ROUND = 0.9
"""The same for one camera of which a list says that it looks all round …"""
TURNING_DECLARED = 0.1
"""… or one way."""
SURE_SD_DEG = 90.0
"""A declared direction with a larger standard deviation is none."""
_SDS_DEG = np.array([3.0, 6.0, 12.0, 25.0, 50.0, 90.0])


def priors_of(cameras: Cameras, unknown: NDArray[np.bool_], turning: Floats) -> tuple[Floats, Ints]:
    """Probabilities (k, azimuths, mountings) to start from, and the one of each camera, (n,) or -1.

    The first is that of a camera which is alone on its pole and of which nothing is said.
    """
    azimuth, width = said_of(cameras)
    key = ((azimuth + 1) * 10 + width + 1) * 10_000 + np.round(turning * 1000).astype(np.int64)
    _, first, member = np.unique(key[unknown], return_index=True, return_inverse=True)
    row = np.full(len(cameras), -1, np.int32)
    row[unknown] = member.reshape(-1) + 1
    starts = [
        start_of(int(azimuth[i]), int(width[i]), float(turning[i]))
        for i in np.flatnonzero(unknown)[first].tolist()
    ]
    return np.stack([start_of(-1, -1, min(TURNING, 0.5)), *starts]), row


def said_of(cameras: Cameras) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n,) bin and class of width of each declared direction, so that cameras share rows; or -1."""
    said = _is_declared(cameras)
    azimuth = azimuth_bin(np.radians(np.where(said, cameras.azimuth_deg, 0)))
    width = np.searchsorted(_SDS_DEG[:-1], cameras.azimuth_sd_deg)
    return np.where(said, azimuth, -1), np.where(said, width, -1)


def turning_of(cameras: Cameras) -> Floats:
    """(n,) prior probability that each camera turns, in steps, by what lists say."""
    turns = cameras.kind == CameraKind.PTZ
    owners_tell = np.bincount(cameras.district, weights=turns, minlength=1) > 0
    pole = poles_of(cameras)
    per_pole = np.minimum(np.bincount(pole, minlength=1)[pole], MOST_ON_POLE)
    alone = np.minimum(TURNING / per_pole, 0.5)
    share = np.where(_is_declared(cameras), np.minimum(alone, TURNING_DECLARED), alone)
    share = np.where(owners_tell[cameras.district], TURNING_TOLD, share)
    return np.where(cameras.all_round, TURNING_ALL_ROUND, share)


def poles_of(cameras: Cameras) -> NDArray[np.intp]:
    """(n,) number of each camera's pole, from 0 on; owners number their poles apart."""
    key = cameras.district.astype(np.int64) << 32 | cameras.pole.astype(np.uint32)
    number: NDArray[np.intp] = np.unique(key, return_inverse=True)[1]
    return number.reshape(-1)


def _is_declared(cameras: Cameras) -> NDArray[np.bool_]:
    return np.isfinite(cameras.azimuth_deg) & (cameras.azimuth_sd_deg < SURE_SD_DEG)


def start_of(azimuth: int, width: int, turning: float) -> Floats:
    """(azimuths, mountings) probabilities of a camera of which a list says so much."""
    directions = np.full(AZIMUTHS, 1 / AZIMUTHS)
    if azimuth >= 0:
        directions = _normal(AXES_RAD[azimuth], np.radians(_SDS_DEG[width]))
    p = np.empty((AZIMUTHS, MOUNTINGS))
    p[:, :FIXED] = (1 - turning) * directions[:, None] * FIXED_SHARE
    p[:, FIXED:] = turning / AZIMUTHS * TURNING_SHARE
    return p


def _normal(azimuth: float, sd: float) -> Floats:
    """(azimuths,) a normal distribution wrapped around the compass."""
    turns = 2 * np.pi * np.arange(-2, 3)[:, None]
    off = (AXES_RAD - azimuth + turns) / max(sd, AZIMUTH_STEP_RAD / 2)
    p = np.exp(-(off**2) / 2).sum(axis=0) + 1e-9
    return np.asarray(p / p.sum())
