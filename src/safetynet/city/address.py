"""Where road-name addresses (도로명주소) lie: a range of building numbers as a line along its street.

The rule (도로명주소법): a street begins at its western or southern end, a 길 where it leaves the street that
it is named after; each 20 m have a pair of numbers, odd on the left and even on the right, so number n
lies between ``(n - 1) // 2 * 20`` m and 20 m further on.

How true that is is measured on what public bodies publish (``bench/places/addresses.py``). In 강남구's street
sections the 길 begin as said in all of 677 cases, and 송파구's hydrants on 길 lie 43 m from where the rule puts
their address (median; 129 m at the third quartile). The old main streets (테헤란로, 도산대로 …) were numbered before
the rule, at 6 to 7 m a number from another start: there, and where the map holds only a part of a street, the
rule is wrong by some 500 m, and at times by far more. On streets other than 길, cameras that are listed under an
address are therefore taken as signs: from four signs that agree, numbers are read between them and the rule only
goes on beyond them. So found, hydrants lie 55 m off (125 m), defibrillators all over Seoul 85 m (146 m).
"""

import re
from dataclasses import dataclass

import msgspec
import numpy as np

from safetynet.base.errors import InvalidError, NotFoundError
from safetynet.base.geo import Floats, LonLat
from safetynet.base.ids import NodeId
from safetynet.city.model import City
from safetynet.city.run import Run, find_run, plain_name

PAIR_M = 20.0
"""Length of street that has one pair of numbers (기초간격)."""
MAX_NUMBER = 9_999
MOST_NUMBERS = 400
"""Numbers in one range: four kilometres by the rule."""

_SIGN_M = 80.0
"""A sign farther from the street than this is of another one."""
_LEAST_SIGNS = 4
_WALK_UP_M = 3.0
"""From the street's edge to the front of the houses."""
_RULE_ERROR_M = (150.0, 1_500.0)
"""What three of four are right to by the rule alone: on a 길, on another street."""
_LEAST_ERROR_M = 200.0
_RANGE = re.compile(
    r"^(?:.*\s)?(?P<street>\S*?(?:대로|로|길))\s*(?P<low>\d+)(?:-\d+)?"
    r"(?:\s*(?:[~–—〜]|부터|에서)\s*(?P<high>\d+)(?:-\d+)?)?\s*(?:번|까지|호)*$"
)


class AddressRange(msgspec.Struct, frozen=True, kw_only=True):
    """Building numbers of one street, both included."""

    street: str
    low: int
    high: int


class AddressLine(msgspec.Struct, frozen=True, kw_only=True):
    """Where a range of numbers lies."""

    line: tuple[LonLat, ...]
    """From the lowest number to the highest."""
    half_width_m: float
    """From the middle of the street to the front of the houses."""
    signs: int
    """How many known addresses on the street it rests on; 0 where the rule alone says so."""
    error_m: float
    """How far along the street it may be wrong: three of four are right to this."""


@dataclass(frozen=True, kw_only=True)
class _Signs:
    """Known addresses of one street; arrays of shape (n,)."""

    number: Floats
    x: Floats
    y: Floats


def read_address_range(text: str) -> AddressRange:
    """``충정로 10~36`` or ``서울 서대문구 충정로 10`` as street and numbers.

    A range is written with ``~`` or a dash longer than a hyphen, for a hyphen is part of a building's
    number: ``충정로 10-3`` is one house. Raises ``InvalidError`` for anything else.
    """
    found = _RANGE.match(text.strip())
    if found is None:
        raise InvalidError("city.address", "This is no street with numbers, like 충정로 10~36.")
    low = int(found["low"])
    return AddressRange(street=found["street"], low=low, high=int(found["high"] or low))


def find_address_line(
    city: City, street: str, low: int, high: int, district: NodeId | None = None
) -> AddressLine:
    """The line along a street where the buildings numbered ``low`` to ``high`` stand.

    ``district`` tells streets of one name apart. Raises ``NotFoundError`` where there is no such
    street, or it has no such numbers, and ``InvalidError`` for numbers that make no sense or a name
    that several streets have. Some 50 ms in a whole Seoul.
    """
    if not (1 <= low <= high <= MAX_NUMBER and high - low <= MOST_NUMBERS):
        raise InvalidError(
            "city.numbers", "These are no building numbers.", low=low, high=high, most=MOST_NUMBERS
        )
    name = plain_name(street)
    signs = _signs(city, name, district)
    run = find_run(city, name, district)
    if run is None:
        raise NotFoundError("city.no_such_street", "There is no such street.", street=name)
    run, at = _with_scale(name, run, signs)
    length = float(run.ends()[-1])
    from_m, to_m = _way(at, low, -1), _way(at, high, +1)
    if from_m > length + 2 * PAIR_M or to_m < -2 * PAIR_M:
        raise NotFoundError(
            "city.no_such_number",
            "The street is not that long.",
            street=name,
            length_m=round(length),
        )
    from_m, to_m = float(np.clip(from_m, 0, length)), float(np.clip(to_m, 0, length))
    least = min(PAIR_M, length)
    from_m = min(from_m, length - least)
    line = run.between(from_m, max(to_m, from_m + least))
    return AddressLine(
        line=_positions(city, line),
        half_width_m=run.width_m / 2 + _WALK_UP_M,
        signs=at.signs,
        error_m=at.error_m,
    )


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """Numbers along a run: known ones, rising in both; the rule beyond them."""

    number: Floats
    way_m: Floats
    signs: int
    error_m: float


