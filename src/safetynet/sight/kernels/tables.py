"""What the loops read: cameras, the moment, the place and what is looked for.

Rows are records, one camera's numbers side by side: a question reads a few cameras out of a whole city,
and every array that is handed on costs each call. One layout each, whatever the number of rows: the
loops are compiled for it once.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from safetynet.base.geo import Floats
from safetynet.sight.kernels.compiled import inner
from safetynet.sight.kernels.walls import Edges, Grid, Profiles, Rows

Flags = NDArray[np.bool_]
Tables = NDArray[np.float32]
Records = NDArray[np.void]
type Record = Any  # Numba knows the fields of a row, the type checker does not

POSE = (("azimuth", np.float64), ("tilt", np.float64), ("tangent", np.float64))
"""Where a camera looks, radians; ``tangent`` of half its horizontal field."""
CAMERA = np.dtype(
    [
        # Read of every camera around a place, and so in front.
        ("x", np.float64),
        ("y", np.float64),
        ("z", np.float64),
        ("place", np.int32),
        ("belief", np.int32),
        ("owner", np.int32),
        ("rank", np.int32),
        ("half_w", np.float64),
        ("trust", np.float64),
        ("turns", np.bool_),
        ("usable", np.bool_),
        # Read of those that may be worth a look.
        ("azimuth", np.float64),
        ("tilt", np.float64),
        ("roll", np.float64),
        ("aspect", np.float64),
        ("half_px", np.float64),
        ("zoom", np.float64),
        ("pan_speed", np.float64),
        ("tilt_speed", np.float64),
        ("zoom_speed", np.float64),
        ("least_tilt", np.float64),
        ("most_tilt", np.float64),
        ("night_m", np.float64),
    ],
    align=True,
)
"""A camera in its home pose; lengths in metres, angles in radians, speeds in radians or magnifications
per second.

``z`` is above the plane, or the sea where the city has ground heights. ``place`` is a row of
``Profiles``; ``belief`` a row of the chance tables, or -1 where the direction is known; ``rank`` the place
in the order of ids: equal views go to the lower one. ``usable`` is false where a value is missing or
impossible: such a camera shows nothing. ``trust`` is the probability that it stands and looks as the data
say. ``half_w`` is the tangent of half the horizontal field at its widest, ``aspect`` height by width of
the picture, ``half_px`` half its width, ``zoom`` the largest magnification, 1 for a fixed camera.
"""
MOMENT = np.dtype(
    [("state", np.int32), *POSE, ("start_s", np.float64), ("sure", np.float64)], align=True
)
"""A camera right now. ``state``: 0 where it may be chosen and turned, 1 where it stays as it is, 2 where
it may not be chosen; ``start_s`` the expected start of its stream; ``sure`` the trust in its state, by its
age."""
VIEW = np.dtype(
    [
        ("camera", np.int32),
        ("turned", np.bool_),
        *POSE,
        ("share", np.float64),
        ("px_per_m", np.float64),
        ("slew_s", np.float64),
        ("start_s", np.float64),
        ("away_m", np.float64),
        ("chance", np.float64),
        ("turn", np.float64),
        ("believed", np.bool_),
        ("direction", np.float64),
        ("gain", np.float64),
        ("stops", np.int32),
        ("round_s", np.float64),
        ("azimuth_2", np.float64),
        ("tilt_2", np.float64),
        ("tangent_2", np.float64),
        ("azimuth_3", np.float64),
        ("tilt_3", np.float64),
        ("tangent_3", np.float64),
    ],
    align=True,
)
"""A camera looked through in one pose, or sweeping. ``turn`` is the angle from where it looks now,
``direction`` that from the camera to the middle of the place, ``gain`` that of the last look: an upper
bound of the next. ``stops`` counts the aims of a sweep, of which the pose is the first, and ``round_s`` the
time from there back to it; 0 stops where the camera stands still."""


class Lenses(NamedTuple):
    """All cameras of a table."""

    camera: Records
    """(n,) of ``CAMERA``."""
    zone: Rows
    """(n + 1,) rows of ``zones``."""
    zones: Floats
    """(k, 4) sectors that must not be shown: from, to (clockwise), near, far."""


class Target(NamedTuple):
    """What is looked for."""

    height_m: float
    width_m: float
    px_per_m: float
    """Picture quality asked for."""
    night: bool


class Believed(NamedTuple):
    """What is believed of cameras whose direction nobody knows."""

    chance: Tables
    """(rows, azimuths, ranges) probability that a target there is in the picture."""
    step_m: float
    """Width of a range, as for a person; the last one is open."""
    most: Floats
    """(rows,) the largest probability of a row."""


class Place(NamedTuple):
    """The points where the target may be."""

    x: Floats
    y: Floats
    ground: Floats
    weight: Floats
    mid_x: float
    mid_y: float
    spread_m: float
    """Distance of the farthest point from the middle."""


class Room(NamedTuple):
    """Room for the work on one camera after the other: the loops make no arrays of their own."""

    turn: Floats
    """(s,) direction of each point that is seen, from the mean one"""
    fall: Floats
    """(s,) tilt to its middle."""
    kept: Floats
    """(s,) weight that counts."""
    strip: Floats
    """(s,) of it, what lies in a strip."""
    rest: Floats
    """(s,) weight that a sweep does not show yet."""
    tried: Tables
    """(s,) what a stop would show."""
    best: Tables
    """(s,) what the best of them shows."""
    held: Floats
    """(STEPS + 1,) sums by direction."""
    aims: Floats
    """(3, AIMS, 3) azimuth, tilt, tangent: aims of a camera, of a sweep's next stop, stops."""


STEPS = 64
"""Into so many steps directions are sorted where sums are made over them."""
AIMS = 3


@inner
def make_room(points: int) -> Room:
    """For a place of so many points."""
    a, b, c, d, e = (
        np.empty(points), np.empty(points), np.empty(points), np.empty(points), np.empty(points),
    )  # fmt: skip
    tried, best = np.empty(points, np.float32), np.empty(points, np.float32)
    return Room(a, b, c, d, e, tried, best, np.empty(STEPS + 1), np.empty((3, AIMS, 3)))


class Moment(NamedTuple):
    """How cameras and owners are right now."""

    camera: Records
    """(n,) of ``MOMENT``."""
    away: Flags
    """(owners,)"""


class Eye(NamedTuple):
    """All that a question looks at."""

    lens: Lenses
    grid: Grid
    profiles: Profiles
    edge: Edges
    tables: Believed
