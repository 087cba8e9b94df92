"""What the choice promises for places that are no points: it covers them."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from safetynet.base.errors import InvalidError
from safetynet.base.geo import Floats, LonLat
from safetynet.city.model import City
from safetynet.city.rings import is_inside
from safetynet.city.synth import small_city
from safetynet.sight.graph import StreetGraph
from safetynet.sight.model import (
    Area,
    Choice,
    Disc,
    Moving,
    Request,
    Stretch,
    TargetKind,
    Where,
)
from safetynet.sight.moving import Ahead, look_ahead
from safetynet.sight.service import Sight
from safetynet.sight.walls import Walls

CITY = small_city(3, cameras=160)
LEAD_S = 3.0


def at(city: City, x: float, y: float) -> LonLat:
    return LonLat(*city.plane.to_lonlat(x, y))


def square(city: City, half_m: float) -> Area:
    corners = [(-half_m, -half_m), (half_m, -half_m), (half_m, half_m), (-half_m, half_m)]
    return Area(ring=tuple(at(city, x, y) for x, y in corners))


def ask(sight: Sight, where: Where, count: int = 4) -> Choice:
    return sight.choose(
        Request(place=where, target=TargetKind.PERSON, min_px_per_m=12.5, count=count)
    )


PLACES: list[Where] = [
    square(CITY, 200),
    Disc(at=at(CITY, 0, 0), radius_m=150),
    Stretch(line=(at(CITY, -250, 0), at(CITY, 250, 20)), half_width_m=8),
    Moving(at=at(CITY, 40, 10), error_m=20, speed_mps=8, heading_deg=90, ahead_s=20),
]


@pytest.mark.parametrize("where", PLACES, ids=lambda w: type(w).__name__)
def test_more_views_cover_more_of_a_place_and_keep_those_before(where: Where) -> None:
    sight = Sight(CITY)
    chances, ids = [], []
    for count in (1, 2, 4, 8):
        choice = ask(sight, where, count)
        chances.append(choice.chance)
        ids.append([view.camera for view in choice.views])
    assert all(b > a for a, b in pairwise(chances[:3])) and chances[3] >= chances[2]
    assert chances[2] > 1.3 * chances[0] or chances[0] > 0.6
    assert all(more[: len(fewer)] == fewer for fewer, more in pairwise(ids))
    assert ask(sight, where, 8) == ask(Sight(CITY), where, 8)


def test_views_of_an_area_look_at_different_parts_of_it() -> None:
    choice = ask(Sight(CITY), square(CITY, 200), 4)
    assert choice.chance > 0.8 * sum(view.chance for view in choice.views)


def line_of_cameras(town: Any, every_m: float = 40.0, tilt_deg: float = 12.0) -> City:
    """A street eastward with cameras that look along it."""
    cams = [
        town.cam(id=f"c-{k:02d}", x=float(x), y=4.0, azimuth_deg=90.0, tilt_deg=tilt_deg)
        for k, x in enumerate(np.arange(-200.0, 401.0, every_m))
    ]
    blocks = [town.box(0.0, 14.0, 400.0, 4.0, 15.0), town.box(0.0, -14.0, 400.0, 4.0, 15.0)]
    city: City = town.build(cams, blocks, [[(-400.0, 0.0), (400.0, 0.0)]])
    return city


def seen_at(sight: Sight, choice: Choice, x: Floats, y: Floats) -> Floats:
    """(views, places): 1 where a place is in a view's visible area, by the rings that are drawn."""
    plane = sight.city.plane
    shown = np.zeros((len(choice.views), x.size))
    for row, view in zip(shown, choice.views, strict=True):
        ring = np.array(sight.visible_area(view.camera, view.aim, range_m=90.0)).reshape(-1, 2)
        xy = np.column_stack(plane.to_xy(ring[:, 0].copy(), ring[:, 1].copy()))
        if len(xy) >= 3:
            row[:] = [is_inside(a, b, xy) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    return shown


def look(sight: Sight, x: float, **motion: Any) -> tuple[Moving, Ahead]:
    city = sight.city
    where = Moving(at=at(city, x, 0.0), error_m=3.0, **motion)
    streets, walls = StreetGraph(city.streets), Walls(city.buildings)
    return where, look_ahead(where, city.plane, streets, walls, TargetKind.PERSON)


def test_views_of_a_moving_target_cover_the_way_ahead_and_not_the_way_behind(town: Any) -> None:
    sight = Sight(line_of_cameras(town))
    where, ahead = look(sight, 0.0, speed_mps=3.0, heading_deg=90.0)
    choice = ask(sight, where, 3)
    shown = seen_at(sight, choice, ahead.x, ahead.y)
    seen = ahead.chance @ (1 - np.prod(1 - shown, axis=0))
    assert seen.min() > 0.7
    back = ask(sight, Moving(at=where.at, error_m=3.0, speed_mps=3.0, heading_deg=270.0), 3)
    forth = {view.camera for view in choice.views}
    assert forth != {view.camera for view in back.views}
    x = dict(zip(sight.city.cameras.id, sight.city.cameras.x.tolist(), strict=True))
    assert np.mean([x[c] for c in forth]) > np.mean([x[v.camera] for v in back.views])


def follow(sight: Sight, speed_mps: float, late_s: float) -> float:
    """Part of 40 s in which a target is out of view where views are asked for ``late_s`` after the
    hand-over says so; they play ``LEAD_S`` after that, and until the next ones do."""
    time_s, moments, unseen = 0.0, 0, 0
    while time_s < 40.0 - LEAD_S:
        x = -100.0 + speed_mps * time_s
        where = Moving(
            at=at(sight.city, x, 0.0), error_m=3.0, speed_mps=speed_mps, heading_deg=90.0
        )
        request = Request(place=where, target=TargetKind.PERSON, min_px_per_m=12.5, count=3)
        playing = sight.choose(request)
        plan = sight.hand_over(request, playing.views, lead_s=LEAD_S)
        until = time_s + max(plan.ask_s, 1.0) + late_s
        true_s = np.arange(time_s + LEAD_S, min(until + LEAD_S, 40.0), 0.5)
        true_x = -100.0 + speed_mps * true_s
        seen = seen_at(sight, playing, true_x, np.zeros(true_s.size)).any(axis=0)
        moments, unseen = moments + true_s.size, unseen + int((~seen).sum())
        time_s = until
    return unseen / moments


def test_a_target_that_is_handed_over_in_time_stays_in_view(town: Any) -> None:
    """Each camera shows some 25 m of the street: three of them are gone past in some seconds."""
    sight = Sight(line_of_cameras(town, every_m=15.0, tilt_deg=35.0))
    speeds = (1.5, 2.0, 3.0, 4.0)
    in_time = [follow(sight, speed, 0.0) for speed in speeds]
    late = [follow(sight, speed, 20.0) for speed in speeds]
    assert in_time[0] == 0 and max(in_time) <= 0.2
    assert sum(late) > 3 * sum(in_time) + 0.1


def test_a_place_that_makes_no_sense_is_refused_by_the_choice_too(town: Any) -> None:
    sight = Sight(line_of_cameras(town))
    crossed = [(0.0, 0.0), (50.0, 50.0), (50.0, 0.0), (0.0, 50.0)]
    with pytest.raises(InvalidError):
        ask(sight, Area(ring=tuple(at(sight.city, x, y) for x, y in crossed)))
    with pytest.raises(InvalidError):
        ask(sight, Moving(at=at(sight.city, 0, 0), error_m=5, speed_mps=float("nan")))