def _way(at: _Scale, number: int, end: int) -> float:
    """Way from the start to the near (-1) or far (+1) end of a number's 20 m."""
    if not at.signs:
        return ((number - 1) // 2 + (end > 0)) * PAIR_M
    inner = float(np.interp(number, at.number, at.way_m))
    beyond = number - float(np.clip(number, at.number[0], at.number[-1]))
    return inner + beyond * PAIR_M / 2 + end * PAIR_M / 2


def _signs(city: City, name: str, district: NodeId | None) -> _Signs:
    """Cameras listed under an address of the street, each place once."""
    pattern = re.compile(rf"(?:^|[\s(]){re.escape(name)}\s*(\d{{1,4}})(?!\d|길|번길|[가-힣]길)")
    seen: dict[tuple[int, float, float], None] = {}
    cameras = city.cameras
    for row, text in enumerate(cameras.name):
        if name not in text:
            continue
        found = pattern.search(text)
        if found is None or not 1 <= int(found[1]) <= MAX_NUMBER:
            continue
        if district in (None, city.districts[cameras.district[row]].node):
            seen[int(found[1]), float(cameras.x[row]), float(cameras.y[row])] = None
    columns = np.array(list(seen), np.float64).reshape(-1, 3).T
    return _Signs(number=columns[0], x=columns[1], y=columns[2])


def _with_scale(name: str, run: Run, signs: _Signs) -> tuple[Run, _Scale]:
    """The run, turned round where its signs say so, and where its numbers lie."""
    way, off = run.project(signs.x, signs.y)
    near = off <= _SIGN_M
    number, way = signs.number[near], way[near]
    if not name.endswith("길") and np.unique(number).size >= _LEAST_SIGNS:
        turned = _slope(number, way) < 0
        scale = _scale(number, float(run.ends()[-1]) - way if turned else way)
        if scale is not None:
            return run.back() if turned else run, scale
    none = np.empty(0)
    error = _RULE_ERROR_M[0 if name.endswith("길") else 1]
    return run, _Scale(number=none, way_m=none, signs=0, error_m=error)


def _slope(number: Floats, way: Floats) -> float:
    """Median of the slopes between all pairs (Theil and Sen): a few wrong signs do not turn it."""
    a, b = np.triu_indices(number.size, 1)
    apart = number[a] != number[b]
    return float(np.median((way[b] - way[a])[apart] / (number[b] - number[a])[apart]))


def _scale(number: Floats, way: Floats) -> _Scale | None:
    """Signs in rising order, those that contradict their neighbours levelled out; None where too few
    agree."""
    slope = abs(_slope(number, way))
    rest = way - slope * number
    off = np.abs(rest - np.median(rest))
    kept = off <= max(4 * float(np.median(off)), 4 * PAIR_M)
    number, way = number[kept], way[kept]
    numbers = np.unique(number)
    if numbers.size < _LEAST_SIGNS:
        return None
    middle = np.array([np.median(way[number == n]) for n in numbers])
    rising = _rising(middle)
    between = (rising[2:] - rising[:-2]) / (numbers[2:] - numbers[:-2])
    told = rising[:-2] + between * (numbers[1:-1] - numbers[:-2])
    missed = np.abs(told - middle[1:-1])
    error = max(float(np.quantile(missed, 0.9)), _LEAST_ERROR_M)
    return _Scale(number=numbers, way_m=rising, signs=int(kept.sum()), error_m=round(error, 1))


def _rising(values: Floats) -> Floats:
    """The nearest rising sequence (pool adjacent violators)."""
    pools: list[tuple[float, int]] = []
    for value in values.tolist():
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            before, n = pools.pop()
            mean, count = (before * n + mean * count) / (n + count), n + count
        pools.append((mean, count))
    return np.concatenate([np.full(n, mean) for mean, n in pools])


def _positions(city: City, line: Floats) -> tuple[LonLat, ...]:
    lon, lat = city.plane.to_lonlat(line[:, 0].copy(), line[:, 1].copy())
    return tuple(LonLat(float(a), float(b)) for a, b in zip(lon, lat, strict=True))
