"""Cutting real streets where a scaled city's covered ground ends. Worker only: shapely."""

from dataclasses import replace

import numpy as np
import shapely
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from safetynet.base.geo import Floats
from safetynet.city.bundle import Speeds
from safetynet.city.geometries import lines_of
from safetynet.city.model import Ints, Shapes, Streets
from safetynet.city.tables import shapes_of


def cut_streets(streets: Streets | None, covered: BaseGeometry) -> tuple[Streets | None, Ints]:
    """The streets split at the covered ground's edge, and (n,) the row that each piece comes from.

    Pieces keep their street's direction; those inside are in coverage, the others are not.
    """
    if streets is None:
        return None, np.zeros(0, np.int32)
    lines = lines_of(streets.line)
    shapely.prepare(covered)
    touches, within = shapely.intersects(covered, lines), shapely.contains(covered, lines)
    pieces: list[Floats] = []
    source: list[int] = []
    inside: list[bool] = []
    for row, line in enumerate(lines):
        parts = [(streets.line[row], bool(within[row]))]
        if touches[row] and not within[row]:
            parts = _split(line, covered)
        for xy, is_inside in parts:
            pieces.append(xy)
            source.append(row)
            inside.append(is_inside)
    return _pick(streets, shapes_of(pieces), np.array(source, np.int32), np.array(inside, np.bool_))


def follow_pieces(speeds: Speeds, source: Ints) -> Speeds:
    """The speeds for streets that were cut: each piece has its street's."""
    order = np.argsort(source, kind="stable")
    first = np.searchsorted(source[order], speeds.street, side="left")
    count = np.searchsorted(source[order], speeds.street, side="right") - first
    row = np.repeat(np.arange(len(count)), count)
    k = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    return Speeds(
        street=order[first[row] + k].astype(np.int32),
        forward=speeds.forward[row],
        kmh=speeds.kmh[row],
    )


def _pick(
    streets: Streets, line: Shapes, source: Ints, inside: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> tuple[Streets, Ints]:
    cut = replace(
        streets,
        line=line,
        rank=streets.rank[source],
        width_m=streets.width_m[source],
        name=tuple(streets.name[i] for i in source.tolist()),
        origin=streets.origin[source],
        in_coverage=inside,
    )
    return cut, source


def _split(line: LineString, covered: BaseGeometry) -> list[tuple[Floats, bool]]:
    parts = []
    for geometry, is_inside in (
        (line.intersection(covered), True),
        (line.difference(covered), False),
    ):
        parts += [
            (_along(line, shapely.get_coordinates(part)), is_inside)
            for part in shapely.get_parts(geometry)
            if isinstance(part, LineString) and part.length > 0.5
        ]
    return parts


def _along(line: LineString, xy: Floats) -> Floats:
    """The piece in the direction of its line."""
    first, second = (line.project(shapely.Point(p)) for p in (xy[0], xy[-1]))
    return xy if first <= second else xy[::-1]
