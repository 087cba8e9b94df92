"""How far ranges of addresses lie from where published addresses are.

    python bench/places/addresses.py BUNDLE DATA

``BUNDLE`` is a city built with the real lists, ``DATA`` the folder of open data: 송파구's hydrants and
Seoul's defibrillators have a road-name address and a position each. None of them is a sign for the answer.
"""

import csv
import gzip
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from safetynet.base.errors import SafetyNetError
from safetynet.base.ids import NodeId
from safetynet.city.address import AddressLine, find_address_line
from safetynet.city.bundle import load_city
from safetynet.city.model import City

MOST = 300
SEED = 2


@dataclass(frozen=True)
class Known:
    """A published address with its position."""

    street: str
    number: int
    x: float
    y: float
    district: NodeId


def main(bundle: Path, data: Path) -> None:
    """Print the table."""
    city = load_city(bundle)
    facilities = data / "seoul" / "facilities"
    print(
        f"{'addresses':<16}{'found by':<16}{'n':>5}{'quarter':>9}{'half':>7}{'3/4':>7}{'9/10':>7}"
    )
    for name, known in (
        ("hydrants", list(read_hydrants(city, facilities / "songpa_hydrants.csv.gz"))),
        ("defibrillators", list(read_defibrillators(city, facilities / "seoul_aed_2025.csv.gz"))),
    ):
        named = [k for k in known if k.street in set(city.streets.name)]
        order = np.random.default_rng(SEED).permutation(len(named))[:MOST]
        off: dict[str, list[float]] = {}
        for k in order.tolist():
            _ask(city, named[k], off)
        for way, metres in sorted(off.items()):
            found = np.isfinite(metres).all()
            far = np.quantile(metres, [0.25, 0.5, 0.75, 0.9]) if found else ()
            print(f"{name:<16}{way:<24}{len(metres):>5}", *(f"{q:>7.0f}" for q in far))


def _ask(city: City, known: Known, off: dict[str, list[float]]) -> None:
    try:
        found = find_address_line(city, known.street, known.number, known.number, known.district)
    except SafetyNetError as error:
        off.setdefault(error.code, []).append(float("inf"))
        return
    way = (
        f"{'signs' if found.signs else 'the rule'}, {'길' if known.street.endswith('길') else '로'}"
    )
    off.setdefault(way, []).append(_away(city, found, known))


def _away(city: City, found: AddressLine, known: Known) -> float:
    line = [city.plane.to_xy(p.lon, p.lat) for p in found.line]
    nearest = np.inf
    for (ax, ay), (bx, by) in pairwise(line):
        dx, dy = bx - ax, by - ay
        t = ((known.x - ax) * dx + (known.y - ay) * dy) / max(dx * dx + dy * dy, 1e-9)
        t = min(max(t, 0.0), 1.0)
        nearest = min(nearest, float(np.hypot(ax + t * dx - known.x, ay + t * dy - known.y)))
    return nearest


def read_hydrants(city: City, path: Path) -> Iterator[Known]:
    """송파구's hydrants."""
    for row in _rows(path):
        if row["건물본번"] and float(row["건물본번"]) >= 1 and row["도로명"].strip():
            x, y = city.plane.to_xy(float(row["경위도X"]), float(row["경위도Y"]))
            yield Known(row["도로명"].strip(), int(float(row["건물본번"])), x, y, NodeId("songpa"))


def read_defibrillators(city: City, path: Path) -> Iterator[Known]:
    """Seoul's defibrillators."""
    nodes = {d.name_ko: d.node for d in city.districts}
    for row in _rows(path):
        found = re.search(r"(\S+구)\s+(\S+(?:로|길))\s+(\d+)", row["도로명주소"])
        if found and found[1] in nodes and row["latitude"] and int(found[3]) >= 1:
            x, y = city.plane.to_xy(float(row["longitude"]), float(row["latitude"]))
            yield Known(found[2], int(found[3]), x, y, nodes[found[1]])


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8-sig") as file:
        yield from csv.DictReader(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
