"""The file format: a scenario's folder out, a foreign chooser's answers in. See docs/guide/eyes-on.md."""

import math
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from bench.eyes_on.ask import (
    FORMAT,
    MIN_PX_PER_M,
    Answers,
    Incident,
    Key,
    KnownCamera,
    Ptz,
    Sheet,
    View,
)
from bench.eyes_on.eyes import Eyes, known_to
from bench.eyes_on.scenario import Scenario, find_spec, plan_scenario
from bench.eyes_on.stage import past_of
from bench.eyes_on.town import Knows, Town, cut_town, known_city, load_ground

from safetynet.city.model import PICTURE_PX, PTZ, CameraKind, City, Shapes

SHEET = "scenario.json"


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A scenario with its truth, for whoever scores."""

    city: str
    """Content version of the city that the town was cut from."""
    town: Town
    scenario: Scenario
    past: Scenario
    eyes: Eyes


def open_scenario(key: Key, folder: Path, data: Path) -> Opened:
    """Make a scenario and its truth anew; raises ``ValueError`` where a sheet is of another city."""
    ground = find_spec(key.scenario).ground
    city = load_ground(ground, folder, data)
    if isinstance(key, Sheet) and key.city != city.version:
        raise ValueError(f"made from another city: {key.city}, here is {city.version}")
    return open_town(key, city.version, cut_town(city, ground, key.seed))


def open_town(key: Key, version: str, town: Town) -> Opened:
    """A scenario in a town that is at hand."""
    return Opened(
        city=version,
        town=town,
        scenario=plan_scenario(find_spec(key.scenario), town, key.seed, key.count),
        past=past_of(town, key.seed, key.past_count),
        eyes=Eyes(town),
    )


def export(opened: Opened, out: Path) -> Sheet:
    """Write all that a chooser gets; nothing in it tells more than is known."""
    scenario = opened.scenario
    known = known_city(opened.town.truth, scenario.spec.knows)
    sheet = Sheet(
        scenario=scenario.spec.name,
        seed=scenario.seed,
        count=len(scenario.staged),
        past_count=len(opened.past.staged),
        city=opened.city,
        picture_px=PICTURE_PX,
        min_px_per_m=MIN_PX_PER_M,
        ptz=Ptz(
            min_tilt_deg=PTZ.min_tilt_deg,
            max_tilt_deg=PTZ.max_tilt_deg,
            max_magnification=PTZ.max_magnification,
            pan_dps=PTZ.pan_dps,
            tilt_dps=PTZ.tilt_dps,
            zoom_per_s=PTZ.zoom_per_s,
        ),
        cameras=_cameras(known, scenario.spec.knows),
        health=scenario.heard,
        incidents=tuple(one.asked for one in scenario.staged),
        past=tuple(one.asked for one in opened.past.staged),
    )
    out.mkdir(parents=True, exist_ok=True)
    _write(out / SHEET, sheet)
    heights = [{"height_m": round(float(h), 1)} for h in known.buildings.height_m]
    _write(out / sheet.buildings, _features(known, known.buildings.ring, heights, "Polygon"))
    streets = [
        {"width_m": round(float(w), 1), "rank": int(r)}
        for w, r in zip(known.streets.width_m, known.streets.rank, strict=True)
    ]
    _write(out / sheet.streets, _features(known, known.streets.line, streets, "LineString"))
    return sheet


def read_sheet(folder: Path) -> Sheet:
    """The scenario of a folder; raises ``ValueError`` for another format."""
    sheet = msgspec.json.decode((folder / SHEET).read_bytes(), type=Sheet)
    if sheet.format != FORMAT:
        raise ValueError(f"format {sheet.format}, not {FORMAT}")
    return sheet


def read_answers(
    file: Path, scenario: Scenario, town: Town
) -> tuple[str, dict[str, tuple[View, ...]]]:
    """A chooser's name and its answers by incident; raises ``ValueError`` for what makes no sense."""
    answers = msgspec.json.decode(file.read_bytes(), type=Answers)
    if answers.format != FORMAT:
        raise ValueError(f"format {answers.format}, not {FORMAT}")
    asked: dict[str, Incident] = {one.asked.id: one.asked for one in scenario.staged}
    found: dict[str, tuple[View, ...]] = {}
    for answer in answers.answers:
        if answer.incident not in asked:
            raise ValueError(f"no such incident: {answer.incident}")
        if answer.incident in found:
            raise ValueError(f"answered twice: {answer.incident}")
        known_to(town.truth.cameras.id, asked[answer.incident], answer.views)
        found[answer.incident] = answer.views
    return answers.chooser, found


def _cameras(city: City, knows: Knows) -> tuple[KnownCamera, ...]:
    c = city.cameras
    lon, lat = city.plane.to_lonlat(c.x, c.y)
    poses, kinds = knows is Knows.POSES, knows is not Knows.LIST

    def told(values: np.ndarray[tuple[int], np.dtype[np.float64]], row: int) -> float | None:
        value = float(values[row])
        return round(value, 3) if poses and math.isfinite(value) else None

    return tuple(
        KnownCamera(
            id=c.id[i],
            lon=round(float(lon[i]), 7),
            lat=round(float(lat[i]), 7),
            pole=int(c.pole[i]),
            district=city.districts[int(c.district[i])].node,
            kind=CameraKind(int(c.kind[i])).name.lower() if kinds else None,
            height_m=told(c.height_m, i),
            azimuth_deg=told(c.azimuth_deg, i),
            tilt_deg=told(c.tilt_deg, i),
            hfov_deg=told(c.hfov_deg, i),
            night_range_m=told(c.night_range_m, i),
        )
        for i in range(len(c))
    )


def _features(
    city: City, shapes: Shapes, properties: list[dict[str, float]], kind: str
) -> dict[str, object]:
    features = []
    for i, own in enumerate(properties):
        xy = shapes[i].astype(np.float64)
        lon, lat = city.plane.to_lonlat(xy[:, 0], xy[:, 1])
        line = [[round(a, 7), round(b, 7)] for a, b in zip(lon.tolist(), lat.tolist(), strict=True)]
        shape: object = [[*line, line[0]]] if kind == "Polygon" else line
        geometry = {"type": kind, "coordinates": shape}
        features.append({"type": "Feature", "properties": own, "geometry": geometry})
    return {"type": "FeatureCollection", "features": features}


def _write(path: Path, value: object) -> None:
    path.write_bytes(msgspec.json.encode(value) + b"\n")
