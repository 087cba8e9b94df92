"""Putting surveyed poses into the cameras of the lists. Worker only: shapely.

A row with the id of a camera speaks of that one. A row without an id speaks of the nearest camera
within 20 m that no other row speaks of. Where there is none, it is a camera that no list has, and is
added. What a row does not say of its camera stays as it was.
"""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import shapely

from safetynet.base.geo import Floats
from safetynet.base.ids import CameraId
from safetynet.city.geometries import points
from safetynet.city.ingest.cctv import SAME_POLE_M
from safetynet.city.ingest.frame import Frame
from safetynet.city.ingest.repair import Reason
from safetynet.city.ingest.report import Tally
from safetynet.city.ingest.survey import Survey
from safetynet.city.model import UNCERTAINTY, CameraKind, Cameras, Ints, Origin, Zones
from safetynet.city.tables import join_cameras

NO_CAMERA = "no list has a camera of this id, and no position is given"
ADDED = "no list has this camera (added)"
_POSE = ("azimuth_deg", "tilt_deg", "hfov_deg")
_SD = {"azimuth_deg": ("azimuth_sd_deg", 0), "tilt_deg": ("tilt_sd_deg", 1)}
_SURVEYED = UNCERTAINTY[Origin.SURVEYED]


def merge_survey(
    cameras: Cameras | None, rows: list[Survey], tally: Tally, frame: Frame
) -> Cameras | None:
    """The cameras with what the rows say of them, and those that only the survey knows."""
    known = _unposed([], 0, frame) if cameras is None else cameras
    row = _match(known, rows, frame)
    found = [(i, survey) for i, survey in zip(row.tolist(), rows, strict=True) if i >= 0]
    new = [s for i, s in zip(row.tolist(), rows, strict=True) if i < 0 and _is_new(s, tally, frame)]
    tally.yields = len(found) + len(new)
    if not tally.yields:
        return cameras
    joined = join_cameras([known, _unposed(new, len(known), frame)])
    return _put_in(joined, [*found, *enumerate(new, len(known))], frame)


def _is_new(survey: Survey, tally: Tally, frame: Frame) -> bool:
    """True for a camera that can be added; else the tally hears why not."""
    why = ADDED
    if survey.at is None:
        why = NO_CAMERA
    else:
        nodes = [f.node for f in frame.borders.facts]
        lies = int(frame.borders.locate(*_places([survey], frame))[0])
        prefix = survey.id.rpartition("-")[0]
        if lies < 0:
            why = Reason.FAR_OFF
        elif prefix in nodes and prefix != nodes[lies]:
            why = Reason.OTHER_DISTRICT
    if why is ADDED:
        tally.reasons[ADDED] += 1
        return True
    tally.refuse(why, survey.line, survey.id)
    return False


def _match(cameras: Cameras, rows: list[Survey], frame: Frame) -> Ints:
    """(r,) the camera that each row speaks of; -1 where there is none."""
    number = {camera: i for i, camera in enumerate(cameras.id)}
    found = np.array([number.get(CameraId(r.id), -1) for r in rows], np.int32)
    taken = set(found.tolist())
    nameless = [i for i, r in enumerate(rows) if not r.id and r.at is not None]
    if not nameless or not len(cameras):
        return found
    at = np.column_stack(_places([rows[i] for i in nameless], frame))
    here = np.column_stack([cameras.x, cameras.y])
    row, near = shapely.STRtree(points(here)).query(
        points(at), predicate="dwithin", distance=SAME_POLE_M
    )
    away = np.hypot(*(here[near] - at[row]).T)
    for k in np.lexsort((near, np.round(away, 2), row)).tolist():
        i, camera = nameless[row[k]], int(near[k])
        if found[i] < 0 and camera not in taken:
            found[i] = camera
            taken.add(camera)
    return found


def _places(rows: list[Survey], frame: Frame) -> tuple[Floats, Floats]:
    at = np.array([r.at for r in rows], np.float64).reshape(-1, 2)
    return frame.plane.to_xy(at[:, 0], at[:, 1])


def _unposed(rows: list[Survey], first: int, frame: Frame) -> Cameras:
    """Cameras that no list has, without their poses yet; rows at one point share a pole.

    Those without an id have one by their number, beginning with ``first``.
    """
    x, y = _places(rows, frame)
    n = len(rows)
    district = frame.borders.locate(x, y) if n else np.zeros(0, np.int32)
    nodes = [f.node for f in frame.borders.facts]
    _, pole = np.unique(np.round(np.column_stack([x, y])), axis=0, return_inverse=True)
    none = np.full(n, np.nan)
    return Cameras(
        id=tuple(
            CameraId(r.id or f"{nodes[d]}-s{k:05d}")
            for k, (d, r) in enumerate(zip(district.tolist(), rows, strict=True), first)
        ),
        name=tuple(r.name for r in rows),
        district=district.astype(np.int32),
        x=x,
        y=y,
        height_m=none,
        azimuth_deg=none,
        tilt_deg=none,
        hfov_deg=none,
        kind=np.full(n, CameraKind.FIXED, np.uint8),
        pole=pole.reshape(-1).astype(np.int32),
        position_origin=np.full(n, Origin.SURVEYED, np.uint8),
        pose_origin=np.full(n, Origin.ASSUMED, np.uint8),
    )


def _put_in(cameras: Cameras, pairs: list[tuple[int, Survey]], frame: Frame) -> Cameras:
    c = deepcopy(cameras)  # columns that may be written to
    for i, survey in pairs:
        _put_row(c, i, survey, frame)
    return replace(c, zones=_join_zones(c.zones, pairs))


def _join_zones(known: Zones, pairs: list[tuple[int, Survey]]) -> Zones:
    """The surveyed zones, and those of the cameras for which none were surveyed."""
    rows = [(i, *zone) for i, survey in pairs for zone in survey.zones]
    new = np.array(rows, np.float64).reshape(-1, 5)
    kept = ~np.isin(known.camera, new[:, 0])
    return Zones(
        camera=np.concatenate([known.camera[kept], new[:, 0].astype(np.int32)]),
        from_deg=np.concatenate([known.from_deg[kept], new[:, 1]]),
        to_deg=np.concatenate([known.to_deg[kept], new[:, 2]]),
        near_m=np.concatenate([known.near_m[kept], new[:, 3]]),
        far_m=np.concatenate([known.far_m[kept], new[:, 4]]),
    )


def _put_row(c: Cameras, i: int, survey: Survey, frame: Frame) -> None:
    """One row into columns that may be written to."""
    for name, value in survey.values.items():
        getattr(c, name)[i] = value
        sd, of = _SD.get(name, ("", 0))
        if sd and sd not in survey.values:
            getattr(c, sd)[i] = _SURVEYED[of]
    if survey.at is not None:
        c.x[i], c.y[i] = frame.plane.to_xy(*survey.at)
        c.position_origin[i] = Origin.SURVEYED
        c.position_sd_m[i] = survey.values.get("position_sd_m", _SURVEYED[2])
    if "azimuth_deg" in survey.values:
        c.azimuth_origin[i] = Origin.SURVEYED
        c.kind[i] = CameraKind.FIXED if survey.kind is None else survey.kind
    if "height_m" in survey.values:
        c.height_origin[i] = Origin.SURVEYED
    if all(name in survey.values for name in _POSE):
        c.pose_origin[i] = Origin.SURVEYED
