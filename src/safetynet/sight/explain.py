"""Why a view was chosen, and why a nearer camera was not."""

import math

import numpy as np

from safetynet.sight.choose import Candidates, Picked
from safetynet.sight.lens import HALF_WIDTH_PX, narrowest, rows_px, span_in_picture
from safetynet.sight.model import HealthState, Reason, ReasonCode
from safetynet.sight.views import SHOWN_PX

_OTHER_SIDE_DEG = 45.0
_ILL = {
    HealthState.DEAD: ReasonCode.DEAD,
    HealthState.FROZEN: ReasonCode.FROZEN,
    HealthState.OBSTRUCTED: ReasonCode.OBSTRUCTED,
    HealthState.OWNER_AWAY: ReasonCode.OWNER_AWAY,
}


def ill_reason(health: HealthState) -> ReasonCode | None:
    """The reason that rules a camera out for its health; None where it may be chosen."""
    return _ILL.get(health)


def reasons_for(
    one: Picked, before: list[Picked], home_azimuth: float, min_px_per_m: float
) -> tuple[Reason, ...]:
    """Reasons for a chosen view, given the views chosen before it; angles in radians."""
    view = one.view
    reasons = [
        Reason(ReasonCode.LINE_OF_SIGHT, round(float(view.share[0]), 3), "share"),
        Reason(ReasonCode.QUALITY, round(float(view.px_per_m[0]), 1), "px/m", min_px_per_m),
    ]
    if view.turned[0]:
        turn = math.degrees(_apart(float(view.lens.azimuth[0]), home_azimuth))
        reasons.append(Reason(ReasonCode.TURNS_TO, round(turn, 1), "deg"))
    aside = [math.degrees(_apart(one.direction, other.direction)) for other in before]
    if aside and min(aside) >= _OTHER_SIDE_DEG:
        reasons.append(Reason(ReasonCode.OTHER_SIDE, round(min(aside), 1), "deg"))
    return tuple(reasons)


def reasons_against(
    row: int, candidates: Candidates, health: HealthState, min_px_per_m: float
) -> tuple[Reason, ...]:
    """Reasons why the candidate in ``row`` was passed over, the deciding one first."""
    ill = ill_reason(health)
    if ill is not None:
        return (Reason(ill),)
    busy = (Reason(ReasonCode.BUSY),) if health is HealthState.BUSY else ()
    return (*_cannot_show(row, candidates, min_px_per_m), *busy)


def _cannot_show(row: int, candidates: Candidates, min_px_per_m: float) -> tuple[Reason, ...]:
    rows = np.array([row])
    lens, scene = candidates.lens.take(rows), candidates.scene.take(rows)
    height = scene.target.height_m
    weight = scene.weight
    still = bool(candidates.still[row])
    low, high = span_in_picture(lens, scene.dx, scene.dy)
    held = (
        (np.minimum(high, height) > np.maximum(low, 0))[0] if still else np.ones(len(weight), bool)
    )
    if not lens.usable[0] or not held.any():
        bearing = math.atan2(float(scene.dx[0] @ weight), float(scene.dy[0] @ weight))
        off = math.degrees(_apart(bearing, float(lens.azimuth[0])))
        half = math.degrees(math.atan(float(lens.tan_half[0])))
        return (Reason(ReasonCode.FACES_AWAY, round(off, 1), "deg", round(half, 1)),)
    if not still:
        lens = lens.aimed(lens.azimuth, lens.tilt, narrowest(lens.tan_half))
        depth = np.hypot(np.hypot(scene.dx, scene.dy), lens.z[:, None])
        px = (HALF_WIDTH_PX / (lens.tan_half[:, None] * np.maximum(depth, 0.1)))[0]
    else:
        px = rows_px(lens, scene.dx, scene.dy, np.full_like(scene.dx, height / 2))[1][0]
    best_px = float(px[held].max())
    least = SHOWN_PX / height
    if best_px < least:
        return (Reason(ReasonCode.TOO_FAR, round(best_px, 1), "px/m", round(least, 1)),)
    visible = held & (scene.lowest_m[0] < height)
    if not visible.any() or float(weight[visible].sum()) < 0.02:
        return (Reason(ReasonCode.BEHIND_BUILDING),)
    if best_px < min_px_per_m:
        return (Reason(ReasonCode.TOO_FAR, round(best_px, 1), "px/m", min_px_per_m),)
    share = round(float(weight[visible].sum()), 3)
    return (Reason(ReasonCode.ADDS_NOTHING, share, "share"),)


def _apart(a: float, b: float) -> float:
    """Angle between two directions, radians, 0…π."""
    return abs((a - b + math.pi) % (2 * math.pi) - math.pi)
