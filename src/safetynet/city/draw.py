"""Drawing a city's vector tiles into ``map.mbtiles``. Worker only: shapely cuts what is too long."""

import gzip
import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely

from safetynet.base.geo import Floats, Plane
from safetynet.city.model import CameraKind, City, Ints, Origin, Shapes, StreetClass
from safetynet.city.mvt import EXTENT, LINE, POINT, POLYGON, LayerWriter, Tags, encode_geometries
from safetynet.city.tables import owners, shapes_of
from safetynet.city.tiles import MAX_ZOOM, MIN_ZOOM

BUFFER = 64
"""Units around a tile in which features are repeated, so that lines join without a seam."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Features of one name and kind; ``shapes`` in Web Mercator, 0…1, y from the north."""

    name: str
    kind: int
    shapes: Shapes
    tags: list[Tags]
    min_zoom: Ints
    """(n,) the first zoom that shows each feature."""


def draw_tiles(city: City, path: Path, progress: Callable[[str], None]) -> int:
    """Write all tiles and return their number; an older file is replaced."""
    path.unlink(missing_ok=True)
    layers = list_layers(city)
    db = sqlite3.connect(path)
    try:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("CREATE TABLE metadata (name text, value text)")
        db.execute(
            "CREATE TABLE tiles (zoom_level integer, tile_column integer, tile_row integer, tile_data blob)"
        )
        db.execute("CREATE UNIQUE INDEX tile_index ON tiles (zoom_level, tile_column, tile_row)")
        db.executemany("INSERT INTO metadata VALUES (?, ?)", _metadata(city, layers).items())
        number = 0
        for zoom in range(MIN_ZOOM, MAX_ZOOM + 1):
            tiles = _draw_zoom(layers, zoom)
            db.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", tiles)
            number += len(tiles)
            progress(f"map tiles: zoom {zoom} of {MAX_ZOOM}, {number} tiles")
        db.commit()
    finally:
        db.close()
    return number


def list_layers(city: City) -> list[Layer]:
    """What is on the map, bottom first."""
    return [
        _districts(city),
        _quarters(city),
        _buildings(city),
        _streets(city),
        _facilities(city),
        _cameras(city),
    ]


def to_mercator(lon: Floats, lat: Floats) -> Floats:
    """(n, 2) Web Mercator coordinates in 0…1, y from the north."""
    s = np.sin(np.radians(lat))
    return np.column_stack([lon / 360 + 0.5, 0.5 - np.log((1 + s) / (1 - s)) / (4 * np.pi)])


def _project(shapes: Shapes, plane: Plane) -> Shapes:
    lon, lat = plane.to_lonlat(shapes.xy[:, 0], shapes.xy[:, 1])
    return Shapes(xy=to_mercator(lon, lat), offset=shapes.offset)


def _rings(rings: list[tuple[tuple[float, float], ...]]) -> Shapes:
    flat = shapes_of([np.asarray(ring, np.float64) for ring in rings])
    return Shapes(xy=to_mercator(flat.xy[:, 0], flat.xy[:, 1]), offset=flat.offset)


def _districts(city: City) -> Layer:
    rings = [(d, ring) for d in city.districts for ring in d.border]
    return Layer(
        name="district",
        kind=POLYGON,
        shapes=_rings([ring for _, ring in rings]),
        tags=[(("node", d.node), ("name_ko", d.name_ko), ("name_en", d.name_en)) for d, _ in rings],
        min_zoom=np.zeros(len(rings), np.int32),
    )


def _quarters(city: City) -> Layer:
    quarters = [(d, d.quarter) for d in city.districts if d.quarter]
    return Layer(
        name="quarter",
        kind=POLYGON,
        shapes=_rings([ring for _, ring in quarters]),
        tags=[(("node", d.node),) for d, _ in quarters],
        min_zoom=np.zeros(len(quarters), np.int32),
    )


def _buildings(city: City) -> Layer:
    b = city.buildings
    synthetic = (b.origin == Origin.SYNTHETIC).tolist()
    return Layer(
        name="building",
        kind=POLYGON,
        shapes=_project(b.ring, city.plane),
        tags=[
            (("height_m", round(h, 1)), ("synthetic", s))
            for h, s in zip(b.height_m.tolist(), synthetic, strict=True)
        ],
        min_zoom=np.full(len(b), 13 if len(b) < 200_000 else 14, np.int32),
    )


