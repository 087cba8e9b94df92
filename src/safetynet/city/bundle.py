"""A city bundle on disk: a folder of NumPy and JSON files with a manifest. Lean: no geometry library."""

import hashlib
import io
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from safetynet.base.errors import InvalidError, NotFoundError
from safetynet.base.geo import Floats, LonLat, Plane
from safetynet.city.model import (
    Buildings,
    Cameras,
    City,
    District,
    Dong,
    Facility,
    Ground,
    Ints,
    Shapes,
    Streets,
    Zones,
)

FORMAT = 2
OLDEST_FORMAT = 1
"""Bundles from this format on are read; what they lack of a camera is set by the rules in ``Cameras``."""
MANIFEST = "manifest.json"
PLACES = "places.json"
REPORT = "import-report.json"
TILES = "map.mbtiles"
GROUND = "ground.npz"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a part of the bundle comes from."""

    name: str
    licence: str
    file: str = ""
    """Name of the file it was read from; empty for what comes with the program or is synthesised."""
    sha256: str = ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle says about itself."""

    format: int = FORMAT
    name: str
    title_ko: str
    title_en: str
    version: str = ""
    """Content version: a hash over the data files, so equal contents have equal versions."""
    built_at: datetime
    seed: int
    scale: float
    """Share of each district's cameras that the bundle holds; 1 is all of them."""
    origin: LonLat = LonLat(0.0, 0.0)
    """Origin of the city's plane."""
    sources: tuple[Source, ...]
    coverage: dict[str, int] = {}
    """How many of each thing: districts, cameras, synthetic_cameras, streets …"""
    checksums: dict[str, str] = {}
    """SHA-256 of every data file."""


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """The named places of a bundle, as they stand in ``places.json``."""

    districts: tuple[District, ...]
    dongs: tuple[Dong, ...]
    facilities: tuple[Facility, ...]


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """The text columns of a bundle, as they stand in ``names.json``."""

    camera_id: tuple[str, ...]
    camera_name: tuple[str, ...]
    street_name: tuple[str, ...]


class Speeds(msgspec.Struct, frozen=True, kw_only=True):
    """Hourly speeds of some streets."""

    street: Ints
    """(k,) indices into ``City.streets``; a street may stand twice, once per direction."""
    forward: np.ndarray[Any, np.dtype[np.bool_]]
    """(k,) True where the speed holds in the direction of the street's line."""
    kmh: Floats
    """(k, 24) km/h by hour of the day; NaN where unknown."""


NO_SPEEDS = Speeds(
    street=np.zeros(0, np.int32), forward=np.zeros(0, np.bool_), kmh=np.zeros((0, 24))
)


def content_version(city: City, speeds: Speeds = NO_SPEEDS) -> str:
    """Twelve hex digits that change with anything in the city except its build time."""
    return _version_of({n: _sha256(b) for n, b in _encode(city, speeds).items()})


def write_city(city: City, folder: Path, manifest: Manifest, speeds: Speeds = NO_SPEEDS) -> City:
    """Write the bundle and return the city with its content version.

    ``manifest`` brings sources, seed, scale and build time; version, origin, coverage and checksums
    are filled in here. Files of an older bundle in the folder are overwritten.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = _encode(city, speeds)
    checksums = {name: _sha256(data) for name, data in files.items()}
    full = msgspec.structs.replace(
        manifest,
        version=_version_of(checksums),
        origin=city.plane.origin,
        coverage=_count(city, speeds),
        checksums=checksums,
    )
    for name, data in files.items():
        (folder / name).write_bytes(data)
    if GROUND not in files:
        (folder / GROUND).unlink(missing_ok=True)
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(full), indent=1))
    return replace(city, version=full.version)


def read_manifest(folder: Path) -> Manifest:
    """The bundle's manifest; NotFoundError where there is no bundle, InvalidError for a broken one."""
    path = folder / MANIFEST
    if not path.is_file():
        raise NotFoundError("city.no_bundle", "there is no city bundle", folder=str(folder))
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except msgspec.MsgspecError as e:
        raise InvalidError("city.bad_manifest", f"the manifest is broken: {e}") from e
    if not OLDEST_FORMAT <= manifest.format <= FORMAT:
        raise InvalidError(
            "city.bundle_format",
            f"the bundle is of format {manifest.format}, and this set-up reads {OLDEST_FORMAT} to"
            f" {FORMAT}: build it anew, or set up a newer version",
            format=manifest.format,
        )
    return manifest


def load_city(folder: Path) -> City:
    """The whole city in memory; a bundle of 77,000 cameras loads in well under half a second."""
    manifest = read_manifest(folder)
    try:
        return _decode(folder, manifest)
    except (OSError, KeyError, ValueError, msgspec.MsgspecError) as e:
        raise InvalidError("city.broken_bundle", f"the bundle cannot be read: {e}") from e


