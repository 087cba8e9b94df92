"""Candidate views of a place: what each pose would show, and with what probability."""

from dataclasses import dataclass

import numpy as np

from safetynet.base.geo import Floats
from safetynet.sight.boxes import Index
from safetynet.sight.lens import (
    HALF_WIDTH_PX,
    Flags,
    Lenses,
    narrowest,
    plan_aims,
    rows_px,
    slew_s,
    span_in_picture,
    tilt_reach,
)
from safetynet.sight.model import TargetSize
from safetynet.sight.place import Points
from safetynet.sight.walls import Rays, Walls

SHOWN_PX = 14.0
"""A target counts as shown from this height in the picture on; 12 and a margin."""
_EASY_PX = 28.0
"""From this height on nobody overlooks it."""
_FILL_PX = 180.0
"""Picture height that a PTZ gives to a target whose place is known: a quarter of the picture."""
_SLEW_COST_PER_S = 0.03


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One place and target as seen from n lenses over s points."""

    dx: Floats
    """(n, s) east of the lens."""
    dy: Floats
    lowest_m: Floats
    """(n, s) lowest height at each point that walls leave in sight; above the target: hidden."""
    weight: Floats
    """(s,) sums to 1."""
    target: TargetSize
    min_px_per_m: float

    def take(self, rows: Index) -> "Scene":
        """The same place from some of the lenses."""
        changed = {"dx": self.dx[rows], "dy": self.dy[rows], "lowest_m": self.lowest_m[rows]}
        return Scene(**{**vars(self), **changed})


@dataclass(frozen=True, kw_only=True)
class Views:
    """Candidate views, one row each."""

    row: Index
    """(n,) the camera, as a row of the candidates."""
    lens: Lenses
    turned: Flags
    """(n,) True where a PTZ is turned for it."""
    slew_s: Floats
    shown: Floats
    """(n, s) probability that the target, if at this point, is shown well."""
    share: Floats
    """(n,) weight of the points that are shown at all."""
    px_per_m: Floats
    """(n,) on the target, mean over the points shown."""


def set_scene(
    lens: Lenses,
    points: Points,
    target: TargetSize,
    min_px_per_m: float,
    walls: Walls,
    matter: Flags,
) -> Scene:
    """Find what walls hide of the points; only pairs in ``matter`` (n, s) are looked at.

    Cameras on one pole see past the same walls: a sight line is followed once per lens position.
    """
    places = np.stack([lens.x, lens.y, lens.z], axis=1)
    unique, member = np.unique(places, axis=0, return_inverse=True)
    member = member.reshape(-1)
    wanted = np.zeros((len(unique), len(points)), np.bool_)
    np.logical_or.at(wanted, member, matter)
    hidden = np.full(wanted.shape, np.inf)
    hidden[wanted] = _follow(unique, wanted, points, target.height_m, walls)
    return Scene(
        dx=points.x[None, :] - lens.x[:, None],
        dy=points.y[None, :] - lens.y[:, None],
        lowest_m=hidden[member],
        weight=points.weight,
        target=target,
        min_px_per_m=min_px_per_m,
    )


def _follow(unique: Floats, wanted: Flags, points: Points, height_m: float, walls: Walls) -> Floats:
    lens, point = np.nonzero(wanted)
    home = walls.inside(unique[:, 0], unique[:, 1])
    buried = home >= 0
    buried[buried] = walls.height_m[home[buried]] > unique[buried, 2]
    rays = Rays(
        x=unique[lens, 0],
        y=unique[lens, 1],
        z=unique[lens, 2],
        to_x=points.x[point],
        to_y=points.y[point],
        skip=np.where(buried, home, -1)[lens],
    )
    return walls.lowest_seen(rays, np.full(len(rays), height_m))


def judge(row: Index, lens: Lenses, scene: Scene, *, turned: Flags, slew: Floats) -> Views:
    """What each posed lens shows of the scene; ``scene`` has the same rows as ``lens``."""
    low, high, height_px, px_per_m = _pictured(
        lens, scene.dx, scene.dy, scene.lowest_m, scene.target
    )
    seen = _large(height_px, px_per_m, scene.target) & lens.usable[:, None]
    clear = np.clip((height_px - SHOWN_PX) / (_EASY_PX - SHOWN_PX), 0, 1)
    worth = 0.6 + 0.3 * clear + 0.1 * (high - low) / scene.target.height_m
    short = px_per_m < scene.min_px_per_m
    worth *= np.where(short, 0.6 + 0.4 * px_per_m / max(scene.min_px_per_m, 1e-9), 1.0)
    sure = lens.trust * np.maximum(1 - _SLEW_COST_PER_S * slew, 0.5)
    shown = np.where(seen, worth, 0) * sure[:, None]
    share = seen @ scene.weight
    mean_px = (np.where(seen, px_per_m, 0) @ scene.weight) / np.where(share > 0, share, 1)
    return Views(
        row=row, lens=lens, turned=turned, slew_s=slew, shown=shown, share=share, px_per_m=mean_px
    )


def least_px_per_m(target: TargetSize) -> float:
    """Pixels per metre below which even the whole target is too small to count as shown."""
    return SHOWN_PX / target.height_m


def shows(lens: Lenses, dx: Floats, dy: Floats, lowest_m: Floats, target: TargetSize) -> Flags:
    """Pairs (lens, point), (n, s), in which the target is in the picture and large enough."""
    _, _, height_px, px_per_m = _pictured(lens, dx, dy, lowest_m, target)
    return _large(height_px, px_per_m, target) & lens.usable[:, None]


def _large(height_px: Floats, px_per_m: Floats, target: TargetSize) -> Flags:
    area_px = height_px * target.width_m * px_per_m
    return np.asarray((height_px >= SHOWN_PX) & (area_px >= 5 * SHOWN_PX))


def _pictured(
    lens: Lenses, dx: Floats, dy: Floats, lowest_m: Floats, target: TargetSize
) -> tuple[Floats, Floats, Floats, Floats]:
    """Of the target at each point: lowest and highest part in sight (m), its height in px, px/m."""
    low, high = span_in_picture(lens, dx, dy)
    low = np.maximum(np.maximum(low, lowest_m), 0)
    high = np.minimum(high, target.height_m)
    some = high > low
    low, high = np.where(some, low, 0), np.where(some, high, 0)
    head, _ = rows_px(lens, dx, dy, high)
    foot, _ = rows_px(lens, dx, dy, low)
    _, px_per_m = rows_px(lens, dx, dy, (low + high) / 2)
    return low, high, np.where(some, np.abs(head - foot), 0), px_per_m


def stand(row: Index, lens: Lenses, scene: Scene) -> Views:
    """The views of cameras that stay as they are."""
    still = np.zeros(len(lens))
    return judge(row, lens, scene, turned=still > 0, slew=still)


def turn(row: Index, home: Lenses, scene: Scene, weight: Floats) -> Views:
    """The views of PTZ cameras, three each, aimed at the points by their ``weight`` (s,).

    One holds all that the camera can see; one keeps the asked quality and one a target that
    cannot be overlooked, both looking where most of the weight is.
    """
    height = scene.target.height_m
    away = np.maximum(np.hypot(scene.dx, scene.dy), 0.1)
    visible = np.where(scene.lowest_m < 0.8 * height, weight, 0)
    distance = (visible * away).sum(axis=1) / np.maximum(visible.sum(axis=1), 1e-12)
    distance = np.maximum(np.hypot(distance, home.z), 1.0)
    asked = HALF_WIDTH_PX / (max(scene.min_px_per_m, 1e-3) * distance * 1.05)
    filled = HALF_WIDTH_PX * height / (_FILL_PX * distance)
    whole = plan_aims(home, scene.dx, scene.dy, visible, height, np.minimum(asked, filled))
    easy = HALF_WIDTH_PX * height / (1.3 * _EASY_PX * distance)
    narrow = [
        _toward_most(whole, scene, visible, np.clip(tan, narrowest(home.tan_half), whole.tan_half))
        for tan in (asked, easy)
    ]
    aims = [whole, *narrow]
    return join([judge(row, a, scene, turned=row >= 0, slew=slew_s(home, a)) for a in aims])


def _toward_most(whole: Lenses, scene: Scene, weight: Floats, tan_half: Floats) -> Lenses:
    """A narrower pose whose strip of azimuths holds the most weight; ``whole`` where it is no narrower."""
    rows = np.flatnonzero(tan_half < whole.tan_half)
    pose = np.stack([whole.azimuth, whole.tilt, whole.tan_half])
    if rows.size:
        pose[2, rows] = tan_half[rows]
        pose[:2, rows] = _heaviest(whole.take(rows), scene.take(rows), weight[rows], tan_half[rows])
    return whole.aimed(*pose)


def _heaviest(lens: Lenses, scene: Scene, weight: Floats, tan_half: Floats) -> Floats:
    """Azimuth and tilt, (2, n), of the field of the given width that holds the most weight."""
    rows = np.arange(len(lens))
    bearing = np.arctan2(scene.dx, scene.dy)
    off = (bearing - lens.azimuth[:, None] + np.pi) % (2 * np.pi) - np.pi
    apart = off[:, None, :] - off[:, :, None]
    strip = np.abs(apart) <= 0.9 * np.arctan(tan_half)[:, None, None]
    held = np.einsum("nj,nij->ni", weight, strip) + 1e-6 * weight
    best = np.argmax(np.round(held, 9), axis=1)
    share = weight * strip[rows, best]
    total = np.maximum(share.sum(axis=1), 1e-12)
    azimuth = bearing[rows, best] + (share * apart[rows, best]).sum(axis=1) / total
    drop = lens.z[:, None] - scene.target.height_m / 2
    down = np.arctan2(drop, np.maximum(np.hypot(scene.dx, scene.dy), 0.1))
    tilt = np.clip((share * down).sum(axis=1) / total, *tilt_reach())
    return np.stack([azimuth % (2 * np.pi), tilt])


def join(parts: list[Views]) -> Views:
    """Several lists of views as one."""
    lens = Lenses(
        **{
            name: np.concatenate([vars(p.lens)[name] for p in parts])
            for name in vars(parts[0].lens)
        }
    )
    rest = {
        name: np.concatenate([getattr(p, name) for p in parts])
        for name in ("row", "turned", "slew_s", "shown", "share", "px_per_m")
    }
    return Views(lens=lens, **rest)