_STREET_ZOOM = {
    StreetClass.ARTERIAL: 9,
    StreetClass.COLLECTOR: 11,
    StreetClass.LOCAL: 13,
    StreetClass.ALLEY: 14,
    StreetClass.PATH: 14,
}


def _streets(city: City) -> Layer:
    s = city.streets
    rows = zip(
        s.rank.tolist(),
        s.name,
        (s.origin == Origin.SYNTHETIC).tolist(),
        s.in_coverage.tolist(),
        strict=True,
    )
    tags: list[Tags] = [
        (
            ("rank", rank),
            ("synthetic", made),
            ("covered", covered),
            *((("name", name),) if name else ()),
        )
        for rank, name, made, covered in rows
    ]
    zoom = np.array([_STREET_ZOOM[c] for c in StreetClass], np.int32)[s.rank]
    return Layer(
        name="street", kind=LINE, shapes=_project(s.line, city.plane), tags=tags, min_zoom=zoom
    )


def _facilities(city: City) -> Layer:
    f = city.facilities
    lon, lat = np.array([x.at.lon for x in f]), np.array([x.at.lat for x in f])
    return Layer(
        name="facility",
        kind=POINT,
        shapes=_points(to_mercator(lon, lat)),
        tags=[(("kind", x.kind), ("name", x.name)) for x in f],
        min_zoom=np.array(
            [13 if "fire_s" in x.kind or x.kind == "police" else 14 for x in f], np.int32
        ),
    )


def _cameras(city: City) -> Layer:
    c = city.cameras
    lon, lat = city.plane.to_lonlat(c.x, c.y)
    rows = zip(c.id, c.kind.tolist(), c.district.tolist(), c.position_origin.tolist(), strict=True)
    return Layer(
        name="camera",
        kind=POINT,
        shapes=_points(to_mercator(lon, lat)),
        tags=[
            (
                ("id", id_),
                ("kind", CameraKind(kind).name.lower()),
                ("owner", city.districts[d].node),
                ("synthetic", origin == Origin.SYNTHETIC),
            )
            for id_, kind, d, origin in rows
        ],
        min_zoom=np.full(len(c), 14, np.int32),
    )


def _points(xy: Floats) -> Shapes:
    return Shapes(xy=xy, offset=np.arange(len(xy) + 1, dtype=np.int32))


def _draw_zoom(layers: list[Layer], zoom: int) -> list[tuple[int, int, int, bytes]]:
    tiles: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    for layer in layers:
        writers: dict[tuple[int, int], LayerWriter] = {}
        for tile, feature, geometry in _instances(layer, zoom):
            writer = writers.get(tile)
            if writer is None:
                writer = writers[tile] = LayerWriter(layer.name, layer.kind)
            writer.add(geometry, layer.tags[feature])
        for tile, writer in writers.items():
            tiles[tile].append(writer.finish())
    top = (1 << zoom) - 1
    return [
        (zoom, x, top - y, gzip.compress(b"".join(parts), compresslevel=6, mtime=0))
        for (x, y), parts in sorted(tiles.items())
    ]


