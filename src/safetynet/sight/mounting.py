"""How cameras are mounted whose pose nobody tells: the hypotheses that a belief weighs.

A hypothesis is an azimuth, a width of the field and a reach. The reach stands for whatever ends the
view: focal length, mounting height and tilt, a tree. What a hypothesis shows is soft at its edges,
because three fields and four reaches stand for all that lie between them.
"""

import numpy as np

from safetynet.base.geo import Floats

AZIMUTHS = 72
"""Bins of compass direction, bin b from 5·b degrees on."""
RANGES = 16
"""Bins of distance as for a person (d · 1.7 m / height of the target), bin r from 10·r metres on."""
RANGE_STEP_M = 10.0
AZIMUTH_STEP_RAD = 2 * np.pi / AZIMUTHS

FIELDS_RAD = np.radians([60.0, 80.0, 100.0])
"""Widths that lenses of 2.8 to 6 mm give on the usual sensors."""
FIELD_SHARE = np.array([0.3, 0.4, 0.3])
REACHES_M = np.array([30.0, 60.0, 95.0, 130.0])
"""How far a person can be told, 14 px high in a picture of 1280: 65 m at 100°, 135 m at 60°; a low
camera that is tilted far down, or one behind leaves, ends before."""
REACH_SHARE = np.array([0.15, 0.25, 0.4, 0.2])

_FIELD_EDGE_RAD = np.radians(3.0)
_REACH_EDGE = 0.1
_NEAR_M = 4.5
"""What is nearer than about this passes below the picture."""

AXES_RAD = (np.arange(AZIMUTHS) + 0.5) * AZIMUTH_STEP_RAD
"""The azimuths that hypotheses stand for: the middles of the bins."""
SHARE = FIELD_SHARE[:, None] * REACH_SHARE
"""(fields, reaches) prior probability; sums to 1."""


def azimuth_bin(bearing: Floats) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    """Bin of compass directions given in radians, any turn."""
    return np.floor(bearing / AZIMUTH_STEP_RAD).astype(np.int64) % AZIMUTHS


def range_bin(distance_m: Floats) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    """Bin of distances as for a person; all that lie beyond fall into the last, which shows nothing."""
    return np.minimum(distance_m / RANGE_STEP_M, RANGES - 1).astype(np.int64)


def in_field(aside: Floats) -> Floats:
    """Chance that each field holds a direction this far from its axis (radians); (…, fields)."""
    off = np.abs((aside + np.pi) % (2 * np.pi) - np.pi)
    return _soft((FIELDS_RAD / 2 - off[..., None]) / _FIELD_EDGE_RAD)


def in_reach(distance_m: Floats) -> Floats:
    """Chance that each reach holds a person at this distance; (…, reaches)."""
    d = np.asarray(distance_m)[..., None]
    near = 1 - np.exp(-((d / _NEAR_M) ** 2))
    return near * _soft((1 - d / REACHES_M) / _REACH_EDGE)


def _soft(margin: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(margin, -40, 40))))