def load_speeds(folder: Path) -> Speeds:
    """Hourly speeds of the bundle's streets; empty where no source gave any."""
    with np.load(folder / "speeds.npz", allow_pickle=False) as a:
        return Speeds(street=a["street"], forward=a["forward"], kmh=a["kmh"])


def list_damaged(folder: Path) -> list[str]:
    """Names of data files whose checksum is not the manifest's."""
    wanted = read_manifest(folder).checksums
    return [
        name
        for name, checksum in wanted.items()
        if not (folder / name).is_file() or _sha256((folder / name).read_bytes()) != checksum
    ]


def _encode(city: City, speeds: Speeds) -> dict[str, bytes]:
    head = {"name": city.name, "title_ko": city.title_ko, "title_en": city.title_en}
    origin = city.plane.origin
    files = {
        "head.json": msgspec.json.encode(head | {"origin": origin, "scaled": city.scaled}),
        PLACES: msgspec.json.encode(
            Places(districts=city.districts, dongs=city.dongs, facilities=city.facilities)
        ),
        "names.json": msgspec.json.encode(
            Names(
                camera_id=city.cameras.id,
                camera_name=city.cameras.name,
                street_name=city.streets.name,
            )
        ),
        "cameras.npz": _pack(city.cameras),
        "buildings.npz": _pack(city.buildings),
        "streets.npz": _pack(city.streets),
        "speeds.npz": _savez(street=speeds.street, forward=speeds.forward, kmh=speeds.kmh),
    }
    if city.ground is not None:
        g = city.ground
        files[GROUND] = _savez(x0=g.x0, y0=g.y0, step_m=g.step_m, heights=g.heights)
    return files


def _pack(table: Cameras | Buildings | Streets) -> bytes:
    columns: dict[str, Any] = {}
    for field in fields(table):
        value = getattr(table, field.name)
        if isinstance(value, Shapes):
            columns |= {f"{field.name}_xy": value.xy, f"{field.name}_offset": value.offset}
        elif isinstance(value, Zones):
            columns |= {f"{field.name}.{f.name}": getattr(value, f.name) for f in fields(value)}
        elif isinstance(value, np.ndarray):
            columns[field.name] = value
    return _savez(**columns)


def _savez(**columns: Any) -> bytes:  # numpy's own signature is untyped here
    out = io.BytesIO()
    np.savez(out, **columns)
    return out.getvalue()


def _decode(folder: Path, manifest: Manifest) -> City:
    places = msgspec.json.decode((folder / PLACES).read_bytes(), type=Places)
    names = msgspec.json.decode((folder / "names.json").read_bytes(), type=Names)
    head = msgspec.json.decode((folder / "head.json").read_bytes())
    cameras = _unpack(folder / "cameras.npz") | {
        "id": names.camera_id,
        "name": names.camera_name,
    }
    return City(
        name=manifest.name,
        title_ko=manifest.title_ko,
        title_en=manifest.title_en,
        version=manifest.version,
        plane=Plane(manifest.origin),
        districts=places.districts,
        dongs=places.dongs,
        cameras=Cameras(**cameras),
        buildings=Buildings(**_unpack(folder / "buildings.npz")),
        streets=Streets(**_unpack(folder / "streets.npz"), name=names.street_name),
        facilities=places.facilities,
        scaled=bool(head["scaled"]),
        ground=_read_ground(folder / GROUND) if GROUND in manifest.checksums else None,
    )


def _read_ground(path: Path) -> Ground:
    with np.load(path, allow_pickle=False) as a:
        return Ground(
            x0=float(a["x0"]),
            y0=float(a["y0"]),
            step_m=float(a["step_m"]),
            heights=a["heights"],
        )


def _unpack(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as a:
        columns: dict[str, Any] = {name: a[name] for name in a.files if "_offset" not in name}
        for name in [n.removesuffix("_offset") for n in a.files if n.endswith("_offset")]:
            columns[name] = Shapes(xy=columns.pop(f"{name}_xy"), offset=a[f"{name}_offset"])
    zones = [name for name in columns if name.startswith("zones.")]
    if zones:
        columns["zones"] = Zones(**{n.removeprefix("zones."): columns.pop(n) for n in zones})
    return columns


def _count(city: City, speeds: Speeds) -> dict[str, int]:
    synthetic = 3
    return {
        "districts": len(city.districts),
        "dongs": len(city.dongs),
        "cameras": len(city.cameras),
        "cameras_synthetic": int((city.cameras.position_origin == synthetic).sum()),
        "poles": len(np.unique(city.cameras.pole)),
        "streets": len(city.streets),
        "streets_synthetic": int((city.streets.origin == synthetic).sum()),
        "streets_in_coverage": int(city.streets.in_coverage.sum()),
        "buildings": len(city.buildings),
        "buildings_synthetic": int((city.buildings.origin == synthetic).sum()),
        "facilities": len(city.facilities),
        "streets_with_speeds": len(np.unique(speeds.street)),
    }


def _version_of(checksums: dict[str, str]) -> str:
    return _sha256("\n".join(f"{k} {v}" for k, v in sorted(checksums.items())).encode())[:12]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
