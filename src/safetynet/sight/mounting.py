"""How cameras are mounted whose pose nobody tells: the hypotheses that a belief weighs.

A hypothesis is an azimuth and a mounting: a width of the field and a reach, which stands for whatever
ends the view (focal length, height and tilt, a tree). Lists seldom tell which cameras turn; of one that
does, any direction is shown when it is asked for, so its field is the whole round. What a hypothesis
shows is soft at its edges, because a few mountings stand for all that lie between them.
"""

import numpy as np
from numpy.typing import NDArray

from safetynet.base.geo import Floats

AZIMUTHS = 72
"""Bins of compass direction, bin b from 5·b degrees on."""
RANGES = 20
"""Bins of distance as for a person (d · 1.7 m / height of the target), bin r from 12.5·r metres on;
what lies beyond is not shown."""
RANGE_STEP_M = 12.5
AZIMUTH_STEP_RAD = 2 * np.pi / AZIMUTHS
AXES_RAD = (np.arange(AZIMUTHS) + 0.5) * AZIMUTH_STEP_RAD
"""The azimuths that hypotheses stand for: the middles of the bins."""

_FIELDS_DEG = ((60.0, 0.3), (80.0, 0.4), (100.0, 0.3))
"""Widths, with their shares, that lenses of 2.8 to 6 mm give on the usual sensors."""
_REACHES_M = ((30.0, 0.15), (60.0, 0.25), (95.0, 0.4), (130.0, 0.2))
"""How far a person can be told, 14 px high in a picture of 1280: 65 m at 100°, 135 m at 60°; a low
camera that is tilted far down, or one behind leaves, ends before."""
_TURNING_M = ((95.0, 0.3), (220.0, 0.7))
"""The same of cameras that turn: domes that keep wide, and those that zoom."""

FIELDS_RAD = np.radians([*(f for f, _ in _FIELDS_DEG), 360.0])
"""(fields,) the last is the whole round."""
FIXED = len(_FIELDS_DEG) * len(_REACHES_M)
"""So many mountings are of fixed cameras; they come first."""
MOUNTINGS = FIXED + len(_TURNING_M)
FIELD_OF = np.array(
    [f for f in range(len(_FIELDS_DEG)) for _ in _REACHES_M] + [len(_FIELDS_DEG)] * 2
)
"""(mountings,) row of ``FIELDS_RAD``."""
REACH_M = np.array([r for _ in _FIELDS_DEG for r, _ in _REACHES_M] + [r for r, _ in _TURNING_M])
"""(mountings,)"""
FIXED_SHARE = np.array([f * r for _, f in _FIELDS_DEG for _, r in _REACHES_M])
"""(FIXED,) share of each mounting among fixed cameras; sums to 1."""
TURNING_SHARE = np.array([share for _, share in _TURNING_M])
"""(MOUNTINGS - FIXED,) the same among those that turn."""

_FIELD_EDGE_RAD = np.radians(3.0)
_REACH_EDGE = 0.1
_NEAR_M = 4.5
"""What is nearer than about this passes below the picture."""


def azimuth_bin(bearing: Floats) -> NDArray[np.int64]:
    """Bin of compass directions given in radians, any turn."""
    return np.floor(bearing / AZIMUTH_STEP_RAD).astype(np.int64) % AZIMUTHS


def range_bin(distance_m: Floats) -> NDArray[np.int64]:
    """Bin of distances as for a person; ``RANGES`` and more where it lies beyond all."""
    return np.floor(distance_m / RANGE_STEP_M).astype(np.int64)


def in_field(aside: Floats) -> Floats:
    """Chance that each field holds a direction so far from its axis (radians); (…, fields)."""
    off = np.abs((aside + np.pi) % (2 * np.pi) - np.pi)[..., None]
    return np.where(_ROUND, 1.0, _soft((FIELDS_RAD / 2 - off) / _FIELD_EDGE_RAD))


def in_reach(distance_m: Floats) -> Floats:
    """Chance that each mounting's reach holds a person at this distance; (…, mountings)."""
    d = np.asarray(distance_m)[..., None]
    near = 1 - np.exp(-((d / _NEAR_M) ** 2))
    return near * _soft((1 - d / REACH_M) / _REACH_EDGE)


def share_shown(bearing: Floats, distance_m: Floats, weight: Floats) -> Floats:
    """(azimuths, mountings) part of a place, points (s,), that each hypothesis shows, 0…1."""
    field = np.moveaxis(in_field(bearing[:, None] - AXES_RAD), 0, -1)
    reach = in_reach(distance_m) * weight[:, None]
    shown = np.empty((AZIMUTHS, MOUNTINGS))
    for f, own in enumerate(_OWN):
        shown[:, own] = field[:, f] @ reach[:, own]
    return np.clip(shown, 0, 1)


def chances(p: Floats) -> NDArray[np.float32]:
    """(azimuths, ranges) that a target there is shown, from the probabilities of the hypotheses."""
    chance = np.zeros((AZIMUTHS, RANGES))
    for f, own in enumerate(_OWN):
        chance += _FIELD_TABLE[f] @ (p[:, own] @ _REACH_TABLE[:, own].T)
    return np.clip(chance, 0, 1).astype(np.float32)


def _soft(margin: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(margin, -40, 40))))


_ROUND = 2 * np.pi <= FIELDS_RAD
_OWN = [np.flatnonzero(f == FIELD_OF) for f in range(len(FIELDS_RAD))]
"""Mountings by field."""
_FIELD_TABLE = np.moveaxis(in_field(AXES_RAD[:, None] - AXES_RAD), -1, 0)
"""(fields, azimuth bins, azimuths)"""
_REACH_TABLE = in_reach(np.arange(0.5, RANGES) * RANGE_STEP_M)
"""(range bins, mountings)"""
