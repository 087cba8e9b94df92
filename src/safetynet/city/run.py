"""A named street from one end to the other, joined of the pieces that a city's map holds."""

import heapq
import math
import re
from dataclasses import dataclass

import numpy as np

from safetynet.base.errors import InvalidError
from safetynet.base.geo import Floats
from safetynet.base.ids import NodeId
from safetynet.city.model import City
from safetynet.city.rings import is_inside

_JOIN_M = 40.0
"""Ends of one street this near are one: both sides of a divided road, and what a crossing leaves out."""
_GAP_M = 400.0
_LEAVES_M = 80.0
"""A corner of a 길 this near to the street that it is named after is where it leaves that street."""
_PARENT = re.compile(r"^(.+(?:대로|로))(\d+번?)?([가-힣])?길$")


@dataclass(frozen=True, kw_only=True)
class Run:
    """A street from its start to its end."""

    xy: Floats
    width_m: float

    def ends(self) -> Floats:
        """Way from the start to each corner, m."""
        return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(self.xy, axis=0).T))])

    def back(self) -> "Run":
        """The same from the other end."""
        return Run(xy=self.xy[::-1], width_m=self.width_m)

    def project(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Way from the start to the nearest place on the run, and how far that is, for points (n,)."""
        if not len(x):
            return np.empty(0), np.empty(0)
        a, way = self.xy[:-1], np.diff(self.xy, axis=0)
        length = np.maximum(np.hypot(*way.T), 1e-9)
        off = np.stack([x, y], axis=-1)[:, None, :] - a
        t = np.clip((off * way).sum(axis=-1) / length**2, 0, 1)
        gap = np.linalg.norm(off - t[..., None] * way, axis=-1)
        which = gap.argmin(axis=1)
        row = np.arange(len(x))
        return self.ends()[which] + t[row, which] * length[which], gap[row, which]

    def between(self, from_m: float, to_m: float) -> Floats:
        """The part between two ways from the start, (n, 2)."""
        ends = self.ends()
        inner = self.xy[(ends > from_m) & (ends < to_m)]
        edge = [
            [float(np.interp(way, ends, self.xy[:, axis])) for axis in (0, 1)]
            for way in (from_m, to_m)
        ]
        return np.concatenate([[edge[0]], inner, [edge[1]]])


def plain_name(name: str) -> str:
    """Without blanks, which are written or not."""
    return re.sub(r"\s+", "", name)


def find_run(city: City, name: str, district: NodeId | None) -> Run | None:
    """The street of that name from its start by the rule to its other end; None where there is none.

    A 길 starts where it leaves the street that it is named after, any other street at its western or
    southern end. Raises ``InvalidError`` where several streets have the name.
    """
    streets = city.streets
    rows = [i for i, given in enumerate(streets.name) if given and plain_name(given) == name]
    lines = [streets.line[i] for i in rows if len(streets.line[i]) >= 2]
    if not lines:
        return None
    groups = _groups(lines)
    if district is not None:
        rings = [np.asarray(r) for d in city.districts if d.node == district for r in d.border]
        groups = [g for g in groups if _meets(city, [lines[i] for i in g], rings)]
    if not groups:
        return None
    sizes = sorted((sum(length_of(lines[i]) for i in g) for g in groups), reverse=True)
    if len(groups) > 1 and sizes[1] > 0.3 * sizes[0]:
        raise InvalidError(
            "city.several_streets", "Several streets have this name: say the district.", street=name
        )
    group = max(groups, key=lambda g: sum(length_of(lines[i]) for i in g))
    width = float(np.median([streets.width_m[rows[i]] for i in group]))
    group_lines = [lines[i] for i in group]
    start = _find_leaving(city, name, group_lines)
    xy = _longest_way(group_lines, start)
    east, north = xy[-1] - xy[0]
    backward = east < 0 if abs(east) >= abs(north) else north < 0
    return Run(xy=xy[::-1] if start is None and backward else xy, width_m=width)


def _find_leaving(city: City, name: str, lines: list[Floats]) -> int | None:
    """Number of the end (two for each line) where a 길 leaves its street; None where none does."""
    found = _PARENT.match(name)
    if found is None:
        return None
    main, number, letter = found.groups()
    ends = np.concatenate([[line[0], line[-1]] for line in lines])
    for parent in ([f"{main}{number}길"] if number and letter else []) + [main]:
        rows = [i for i, given in enumerate(city.streets.name) if plain_name(given) == parent]
        gaps = [
            Run(xy=city.streets.line[i], width_m=0).project(*ends.T)[1]
            for i in rows
            if len(city.streets.line[i]) > 1
        ]
        if gaps and np.min(gaps) <= _LEAVES_M:
            return int(np.min(gaps, axis=0).argmin())
    return None


def length_of(line: Floats) -> float:
    """Of a line (n, 2), metres."""
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def _groups(lines: list[Floats]) -> list[list[int]]:
    """Pieces that belong to one street: those with an end near an end of another."""
    ends = np.array([[line[0], line[-1]] for line in lines])
    left = set(range(len(lines)))
    groups = []
    while left:
        group, fresh = [], [min(left)]
        left.discard(fresh[0])
        while fresh:
            one = fresh.pop()
            group.append(one)
            others = sorted(left)
            gap = np.linalg.norm(ends[others][:, :, None] - ends[one][None, None], axis=-1)
            near = [o for o, g in zip(others, gap, strict=True) if g.min() <= _GAP_M]
            left.difference_update(near)
            fresh += near
        groups.append(sorted(group))
    return groups


def _meets(city: City, lines: list[Floats], rings: list[Floats]) -> bool:
    """True where the middle of some piece lies in one of the rings (lon, lat)."""
    middles = [city.plane.to_lonlat(*line[len(line) // 2].tolist()) for line in lines]
    return any(is_inside(lon, lat, ring) for lon, lat in middles for ring in rings)


def _longest_way(lines: list[Floats], start: int | None) -> Floats:
    """The longest of the shortest ways through the pieces, from one end or from any."""
    corner = np.concatenate([[line[0], line[-1]] for line in lines])
    ways: list[list[tuple[float, int, Floats]]] = [[] for _ in corner]
    for k, line in enumerate(lines):
        ways[2 * k].append((length_of(line), 2 * k + 1, line))
        ways[2 * k + 1].append((length_of(line), 2 * k, line[::-1]))
    apart = np.linalg.norm(corner[:, None] - corner[None], axis=-1)
    for a, b in _links(apart):
        hop = np.array([corner[a], corner[b]])
        ways[a].append((float(apart[a, b]) * 1.5 + 0.01, b, hop))
        ways[b].append((float(apart[a, b]) * 1.5 + 0.01, a, hop[::-1]))
    first = _farthest(ways, 0)[0] if start is None else start
    last, came = _farthest(ways, first)
    parts: list[Floats] = []
    while last != first:
        before, part = came[last]
        parts.append(part)
        last = before
    xy = np.concatenate(parts[::-1])
    return np.asarray(xy[np.concatenate([[True], np.hypot(*np.diff(xy, axis=0).T) > 1e-6])])


def _links(apart: Floats) -> list[tuple[int, int]]:
    """Ends to join: all that are near, and the nearest of what is then still apart."""
    group = np.arange(len(apart) // 2).repeat(2)
    links = []
    a, b = np.triu_indices(len(apart), 1)
    for k in np.argsort(apart[a, b], kind="stable").tolist():
        one, other = int(a[k]), int(b[k])
        if apart[one, other] > _GAP_M:
            break
        if apart[one, other] <= _JOIN_M or group[one] != group[other]:
            links.append((one, other))
            group[group == group[other]] = group[one]
    return links


def _farthest(
    ways: list[list[tuple[float, int, Floats]]], start: int
) -> tuple[int, dict[int, tuple[int, Floats]]]:
    """The corner farthest from ``start`` and how each corner is reached (Dijkstra)."""
    gone = {start: 0.0}
    came: dict[int, tuple[int, Floats]] = {}
    heap = [(0.0, start)]
    while heap:
        way, corner = heapq.heappop(heap)
        if way > gone[corner]:
            continue
        for length, other, part in ways[corner]:
            if way + length < gone.get(other, math.inf):
                gone[other] = way + length
                came[other] = corner, part
                heapq.heappush(heap, (way + length, other))
    return max(gone, key=lambda c: (gone[c], -c)), came