def _instances(layer: Layer, zoom: int) -> list[tuple[tuple[int, int], int, bytes]]:
    """(tile, feature, geometry) for every tile that a feature touches."""
    scale = float(EXTENT << zoom)
    shown = np.flatnonzero((layer.min_zoom <= zoom) & (np.diff(layer.shapes.offset) > 0))
    if not len(shown):
        return []
    xy = layer.shapes.xy * scale
    starts = layer.shapes.offset[:-1]
    starts_ok = np.flatnonzero(np.diff(layer.shapes.offset) > 0)
    low, high = np.zeros((len(starts), 2)), np.zeros((len(starts), 2))
    low[starts_ok] = np.minimum.reduceat(xy, starts[starts_ok], axis=0)
    high[starts_ok] = np.maximum.reduceat(xy, starts[starts_ok], axis=0)
    first = np.floor((low[shown] - BUFFER) / EXTENT).astype(int)
    last = np.floor((high[shown] + BUFFER) / EXTENT).astype(int)
    span = last - first + 1
    is_long = (high[shown] - low[shown]).max(axis=1) > EXTENT
    short = np.flatnonzero(~is_long)
    each = span[short].prod(axis=1)
    row = np.repeat(short, each)
    ordinal = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each)
    tile = first[row] + np.column_stack([ordinal % span[row, 0], ordinal // span[row, 0]])
    feature = shown[row]
    found = _cut_free(layer, xy, feature.astype(np.int32), tile)
    for i in shown[is_long].tolist():
        found += _cut_long(layer, xy[starts[i] : layer.shapes.offset[i + 1]], i)
    return found


def _cut_free(
    layer: Layer, xy: Floats, feature: Ints, tile: np.ndarray[tuple[int, int], np.dtype[np.int_]]
) -> list[tuple[tuple[int, int], int, bytes]]:
    """Short features go into their tiles whole: a viewer cuts what stands out."""
    sizes = np.diff(layer.shapes.offset)[feature]
    offset = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    pick = np.repeat(layer.shapes.offset[:-1][feature] - offset[:-1], sizes) + np.arange(offset[-1])
    local = np.rint(xy[pick] - np.repeat(tile * EXTENT, sizes, axis=0))
    shapes = Shapes(xy=local, offset=offset)
    if layer.kind == POLYGON:
        shapes = _orient(shapes)
    coded = encode_geometries(shapes, layer.kind)
    return [
        ((x, y), f, data)
        for (x, y), f, data in zip(tile.tolist(), feature.tolist(), coded, strict=True)
        if data
    ]


def _orient(shapes: Shapes) -> Shapes:
    """Exterior rings the way the standard wants them: positive area with y down."""
    owner = owners(shapes)
    following = np.arange(1, len(shapes.xy) + 1)
    following[shapes.offset[1:] - 1] = shapes.offset[:-1]
    a, b = shapes.xy, shapes.xy[following]
    cross = a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1]
    area = np.bincount(owner, cross, minlength=len(shapes))
    index = np.arange(len(a))
    mirrored = (shapes.offset[:-1] + shapes.offset[1:] - 1)[owner] - index
    return Shapes(xy=a[np.where(area[owner] < 0, mirrored, index)], offset=shapes.offset)


def _cut_long(layer: Layer, xy: Floats, feature: int) -> list[tuple[tuple[int, int], int, bytes]]:
    """A feature longer than a tile is cut at each tile's buffer."""
    whole = (
        shapely.make_valid(shapely.Polygon(xy)) if layer.kind == POLYGON else shapely.LineString(xy)
    )
    west, north, east, south = (int(np.floor(b / EXTENT)) for b in whole.bounds)
    found = []
    for x in range(west, east + 1):
        for y in range(north, south + 1):
            corner = np.array([x, y]) * EXTENT
            low, high = corner - BUFFER, corner + EXTENT + BUFFER
            piece = whole.intersection(shapely.box(*low, *high))
            lines = _coordinates(piece, corner)
            shapes = shapes_of(lines)
            shapes = _orient(shapes) if layer.kind == POLYGON and lines else shapes
            found += [((x, y), feature, g) for g in encode_geometries(shapes, layer.kind) if g]
    return found


def _coordinates(piece: shapely.Geometry, corner: Ints) -> list[Floats]:
    flat = shapely.get_parts(shapely.get_parts(piece))
    wanted = (shapely.Polygon, shapely.LineString)
    parts = [p for p in flat if isinstance(p, wanted) and not p.is_empty]
    lines = [p.exterior if isinstance(p, shapely.Polygon) else p for p in parts]
    return [
        np.rint(
            shapely.get_coordinates(line)[: -1 if isinstance(line, shapely.LinearRing) else None]
            - corner
        )
        for line in lines
    ]


def _metadata(city: City, layers: list[Layer]) -> dict[str, str]:
    points = np.array([p for d in city.districts for ring in d.border for p in ring])
    west, south = points.min(axis=0)
    east, north = points.max(axis=0)
    vector_layers = [
        {
            "id": layer.name,
            "fields": {k: type(v).__name__ for t in layer.tags[:1] for k, v in t},
            "minzoom": int(layer.min_zoom.min(initial=MAX_ZOOM).clip(MIN_ZOOM)),
            "maxzoom": MAX_ZOOM,
        }
        for layer in layers
    ]
    return {
        "name": city.title_en,
        "format": "pbf",
        "scheme": "tms",
        "type": "baselayer",
        "version": city.version,
        "minzoom": str(MIN_ZOOM),
        "maxzoom": str(MAX_ZOOM),
        "bounds": f"{west:.5f},{south:.5f},{east:.5f},{north:.5f}",
        "center": f"{(west + east) / 2:.5f},{(south + north) / 2:.5f},11",
        "json": json.dumps({"vector_layers": vector_layers}),
    }
