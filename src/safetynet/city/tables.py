"""Joining and cutting the city's column tables."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safetynet.city.model import Bools, Buildings, Cameras, Ints, Shapes, Streets, Zones


def join_shapes(parts: list[Shapes]) -> Shapes:
    """All shapes one after the other."""
    offsets, total = [np.zeros(1, np.int32)], 0
    for part in parts:
        offsets.append((part.offset[1:] + total).astype(np.int32))
        total += len(part.xy)
    return Shapes(
        xy=np.concatenate([p.xy for p in parts]).reshape(-1, 2), offset=np.concatenate(offsets)
    )


def take_shapes(shapes: Shapes, keep: Bools) -> Shapes:
    """The shapes where the mask (n,) is true."""
    sizes = np.diff(shapes.offset)
    offset = np.concatenate([[0], np.cumsum(sizes[keep])]).astype(np.int32)
    return Shapes(xy=shapes.xy[np.repeat(keep, sizes)], offset=offset)


def shapes_of(lines: list[NDArray[np.float64]]) -> Shapes:
    """Shapes from single coordinate arrays (k, 2)."""
    sizes = [len(line) for line in lines]
    return Shapes(
        xy=np.concatenate(lines) if lines else np.zeros((0, 2)),
        offset=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
    )


def owners(shapes: Shapes) -> Ints:
    """(m,) the number of the shape that each coordinate belongs to."""
    return np.repeat(np.arange(len(shapes), dtype=np.int32), np.diff(shapes.offset))


def middles(shapes: Shapes) -> NDArray[np.float64]:
    """(n, 2) mean of each shape's points."""
    sums = np.add.reduceat(shapes.xy, shapes.offset[:-1], axis=0) if len(shapes) else shapes.xy
    return np.asarray(sums / np.maximum(np.diff(shapes.offset), 1)[:, None])


def join_streets(parts: list[Streets]) -> Streets:
    """Streets of several sources in one table."""
    return Streets(**_join(parts))


def join_buildings(parts: list[Buildings]) -> Buildings:
    """Buildings of several sources in one table."""
    return Buildings(**_join(parts))


def join_cameras(parts: list[Cameras]) -> Cameras:
    """Cameras of several sources in one table; pole numbers stay apart."""
    shifted, poles, rows = [], 0, 0
    for part in parts:
        zones = replace(part.zones, camera=(part.zones.camera + rows).astype(np.int32))
        shifted.append(replace(part, pole=(part.pole + poles).astype(np.int32), zones=zones))
        poles += int(part.pole.max(initial=-1)) + 1
        rows += len(part)
    return Cameras(**_join(shifted))


def take_streets(streets: Streets, keep: Bools) -> Streets:
    """The streets where the mask is true."""
    return Streets(**_take(streets, keep))


def take_buildings(buildings: Buildings, keep: Bools) -> Buildings:
    """The buildings where the mask is true."""
    return Buildings(**_take(buildings, keep))


def take_cameras(cameras: Cameras, keep: Bools) -> Cameras:
    """The cameras where the mask is true."""
    return Cameras(**_take(cameras, keep))


def order_cameras(cameras: Cameras, order: NDArray[np.int64]) -> Cameras:
    """The same cameras in another order: row k is what row ``order[k]`` (n,) was."""
    to = np.empty(len(order), np.int32)
    to[order] = np.arange(len(order), dtype=np.int32)
    zones = replace(cameras.zones, camera=to[cameras.zones.camera])
    columns: dict[str, Any] = {"zones": zones}
    for name in (f.name for f in fields(cameras) if f.name != "zones"):
        values = getattr(cameras, name)
        taken = [values[i] for i in order.tolist()] if isinstance(values, tuple) else None
        columns[name] = values[order] if taken is None else tuple(taken)
    return Cameras(**columns)


def take_zones(zones: Zones, keep: Bools) -> Zones:
    """The zones of the cameras where the mask is true, by the cameras' new rows."""
    row = np.cumsum(keep, dtype=np.int32) - 1
    taken = _take(zones, keep[zones.camera])
    return Zones(**taken | {"camera": row[taken["camera"]].astype(np.int32)})


def _join(parts: list[Any]) -> dict[str, Any]:  # any of the tables
    columns: dict[str, Any] = {}
    for field in fields(parts[0]):
        values = [getattr(p, field.name) for p in parts]
        if isinstance(values[0], Shapes):
            columns[field.name] = join_shapes(values)
        elif isinstance(values[0], Zones):
            columns[field.name] = Zones(**_join(values))
        elif isinstance(values[0], tuple):
            columns[field.name] = tuple(v for value in values for v in value)
        else:
            columns[field.name] = np.concatenate(values)
    return columns


def _take(table: Any, keep: Bools) -> dict[str, Any]:  # any of the tables
    columns: dict[str, Any] = {}
    for field in fields(table):
        value = getattr(table, field.name)
        if isinstance(value, Shapes):
            columns[field.name] = take_shapes(value, keep)
        elif isinstance(value, Zones):
            columns[field.name] = take_zones(value, keep)
        elif isinstance(value, tuple):
            columns[field.name] = tuple(v for v, k in zip(value, keep, strict=True) if k)
        else:
            columns[field.name] = value[keep]
    return columns
