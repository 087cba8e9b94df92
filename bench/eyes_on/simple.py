"""How cameras are chosen today: by straight line to the reported place, and nothing else."""

import zlib

import numpy as np
from bench.eyes_on.ask import Chooser, Incident, View
from bench.eyes_on.town import REACH_M

from safetynet.base.geo import Floats
from safetynet.city.model import City

SECTORS = 8


def nearest_four(city: City) -> Chooser:
    """The four cameras nearest to the reported place."""

    def choose(incident: Incident) -> list[View]:
        away, _ = _polar(city, incident)
        return _views(city, np.argsort(away, kind="stable")[:4])

    return choose


def all_within(city: City, most: int = 9) -> Chooser:
    """Every camera within 500 m in random order, of which somebody looks at the first few."""

    def choose(incident: Incident) -> list[View]:
        away, _ = _polar(city, incident)
        rng = np.random.default_rng(zlib.crc32(incident.id.encode()))
        return _views(city, rng.permutation(np.flatnonzero(away <= REACH_M))[:most])

    return choose


def throw_net(city: City) -> Chooser:
    """투망: the nearest camera, then the nearest in each of eight sectors around the place, near ones first."""

    def choose(incident: Incident) -> list[View]:
        away, bearing = _polar(city, incident)
        order = np.argsort(away, kind="stable")
        order = order[away[order] <= REACH_M]
        centre, rest = order[:1], order[1:]
        sector = (bearing[rest] / (2 * np.pi / SECTORS)).astype(np.int64) % SECTORS
        _, first = np.unique(sector, return_index=True)
        return _views(city, np.concatenate([centre, rest[np.sort(first)]]))

    return choose


def _polar(city: City, incident: Incident) -> tuple[Floats, Floats]:
    """Distance of each camera from the reported place, and its bearing from there, radians from 0."""
    x, y = city.plane.to_xy(incident.place.at.lon, incident.place.at.lat)
    dx, dy = city.cameras.x - x, city.cameras.y - y
    return np.hypot(dx, dy), np.arctan2(dx, dy) % (2 * np.pi)


def _views(city: City, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[View]:
    return [View(camera=city.cameras.id[row]) for row in rows.tolist()]
