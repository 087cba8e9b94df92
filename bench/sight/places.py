"""The city of the bench and the places that are asked for."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from safetynet.base.geo import Floats, LonLat
from safetynet.city.bundle import MANIFEST, TILES, Manifest, load_city, write_city
from safetynet.city.model import UNCERTAINTY, Cameras, City, Origin

CAMERAS = 170_000
UNKNOWN_SHARE = 0.3
"""Poles whose cameras' directions are in no list, as in public data."""


class Places:
    """Points drawn on street length, without a look at the cameras."""

    def __init__(self, city: City, count: int, seed: int) -> None:
        x, y = draw_on_streets(city, count, np.random.default_rng([seed, 1])).T
        lon, lat = city.plane.to_lonlat(x, y)
        self.xy = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
        self.lonlat = [LonLat(float(a), float(b)) for a, b in zip(lon, lat, strict=True)]

    def __len__(self) -> int:
        return len(self.xy)


def draw_on_streets(city: City, count: int, rng: np.random.Generator) -> Floats:
    """(count, 2) metres: every metre of street with cameras around is as probable as any other."""
    xy, offset = city.streets.line.xy, city.streets.line.offset
    within = np.ones(len(xy) - 1, np.bool_)
    within[offset[1:-1] - 1] = False  # from one street's end to the next one's beginning
    street = np.searchsorted(offset, np.arange(len(xy) - 1), side="right") - 1
    step = np.diff(xy, axis=0)
    length = np.where(within & city.streets.in_coverage[street], np.hypot(*step.T), 0.0)
    end = np.cumsum(length)
    at = rng.uniform(0, end[-1], count)
    row = np.searchsorted(end, at, side="right")
    share = 1 - (end[row] - at) / length[row]
    return np.asarray(xy[row] + share[:, None] * step[row], np.float64)


def build_bundle(folder: Path, cameras: int, scale: float, seed: int) -> None:
    """Build the whole synthetic Seoul as an operator builds it, then hide directions."""
    order = ("--cameras", str(cameras), "--scale", str(scale), "--seed", str(seed))
    command = (sys.executable, "-m", "safetynet.app.cli", "city", "build", "seoul")
    subprocess.run((*command, "-o", str(folder), *order), check=True)
    hide_in_bundle(folder, seed)


def hide_in_bundle(folder: Path, seed: int) -> None:
    """Write the bundle anew with the directions of some poles unknown."""
    city = load_city(folder)
    manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    hidden = replace(city, cameras=hide_directions(city.cameras, seed))
    write_city(hidden, folder, manifest)


def hide_directions(cameras: Cameras, seed: int) -> Cameras:
    """Nobody says where the cameras of ``UNKNOWN_SHARE`` of the poles look: NaN, never a guess."""
    rng = np.random.default_rng([seed, 2])
    poles, pole = np.unique(cameras.pole, return_inverse=True)
    hidden = (rng.random(len(poles)) < UNKNOWN_SHARE)[pole]
    origin = np.where(hidden, Origin.ASSUMED, cameras.pose_origin).astype(np.uint8)
    return replace(
        cameras,
        azimuth_deg=np.where(hidden, np.nan, cameras.azimuth_deg),
        pose_origin=origin,
        azimuth_sd_deg=UNCERTAINTY[origin, 0],
        tilt_sd_deg=UNCERTAINTY[origin, 1],
    )


def is_bundle(folder: Path) -> bool:
    """True where the folder holds a city with its map."""
    return (folder / MANIFEST).is_file() and (folder / TILES).is_file()


def as_joined(city: City) -> City:
    """The city with its cameras where a hub has them that its districts joined: rounded on the way
    (``federation/inventory.py``), so that walls found around them are found for the hub too."""
    c = city.cameras
    lon, lat = city.plane.to_lonlat(c.x, c.y)
    x, y = city.plane.to_xy(np.round(lon * 1e7) / 1e7, np.round(lat * 1e7) / 1e7)
    return replace(city, cameras=replace(c, x=x, y=y, height_m=np.round(c.height_m * 1e3) / 1e3))
